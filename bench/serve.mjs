// `tfjs-to-onnx serve` beside MLServer and KServe's Python server in one run: processor time of the server for each row; the slowest
// answers when far more requests come than can be answered; and memory over many requests.
//
//   node bench/serve.mjs [--rounds 3] [--requests 600] [--soak 200000] [--only load,overload,soak] [--servers TEXT] [--clients N]
//                        [--json] [--record]
//
// --servers and --clients pick from the rows and columns of the load: --servers gRPC --clients 8.
//
// Linux alone: it reads /proc. All servers listen in a network namespace of their own (unshare), because KServe's server listens on
// every address. MLServer and kserve are installed from PyPI into the user's cache, each in an environment of its own.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, loadavg, tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { credentials, makeClientConstructor, Metadata } from "@grpc/grpc-js";

import { cli, ensureBuild } from "../scripts/bootstrap.mjs";

import { list, field } from "./json.mjs";
import { machine, median, record, table } from "./markdown.mjs";
import { run } from "./peers.mjs";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    requests: { type: "string", default: "600" },
    soak: { type: "string", default: "200000" },
    only: { type: "string", default: "load,overload,soak" },
    json: { type: "boolean", default: false },
    record: { type: "boolean", default: false },
    servers: { type: "string", default: "" },
    clients: { type: "string", default: "" },
    inside: { type: "boolean", default: false },
  },
});

const model = path.join(import.meta.dirname, "..", "models", "crnn-mnist", "model.onnx");
const peersScript = path.join(import.meta.dirname, "serve_peers.py");
const only = values.only.split(",");

/**
 * @param {string} name
 * @param {readonly string[]} packages
 * @returns {string} the folder of a Python environment with these packages
 */
function environmentWith(name, packages) {
  const cache = process.env["XDG_CACHE_HOME"] ?? path.join(homedir(), ".cache");
  const folder = path.join(cache, "tfjs-to-onnx", `bench-${name}`);
  if (existsSync(path.join(folder, "ready"))) return folder;
  process.stderr.write(`installing ${packages.join(" ")} into ${folder} ...\n`);
  run("python3", ["-m", "venv", folder]);
  run(path.join(folder, "bin", "python"), ["-m", "pip", "install", "-q", "--disable-pip-version-check", ...packages]);
  writeFileSync(path.join(folder, "ready"), "");
  return folder;
}

ensureBuild();
const mlserver = environmentWith("mlserver-1.7.1", [
  "mlserver==1.7.1",
  "onnxruntime==1.32.0",
  "tritonclient[http,grpc]==2.73.0",
]);
const kserve = environmentWith("kserve-0.21.0", ["kserve==0.21.0", "onnxruntime==1.32.0"]);
if (!values.inside) {
  const inside = 'ip link set lo up && exec "$0" "$@"';
  const again = [process.execPath, import.meta.filename, ...process.argv.slice(2), "--inside"];
  const { status } = spawnSync("unshare", ["--map-root-user", "--net", "sh", "-c", inside, ...again], {
    stdio: "inherit",
  });
  process.exit(status ?? 1);
}

const { methods } = await import("../dist/serve/proto/messages.js");
const work = mkdtempSync(path.join(tmpdir(), "tfjs-to-onnx-serve-"));
/** @type {import("node:child_process").ChildProcess[]} */
const running = [];

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {number} http a port; when the model is ready there, the server is
 * @param {Readonly<Record<string, string>>} [env]
 * @returns {Promise<number>} the process's id
 */
async function start(command, args, http, env = {}) {
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...env } });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (/** @type {string} */ text) => (said = `${said}${text}`.slice(-2000)));
  running.push(child);
  for (let attempt = 0; attempt < 600; attempt++) {
    const answer = await fetch(`http://127.0.0.1:${http}/v2/models/crnn/ready`).catch(() => null);
    if (answer?.ok === true && child.pid !== undefined) return child.pid;
    if (child.exitCode !== null) break;
    await sleep(200);
  }
  throw new Error(`${command} ${args.join(" ")} did not start: ${said}`);
}

/**
 * @param {number} port the next one is for gRPC
 * @param {readonly string[]} options
 */
function startOurs(port, options) {
  const ports = ["--http", String(port), "--grpc", String(port + 1)];
  return start(process.execPath, [cli, "serve", `crnn=${model}`, ...ports, "--log-level", "warn", ...options], port);
}

async function stopAll() {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGTERM");
    const impatience = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await once(child, "exit");
    clearTimeout(impatience);
  }
}

/** @param {number} pid MB resident */
function resident(pid) {
  return Number(/^VmRSS:\s*(\d+) kB$/mu.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

/** @param {number} pid ids of its child processes */
function childrenOf(pid) {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);
}

/** @param {readonly number[]} sorted @param {number} share */
function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Requests of one row over gRPC. */
class Client {
  #client;
  #message;

  /** @param {number} port @param {string} [input] */
  constructor(port, input = "image") {
    const Constructor = makeClientConstructor({}, "inference");
    this.#client = new Constructor(`127.0.0.1:${port}`, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
    });
    const data = Float32Array.from({ length: 784 }, (_, index) => (index % 29) / 29);
    this.#message = {
      modelName: "crnn",
      inputs: [{ name: input, datatype: "FP32", shape: [1, 28, 28, 1] }],
      rawInputContents: [new Uint8Array(data.buffer)],
    };
  }

  /** @returns {Promise<number>} status of the answer */
  ask() {
    const { path: to, request, response } = methods.modelInfer;
    return new Promise((resolve) => {
      const meta = new Metadata();
      this.#client.makeUnaryRequest(to, request.encode, response.decode, this.#message, meta, {}, (error) => {
        resolve(error === null ? 0 : error.code);
      });
    });
  }

  close() {
    this.#client.close();
  }
}

const PHASES = [
  { clients: 1, batch: 1, share: 1 },
  { clients: 8, batch: 1, share: 2 },
  { clients: 4, batch: 16, share: 0.5 },
].filter(({ clients }) => values.clients === "" || String(clients) === values.clients);
/**
 * Requests to each server that are not counted, first by 8 clients, then of each kind. V8 goes on compiling for some thousands of
 * requests, in which a server in Node takes up to twice the processor time of later ones.
 */
const WARM = { first: 5000, each: 400 };

/** @typedef {{ label: string, cells: { cpu: number, rate: number, p50: number, p95: number, faults: number }[] }} LoadRow */

/** @returns {Promise<LoadRow[]>} */
async function load() {
  const settings = { http_port: 18010, grpc_port: 18011, metrics_port: 18012, host: "127.0.0.1", parallel_workers: 0 };
  const served = {
    name: "crnn",
    implementation: "serve_peers.OnnxModel",
    max_batch_size: 64,
    max_batch_time: 0.002,
    parameters: { uri: model },
    inputs: [{ name: "image", datatype: "FP32", shape: [-1, 28, 28, 1] }],
    outputs: [{ name: "softmax", datatype: "FP32", shape: [-1, 10] }],
  };
  writeFileSync(path.join(work, "settings.json"), JSON.stringify({ ...settings, debug: false }));
  writeFileSync(path.join(work, "model-settings.json"), JSON.stringify(served));
  const ours = await startOurs(18000, ["--processes", "1"]);
  const two = await startOurs(18030, ["--processes", "2"]);
  const their = await start(path.join(mlserver, "bin", "mlserver"), ["start", work], 18010, {
    PYTHONPATH: import.meta.dirname,
  });
  const other = await start(
    path.join(kserve, "bin", "python"),
    [peersScript, "kserve", model, "18020", "18021"],
    18020,
  );
  const targets = [
    { label: "serve, gRPC", kind: "grpc", port: 18001, pid: ours },
    { label: "serve, HTTP binary", kind: "http", port: 18000, pid: ours },
    { label: "serve, HTTP JSON", kind: "json", port: 18000, pid: ours },
    { label: "serve --processes 2, gRPC", kind: "grpc", port: 18031, pid: two },
    { label: "MLServer, gRPC", kind: "grpc", port: 18011, pid: their },
    { label: "MLServer, HTTP JSON", kind: "json", port: 18010, pid: their },
    { label: "KServe, gRPC", kind: "grpc", port: 18021, pid: other },
    { label: "KServe, HTTP binary", kind: "http", port: 18020, pid: other },
  ].filter(({ label }) => label.includes(values.servers));
  const phases = PHASES.map(({ clients, batch, share }) => ({
    clients,
    batch,
    requests: Math.round(Number(values.requests) * share),
  }));
  const plan = path.join(work, "plan.json");
  writeFileSync(plan, JSON.stringify({ targets, phases, rounds: Number(values.rounds), warm: WARM }));
  // The loop of this process goes on meanwhile, so that the servers' stderr is read.
  const child = spawn(path.join(mlserver, "bin", "python"), [peersScript, "load", plan], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (/** @type {string} */ text) => (stdout += text));
  /** @type {number | null} */
  const status = await new Promise((resolve) => {
    child.on("close", resolve);
  });
  if (status !== 0) throw new Error(`the load failed (${status})`);
  await stopAll();
  /** @type {unknown} */
  const results = JSON.parse(stdout);
  if (!Array.isArray(results)) throw new Error("no results");
  return targets.map(({ label }) => ({
    label,
    cells: PHASES.map(({ clients, batch }) => {
      const own = results.filter(
        (each) =>
          field(each, "target") === label && field(each, "clients") === clients && field(each, "batch") === batch,
      );
      const seconds = own.flatMap((each) => list(each, "seconds").map(Number)).toSorted((a, b) => a - b);
      const rows = own.map((each) => list(each, "seconds").length * batch);
      const faults = own.flatMap((each) => list(each, "faults"));
      for (const fault of new Set(faults)) process.stderr.write(`${label}: ${String(fault)}\n`);
      return {
        cpu: median(own.map((each, index) => Number(field(each, "cpu")) / (rows[index] ?? Number.NaN))) * 1e6,
        rate: median(own.map((each, index) => (rows[index] ?? Number.NaN) / Number(field(each, "wall")))),
        p50: quantile(seconds, 0.5) * 1000,
        p95: quantile(seconds, 0.95) * 1000,
        faults: faults.length,
      };
    }),
  }));
}

/** Of gRPC, for a queue that is full. */
const RESOURCE_EXHAUSTED = 8;
const QUEUE = 256;

/** Milliseconds after which a client that was refused asks again. */
const BACK_OFF = 250;

/** @param {string} text what /metrics says @param {string} name of a histogram @returns {number} ms; 99 % are at most this, by the buckets */
function bucketOf99(text, name) {
  const pattern = new RegExp(`^${name}_bucket\\{le="([^"]+)",model="crnn"[^}]*\\} (\\d+)$`, "gmu");
  const buckets = Array.from(text.matchAll(pattern), ([, le, count]) => ({ le: Number(le), count: Number(count) }));
  const all = Math.max(...buckets.map(({ count }) => count));
  return 1000 * (buckets.find(({ count }) => count >= 0.99 * all)?.le ?? Number.NaN);
}

/** Twice as many clients as the queue has room for. */
async function overload() {
  const pid = await startOurs(18040, ["--processes", "1", "--max-queue", String(QUEUE), "--max-delay", "0"]);
  const one = new Client(18041);
  /** @type {number[]} */
  const alone = [];
  for (let request = 0; request < 600; request++) {
    const begin = performance.now();
    if ((await one.ask()) !== 0) throw new Error("a request of one client failed");
    if (request >= 100) alone.push(performance.now() - begin);
  }
  /** @type {number[]} */
  const took = [];
  /** @type {number[]} */
  const refusals = [];
  let others = 0;
  const connections = Array.from({ length: 64 }, () => new Client(18041));
  const clients = Array.from({ length: 2 * QUEUE }, async (_, index) => {
    const client = connections[index % connections.length] ?? one;
    while (took.length < 10_000) {
      const begin = performance.now();
      const status = await client.ask();
      if (status === 0) took.push(performance.now() - begin);
      else if (status === RESOURCE_EXHAUSTED) {
        refusals.push(performance.now() - begin);
        await sleep(BACK_OFF);
      } else others++;
    }
  });
  await Promise.all(clients);
  for (const each of [one, ...connections]) each.close();
  const memory = resident(pid);
  const metrics = await (await fetch("http://127.0.0.1:18040/metrics")).text();
  await stopAll();
  const sorted = took.toSorted((a, b) => a - b);
  const service = alone.reduce((sum, each) => sum + each, 0) / alone.length;
  return {
    queue: QUEUE,
    clients: 2 * QUEUE,
    service,
    bound: QUEUE * service,
    answered: took.length,
    refused: refusals.length,
    others,
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    most: quantile(sorted, 1),
    refusal: quantile(
      refusals.toSorted((a, b) => a - b),
      0.5,
    ),
    waited: bucketOf99(metrics, "tfjs_to_onnx_queue_seconds"),
    memory,
  };
}

const SAMPLES = 20;

/** Most over gRPC with one row each; some over HTTP as JSON, some wrong, and connections that come and go. */
async function soak() {
  const total = Number(values.soak);
  const pid = await startOurs(18050, ["--processes", "1"]);
  /** @type {{ requests: number, server: number, worker: number }[]} */
  const samples = [];
  let [client, wrong] = [new Client(18051), new Client(18051, "nope")];
  let [sent, answered, refused, bad] = [0, 0, 0, 0];
  const body = JSON.stringify({
    inputs: [{ name: "image", datatype: "FP32", shape: [1, 28, 28, 1], data: Array.from({ length: 784 }, () => 0.5) }],
  });
  const overHttp = async () => {
    const answer = await fetch("http://127.0.0.1:18050/v2/models/crnn/infer", { method: "POST", body });
    await answer.arrayBuffer();
    return answer.ok ? 0 : answer.status;
  };
  const begin = performance.now();
  const loop = async () => {
    while (sent < total) {
      const number = ++sent;
      if (number % (total / SAMPLES) === 0) {
        const [worker = Number.NaN] = childrenOf(pid);
        samples.push({ requests: number, server: resident(pid), worker: resident(worker) });
        process.stderr.write(`${JSON.stringify(samples.at(-1))}\n`);
      }
      if (number % 5000 === 0) {
        const old = client;
        client = new Client(18051);
        setTimeout(() => old.close(), 5000);
      }
      const isWrong = number % 100 === 50;
      const status = isWrong ? await wrong.ask() : number % 25 === 0 ? await overHttp() : await client.ask();
      if (isWrong && status === 3) refused++;
      else if (!isWrong && status === 0) answered++;
      else bad++;
    }
  };
  await Promise.all(Array.from({ length: 64 }, loop));
  const seconds = (performance.now() - begin) / 1000;
  client.close();
  wrong.close();
  await stopAll();
  return { total, answered, refused, bad, seconds, samples };
}

/** @param {number} value @param {number} [digits] */
const fixed = (value, digits = 0) => (Number.isNaN(value) ? "" : value.toFixed(digits));

/**
 * @param {LoadRow[] | null} loaded
 * @param {Awaited<ReturnType<typeof overload>> | null} overloaded
 * @param {Awaited<ReturnType<typeof soak>> | null} soaked
 */
function report(loaded, overloaded, soaked) {
  const picked = [
    ...(values.servers === "" ? [] : [`--servers ${values.servers}`]),
    ...(values.clients === "" ? [] : [`--clients ${values.clients}`]),
  ];
  const parameters = `--rounds ${values.rounds} --requests ${values.requests} --soak ${values.soak} --only ${values.only}`;
  const command = ["node bench/serve.mjs", parameters, ...picked].join(" ");
  const parts = [
    `\`${command}\`: crnn-mnist, ${machine()}; load average ${busy.toFixed(1)} from other work at the start.`,
  ];
  if (loaded !== null) {
    const base = loaded.find(({ label }) => label === "MLServer, gRPC");
    const head = PHASES.map(
      ({ clients, batch }) => `${clients} ${clients === 1 ? "client" : "clients"}, batch ${batch}`,
    );
    const cpu = loaded.map(({ label, cells }) => [
      label,
      ...cells.map((cell, index) => {
        if (cell.faults > 0) return `${cell.faults} failed`;
        return `${fixed(cell.cpu)} µs (${fixed(cell.cpu / (base?.cells[index]?.cpu ?? Number.NaN), 2)} x)`;
      }),
    ]);
    const rates = loaded.map(({ label, cells }) => [
      label,
      ...cells.map(({ rate, p50, p95, faults }) =>
        faults > 0 ? "" : `${fixed(rate)} / ${fixed(p50, 1)} / ${fixed(p95, 1)}`,
      ),
    ]);
    parts.push(
      table(["processor time of the server for a row (MLServer, gRPC = 1)", ...head], cpu),
      table(["rows a second / p50 / p95 in ms", ...head], rates),
    );
  }
  if (overloaded !== null) {
    const { queue, clients, service, bound, answered, refused, others, p50, p99, most, refusal, waited } = overloaded;
    parts.push(
      table(
        [
          `${clients.toLocaleString("en")} clients, a queue of ${queue}`,
          "answered",
          "refused",
          "failed",
          "p50",
          "p99",
          "slowest",
          "p99 in the queue, at most",
          "a refusal, p50",
          "one request alone",
          `${queue} x that`,
        ],
        [
          [
            "gRPC, one row",
            answered.toLocaleString("en"),
            refused.toLocaleString("en"),
            String(others),
            `${fixed(p50)} ms`,
            `${fixed(p99)} ms`,
            `${fixed(most)} ms`,
            `${fixed(waited)} ms`,
            `${fixed(refusal)} ms`,
            `${fixed(service, 2)} ms`,
            `${fixed(bound)} ms`,
          ],
        ],
      ),
    );
  }
  if (soaked !== null) {
    const { total, answered, refused, bad, seconds, samples } = soaked;
    const marks = samples.filter((_, index) => index === 0 || (index + 1) % 4 === 0);
    parts.push(
      `${total.toLocaleString("en")} requests by 64 clients, 4 % of them JSON over HTTP, 1 % with a wrong name (${refused.toLocaleString("en")} refused, ${answered.toLocaleString("en")} answered, ${bad} otherwise), in ${fixed(seconds)} s:`,
      table(
        ["memory, MB, after", ...marks.map(({ requests }) => requests.toLocaleString("en"))],
        [
          ["the server", ...marks.map(({ server }) => fixed(server))],
          ["its worker process", ...marks.map(({ worker }) => fixed(worker))],
        ],
      ),
    );
  }
  return parts.join("\n\n");
}

const busy = loadavg()[0] ?? Number.NaN;
try {
  const loaded = only.includes("load") ? await load() : null;
  const overloaded = only.includes("overload") ? await overload() : null;
  const soaked = only.includes("soak") ? await soak() : null;
  if (values.json) {
    console.log(JSON.stringify({ machine: machine(), load: busy, loaded, overloaded, soaked }));
  } else {
    const text = report(loaded, overloaded, soaked);
    if (values.record) record("serve", text, "docs/serving.md");
    console.log(text);
  }
} finally {
  await stopAll();
  rmSync(work, { recursive: true, force: true });
}
