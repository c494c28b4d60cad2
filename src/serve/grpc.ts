import type * as grpc from "@grpc/grpc-js";

import type { Guard } from "./auth.ts";
import type { Client } from "./client.ts";
import { faultOf, RequestFault } from "./fault.ts";
import { decodeInferRequest, encodeInferResponse } from "./grpc-messages.ts";
import {
  DataType,
  healthCheck,
  healthWatch,
  methods,
  InstanceKind,
  ServingStatus,
  type ConfigMessage,
  type HealthRequestMessage,
  type HealthResponseMessage,
  type InferRequestMessage,
  type InferResponseMessage,
  type Method,
  type StreamResponseMessage,
} from "./proto/messages.ts";
import type { Call, ModelConfig, Service } from "./service.ts";

/** As gRPC's health check names it. */
const SERVICE = "inference.GRPCInferenceService";
/** Requests of one stream that run at a time. */
const MOST_OF_STREAM = 64;

export interface GrpcOptions {
  readonly service: Service;
  readonly guard: Guard;
  /** Milliseconds that a request may take that says nothing else. */
  readonly timeout: number;
  /** Told of faults that are none of the client's. */
  readonly onFault: (fault: RequestFault) => void;
}

/** The protocol over gRPC. */
export function addGrpc(server: grpc.Server, { service, guard, timeout, onFault }: GrpcOptions): void {
  const { store } = service;

  function failed(error: unknown): { readonly code: number; readonly details: string } {
    const fault = faultOf(error);
    if (fault.httpStatus >= 500 && fault.kind !== "full") onFault(fault);
    return { code: fault.grpcStatus, details: fault.text };
  }

  function admit({ metadata }: { readonly metadata: grpc.Metadata }): void {
    guard(textOf(metadata.get("authorization")[0]), textOf(metadata.get("x-api-key")[0]));
  }

  /** A method that takes one message and gives one. */
  function unary<Request, Response>(
    { path, request, response }: Method<Request, Response>,
    answer: (message: Request, call: () => Call) => Response | Promise<Response>,
    isOpen = false,
  ): void {
    const handle = async (call: grpc.ServerUnaryCall<Request, Response>): Promise<Response> => {
      if (!isOpen) admit(call);
      return answer(call.request, () => callOf(call, timeout));
    };
    const handler: grpc.handleUnaryCall<Request, Response> = (call, done) => {
      handle(call).then(
        (message) => done(null, message),
        (error: unknown) => done(failed(error)),
      );
    };
    server.register(path, handler, response.encode, request.decode, "unary");
  }

  function healthOf(name: string): ServingStatus {
    const isServer = name === "" || name === SERVICE;
    if (!isServer && !service.hasModel(name)) return ServingStatus.SERVICE_UNKNOWN;
    const isReady = isServer ? service.isReady : service.isModelReady(name, "");
    return isReady ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  }

  async function infer(message: InferRequestMessage, call: Call): Promise<InferResponseMessage> {
    const request = decodeInferRequest(message);
    const deadline = Math.min(call.deadline, request.timeout ?? Infinity);
    return encodeInferResponse(request, await service.infer(request, { ...call, deadline }));
  }

  unary(methods.serverLive, () => ({ live: true }), true);
  unary(methods.serverReady, () => ({ ready: service.isReady }), true);
  unary(
    healthCheck,
    ({ service: name }) => {
      const status = healthOf(name ?? "");
      if (status !== ServingStatus.SERVICE_UNKNOWN) return { status };
      throw new RequestFault("notFound", `there is no service or model ${JSON.stringify((name ?? "").slice(0, 100))}`);
    },
    true,
  );
  unary(methods.modelReady, ({ name, version }) => ({ ready: service.isModelReady(name ?? "", version ?? "") }));
  unary(methods.serverMetadata, () => ({ ...service.metadata, extensions: [...service.metadata.extensions] }));
  unary(methods.modelMetadata, ({ name, version }) => {
    const { versions, inputs, outputs, ...rest } = service.modelMetadata(name ?? "", version ?? "");
    const tensor = ({ shape, ...value }: (typeof inputs)[number]) => ({ ...value, shape: [...shape] });
    return { ...rest, versions: [...versions], inputs: inputs.map(tensor), outputs: outputs.map(tensor) };
  });
  unary(methods.modelInfer, (message, call) => infer(message, call()));
  unary(methods.modelConfig, ({ name, version }) => ({
    config: configMessage(service.modelConfig(name ?? "", version ?? "")),
  }));
  unary(methods.modelStatistics, ({ name, version }) => ({
    modelStats: service.statistics(name ?? "", version ?? "").map((model) => ({
      name: model.name,
      version: model.version,
      lastInference: model.last_inference,
      inferenceCount: model.inference_count,
      executionCount: model.execution_count,
      inferenceStats: {
        success: model.inference_stats.success,
        fail: model.inference_stats.fail,
        queue: model.inference_stats.queue,
        computeInput: model.inference_stats.compute_input,
        computeInfer: model.inference_stats.compute_infer,
        computeOutput: model.inference_stats.compute_output,
      },
      batchStats: model.batch_stats.map((batch) => ({
        batchSize: batch.batch_size,
        computeInput: batch.compute_input,
        computeInfer: batch.compute_infer,
        computeOutput: batch.compute_output,
      })),
    })),
  }));
  unary(methods.repositoryIndex, ({ ready }) => ({
    models: store.index().filter(({ state }) => ready !== true || state === "READY"),
  }));
  unary(methods.repositoryModelLoad, async ({ modelName, parameters }) => {
    if (Object.keys(parameters ?? {}).length > 0) {
      throw new RequestFault("unimplemented", "a model is loaded from the server's own files only, without parameters");
    }
    await store.load(modelName ?? "");
    return {};
  });
  unary(methods.repositoryModelUnload, async ({ modelName }) => {
    await store.unload(modelName ?? "");
    return {};
  });

  const watch = (call: grpc.ServerWritableStream<HealthRequestMessage, HealthResponseMessage>): void => {
    let told: ServingStatus | null = null;
    const tell = (): void => {
      const status = healthOf(call.request.service ?? "");
      if (status !== told) call.write({ status });
      told = status;
      if (service.isStopping) call.end();
    };
    call.on("cancelled", service.onChange(tell));
    call.on("error", () => undefined);
    tell();
  };
  server.register(healthWatch.path, watch, healthWatch.response.encode, healthWatch.request.decode, "serverStream");

  const { path, request, response } = methods.modelStreamInfer;
  /** Answers come in the order of the requests. A request that fails is answered, and the stream goes on. */
  const stream = (call: grpc.ServerDuplexStream<InferRequestMessage, StreamResponseMessage>): void => {
    try {
      admit(call);
    } catch (error) {
      call.emit("error", failed(error));
      return;
    }
    // Each request that runs listens to it; Node warns of more than 10.
    call.setMaxListeners(0);
    let last: Promise<void> = Promise.resolve();
    let running = 0;
    const end = (): void => void last.then(() => call.end());
    // A stream that its client keeps open would keep the server from ending.
    const ignoreChanges = service.onChange(() => {
      if (!service.isStopping) return;
      ignoreChanges();
      end();
    });
    call.on("cancelled", ignoreChanges);
    call.on("data", (message: InferRequestMessage) => {
      if (++running >= MOST_OF_STREAM) call.pause();
      const answer = infer(message, callOf(call, timeout)).then(
        (inferResponse) => ({ inferResponse }),
        (error: unknown) => ({
          errorMessage: failed(error).details,
          inferResponse: { id: message.id ?? "" },
        }),
      );
      last = last.then(async () => {
        const answered = await answer;
        // A client that does not read its answers gets no more of its requests run.
        if (call.writable && !call.write(answered)) await drained(call);
        if (--running < MOST_OF_STREAM) call.resume();
      });
    });
    call.on("end", end);
    call.on("error", () => undefined);
  };
  server.register(path, stream, response.encode, request.decode, "bidi");
}

/** Resolves when more can be written, or when nobody is there to read it. */
function drained(call: grpc.ServerDuplexStream<unknown, unknown>): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      call.off("drain", done);
      call.off("cancelled", done);
      resolve();
    };
    call.on("drain", done);
    call.on("cancelled", done);
    if (call.cancelled) done();
  });
}

type AnyCall = grpc.ServerUnaryCall<unknown, unknown> | grpc.ServerDuplexStream<unknown, unknown>;

function callOf(call: AnyCall, timeout: number): Call {
  const left = Number(call.getDeadline()) - Date.now();
  return {
    protocol: "grpc",
    headers: () =>
      Object.fromEntries(Object.entries(call.metadata.getMap()).map(([name, value]) => [name, textOf(value)])),
    deadline: Math.min(left, timeout),
    client: clientOf(call),
  };
}

function clientOf(call: AnyCall): Client {
  return {
    get isGone() {
      return call.cancelled;
    },
    onGone(listener) {
      call.on("cancelled", listener);
      return () => call.off("cancelled", listener);
    },
  };
}

function textOf(value: grpc.MetadataValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function configMessage(config: ModelConfig): ConfigMessage {
  const value = ({ name, data_type, dims }: ModelConfig["input"][number]) => ({
    name,
    dataType: DataType[data_type],
    dims: [...dims],
  });
  return {
    name: config.name,
    platform: config.platform,
    backend: config.backend,
    maxBatchSize: config.max_batch_size,
    input: config.input.map(value),
    output: config.output.map(value),
    instanceGroup: config.instance_group.map(({ name, count }) => ({ name, count, kind: InstanceKind.KIND_CPU })),
    ...(config.dynamic_batching === undefined
      ? {}
      : { dynamicBatching: { maxQueueDelayMicroseconds: config.dynamic_batching.max_queue_delay_microseconds } }),
  };
}
