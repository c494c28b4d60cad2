import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { text as textOf } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

import { propagation, trace } from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { afterAll, describe, expect, test, vi } from "vitest";

import { healthCheck, healthWatch, methods, ServingStatus } from "../../src/serve/proto/messages.ts";
import { bin, runCommandBeside } from "../helpers/command.ts";
import { identity, smallDense, tinyOnnx } from "../helpers/tiny-onnx.ts";

import { GrpcClient, inside, openServer, type TestServer } from "./open-server.ts";

const root = resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-serve-faults-"));
const digits = join(root, "models", "crnn-mnist-best", "model.onnx");

/** Much other work may run on the machine: a process takes many seconds to start then. */
const LIMIT_MS = 180_000;
vi.setConfig({ testTimeout: LIMIT_MS });

afterAll(() => rmSync(folder, { recursive: true }));

/** `y = c x` for x: [batch]. */
function times(factor: number): Uint8Array {
  return tinyOnnx({
    inputs: [{ name: "x", dtype: "float32", dims: ["batch"] }],
    outputs: [{ name: "y", dtype: "float32", dims: ["batch"] }],
    nodes: [{ op: "Mul", inputs: ["x", "c"], outputs: ["y"] }],
    weights: { c: { dtype: "float32", dims: [1], data: Float32Array.of(factor) } },
  });
}

/** As {@link times}, with the factor in a weight file beside the model. */
function timesOutside(location: string): Uint8Array {
  return tinyOnnx({
    inputs: [{ name: "x", dtype: "float32", dims: ["batch"] }],
    outputs: [{ name: "y", dtype: "float32", dims: ["batch"] }],
    nodes: [{ op: "Mul", inputs: ["x", "c"], outputs: ["y"] }],
    weights: { c: { dtype: "float32", dims: [1], data: new Float32Array(1) } },
    external: location,
  });
}

/** As a careful writer does it: whole or not at all. */
function put(path: string, bytes: Uint8Array): void {
  mkdirSync(resolve(path, ".."), { recursive: true });
  writeFileSync(`${path}.part`, bytes);
  renameSync(`${path}.part`, path);
}

interface Answer {
  readonly status: number;
  readonly json: unknown;
}

async function post(
  server: { readonly http: string },
  path: string,
  body: unknown,
  init: RequestInit = {},
): Promise<Answer> {
  const response = await fetch(`${server.http}${path}`, { method: "POST", body: JSON.stringify(body), ...init });
  const json: unknown = await response.json();
  return { status: response.status, json };
}

const x = { name: "x", datatype: "FP32", shape: [1], data: [2] };

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + LIMIT_MS / 2;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what}`);
    await sleep(20);
  }
}

async function withServer(
  options: Parameters<typeof openServer>[0],
  use: (server: TestServer, grpc: GrpcClient) => Promise<void>,
): Promise<void> {
  const server = await openServer({ maxDelay: 1, maxBody: 2 ** 27, ...options });
  const grpc = new GrpcClient(server.grpc);
  try {
    await use(server, grpc);
  } finally {
    grpc.close();
    await server.close(5000);
  }
}

test("a process that is killed fails its own requests only, and is replaced", async () => {
  const path = join(folder, "killed.onnx");
  put(path, times(3));
  await withServer({ models: [path], maxBatch: 1 }, async (server) => {
    const [first = 0] = server.pids;
    process.kill(first, "SIGSTOP");
    const requests = Array.from({ length: 20 }, () => post(server, "/v2/models/killed/infer", { inputs: [x] }));
    await until("all but one to wait", async () => {
      return (await (await fetch(`${server.http}/metrics`)).text()).includes(
        'queue_requests{model="killed",version="1"} 19',
      );
    });
    process.kill(first, "SIGKILL");
    const answers = await Promise.all(requests);
    expect(
      answers.filter(({ status }) => status === 200).map(({ json }) => inside(json, "outputs", 0, "data")),
    ).toEqual(Array.from({ length: 19 }, () => [6]));
    expect(answers.find(({ status }) => status !== 200)).toEqual({
      status: 503,
      json: { error: "the process that ran the model ended (SIGKILL) (send the request again)" },
    });
    expect(server.log).toContainEqual(
      expect.objectContaining({ pid: first, msg: "a worker process ended; it is replaced" }),
    );
    expect(await (await fetch(`${server.http}/metrics`)).text()).toContain("tfjs_to_onnx_worker_restarts_total 1");
  });
});

test("does not wait for a process that could not be started", async () => {
  const path = join(folder, "unstarted.onnx");
  put(path, times(3));
  const fork = () => spawn(join(folder, "no-such-program"), { stdio: ["ignore", "ignore", "pipe", "ipc"] });
  await expect(openServer({ models: [path], fork })).rejects.toThrow("ENOENT");
});

test("finds a version that moved to the other layout of folders", async () => {
  const model = join(folder, "moved");
  put(join(model, "1", "model.onnx"), times(3));
  await withServer({ models: [model] }, async (server) => {
    put(join(model, "model.onnx"), times(13));
    rmSync(join(model, "1"), { recursive: true });
    expect(await post(server, "/v2/repository/models/moved/load", {})).toEqual({ status: 200, json: {} });
    const { json } = await post(server, "/v2/models/moved/infer", { inputs: [x] });
    expect(inside(json, "outputs", 0, "data")).toEqual([26]);
  });
});

test("a changed file is served without a lost request, a damaged one is not, and versions come and go", async () => {
  const repository = join(folder, "repository");
  put(join(repository, "times", "1", "model.onnx"), times(3));
  await withServer({ models: [repository], poll: 30, processes: 2 }, async (server, grpc) => {
    const seen: number[] = [];
    const over = new AbortController();
    const ask = async (): Promise<void> => {
      while (!over.signal.aborted) {
        const { status, json } = await post(server, "/v2/models/times/infer", { inputs: [x] });
        const value: unknown = inside(json, "outputs", 0, "data", 0);
        seen.push(status === 200 && typeof value === "number" ? value : -status);
      }
    };
    const clients = [ask(), ask(), ask()];
    await until("answers of the first model", () => seen.length > 20);
    put(join(repository, "times", "1", "model.onnx"), times(5));
    await until("answers of the second model", () => seen.at(-1) === 10);
    // Cut short, as a copy that failed leaves it.
    const whole = times(7);
    put(join(repository, "times", "1", "model.onnx"), whole.subarray(0, whole.length - 9));
    await until("the damaged model to be refused", () =>
      server.log.some(({ msg }) => String(msg).includes("the old one goes on")),
    );
    const after = seen.length;
    await until("answers after it", () => seen.length > after + 20);
    expect(seen.slice(after)).toEqual(seen.slice(after).map(() => 10));
    const index = await post(server, "/v2/repository/index", {});
    expect(index.json).toEqual([
      { name: "times", version: "1", state: "READY", reason: expect.stringMatching(/^not an ONNX file/) as unknown },
    ]);
    expect(JSON.stringify(index.json)).not.toContain(folder);
    put(join(repository, "times", "2", "model.onnx"), times(11));
    put(join(repository, "other", "model.onnx"), smallDense());
    await until("version 2", () => seen.at(-1) === 22);
    expect(await post(server, "/v2/models/times/versions/1/infer", { inputs: [x] })).toMatchObject({
      status: 200,
      json: { model_version: "1", outputs: [{ data: [10] }] },
    });
    await until("the other model", async () => (await fetch(`${server.http}/v2/models/other/ready`)).status === 200);
    rmSync(join(repository, "times", "2"), { recursive: true });
    await until("version 1 again", () => seen.at(-1) === 10);
    over.abort();
    await Promise.all(clients);
    // Each client hears of models in their order, and of nothing else.
    expect(new Set(seen)).toEqual(new Set([6, 10, 22]));

    expect(await grpc.call(methods.repositoryModelUnload, { modelName: "other" })).toMatchObject({ code: 0 });
    expect(await post(server, "/v2/models/other/infer", { inputs: [] })).toMatchObject({ status: 404 });
    await sleep(150);
    expect((await fetch(`${server.http}/v2/models/other/ready`)).status).toBe(503);
    expect(await post(server, "/v2/repository/models/other/load", {})).toMatchObject({ status: 200 });
    expect((await fetch(`${server.http}/v2/models/other/ready`)).status).toBe(200);
    expect(await post(server, "/v2/repository/models/other/unload", {})).toMatchObject({ status: 200 });
    expect(await grpc.call(methods.repositoryModelLoad, { modelName: "other" })).toMatchObject({ code: 0 });
    expect(await post(server, "/v2/repository/models/nope/load", {})).toMatchObject({ status: 404 });
    expect(await post(server, "/v2/repository/models/other/load", { parameters: { config: "{}" } })).toMatchObject({
      status: 501,
    });
    expect(await post(server, "/v2/repository/models/times/load", {})).toMatchObject({ status: 400 });
  });
});

test("a weight file that changes, goes or comes is noticed, though the model beside it stays as it is", async () => {
  const model = join(folder, "outside", "1", "model.onnx");
  const putWeights = (name: string, factor: number): void =>
    put(join(model, "..", name), new Uint8Array(Float32Array.of(factor).buffer));
  put(model, timesOutside("model.onnx.data"));
  putWeights("model.onnx.data", 3);
  await withServer({ models: [join(folder, "outside")], poll: 30 }, async (server) => {
    const answer = async (): Promise<unknown> =>
      inside((await post(server, "/v2/models/outside/infer", { inputs: [x] })).json, "outputs", 0, "data", 0);
    expect(await answer()).toBe(6);
    putWeights("model.onnx.data", 5);
    await until("the changed weights", async () => (await answer()) === 10);
    const refusals = (): number => server.log.filter(({ msg }) => String(msg).includes("the old one goes on")).length;
    rmSync(join(model, "..", "model.onnx.data"));
    await until("the model without weights to be refused", () => refusals() === 1);
    expect(await answer()).toBe(10);
    // A model whose weights come after it.
    put(model, timesOutside("weights/c.bin"));
    await until("the model whose weights are still to come to be refused", () => refusals() === 2);
    putWeights("weights/c.bin", 7);
    await until("the weights that came", async () => (await answer()) === 14);
  });
});

describe("a busy server", () => {
  const ask = {
    modelName: "times",
    inputs: [{ name: "x", datatype: "FP32", shape: [1] }],
    rawInputContents: [new Uint8Array(4)],
  };

  test("refuses at once what its queue has no room for, and does not run what nobody waits for any more", async () => {
    const times3 = join(folder, "times.onnx");
    put(times3, times(3));
    await withServer({ models: [times3], maxQueue: 4, maxBatch: 1 }, async (server, grpc) => {
      const [pid = 0] = server.pids;
      const path = "/v2/models/times/infer";
      const waiting = (count: number): Promise<void> =>
        until(`${count} requests to wait`, async () => {
          const text = await (await fetch(`${server.http}/metrics`)).text();
          return text.includes(`queue_requests{model="times",version="1"} ${count}\n`);
        });
      process.kill(pid, "SIGSTOP");
      const busy = grpc.call(methods.modelInfer, ask);
      await sleep(100);
      const aborted = new AbortController();
      const cancelled = Array.from({ length: 4 }, () =>
        post(server, path, { inputs: [x] }, { signal: aborted.signal }).catch(String),
      );
      await waiting(4);
      const refused = await Promise.all([grpc.call(methods.modelInfer, ask), post(server, path, { inputs: [x] })]);
      expect(refused).toMatchObject([
        { code: 8 },
        { status: 503, json: { error: expect.stringContaining("is full: 4") as unknown } },
      ]);
      aborted.abort();
      for (const each of cancelled) expect(await each).toContain("AbortError");
      await waiting(0);
      // However slow the machine is: nothing is read before these deadlines have passed.
      const late = [
        grpc.call(methods.modelInfer, ask, { deadline: 300 }),
        grpc.call(methods.modelInfer, { ...ask, parameters: { timeout: { int64Param: 300_000 } } }),
        post(server, path, { inputs: [x], parameters: { timeout: 300_000 } }),
      ];
      expect(await Promise.all(late)).toMatchObject([{ code: 4 }, { code: 4 }, { status: 504 }]);
      const next = Array.from({ length: 4 }, () => post(server, path, { inputs: [x] }));
      await waiting(4);
      process.kill(pid, "SIGCONT");
      expect(await busy).toMatchObject({ code: 0 });
      expect((await Promise.all(next)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      const stats: unknown = await (await fetch(`${server.http}/v2/models/times/stats`)).json();
      expect(inside(stats, "model_stats", 0, "execution_count")).toBe(5);
      const metrics = await (await fetch(`${server.http}/metrics`)).text();
      expect(metrics).toMatch(/protocol="http",outcome="cancelled"\} 4\n/);
      expect(metrics).toMatch(/protocol="http",outcome="deadline"\} 1\n/);
    });
  });

  test("runs clients together that ask again once they are answered, and lets one alone wait for nobody", async () => {
    const path = join(folder, "together.onnx");
    put(path, times(3));
    const maxDelay = 1000;
    await withServer({ models: [path], maxDelay }, async (server, grpc) => {
      const message = { ...ask, modelName: "together" };
      /** @returns milliseconds that all requests so far waited, and runs of four rows */
      const rounds = async (
        clients: number,
        count: number,
      ): Promise<{ readonly waited: number; readonly fours: number }> => {
        const loop = async (): Promise<void> => {
          for (let round = 0; round < count; round++) {
            expect(await grpc.call(methods.modelInfer, message)).toMatchObject({ code: 0 });
          }
        };
        await Promise.all(Array.from({ length: clients }, loop));
        const stats: unknown = await (await fetch(`${server.http}/v2/models/together/stats`)).json();
        const batches = inside(stats, "model_stats", 0, "batch_stats");
        const sizes: readonly unknown[] = Array.isArray(batches) ? batches : [];
        const fours = sizes.find((batch) => inside(batch, "batch_size") === 4);
        return {
          waited: Number(inside(stats, "model_stats", 0, "inference_stats", "queue", "ns")) / 1e6,
          fours: Number(inside(fours, "compute_infer", "count") ?? 0),
        };
      };
      const { waited } = await rounds(1, 4);
      expect(waited).toBeGreaterThanOrEqual(maxDelay - 1);
      expect(waited).toBeLessThan(2 * maxDelay);
      // The first of four goes by itself, as one alone did before; from then on four are expected, until the first one is done.
      const four = await rounds(4, 10);
      expect(four.waited - waited).toBeLessThan(10 * maxDelay);
      expect(four.fours).toBeGreaterThanOrEqual(7);
    });
  });

  test("runs no more of a stream whose client does not read its answers", async () => {
    const all = 400;
    const size = 2 ** 11;
    const path = join(folder, "times.onnx");
    put(path, times(3));
    await withServer({ models: [path], maxQueue: 1024 }, async (server) => {
      const { path: to, request } = methods.modelStreamInfer;
      const message = request.encode({
        modelName: "times",
        inputs: [{ name: "x", datatype: "FP32", shape: [size] }],
        rawInputContents: [new Uint8Array(4 * size)],
      });
      const frame = Buffer.concat([Buffer.alloc(5), message]);
      frame.writeUInt32BE(message.length, 1);
      // The client of @grpc/grpc-js takes in all that comes.
      const session = connectHttp2(`http://${server.grpc}`);
      const stream = session.request({
        ":method": "POST",
        ":path": to,
        "content-type": "application/grpc",
        te: "trailers",
      });
      for (let index = 0; index < all; index++) stream.write(frame);
      stream.end();
      const answered = async (): Promise<number> => {
        const stats: unknown = await (await fetch(`${server.http}/v2/models/times/stats`)).json();
        return Number(inside(stats, "model_stats", 0, "inference_stats", "success", "count"));
      };
      let before = -1;
      await until("the stream to stand still", async () => {
        const last = before;
        before = await answered();
        await sleep(300);
        return before > 0 && before === last;
      });
      expect(before).toBeLessThan(all / 2);
      let read = 0;
      stream.on("data", (bytes: Uint8Array) => (read += bytes.length));
      await once(stream, "end");
      expect(read).toBeGreaterThan(all * 4 * size);

      // One who never reads does not keep the server from ending.
      const unread = session.request({
        ":method": "POST",
        ":path": to,
        "content-type": "application/grpc",
        te: "trailers",
      });
      unread.on("error", () => undefined);
      session.on("error", () => undefined);
      for (let index = 0; index < 20; index++) unread.write(frame);
      await until("the next answers", async () => (await answered()) >= all + 20);
      expect(await server.close(300)).toBe(false);
    });
  });

  test("kills a process whose run takes longer than any request may", async () => {
    await withServer({ models: [join(folder, "times.onnx")], timeout: 300 }, async (server, grpc) => {
      process.kill(server.pids[0] ?? 0, "SIGSTOP");
      expect(await grpc.call(methods.modelInfer, ask)).toMatchObject({ code: 4 });
      await until("an answer", async () => (await grpc.call(methods.modelInfer, ask)).code === 0);
      expect(server.pids).toHaveLength(2);
    });
  });

  test("answers with 1,000 idle connections open and slow ones among them, and takes a body of 100 MB", async () => {
    const bytes = join(folder, "bytes.onnx");
    put(bytes, identity("uint8", ["n"]));
    await withServer({ models: [bytes] }, async (server, grpc) => {
      const { hostname, port } = new URL(server.http);
      const sockets: Socket[] = [];
      try {
        await Promise.all(
          Array.from(
            { length: 1000 },
            (_, index) =>
              new Promise<void>((fulfil, reject) => {
                const socket = connect(Number(port), hostname, () => {
                  if (index % 10 === 0)
                    socket.write("POST /v2/models/bytes/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{");
                  fulfil();
                });
                socket.on("error", reject);
                sockets.push(socket);
              }),
          ),
        );
        const body = new Uint8Array(100_000_000).fill(7);
        const header = Buffer.from(
          JSON.stringify({
            inputs: [
              { name: "x", datatype: "UINT8", shape: [body.length], parameters: { binary_data_size: body.length } },
            ],
            parameters: { binary_data_output: true },
          }),
        );
        const response = await fetch(`${server.http}/v2/models/bytes/infer`, {
          method: "POST",
          body: new Blob([Uint8Array.from(header), body]),
          headers: { "Inference-Header-Content-Length": String(header.length) },
        });
        expect(response.status).toBe(200);
        const got = Buffer.from(await response.arrayBuffer()).subarray(
          Number(response.headers.get("inference-header-content-length")),
        );
        expect(got.equals(body)).toBe(true);
        const small = await grpc.call(methods.modelInfer, {
          modelName: "bytes",
          inputs: [{ name: "x", datatype: "UINT8", shape: [2] }],
          rawInputContents: [Uint8Array.of(1, 2)],
        });
        expect(small.code).toBe(0);
      } finally {
        for (const socket of sockets) socket.destroy();
      }
    });
  });

  test("goes on when the clock jumps", async () => {
    const path = join(folder, "clock.onnx");
    put(path, times(3));
    await withServer({ models: [path] }, async (server) => {
      vi.useFakeTimers({ toFake: ["Date"] });
      try {
        for (const year of [2040, 1999, 2026]) {
          vi.setSystemTime(new Date(year, 1));
          expect(
            await post(server, "/v2/models/clock/infer", { inputs: [x], parameters: { timeout: 60_000_000 } }),
          ).toMatchObject({ status: 200 });
        }
      } finally {
        vi.useRealTimers();
      }
    });
  });
});

test("tells watchers of its health, closes slow clients, and ends streams that are open when it stops", async () => {
  const path = join(folder, "watched.onnx");
  put(path, times(3));
  const server = await openServer({ models: [path], clientTimeout: 500 });
  const grpc = new GrpcClient(server.grpc);
  try {
    const slow = await Promise.all(
      [
        "GET /v2 HTTP/1.1\r\nHost:",
        "POST /v2/models/watched/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{",
      ].map(async (head) => {
        const { hostname, port } = new URL(server.http);
        const socket = connect(Number(port), hostname);
        await once(socket, "connect");
        socket.write(head);
        return textOf(socket);
      }),
    );
    expect(slow).toEqual([expect.stringContaining("408"), expect.stringContaining("408")]);

    // With less room, a client in Node lets the first of many calls wait for all that come later.
    const session = connectHttp2(`http://${server.grpc}`);
    await until("the wider window", () => (session.state.remoteWindowSize ?? 0) >= 2 ** 23);
    session.close();

    const watch = (service: string): { readonly seen: unknown[]; readonly end: Promise<unknown> } => {
      const { path: to, request, response } = healthWatch;
      const stream = grpc.client.makeServerStreamRequest(to, request.encode, response.decode, { service });
      const seen: unknown[] = [];
      stream.on("data", (message: unknown) => seen.push(inside(message, "status")));
      return { seen, end: once(stream, "end") };
    };
    const [all, model, unknown] = [watch(""), watch("watched"), watch("nope")];
    const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = ServingStatus;
    await until("the first answers", () => [all, model, unknown].every(({ seen }) => seen.length === 1));
    expect(await grpc.call(methods.repositoryModelUnload, { modelName: "watched" })).toMatchObject({ code: 0 });
    await until("the unloaded model", () => model.seen.length === 2);
    expect(await grpc.call(healthCheck, { service: "watched" })).toMatchObject({ message: { status: NOT_SERVING } });
    expect(await grpc.call(healthCheck, { service: "nope" })).toMatchObject({ code: 5 });
    expect(await grpc.call(healthCheck, { service: "inference.GRPCInferenceService" })).toMatchObject({
      message: { status: SERVING },
    });
    expect(await grpc.call(methods.repositoryModelLoad, { modelName: "watched" })).toMatchObject({ code: 0 });

    const { path: to, request, response } = methods.modelStreamInfer;
    const open = grpc.client.makeBidiStreamRequest(to, request.encode, response.decode);
    const ended = new Promise((fulfil) => {
      open.on("data", () => undefined);
      open.once("status", (status: unknown) => fulfil(inside(status, "code")));
    });
    open.write({ modelName: "watched", inputs: [] });
    await once(open, "data");
    const started = performance.now();
    expect(await server.close(60_000)).toBe(true);
    expect(performance.now() - started).toBeLessThan(30_000);
    expect(await ended).toBe(0);
    await Promise.all([all.end, model.end, unknown.end]);
    expect(all.seen).toEqual([SERVING, NOT_SERVING]);
    expect(model.seen).toEqual([SERVING, NOT_SERVING, SERVING, NOT_SERVING]);
    expect(unknown.seen).toEqual([SERVICE_UNKNOWN]);
  } finally {
    grpc.close();
    await server.close(0);
  }
});

test("lets nobody in without the key, but for the health checks", async () => {
  const path = join(folder, "locked.onnx");
  put(path, times(3));
  await withServer({ models: [path], apiKey: "secret" }, async (server, grpc) => {
    const ask = (headers: Record<string, string>) =>
      post(server, "/v2/models/locked/infer", { inputs: [x] }, { headers });
    expect(await ask({})).toMatchObject({
      status: 401,
      json: { error: expect.stringContaining("required") as unknown },
    });
    expect(await ask({ Authorization: "Bearer secre" })).toMatchObject({ status: 401 });
    expect(await ask({ Authorization: "Bearer secret" })).toMatchObject({ status: 200 });
    expect(await ask({ "X-API-Key": "secret" })).toMatchObject({ status: 200 });
    for (const closed of ["/v2", "/metrics", "/v2/models/locked", "/nope"]) {
      expect([closed, (await fetch(`${server.http}${closed}`)).status]).toEqual([closed, 401]);
    }
    expect((await fetch(`${server.http}/v2/health/ready`)).status).toBe(200);
    expect((await grpc.call(methods.serverReady, {})).code).toBe(0);
    expect(await grpc.call(methods.modelMetadata, { name: "locked" })).toMatchObject({ code: 16 });
    expect(
      await grpc.call(methods.modelMetadata, { name: "locked" }, { metadata: { authorization: "Bearer secret" } }),
    ).toMatchObject({ code: 0 });
  });
});

test("traces a request, its wait and its run by OpenTelemetry, within the caller's trace", async () => {
  const exporter = new InMemorySpanExporter();
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  const path = join(folder, "traced.onnx");
  put(path, times(3));
  await withServer({ models: [path] }, async (server) => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    await post(server, "/v2/models/traced/infer", { inputs: [x] }, { headers: { traceparent } });
    await post(server, "/v2/models/traced/infer", { inputs: [] }, { headers: { traceparent } });
    const spans = exporter.getFinishedSpans();
    expect(spans.map(({ name }) => name)).toEqual(["queue", "run", "infer traced", "infer traced"]);
    expect(new Set(spans.map((span) => span.spanContext().traceId))).toEqual(
      new Set(["0af7651916cd43dd8448eb211c80319c"]),
    );
    expect(spans[2]?.parentSpanContext?.spanId).toBe("b7ad6b7169203331");
    expect(spans[1]?.parentSpanContext?.spanId).toBe(spans[2]?.spanContext().spanId);
    expect(spans.map(({ status }) => status.code)).toEqual([0, 0, 0, 2]);
  });
  trace.disable();
  propagation.disable();
});

describe("the command", () => {
  /** Serve by the built command, whose log goes to a file. */
  async function serve(
    args: readonly string[],
    stderr: number | "ignore",
  ): Promise<{ http: string; exit: Promise<number | null>; kill(): void }> {
    const options = ["--http", "0", "--grpc", "0", "--processes", "1", "--json"];
    const child = spawn(process.execPath, [bin, "serve", ...args, ...options], { stdio: ["ignore", "pipe", stderr] });
    const exit = new Promise<number | null>((fulfil) => child.once("close", fulfil));
    const stdout = child.stdout;
    if (stdout === null) throw new Error("no stdout");
    const lines = createInterface(stdout);
    const line = await Promise.race([
      new Promise<string>((fulfil) => lines.once("line", fulfil)),
      exit.then((code) => `"ended with ${code}"`),
    ]);
    const http: unknown = inside(JSON.parse(line), "http");
    if (typeof http !== "string") throw new Error(line);
    return { http, exit, kill: () => void child.kill("SIGTERM") };
  }

  test("answers 100 requests that are in flight when SIGTERM comes, with a full disk under its log, and exits 0", async () => {
    const model = join(folder, "term", "model.onnx");
    mkdirSync(resolve(model, ".."), { recursive: true });
    copyFileSync(digits, model);
    const server = await serve([resolve(model, ".."), "--max-batch", "8"], openSync("/dev/full", "w"));
    const data = Array.from({ length: 4 * 784 }, () => 0);
    let answered = 0;
    const requests = Array.from({ length: 100 }, async () => {
      const body = { inputs: [{ name: "image", datatype: "FP32", shape: [4, 28, 28, 1], data }] };
      const { status } = await post(server, "/v2/models/term/infer", body);
      answered++;
      return status;
    });
    const waiting = async (): Promise<number> => {
      const text = await (await fetch(`${server.http}/metrics`)).text();
      return answered + Number(/^tfjs_to_onnx_queue_requests\{.*\} (\d+)$/m.exec(text)?.[1] ?? 0);
    };
    await until("most requests to be there", async () => answered > 0 && (await waiting()) >= 84);
    const before = answered;
    server.kill();
    const statuses = await Promise.all(requests);
    expect(statuses.filter((status) => status !== 200 && status !== 503)).toEqual([]);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(84);
    expect(before).toBeLessThan(100);
    expect(await server.exit).toBe(0);
  });

  test("refuses wrong usage with exit 2", async () => {
    const args = ["serve", digits, "--http", "8000", "--grpc", "8000"];
    const { status, stderr } = await runCommandBeside(args);
    expect([status, stderr]).toEqual([2, expect.stringContaining("--http and --grpc take different ports")]);
  });
});

describe("what cannot be served", () => {
  test.each([
    [["nope.onnx"], /no such file/],
    [[join(root, "models", "crnn-mnist", "model.json")], /TF\.js model; serve takes ONNX files/],
    [[root], /holds no model/],
    [["a/b=x.onnx"], /no such file/],
    [["no such name=x.onnx"], /letters, digits/],
    [[digits, digits], /both called crnn-mnist-best/],
  ])("%j", async (models, message) => {
    await expect(openServer({ models })).rejects.toThrow(message);
  });

  test("a damaged model", async () => {
    const path = join(folder, "damaged.onnx");
    writeFileSync(path, readFileSync(digits).subarray(0, 5000));
    await expect(openServer({ models: [path] })).rejects.toThrow(/damaged\.onnx: not an ONNX file, or one cut short/);
  });
});
