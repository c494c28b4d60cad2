import type { ServerResponse } from "node:http";
import { promisify } from "node:util";
import { createGunzip, createInflate, deflate, gzip } from "node:zlib";
import type { Transform } from "node:stream";

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

import type { Guard } from "./auth.ts";
import type { Client } from "./client.ts";
import { faultOf, RequestFault } from "./fault.ts";
import { decodeInferBody, encodeInferAnswer, parseBody } from "./rest-body.ts";
import type { Call, Service } from "./service.ts";

const LENGTH_HEADER = "inference-header-content-length";
/** Smaller answers gain nothing from compression. */
const WORTH_COMPRESSING = 1024;

const gzipped = promisify(gzip);
const deflated = promisify(deflate);

interface ModelParams {
  readonly name: string;
  readonly version?: string;
}

export interface RestOptions {
  readonly service: Service;
  readonly guard: Guard;
  /** Bytes of a body, before and after decompression. */
  readonly maxBody: number;
  /** Milliseconds that a request may take that says nothing else. */
  readonly timeout: number;
}

/** The protocol over HTTP: https://github.com/kserve/open-inference-protocol, and Triton's extensions of it. */
export function addRest(app: FastifyInstance, { service, guard, maxBody, timeout }: RestOptions): void {
  app.removeAllContentTypeParsers();
  // Clients of this protocol name all sorts of types, or none.
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_, body, done) => done(null, body));
  app.addHook("onRequest", (request, _, done) => {
    if (!request.url.startsWith("/v2/health/"))
      guard(headerOf(request, "authorization"), headerOf(request, "x-api-key"));
    done();
  });
  app.addHook("onSend", (_, reply, payload, done) => {
    if (service.isLeaving) reply.header("connection", "close");
    done(null, payload);
  });
  app.addHook("preParsing", (request, _, payload, done) => {
    const encoding = headerOf(request, "content-encoding")?.toLowerCase() ?? "identity";
    if (encoding === "identity" || encoding === "") {
      done(null, payload);
      return;
    }
    const decoder = decoderOf(encoding);
    if (decoder === null) {
      done(new RequestFault("unsupportedMedia", `the body's encoding is ${encoding}; expected gzip or deflate`));
      return;
    }
    // Nobody reads the body of a GET, or what follows one that is too long: its faults would end the server.
    decoder.on("error", () => undefined);
    done(null, Object.assign(payload.pipe(decoder), encodedLength(request)));
    payload.on("error", (error) => decoder.destroy(error));
  });
  app.setErrorHandler((error, request, reply) => {
    const fault = restFault(error, maxBody);
    if (fault.httpStatus >= 500 && fault.kind !== "full") request.log.warn({ err: error }, fault.text);
    if (fault.kind === "full") reply.header("retry-after", "1");
    void reply.code(fault.httpStatus).send({ error: fault.text });
  });
  app.setNotFoundHandler((request, reply) => {
    void reply.code(404).send({ error: `there is no ${request.method} ${request.url.slice(0, 200)}` });
  });

  app.get("/v2/health/live", (_, reply) => reply.send({ live: true }));
  app.get("/v2/health/ready", (_, reply) => reply.code(service.isReady ? 200 : 503).send({ ready: service.isReady }));
  app.get("/v2", (_, reply) => reply.send(service.metadata));
  app.get("/metrics", async (_, reply) => {
    const { metrics } = service.options;
    if (metrics === null) throw new RequestFault("notFound", "metrics are switched off");
    return reply.type(metrics.contentType).send(await metrics.text());
  });
  app.get("/v2/models/stats", (_, reply) => reply.send({ model_stats: service.statistics("", "") }));
  app.post("/v2/repository/index", (request, reply) => {
    const wantsReady = fieldOf(jsonOf(request.body), "ready") === true;
    return reply.send(service.store.index().filter(({ state }) => !wantsReady || state === "READY"));
  });
  app.post<{ Params: ModelParams }>("/v2/repository/models/:name/load", async (request, reply) => {
    const parameters = fieldOf(jsonOf(request.body), "parameters");
    if (typeof parameters === "object" && parameters !== null && Object.keys(parameters).length > 0) {
      throw new RequestFault("unimplemented", "a model is loaded from the server's own files only, without parameters");
    }
    await service.store.load(request.params.name);
    return reply.send({});
  });
  app.post<{ Params: ModelParams }>("/v2/repository/models/:name/unload", async (request, reply) => {
    await service.store.unload(request.params.name);
    return reply.send({});
  });

  for (const path of ["/v2/models/:name", "/v2/models/:name/versions/:version"]) {
    app.get<{ Params: ModelParams }>(path, ({ params }, reply) => {
      return reply.send(service.modelMetadata(params.name, params.version ?? ""));
    });
    app.get<{ Params: ModelParams }>(`${path}/ready`, ({ params }, reply) => {
      const ready = service.isModelReady(params.name, params.version ?? "");
      return reply.code(ready ? 200 : 503).send({ name: params.name, ready });
    });
    app.get<{ Params: ModelParams }>(`${path}/config`, ({ params }, reply) => {
      return reply.send(service.modelConfig(params.name, params.version ?? ""));
    });
    app.get<{ Params: ModelParams }>(`${path}/stats`, ({ params }, reply) => {
      return reply.send({ model_stats: service.statistics(params.name, params.version ?? "") });
    });
    app.post<{ Params: ModelParams }>(`${path}/infer`, async (request, reply) => {
      const { params } = request;
      const headerLength = headerOf(request, LENGTH_HEADER);
      const body = decodeInferBody(bytesOf(request.body), headerLength, (bytes) => {
        return service.rawInput(params.name, params.version ?? "", bytes);
      });
      const { model, outputs } = await service.infer(
        {
          name: params.name,
          version: params.version ?? "",
          inputs: body.inputs,
          outputs: body.outputs.map(({ name }) => name),
        },
        callOf(request, reply, Math.min(timeout, body.timeout ?? Infinity)),
      );
      const answer = encodeInferAnswer(model, body, outputs);
      if (answer.headerLength !== null) {
        reply.header(LENGTH_HEADER, String(answer.headerLength)).type("application/octet-stream");
      } else {
        reply.type("application/json");
      }
      return send(request, reply, answer.body);
    });
    app.post<{ Params: ModelParams }>(`${path}/read`, async (request, reply) => {
      const { params } = request;
      const picture = bytesOf(request.body);
      if (picture.length === 0)
        throw new RequestFault("invalid", "the body is empty; send a PNG or JPEG file as it is");
      return service.read(params.name, params.version ?? "", picture, callOf(request, reply, timeout));
    });
  }
}

function headerOf({ headers }: FastifyRequest, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function bytesOf(body: unknown): Uint8Array {
  if (body === undefined || body === null) return new Uint8Array();
  if (body instanceof Uint8Array) return body;
  throw new RequestFault("internal", `a body came as ${typeof body}`);
}

/** An empty body stands for an empty object. */
function jsonOf(body: unknown): unknown {
  const bytes = bytesOf(body);
  return bytes.length === 0 ? {} : parseBody(bytes);
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}

function callOf(request: FastifyRequest, reply: FastifyReply, deadline: number): Call {
  return { protocol: "http", headers: () => request.headers, deadline, client: clientOf(reply.raw) };
}

/** The client is gone when the connection closes before the answer was written. */
function clientOf(response: ServerResponse): Client {
  return {
    get isGone() {
      return response.destroyed && !response.writableFinished;
    },
    onGone(listener) {
      const onClose = (): void => {
        if (!response.writableFinished) listener();
      };
      response.once("close", onClose);
      return () => response.off("close", onClose);
    },
  };
}

function decoderOf(encoding: string): Transform | null {
  if (encoding === "gzip" || encoding === "x-gzip") return createGunzip();
  return encoding === "deflate" ? createInflate() : null;
}

/** Fastify compares the length that the client named with this one. */
function encodedLength(request: FastifyRequest): { receivedEncodedLength: number } {
  return { receivedEncodedLength: Number(headerOf(request, "content-length") ?? 0) };
}

async function send(request: FastifyRequest, reply: FastifyReply, body: Uint8Array): Promise<FastifyReply> {
  const accepted = headerOf(request, "accept-encoding") ?? "";
  if (body.length < WORTH_COMPRESSING) return reply.send(body);
  if (/\bgzip\b(?!;q=0(?:\.0*)?(?:,|$))/u.test(accepted)) {
    return reply.header("content-encoding", "gzip").send(await gzipped(body, { level: 1 }));
  }
  if (/\bdeflate\b(?!;q=0(?:\.0*)?(?:,|$))/u.test(accepted)) {
    return reply.header("content-encoding", "deflate").send(await deflated(body, { level: 1 }));
  }
  return reply.send(body);
}

/** Faults of Fastify's own and of zlib's as ours. */
function restFault(error: unknown, maxBody: number): RequestFault {
  if (error instanceof RequestFault) return error;
  const code = fieldOf(error, "code");
  const status = fieldOf(error, "statusCode");
  const message = error instanceof Error ? error.message : String(error);
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE") {
    return new RequestFault("tooLarge", `the body has more than ${maxBody} bytes`, {
      hint: "serve --max-body sets the limit",
    });
  }
  if (typeof code === "string" && code.startsWith("Z_")) {
    return new RequestFault("invalid", `the body cannot be decompressed: ${message}`);
  }
  if (typeof status === "number" && status >= 400 && status < 500) return new RequestFault("invalid", message);
  return faultOf(error);
}
