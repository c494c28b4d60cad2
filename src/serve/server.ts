import { EventEmitter } from "node:events";
import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { clearTimeout, setTimeout as timer } from "node:timers";
import { setTimeout } from "node:timers/promises";

import { SetupError } from "../errors.ts";
import { notLoaded } from "../infer/import-package.ts";

import { createGuard } from "./auth.ts";
import { stopping } from "./service.ts";
import { addGrpc } from "./grpc.ts";
import { createMetrics, type Metrics, type Prometheus } from "./metrics.ts";
import { modelSources } from "./model-files.ts";
import { ModelStore } from "./model-store.ts";
import { Pool } from "./pool.ts";
import { addRest } from "./rest.ts";
import { Scheduler } from "./scheduler.ts";
import { Service } from "./service.ts";
import { openTracing } from "./tracing.ts";
import { forkBuiltWorker, type ForkWorker } from "./worker.ts";

export interface ServeOptions {
  /** What the command line names. */
  readonly models: readonly string[];
  readonly host: string;
  /** 0 takes a free port. */
  readonly httpPort: number;
  /** null serves no gRPC. */
  readonly grpcPort: number | null;
  readonly processes: number;
  readonly threads: number;
  readonly maxBatch: number;
  /** Milliseconds. */
  readonly maxDelay: number;
  readonly maxQueue: number;
  /** Bytes. */
  readonly maxBody: number;
  /** Milliseconds. */
  readonly timeout: number;
  /** Milliseconds for a client to send a whole HTTP request, after which its connection is closed. */
  readonly clientTimeout: number;
  /** Milliseconds between two looks for changed files; 0 never looks. */
  readonly poll: number;
  readonly apiKey: string | null;
  readonly metrics: boolean;
  readonly logLevel: string;
  /** Where log lines go, as JSON. */
  readonly log: { write(line: string): void };
  readonly fork?: ForkWorker;
}

export interface RunningServer {
  /** `http://127.0.0.1:8000`. */
  readonly http: string;
  /** `127.0.0.1:8001`; null when gRPC is off. */
  readonly grpc: string | null;
  readonly models: readonly { readonly name: string; readonly version: string }[];
  /**
   * Take no new requests, answer those that are there, end the processes.
   *
   * @param patience milliseconds, after which the rest are refused
   * @returns whether all were answered in time
   */
  close(patience: number): Promise<boolean>;
}

/** After so long without a new request, connections are closed. */
const QUIET_MS = 250;
/** Clients that go on sending are no longer waited for. */
const LONGEST_LEAVE_MS = 2000;
/** Between two looks for clients that are slow. */
const MOST_CHECKING_INTERVAL_MS = 30_000;
const MOST_PENDING_CONNECTIONS = 4096;
/** Bytes of gRPC requests that one connection may send before they are read. */
const CONNECTION_WINDOW = 2 ** 23;
/** Of bodies that wait, together, for each that may have the full size. */
const QUEUED_BODIES = 16;

/**
 * Serve models over the Open Inference Protocol.
 *
 * @throws {SetupError} naming all packages that are missing, or when a port cannot be had
 * @throws {ToolError} when a model cannot be served
 */
export async function startServer(options: ServeOptions): Promise<RunningServer> {
  const { fastify, LogController, grpc, prom } = await importPackages(options);
  const { maxBody, timeout, clientTimeout } = options;
  const app = fastify({
    logger: { level: options.logLevel, stream: options.log },
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: maxBody,
    requestTimeout: clientTimeout,
    // Node takes the smaller of the two for the headers alone: both are equal, so that a slow body is closed as well.
    http: {
      headersTimeout: clientTimeout,
      connectionsCheckingInterval: Math.min(MOST_CHECKING_INTERVAL_MS, clientTimeout / 2),
    },
    forceCloseConnections: "idle",
    return503OnClosing: true,
    routerOptions: { maxParamLength: 100, ignoreTrailingSlash: true },
  });
  const { log } = app;
  const sources = await modelSources(options.models);
  const metrics: Metrics | null =
    prom === null
      ? null
      : createMetrics(prom, function* () {
          for (const model of store.models()) yield { model, count: scheduler.waiting(model) };
        });
  const pool = new Pool({
    processes: options.processes,
    threads: options.threads,
    fork: options.fork ?? forkBuiltWorker,
    onFree: () => scheduler.dispatch(),
    onLost(pid, fault) {
      metrics?.addRestart();
      if (fault === null) log.error({ pid }, "a worker process ended; it is replaced");
      else log.error({ err: fault }, "a worker process could not be started; it is tried again");
    },
  });
  const scheduler = new Scheduler({
    maxBatch: options.maxBatch,
    maxDelay: options.maxDelay,
    maxQueue: options.maxQueue,
    maxQueueBytes: QUEUED_BODIES * maxBody,
    runLimit: timeout,
    hasWorker: () => pool.hasFree,
    takeWorker: () => pool.take(),
    giveBack: (worker) => pool.giveBack(worker),
    onBatch(model, record) {
      model.statistics.addBatch(record);
      metrics?.addBatch(model, record);
    },
    onNote: (model, note) => log.warn({ model: model.name, version: model.version }, note),
  });
  const store = new ModelStore({
    sources,
    pool,
    scheduler,
    onLoaded({ name, version, batches }, replaced) {
      metrics?.addReload(name, "ok");
      service.changed();
      log.info({ model: name, version, batches }, replaced ? "the changed model is served" : "the model is served");
    },
    onRefused({ name, version, path }, reason, old) {
      metrics?.addReload(name, "failed");
      service.changed();
      const text = old === null ? "the model cannot be served" : "the new model cannot be served; the old one goes on";
      log.error({ model: name, version, path, reason }, text);
    },
    onRemoved({ name, version }) {
      service.changed();
      log.info({ model: name, version }, "the model is no longer served");
    },
  });
  const service = new Service({
    store,
    scheduler,
    metrics,
    tracing: await openTracing(),
    maxBatch: options.maxBatch,
    maxDelay: options.maxDelay,
    processes: options.processes,
  });
  const guard = createGuard(options.apiKey);
  addRest(app, { service, guard, maxBody, timeout });
  const sockets = new Set<Socket>();
  const rpc = grpc === null ? null : new grpc.Server(grpcOptions(maxBody));
  if (rpc !== null) addGrpc(rpc, { service, guard, timeout, onFault: (fault) => log.warn({ err: fault }, fault.text) });
  try {
    await pool.start();
    await store.start();
    await app.listen({ host: options.host, port: options.httpPort, backlog: MOST_PENDING_CONNECTIONS });
    const grpcAddress = rpc === null || grpc === null ? null : await bind(rpc, grpc, options, sockets);
    if (options.poll > 0) store.watch(options.poll);
    const address = app.server.address();
    const port = typeof address === "object" && address !== null ? address.port : options.httpPort;
    const http = `http://${joined(options.host, port)}`;
    log.info({ http, grpc: grpcAddress }, "serving");
    return {
      http,
      grpc: grpcAddress,
      models: Array.from(store.models(), ({ name, version }) => ({ name, version })),
      close,
    };
  } catch (error) {
    await store.stop();
    await pool.stop();
    rpc?.forceShutdown();
    await app.close();
    throw asSetupFault(error);
  }

  async function close(patience: number): Promise<boolean> {
    log.info("stopping: requests that are there are answered");
    service.leave();
    let inTime = true;
    await quiet(service, Math.min(patience, LONGEST_LEAVE_MS));
    service.stop();
    const impatience = timer(() => {
      inTime = false;
      scheduler.refuseAll(stopping());
      rpc?.forceShutdown();
      for (const socket of sockets) socket.destroy();
      app.server.closeAllConnections();
    }, patience);
    await Promise.all([
      scheduler.drain(),
      app.close(),
      new Promise<void>((resolve) => (rpc === null ? resolve() : rpc.tryShutdown(() => resolve()))),
    ]);
    clearTimeout(impatience);
    await store.stop();
    await pool.stop();
    return inTime;
  }
}

/**
 * Requests that were sent before their clients heard that this server leaves may not have been read yet: connections are closed once
 * none came for a while.
 */
async function quiet(service: Service, most: number): Promise<void> {
  const started = performance.now();
  for (;;) {
    const now = performance.now();
    const left = Math.min(started + most, Math.max(started, service.lastRequest) + QUIET_MS) - now;
    if (left <= 0) return;
    await setTimeout(left);
  }
}

/**
 * What @grpc/grpc-js 1.14 has no options for:
 *
 * - Let each connection send more before it waits for this server to read. Node's window has 64 KiB, and when it is full, nghttp2 in a
 *   client in Node sends later calls before those that wait: of 1,000 calls on one connection, some waited a minute.
 * - Keep the connections, to end them by force: after tryShutdown, forceShutdown waits for the client to close each.
 *
 * @param sockets is filled with those that are open
 */
function watchConnections(server: import("@grpc/grpc-js").Server, sockets: Set<Socket>): void {
  const servers: unknown = Reflect.get(server, "http2Servers");
  if (!(servers instanceof Map)) return;
  const known: readonly unknown[] = [...servers.keys()];
  for (const http2 of known) {
    if (!(http2 instanceof EventEmitter)) continue;
    http2.on("session", (session: ServerHttp2Session) => session.setLocalWindowSize(CONNECTION_WINDOW));
    http2.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    });
  }
}

async function bind(
  server: import("@grpc/grpc-js").Server,
  { ServerCredentials }: typeof import("@grpc/grpc-js"),
  { host, grpcPort }: ServeOptions,
  sockets: Set<Socket>,
): Promise<string> {
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(joined(host, grpcPort ?? 0), ServerCredentials.createInsecure(), (error, found) => {
      if (error === null) watchConnections(server, sockets);
      if (error === null) resolve(found);
      else reject(new SetupError(`cannot listen for gRPC on ${joined(host, grpcPort ?? 0)}: ${error.message}`));
    });
  });
  return joined(host, port);
}

/** An IPv6 address goes into brackets. */
function joined(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function grpcOptions(maxBody: number): Readonly<Record<string, number>> {
  return {
    "grpc.max_receive_message_length": maxBody,
    "grpc.max_send_message_length": -1,
    // Counts of calls and sockets that only a channelz service would give.
    "grpc.enable_channelz": 0,
  };
}

function asSetupFault(error: unknown): unknown {
  if (!(error instanceof Error && "code" in error && "syscall" in error && error.syscall === "listen")) return error;
  return new SetupError(`cannot listen for HTTP: ${error.message}`, {
    hint: "choose another --http port",
    cause: error,
  });
}

interface Packages {
  readonly fastify: typeof import("fastify").fastify;
  readonly LogController: typeof import("fastify").LogController;
  readonly grpc: typeof import("@grpc/grpc-js") | null;
  readonly prom: Prometheus | null;
}

/** Names every package that is missing, at once. */
async function importPackages({ grpcPort, metrics }: ServeOptions): Promise<Packages> {
  const missing: string[] = [];
  const wanted = async <Module>(name: string, load: () => Promise<Module>): Promise<Module | null> => {
    try {
      return await load();
    } catch (cause) {
      const fault = notLoaded(name, cause);
      if (!fault.message.endsWith("is not installed")) throw fault;
      missing.push(name);
      return null;
    }
  };
  const fastify = await wanted("fastify", () => import("fastify"));
  const grpc = grpcPort === null ? null : await wanted("@grpc/grpc-js", () => import("@grpc/grpc-js"));
  const prom = metrics ? await wanted("prom-client", () => import("prom-client")) : null;
  // Found, not loaded: it runs in the other processes only.
  await wanted("onnxruntime-node", () => Promise.resolve(import.meta.resolve("onnxruntime-node")));
  if (fastify !== null && missing.length === 0)
    return { fastify: fastify.fastify, LogController: fastify.LogController, grpc, prom };
  throw new SetupError(`serve needs packages that are not installed: ${missing.join(", ")}`, {
    hint: `run: npm install --ignore-scripts ${missing.join(" ")} (without gRPC: --no-grpc; without metrics: --no-metrics)`,
  });
}
