import { fork } from "node:child_process";
import { resolve } from "node:path";

import { credentials, Metadata, makeClientConstructor, type Client } from "@grpc/grpc-js";

import type { Method } from "../../src/serve/proto/messages.ts";
import { startServer, type RunningServer, type ServeOptions } from "../../src/serve/server.ts";

const worker = resolve(import.meta.dirname, "../../dist/bundle/serve-worker.js");

/** Lines that a server logged. */
export type LogLine = Readonly<Record<string, unknown>>;

export interface TestServer extends RunningServer {
  readonly log: readonly LogLine[];
  /** Of the processes that run models, the first first. */
  readonly pids: readonly number[];
}

/** A server in this process, on free ports, whose worker processes are the built ones. */
export async function openServer(options: Partial<ServeOptions> & Pick<ServeOptions, "models">): Promise<TestServer> {
  const log: LogLine[] = [];
  const pids: number[] = [];
  const server = await startServer({
    host: "127.0.0.1",
    httpPort: 0,
    grpcPort: 0,
    processes: 1,
    threads: 1,
    maxBatch: 64,
    maxDelay: 10,
    maxQueue: 256,
    maxBody: 2 ** 22,
    timeout: 120_000,
    clientTimeout: 60_000,
    poll: 0,
    apiKey: null,
    metrics: true,
    logLevel: "info",
    log: { write: (line) => void log.push(JSON.parse(line)) },
    fork: () => {
      const child = fork(worker, [], {
        serialization: "advanced",
        stdio: ["ignore", "ignore", "pipe", "ipc"],
        execArgv: [],
      });
      if (child.pid !== undefined) pids.push(child.pid);
      return child;
    },
    ...options,
  });
  return { ...server, log, pids };
}

/** An answer to a call, or the status that it failed with. */
export type GrpcAnswer<Response> =
  | { readonly code: 0; readonly message: Response }
  | { readonly code: number; readonly details: string };

export interface CallOptions {
  /** Milliseconds from now. */
  readonly deadline?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A client by the package that servers and clients in Node use. */
export class GrpcClient {
  readonly #client: Client;

  constructor(address: string | null) {
    if (address === null) throw new Error("the server has no gRPC");
    const Constructor = makeClientConstructor({}, "inference");
    this.#client = new Constructor(address, credentials.createInsecure());
  }

  call<Request, Response>(
    { path, request, response }: Method<Request, Response>,
    message: Request,
    { deadline, metadata = {} }: CallOptions = {},
  ): Promise<GrpcAnswer<Response>> {
    const headers = new Metadata();
    for (const [key, value] of Object.entries(metadata)) headers.set(key, value);
    const options = deadline === undefined ? {} : { deadline: Date.now() + deadline };
    return new Promise((fulfil) => {
      this.#client.makeUnaryRequest(
        path,
        request.encode,
        response.decode,
        message,
        headers,
        options,
        (error, answer) => {
          if (error !== null) fulfil({ code: error.code, details: error.details });
          else if (answer !== undefined) fulfil({ code: 0, message: answer });
        },
      );
    });
  }

  get client(): Client {
    return this.#client;
  }

  close(): void {
    this.#client.close();
  }
}

/** What is at a place in JSON, e.g. `inside(json, "outputs", 0, "data")`. */
export function inside(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (found, key) => (typeof found === "object" && found !== null ? Reflect.get(found, key) : undefined),
    value,
  );
}

export function numbersIn(value: unknown): number[] {
  if (!Array.isArray(value)) throw new Error(`${JSON.stringify(value)} is no list`);
  return value.map(Number);
}
