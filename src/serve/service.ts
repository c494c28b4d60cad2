import type { ValueInfo } from "../infer/runtime.ts";
import type { DType } from "../tensor.ts";
import { VERSION } from "../version.ts";

import type { Client } from "./client.ts";
import { faultOf, RequestFault } from "./fault.ts";
import type { ReadPicture } from "./messages.ts";
import type { Metrics } from "./metrics.ts";
import type { ModelStore } from "./model-store.ts";
import type { Answer, Scheduler, Task } from "./scheduler.ts";
import type { ServedModel } from "./served-model.ts";
import { DATATYPE, type TensorBytes } from "./tensor-bytes.ts";
import type { Headers, Tracing } from "./tracing.ts";

/** Where a request came from, and how long its answer is of use. */
export interface Call {
  readonly protocol: "http" | "grpc";
  /** Made when they are asked for: most requests are not traced. */
  readonly headers: () => Headers;
  /** Milliseconds from now. */
  readonly deadline: number;
  readonly client: Client;
}

export interface InferRequest {
  readonly name: string;
  /** "" for the newest. */
  readonly version: string;
  readonly inputs: readonly TensorBytes[];
  /** Names; none for all outputs. */
  readonly outputs: readonly string[];
}

export interface InferAnswer {
  readonly model: ServedModel;
  readonly outputs: readonly TensorBytes[];
}

export interface TensorMetadata {
  readonly name: string;
  readonly datatype: string;
  /** -1 for a free size. */
  readonly shape: readonly number[];
}

/** What requests of both protocols ask for. */
export interface ServiceOptions {
  readonly store: ModelStore;
  readonly scheduler: Scheduler;
  readonly metrics: Metrics | null;
  readonly tracing: Tracing;
  readonly maxBatch: number;
  readonly maxDelay: number;
  readonly processes: number;
}

/** Extensions of the protocol, as the server's metadata names them. */
const EXTENSIONS = ["binary_tensor_data", "model_configuration", "model_repository", "statistics"];

export class Service {
  readonly options: ServiceOptions;
  #isLeaving = false;
  #isStopping = false;
  readonly #listeners = new Set<() => void>();
  /** When a request came last, by the monotonic clock. */
  lastRequest = 0;

  constructor(options: ServiceOptions) {
    this.options = options;
  }

  get store(): ModelStore {
    return this.options.store;
  }

  /** Not ready any more, so that no new clients come; the requests of those that are there are answered. */
  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  leave(): void {
    this.#isLeaving = true;
    this.changed();
  }

  /** No new request is taken. */
  get isStopping(): boolean {
    return this.#isStopping;
  }

  stop(): void {
    this.#isStopping = true;
    this.changed();
  }

  /** Call the listener when a model came or went, or the server leaves or stops. @returns what takes the listener off */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  changed(): void {
    for (const listener of this.#listeners) listener();
  }

  get isReady(): boolean {
    return !this.isLeaving && this.store.isReady;
  }

  readonly metadata: ServerMetadata = { name: "tfjs-to-onnx", version: VERSION, extensions: EXTENSIONS };

  isModelReady(name: string, version: string): boolean {
    try {
      this.store.find(name, version);
      return !this.isLeaving;
    } catch (error) {
      if (error instanceof RequestFault && error.kind === "notFound") return false;
      throw error;
    }
  }

  /** Whether a model is known, be it ready or not. */
  hasModel(name: string): boolean {
    return this.store.index().some((entry) => entry.name === name);
  }

  /** The input whose bytes are all that a request has. @throws {RequestFault} notFound; invalid, where they leave its shape open */
  rawInput(name: string, version: string, bytes: Uint8Array): TensorBytes {
    return this.store.find(name, version).rawInput(bytes);
  }

  /** @throws {RequestFault} see the kinds; every request is counted, whatever becomes of it */
  async infer(request: InferRequest, call: Call): Promise<InferAnswer> {
    const { model, answer } = await this.#ask(request, call, (found) => {
      found.check(request.inputs);
      return { kind: "run", inputs: request.inputs, outputs: found.outputsOf(request.outputs) };
    });
    if (answer.kind !== "run") throw new RequestFault("internal", `a run was answered by ${answer.kind}`);
    return { model, outputs: answer.outputs };
  }

  /** What the model reads in a picture file. @throws {RequestFault} unreadable when it is none */
  async read(name: string, version: string, picture: Uint8Array, call: Call): Promise<ReadPicture> {
    const { answer } = await this.#ask({ name, version }, call, ({ title, values }) => {
      if (values.cannotRead === null) return { kind: "read", picture };
      throw new RequestFault("invalid", `${title} reads no pictures: ${values.cannotRead}`, {
        hint: "send tensors to …/infer",
      });
    });
    if (answer.kind !== "read") throw new RequestFault("internal", `a picture was answered by ${answer.kind}`);
    return answer.reading;
  }

  async #ask(
    { name, version }: Pick<InferRequest, "name" | "version">,
    call: Call,
    taskOf: (model: ServedModel) => Task,
  ): Promise<{ readonly model: ServedModel; readonly answer: Answer }> {
    const started = performance.now();
    this.lastRequest = started;
    const { metrics, tracing, scheduler } = this.options;
    const traced = tracing.start(`infer ${name}`, { "rpc.system": call.protocol, "model.name": name }, call.headers);
    let model: ServedModel | null = null;
    try {
      if (this.isStopping) throw stopping();
      model = this.store.find(name, version);
      const answer = await scheduler.submit(model, taskOf(model), call.deadline, call.client);
      const took = performance.now() - started;
      model.statistics.addRequest(true, took);
      metrics?.addRequest(model.name, call.protocol, "ok", took / 1000);
      traced.end(answer.timing, null);
      return { model, answer };
    } catch (error) {
      const fault = faultOf(error);
      const took = performance.now() - started;
      model?.statistics.addRequest(false, took);
      // Names that clients make up would make a metric of each.
      metrics?.addRequest(model?.name ?? "", call.protocol, fault.kind, took / 1000);
      traced.end(null, fault);
      throw fault;
    }
  }

  /** Metadata of a model, as both protocols give it. @throws {RequestFault} notFound */
  modelMetadata(
    name: string,
    version: string,
  ): {
    readonly name: string;
    readonly versions: readonly string[];
    readonly platform: string;
    readonly inputs: readonly TensorMetadata[];
    readonly outputs: readonly TensorMetadata[];
  } {
    const { values } = this.store.find(name, version);
    return {
      name,
      versions: this.store.versions(name).map((each) => each.version),
      platform: "onnxruntime_onnx",
      inputs: values.inputs.map(tensorMetadata),
      outputs: values.outputs.map(tensorMetadata),
    };
  }

  /** A model's configuration, in Triton's form. @throws {RequestFault} notFound */
  modelConfig(name: string, version: string): ModelConfig {
    const { values, batches } = this.store.find(name, version);
    const { maxBatch, maxDelay, processes } = this.options;
    const value = (info: ValueInfo): ConfigValue => {
      const { shape } = tensorMetadata(info);
      // Where requests are batched, Triton's sizes go without the rows.
      return {
        name: info.name,
        data_type: CONFIG_TYPE[info.dtype],
        dims: batches ? shape.slice(1) : shape,
      };
    };
    return {
      name,
      platform: "onnxruntime_onnx",
      backend: "onnxruntime",
      max_batch_size: batches ? maxBatch : 0,
      input: values.inputs.map(value),
      output: values.outputs.map(value),
      instance_group: [{ name, count: processes, kind: "KIND_CPU" }],
      ...(batches
        ? { dynamic_batching: { preferred_batch_size: [], max_queue_delay_microseconds: Math.round(maxDelay * 1000) } }
        : {}),
    };
  }

  /** Statistics of models that are served. @param name "" for all. @throws {RequestFault} notFound */
  statistics(name: string, version: string): ModelStatistics[] {
    const one = (): readonly ServedModel[] =>
      version === "" ? this.store.versions(name) : [this.store.find(name, version)];
    const models = name === "" ? [...this.store.models()] : one();
    return models.map((model) => {
      const { statistics: found } = model;
      const { success, fail, queue, input, infer, output } = found;
      return {
        name: model.name,
        version: model.version,
        last_inference: found.lastInference,
        inference_count: found.inferences,
        execution_count: found.executions,
        inference_stats: {
          success: inNs(success),
          fail: inNs(fail),
          queue: inNs(queue),
          compute_input: inNs(input),
          compute_infer: inNs(infer),
          compute_output: inNs(output),
        },
        batch_stats: Array.from(found.batches, ([rows, batch]) => ({
          batch_size: rows,
          compute_input: inNs(batch.input),
          compute_infer: inNs(batch.infer),
          compute_output: inNs(batch.output),
        })),
      };
    });
  }
}

export function stopping(): RequestFault {
  return new RequestFault("unavailable", "the server is stopping", { hint: "send the request again" });
}

export interface ServerMetadata {
  readonly name: string;
  readonly version: string;
  readonly extensions: readonly string[];
}

/** Triton's name of each element type, in a model's configuration. */
const CONFIG_TYPE = {
  bool: "TYPE_BOOL",
  uint8: "TYPE_UINT8",
  uint16: "TYPE_UINT16",
  uint32: "TYPE_UINT32",
  uint64: "TYPE_UINT64",
  int8: "TYPE_INT8",
  int16: "TYPE_INT16",
  int32: "TYPE_INT32",
  int64: "TYPE_INT64",
  float16: "TYPE_FP16",
  float32: "TYPE_FP32",
  float64: "TYPE_FP64",
  string: "TYPE_STRING",
} as const;

interface ConfigValue {
  readonly name: string;
  readonly data_type: (typeof CONFIG_TYPE)[DType];
  readonly dims: readonly number[];
}

export interface ModelConfig {
  readonly name: string;
  readonly platform: string;
  readonly backend: string;
  readonly max_batch_size: number;
  readonly input: readonly ConfigValue[];
  readonly output: readonly ConfigValue[];
  readonly instance_group: readonly { readonly name: string; readonly count: number; readonly kind: "KIND_CPU" }[];
  readonly dynamic_batching?: {
    readonly preferred_batch_size: readonly number[];
    readonly max_queue_delay_microseconds: number;
  };
}

export interface StatisticDuration {
  readonly count: number;
  readonly ns: number;
}

export interface ModelStatistics {
  readonly name: string;
  readonly version: string;
  readonly last_inference: number;
  readonly inference_count: number;
  readonly execution_count: number;
  readonly inference_stats: Readonly<
    Record<"success" | "fail" | "queue" | "compute_input" | "compute_infer" | "compute_output", StatisticDuration>
  >;
  readonly batch_stats: readonly (Readonly<
    Record<"compute_input" | "compute_infer" | "compute_output", StatisticDuration>
  > & { readonly batch_size: number })[];
}

function inNs({ count, ms }: { readonly count: number; readonly ms: number }): StatisticDuration {
  return { count, ns: Math.round(ms * 1e6) };
}

function tensorMetadata({ name, dtype, dims }: ValueInfo): TensorMetadata {
  return { name, datatype: DATATYPE[dtype], shape: dims.map((dim) => (typeof dim === "number" ? dim : -1)) };
}
