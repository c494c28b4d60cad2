// Does `dispose` free? Loads a model of 1 MiB of weights, runs it and disposes of it, over and over, in each place where a model
// can run, each in a process of its own; on WebGPU also while another session keeps the device.
//
//   node bench/loads.mjs [--loads 1000] [--only node/webgpu,web/wasm] [--record]
//
// Without a graphics card: VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json. --record writes docs/benchmarks.md.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { ensureBuild } from "../scripts/bootstrap.mjs";
import { field, list } from "./json.mjs";
import { machine, record, table } from "./markdown.mjs";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    loads: { type: "string", default: "1000" },
    only: { type: "string", default: "" },
    record: { type: "boolean", default: false },
  },
});

const LOADS = Number(options.loads);
const LOOKS = 20;
const SIDE = 512;
const PLACES = [
  "node/cpu",
  "node/webgpu",
  "node/webgpu, another open",
  "web/wasm",
  "web/webgpu",
  "web/webgpu, another open",
  "browser/wasm, another open",
  "browser/webgpu, another open",
  "tfjs/tensorflow",
  "tfjs/wasm",
  "tfjs/cpu",
];

/** y = x + W as ONNX, whose shader compiles quickly, and y = x W of TF.js; x: [1, 512], W: [512, 512]. */
async function models() {
  const { concatenate, writeOnnx } = await import("../dist/onnx/write.js");
  const data = Float32Array.from({ length: SIDE * SIDE }, (_, index) => Math.sin(index));
  const weights = new Uint8Array(data.buffer);
  const dtype = /** @type {const} */ ("float32");
  const ort = concatenate(
    writeOnnx({
      irVersion: 8,
      opset: 17,
      producerName: "bench",
      producerVersion: "",
      graph: {
        name: "sum",
        inputs: [{ name: "x", dtype, dims: [1, SIDE] }],
        outputs: [{ name: "y", dtype, dims: [SIDE, SIDE] }],
        nodes: [{ opType: "Add", domain: "", name: "sum", inputs: ["x", "W"], outputs: ["y"], attributes: {} }],
        initializers: new Map([["W", { dtype, dims: [SIDE, SIDE], data }]]),
      },
      metadata: new Map(),
    }),
  );
  const config = { name: "y", units: SIDE, use_bias: false, batch_input_shape: [null, SIDE], dtype: "float32" };
  const manifest = {
    modelTopology: {
      class_name: "Sequential",
      config: { name: "product", layers: [{ class_name: "Dense", config }] },
    },
    weightsManifest: [
      { paths: ["weights.bin"], weights: [{ name: "y/kernel", shape: [SIDE, SIDE], dtype: "float32" }] },
    ],
  };
  return { ort, tfjs: { manifest, weights } };
}

/** @param {string} name */
async function runtimeOf(name) {
  const { getRuntime } = await import("../dist/infer/runtimes.js");
  switch (name) {
    case "browser":
      return (await import("../dist/node/browser/browser-runtime.js")).browserRuntime;
    case "tfjs":
      return getRuntime("tfjs", await import("../dist/node/native-tensorflow.js"));
    case "node":
    case "web":
      return getRuntime(name, (await import("../dist/node/gpu/index.js")).gpuHooks);
    default:
      throw new Error(`no runtime ${name}`);
  }
}

/** @param {string} name @returns {import("../dist/infer/runtime.js").Provider} */
function providerOf(name) {
  if (name === "cpu" || name === "wasm" || name === "webgpu" || name === "tensorflow") return name;
  throw new Error(`no provider ${name}`);
}

/** MB resident in this process and all that come of it, a browser's among them. */
function resident() {
  globalThis.gc?.();
  const own = process.memoryUsage.rss() / 1e6;
  const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,ppid=,rss="], { encoding: "utf8" });
  const rows = stdout.split("\n").map((line) => line.trim().split(/\s+/u).map(Number));
  /** @param {number} id @returns {number} */
  const below = (id) =>
    rows.reduce((sum, [child = 0, parent, kib = 0]) => (parent === id ? sum + kib * 1.024e-3 + below(child) : sum), 0);
  return own + below(process.pid);
}

/**
 * In a process of its own: prints how much memory there was as it went.
 *
 * @param {string} place
 */
async function measure(place) {
  const [where = "", more] = place.split(", ");
  const [name = "", provider = ""] = where.split("/");
  const { ort, tfjs } = await models();
  const runtime = await runtimeOf(name);
  const x = { dtype: /** @type {const} */ ("float32"), dims: [1, SIDE], data: new Float32Array(SIDE) };
  const load = () => runtime.load(name === "tfjs" ? tfjs : ort, { provider: providerOf(provider) });
  const other = more === undefined ? undefined : await load();
  const looks = [];
  for (let done = 1; done <= LOADS; done++) {
    const session = await load();
    await session.run({ [session.inputs[0]?.name ?? ""]: x });
    await session.dispose();
    if (done % Math.floor(LOADS / LOOKS) === 0) looks.push([done, resident()]);
  }
  await other?.dispose();
  process.stdout.write(`${JSON.stringify({ looks })}\n`);
  process.exit(0);
}

/**
 * Slope of the line of least squares.
 *
 * @param {readonly (readonly [number, number])[]} points
 */
function slope(points) {
  /** @param {(point: readonly [number, number]) => number} of */
  const mean = (of) => points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean((point) => point[0]), mean((point) => point[1])];
  return mean((point) => (point[0] - x) * (point[1] - y)) / mean((point) => (point[0] - x) ** 2);
}

/** @param {string} place @returns {string[]} a row */
function rowOf(place) {
  const self = fileURLToPath(import.meta.url);
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ["--expose-gc", self, place, "--loads", String(LOADS)],
    { encoding: "utf8" },
  );
  if (status !== 0) {
    const reason = /^\w*Error: .*$/mu.exec(stderr)?.[0] ?? `exit code ${status}`;
    if (!reason.startsWith("SetupError")) throw new Error(`${place}: ${reason}`);
    process.stderr.write(`skipped: ${place}: ${reason}\n`);
    return [place, "skipped", "", "", ""];
  }
  /** @type {(readonly [number, number])[]} */
  const looks = list(JSON.parse(stdout), "looks").map((look) => [Number(field(look, "0")), Number(field(look, "1"))]);
  const half = looks.slice(Math.floor(looks.length / 2));
  const megabytes = [looks[0], half[0], looks.at(-1)].map((look) => (look?.[1] ?? Number.NaN).toFixed(0));
  const row = [place, ...megabytes, (1000 * slope(half)).toFixed(1)];
  process.stderr.write(`${row.join("  ")}\n`);
  return row;
}

const [one] = positionals;
if (one !== undefined) await measure(one);
ensureBuild();
const wanted = options.only === "" ? [] : options.only.split(",");
const places = PLACES.filter((place) => wanted.length === 0 || wanted.some((name) => place.startsWith(name)));
const rows = places.map(rowOf);
const head = ["", `MB after ${Math.floor(LOADS / LOOKS)}`, `after ${LOADS / 2}`, `after ${LOADS}`, "kB a load"];
const figures = table(head, rows);
console.log(figures);
if (options.record) {
  record(
    "loads",
    [
      "## Whether dispose frees",
      `\`node bench/loads.mjs --loads ${LOADS}\`, ${machine()}; WebGPU on what driver there is.`,
      `A model with 1 MB of weights loaded, run once and disposed of, ${LOADS} times in one process, after collections; a browser's
memory is that of all its processes, whose collector cannot be called. The last column is the slope of a line through the second half: a
session that is not freed would have at least 1,049 there.`,
      figures,
    ].join("\n\n"),
  );
}
