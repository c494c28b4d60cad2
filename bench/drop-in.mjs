// What a program gains by changing its loader. Measures load, first run, median run and peak memory of TF.js and of
// tfjs-to-onnx/drop-in, on published models and on a made-up one of 10 MB. Each measurement has its own process or page.
//
//   node bench/drop-in.mjs [--only blazeface,foulshot-bilstm] [--rounds 3] [--no-node] [--no-browser] [--webgpu] [--record]
//
// The published models are read from ../shared/models. Native TensorFlow and Chromium are measured where they are installed, TF.js's WebGPU backend where
// @tensorflow/tfjs-backend-webgpu is. --record writes docs/benchmarks.md.
import { spawnSync } from "node:child_process";
import { createReadStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { exportModel } from "../dist/index.js";
import { toArtifacts } from "../dist/infer/tfjs-session.js";
import { readModel } from "../dist/node/read-model.js";
import { ensureBuild } from "../scripts/bootstrap.mjs";
import { field } from "./json.mjs";
import { machine, median, milliseconds, record, table } from "./markdown.mjs";

const root = resolve(import.meta.dirname, "..");
const shared = resolve(root, "../shared/models");
const { values: options } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    rounds: { type: "string", default: "3" },
    "no-node": { type: "boolean", default: false },
    "no-browser": { type: "boolean", default: false },
    /** In Chromium, WebGPU too; without a graphics card it is software, which takes minutes. */
    webgpu: { type: "boolean", default: false },
    record: { type: "boolean", default: false },
    /** Of a process that measures: a job as JSON. */
    job: { type: "string" },
  },
});

/** @typedef {{ readonly name: string, readonly kind: "layers" | "graph", readonly sizes?: Readonly<Record<number, number>> }} Model */
/** @typedef {{ readonly contender: string, readonly folder: string, readonly kind: "layers" | "graph", readonly sizes: Readonly<Record<number, number>>, readonly starter: string }} Job */
/** @typedef {{ startMs: number, loadMs: number, firstMs: number, medianMs: number, peakBytes: number | null, fromCache: boolean | null }} Measured */

const MADE_UP = "ten-megabytes";
/** Free sizes other than the batch, by their axis. */
/** @type {readonly Model[]} */
const MODELS = [
  { name: "mnist-cnn-tfjs", kind: "layers" },
  { name: "foulshot-bilstm", kind: "layers" },
  { name: "sentiment-embedding-bilstm", kind: "layers", sizes: { 1: 60 } },
  { name: "teachable-machine-image", kind: "layers" },
  { name: MADE_UP, kind: "layers" },
  { name: "blazeface", kind: "graph" },
  { name: "handlandmark-lite", kind: "graph" },
  { name: "bodypix-050-float-s16", kind: "graph", sizes: { 1: 129, 2: 161 } },
];
const RUNS = 30;
const RUN_MS = 600;

/**
 * @param {Job} job
 * @returns {Promise<Measured>}
 */
async function measure({ contender, folder, kind, sizes, starter }) {
  const [library = "", place = ""] = contender.split("/");
  const measured =
    library === "tfjs"
      ? await measureTfjs(place, folder, kind, sizes)
      : await measureOurs(place, folder, kind, sizes, starter);
  return { ...measured, peakBytes: process.resourceUsage().maxRSS * 1024 };
}

/**
 * @param {string} place
 * @param {string} folder
 * @param {Model["kind"]} kind
 * @param {Job["sizes"]} sizes
 * @returns {Promise<Omit<Measured, "peakBytes">>}
 */
async function measureTfjs(place, folder, kind, sizes) {
  const begin = performance.now();
  const tf =
    place === "tensorflow"
      ? await (await import("../dist/node/native-tensorflow.js")).loadNative()
      : await import("@tensorflow/tfjs");
  tf.env().set("PROD", true);
  if (place === "wasm") await import("@tensorflow/tfjs-backend-wasm");
  await tf.setBackend(place);
  const start = performance.now();
  const startMs = start - begin;
  const handler = { load: async () => toArtifacts(await readModel(folder)) };
  const model = kind === "layers" ? await tf.loadLayersModel(handler) : await tf.loadGraphModel(handler);
  const loadMs = performance.now() - start;
  const inputs = model.inputs.map(({ shape, dtype }) =>
    tf.fill(shapeOf(shape ?? [], sizes), 0.5, dtype === "int32" ? "int32" : "float32"),
  );
  const times = await timed(async () => {
    const results = [model.predict(inputs)].flat();
    for (const tensor of results) if (tensor instanceof tf.Tensor) await tensor.data();
    tf.dispose(results);
  });
  return { startMs, loadMs, ...times, fromCache: null };
}

/**
 * @param {string} place
 * @param {string} folder
 * @param {Model["kind"]} kind
 * @param {Job["sizes"]} sizes
 * @param {string} starter An ONNX file of one node, with which ONNX Runtime is started, as TF.js's backend is.
 * @returns {Promise<Omit<Measured, "peakBytes">>}
 */
async function measureOurs(place, folder, kind, sizes, starter) {
  const begin = performance.now();
  const { loadGraphModel, loadLayersModel } = await import("tfjs-to-onnx/drop-in");
  const ort = place === "node" ? await import("onnxruntime-node") : await import("onnxruntime-web");
  ort.env.wasm.numThreads = 1;
  await ort.InferenceSession.create(readFileSync(starter));
  const start = performance.now();
  const startMs = start - begin;
  /** @type {import("../dist/drop-in/index.js").DropInOptions} */
  const where = place === "node" ? { runtime: "node" } : { runtime: "web", provider: "wasm" };
  const model = kind === "layers" ? await loadLayersModel(folder, where) : await loadGraphModel(folder, where);
  const loadMs = performance.now() - start;
  const inputs = model.inputs.map(({ shape, dtype }) => {
    const dims = shapeOf(shape ?? [], sizes);
    const length = dims.reduce((product, size) => product * size, 1);
    return { shape: dims, data: dtype === "int32" ? new Int32Array(length) : new Float32Array(length).fill(0.5) };
  });
  const times = await timed(async () => void (await model.predict(inputs)));
  return { startMs, loadMs, ...times, fromCache: model.fromCache };
}

/** @param {readonly (number | null)[]} shape @param {Job["sizes"]} sizes */
function shapeOf(shape, sizes) {
  return shape.map((size, axis) => (size === null || size < 0 ? (sizes[axis] ?? 1) : size));
}

/** @param {() => Promise<void>} run */
async function timed(run) {
  const start = performance.now();
  await run();
  const firstMs = performance.now() - start;
  const times = [];
  const end = performance.now() + RUN_MS;
  while (times.length < RUNS && (times.length < 3 || performance.now() < end)) {
    const before = performance.now();
    await run();
    times.push(performance.now() - before);
  }
  return { firstMs, medianMs: median(times) };
}

async function main() {
  ensureBuild();
  const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-bench-drop-in-"));
  try {
    const wanted = MODELS.filter(({ name }) => options.only === "" || options.only.split(",").includes(name));
    const places = new Map([[MADE_UP, await madeUp(folder)]]);
    const starter = await smallest(folder);
    for (const { name, kind } of wanted) if (!places.has(name)) places.set(name, join(shared, kind, name));
    const models = wanted.filter(({ name }) => existsSync(places.get(name) ?? ""));
    const left = wanted.filter((model) => !models.includes(model));
    if (left.length > 0)
      process.stderr.write(`skipped: ${left.map(({ name }) => name).join(", ")} (no ../shared/models)\n`);
    const about = `\`node bench/drop-in.mjs --rounds ${options.rounds}\`, ${machine()}.`;
    if (!options["no-node"]) {
      const text = inNode(models, places, folder, starter);
      process.stdout.write(`${text}\n`);
      if (options.record) record("drop-in", `## The drop-in loader, in Node\n\n${about}\n\n${text}`);
    }
    const text = options["no-browser"] ? "" : await inChromium(models, places, starter);
    process.stdout.write(`${text}\n`);
    if (options.record && text !== "")
      record("drop-in-chromium", `## The drop-in loader, in Chromium\n\n${about}\n\n${text}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {readonly Model[]} models @param {ReadonlyMap<string, string>} places @param {string} folder @param {string} starter */
function inNode(models, places, folder, starter) {
  const contenders = ["tfjs/tensorflow", "tfjs/wasm", "ours/node", "ours/web"];
  /** @type {Map<string, Measured[]>} */
  const measured = new Map();
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const { name, kind, sizes = {} } of models) {
      for (const contender of contenders
        .slice(round % contenders.length)
        .concat(contenders.slice(0, round % contenders.length))) {
        // With a cache of its own for each round: first without the file, then with it.
        for (const again of contender.startsWith("ours") ? [false, true] : [false]) {
          /** @type {Job} */
          const job = { contender, folder: places.get(name) ?? "", kind, sizes, starter };
          const key = `${name} ${contender} ${again}`;
          const cache = join(folder, `cache-${round}-${contender.replace("/", "-")}`);
          const result = runJob(job, cache);
          if (result !== null && result.fromCache !== null && result.fromCache !== again)
            throw new Error(`${key}: the cache was not as expected`);
          if (result !== null) measured.set(key, [...(measured.get(key) ?? []), result]);
          process.stderr.write(`${key}: ${result === null ? "left out" : shown(result)}\n`);
        }
      }
    }
  }
  /** @param {string} key @param {(run: Measured) => number | null} pick */
  const middle = (key, pick) => median((measured.get(key) ?? []).map((run) => pick(run) ?? Number.NaN));
  const rows = models.flatMap(({ name }) =>
    contenders
      .filter((contender) => measured.has(`${name} ${contender} false`))
      .map((contender, index) => {
        const key = `${name} ${contender} `;
        return [
          index === 0 ? name : "",
          LABELS[contender] ?? contender,
          milliseconds(middle(`${key}false`, ({ startMs }) => startMs)),
          milliseconds(middle(`${key}false`, ({ loadMs }) => loadMs)),
          milliseconds(middle(`${key}true`, ({ loadMs }) => loadMs)),
          milliseconds(middle(`${key}false`, ({ firstMs }) => firstMs)),
          milliseconds(middle(`${key}false`, ({ medianMs }) => medianMs)),
          `${(middle(`${key}${contender.startsWith("ours")}`, ({ peakBytes }) => peakBytes) / 1e6).toFixed(0)} MB`,
        ];
      }),
  );
  const head = ["in Node, batch 1", "", "start", "load", "second load", "first run", "median run", "peak memory"];
  return `${table(head, rows, 2)}\n\n${START} Peak memory is that of the whole process; of the drop-in loader, with the model found in the cache.`;
}

const START =
  "Start: TF.js is imported and its backend started; the loader and ONNX Runtime are imported, and ONNX Runtime loads a model of one layer.";

/** @param {Measured} result */
function shown({ startMs, loadMs, firstMs, medianMs }) {
  const [start, load, first, middle] = [startMs, loadMs, firstMs, medianMs].map(milliseconds);
  return `start ${start}, load ${load}, first run ${first}, median run ${middle}`;
}

/** @param {unknown} value @returns {value is Measured} */
function isMeasured(value) {
  return ["startMs", "loadMs", "firstMs", "medianMs"].every((key) => typeof field(value, key) === "number");
}

/** @type {Readonly<Record<string, string>>} */
const LABELS = {
  "tfjs/tensorflow": "TF.js, native TensorFlow",
  "tfjs/wasm": "TF.js, WASM",
  "tfjs/webgl": "TF.js, WebGL",
  "tfjs/webgpu": "TF.js, WebGPU",
  "ours/node": "drop-in, onnxruntime-node",
  "ours/web": "drop-in, onnxruntime-web WASM",
  "ours/wasm": "drop-in, onnxruntime-web WASM",
  "ours/webgpu": "drop-in, onnxruntime-web WebGPU",
};

/** @param {Job} job @param {string} cache @returns {Measured | null} */
function runJob(job, cache) {
  const args = [fileURLToPath(import.meta.url), "--job", JSON.stringify(job)];
  // Native TensorFlow lies in the user's own cache folder.
  const own = job.contender.startsWith("ours") ? { TFJS_TO_ONNX_CACHE: cache } : {};
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: "2", ...own };
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", env, timeout: 120_000 });
  /** @type {unknown} */
  const result = status === 0 ? JSON.parse(stdout.slice(stdout.lastIndexOf("{"))) : null;
  if (isMeasured(result)) return result;
  process.stderr.write(
    `  left out: ${stderr.split("\n").find((line) => /Error/u.test(line)) ?? stderr.slice(0, 200)}\n`,
  );
  return null;
}

/** The ONNX file of a model of one layer. @param {string} folder @returns {Promise<string>} its path */
async function smallest(folder) {
  const tf = await import("@tensorflow/tfjs");
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  const { bytes } = await exportModel(model);
  model.dispose();
  const path = join(folder, "smallest.onnx");
  writeFileSync(path, bytes);
  return path;
}

/** A network of 2.5 million weights: convolutions, batch norms, pooling, a dense layer. @param {string} folder */
async function madeUp(folder) {
  const tf = await import("@tensorflow/tfjs");
  tf.env().set("PROD", true);
  await tf.setBackend("cpu");
  const model = tf.sequential({ name: "made_up" });
  const filters = [16, 32, 32, 64, 64, 128, 128, 256, 256];
  for (const [index, count] of filters.entries()) {
    const first = index === 0 ? { inputShape: [96, 96, 3] } : {};
    const strides = index % 2 === 0 ? 2 : 1;
    model.add(tf.layers.conv2d({ filters: count, kernelSize: 3, strides, padding: "same", useBias: false, ...first }));
    model.add(tf.layers.batchNormalization());
    model.add(tf.layers.reLU());
  }
  model.add(tf.layers.flatten());
  model.add(tf.layers.dense({ units: 600, activation: "softmax" }));
  const place = join(folder, MADE_UP);
  await model.save(
    tf.io.withSaveHandler(async ({ weightData, weightSpecs, ...rest }) => {
      if (!(weightData instanceof ArrayBuffer)) throw new TypeError("TF.js gave no weights in one piece");
      mkdirSync(place);
      writeFileSync(join(place, "weights.bin"), new Uint8Array(weightData));
      const manifest = { ...rest, weightsManifest: [{ paths: ["weights.bin"], weights: weightSpecs }] };
      writeFileSync(join(place, "model.json"), JSON.stringify(manifest));
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } };
    }),
  );
  model.dispose();
  return place;
}

/** @param {readonly Model[]} models @param {ReadonlyMap<string, string>} places @param {string} starter */
async function inChromium(models, places, starter) {
  const { findBrowser } = await import("../dist/node/browser/find-browser.js");
  const executablePath = findBrowser();
  if (executablePath === undefined) {
    process.stderr.write("skipped: no Chromium here\n");
    return "";
  }
  const { browserFlags } = await import("../dist/node/browser/browser-flags.js");
  const { chromium } = await import("playwright-core");
  const { server, address } = await serve(await pageScript(), places, starter);
  const webGpu = options.webgpu ? [...(hasTfjsWebGpu() ? ["tfjs/webgpu"] : []), "ours/webgpu"] : [];
  const contenders = ["tfjs/wasm", "tfjs/webgl", "ours/wasm", ...webGpu];
  /** @type {Map<string, Measured[]>} */
  const measured = new Map();
  try {
    for (let round = 0; round < Number(options.rounds); round++) {
      // A browser's profile of its own for each round: the first load of each model converts it.
      const browser = await chromium.launch({ executablePath, args: [...browserFlags] });
      const context = await browser.newContext();
      const processes = await rendererProcesses(browser);
      for (const { name, kind, sizes = {} } of models) {
        for (const contender of contenders) {
          for (const again of contender.startsWith("ours") ? [false, true] : [false]) {
            const key = `${name} ${contender} ${again}`;
            const others = await processes();
            const page = await context.newPage();
            page.on("pageerror", (error) => process.stderr.write(`  ${error.message}\n`));
            await page.goto(address, { waitUntil: "commit", timeout: OPEN_MS });
            await page.waitForFunction("globalThis.measure !== undefined", undefined, { timeout: OPEN_MS });
            const clear = contender.startsWith("ours") && !again;
            const code = `measure(${JSON.stringify({ contender, url: `/${name}/model.json`, kind, sizes, clear })})`;
            /** @type {unknown} */
            const result = await withinTime(page.evaluate(code)).catch((error) => String(error));
            const own = (await processes()).filter((id) => !others.includes(id));
            const peakBytes = Math.max(...own.map(peakOf), 0) || null;
            if (isMeasured(result)) measured.set(key, [...(measured.get(key) ?? []), { ...result, peakBytes }]);
            const what = isMeasured(result) ? shown(result) : `left out: ${String(result).slice(0, 300)}`;
            process.stderr.write(`chromium ${key}: ${what}\n`);
            await page.close();
          }
        }
      }
      await browser.close();
    }
  } finally {
    server.close();
  }
  /** @param {string} key @param {(run: Measured) => number} pick */
  const middle = (key, pick) => median((measured.get(key) ?? []).map(pick));
  const rows = models.flatMap(({ name }) =>
    contenders
      .filter((contender) => measured.has(`${name} ${contender} false`))
      .map((contender, index) => {
        const key = `${name} ${contender} `;
        return [
          index === 0 ? name : "",
          LABELS[contender] ?? contender,
          milliseconds(middle(`${key}false`, ({ startMs }) => startMs)),
          milliseconds(middle(`${key}false`, ({ loadMs }) => loadMs)),
          milliseconds(middle(`${key}true`, ({ loadMs }) => loadMs)),
          milliseconds(middle(`${key}false`, ({ firstMs }) => firstMs)),
          milliseconds(middle(`${key}false`, ({ medianMs }) => medianMs)),
          `${(middle(`${key}${contender.startsWith("ours")}`, ({ peakBytes }) => peakBytes ?? Number.NaN) / 1e6).toFixed(0)} MB`,
        ];
      }),
  );
  const head = ["in Chromium, batch 1", "", "start", "load", "second load", "first run", "median run", "peak memory"];
  return `${table(head, rows, 2)}\n\n${START} Peak memory is that of the page's process; of the drop-in loader, with the model found in the cache.${
    options.webgpu ? "" : " WebGL is software here where the machine has no graphics card."
  }`;
}

const MEASURE_MS = 180_000;
const OPEN_MS = 180_000;

/** @param {Promise<unknown>} work @returns {Promise<unknown>} */
async function withinTime(work) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  /** @type {Promise<unknown>} */
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${MEASURE_MS / 1000} s`)), MEASURE_MS);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** @param {import("playwright-core").Browser} browser @returns {Promise<() => Promise<readonly number[]>>} */
async function rendererProcesses(browser) {
  const session = await browser.newBrowserCDPSession();
  return async () => {
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    return processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
  };
}

/** Most memory that a process has had so far, in bytes; 0 where the system does not say. @param {number} id */
function peakOf(id) {
  const status = `/proc/${id}/status`;
  const found = existsSync(status) ? /^VmHWM:\s+(\d+) kB$/mu.exec(readFileSync(status, "utf8")) : null;
  return Number(found?.[1] ?? 0) * 1024;
}

function hasTfjsWebGpu() {
  return existsSync(join(root, "node_modules/@tensorflow/tfjs-backend-webgpu"));
}

async function pageScript() {
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    stdin: {
      contents: `
        import * as tf from "@tensorflow/tfjs";
        import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
        ${hasTfjsWebGpu() ? 'import "@tensorflow/tfjs-backend-webgpu";' : ""}
        import * as ort from "onnxruntime-web/wasm";
        import * as gpu from "onnxruntime-web/webgpu";
        import { clearCache, loadGraphModel, loadLayersModel } from "./dist/bundle/drop-in.js";
        setWasmPaths(location.origin + "/tfjs-wasm/");
        ort.env.wasm.wasmPaths = gpu.env.wasm.wasmPaths = location.origin + "/ort/";
        const RUNS = ${RUNS}, RUN_MS = ${RUN_MS};
        const median = ${median.toString()};
        const shapeOf = ${shapeOf.toString()};
        const timed = ${timed.toString()};
        tf.env().set("PROD", true);
        globalThis.measure = async ({ contender, url, kind, sizes, clear }) => {
          const [library, place] = contender.split("/");
          // Both sides run on tf.Tensors, ours on those of the plain backend, as a program without WebGL has them.
          if (clear) await clearCache();
          const smallest = new Uint8Array(await (await fetch("/smallest.onnx")).arrayBuffer());
          const begin = performance.now();
          if (!(await tf.setBackend(library === "tfjs" ? place : "cpu"))) throw new Error("no backend " + place);
          if (library !== "tfjs") {
            const runtime = place === "wasm" ? ort : gpu;
            runtime.env.wasm.numThreads = 1;
            await runtime.InferenceSession.create(smallest, { executionProviders: [place] });
          }
          const start = performance.now();
          const startMs = start - begin;
          const loaders = library === "tfjs" ? tf : { loadGraphModel, loadLayersModel };
          const where = library === "tfjs" ? {} : { provider: place };
          const model = await (kind === "layers" ? loaders.loadLayersModel(url, where) : loaders.loadGraphModel(url, where));
          const loadMs = performance.now() - start;
          const inputs = model.inputs.map(({ shape, dtype }) => tf.fill(shapeOf(shape, sizes), 0.5, dtype === "int32" ? "int32" : "float32"));
          const times = await timed(async () => {
            const results = [await model.predict(inputs)].flat();
            for (const tensor of results) await tensor.data();
            tf.dispose(results);
          });
          return { startMs, loadMs, ...times, peakBytes: null, fromCache: model.fromCache ?? null };
        };`,
      resolveDir: root,
    },
    bundle: true,
    format: "esm",
    platform: "browser",
    external: ["onnxruntime-node", "@tensorflow/tfjs-node"],
    logLevel: "error",
    write: false,
  });
  return outputFiles[0]?.text ?? "";
}

/** @type {Readonly<Record<string, string>>} */
const TYPES = { ".mjs": "text/javascript", ".wasm": "application/wasm", ".json": "application/json" };

/**
 * @param {string} script
 * @param {ReadonlyMap<string, string>} places
 * @param {string} starter
 * @returns {Promise<{ readonly server: import("node:http").Server, readonly address: string }>}
 */
async function serve(script, places, starter) {
  const runtimes = new Map([
    ["ort", resolve(root, "node_modules/onnxruntime-web/dist")],
    ["tfjs-wasm", resolve(root, "node_modules/@tensorflow/tfjs-backend-wasm/dist")],
  ]);
  const server = createServer(({ url = "/" }, response) => {
    const { pathname } = new URL(url, "http://localhost");
    const [, first = "", file = ""] = pathname.split("/");
    if (pathname === "/")
      response.writeHead(200, { "content-type": "text/html" }).end('<script type="module" src="/page.js"></script>');
    else if (pathname === "/page.js") response.writeHead(200, { "content-type": "text/javascript" }).end(script);
    else if (pathname === "/smallest.onnx") response.writeHead(200).end(readFileSync(starter));
    else {
      const own = runtimes.get(first) ?? places.get(first);
      const path = join(own ?? "", file);
      const found = own !== undefined && file !== "" && existsSync(path);
      response.writeHead(found ? 200 : 404, { "content-type": TYPES[extname(path)] ?? "application/octet-stream" });
      if (found) createReadStream(path).pipe(response);
      else response.end();
    }
  });
  await new Promise((done) => {
    server.listen(0, "127.0.0.1", () => done(undefined));
  });
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new TypeError("the server has no port");
  return { server, address: `http://127.0.0.1:${address.port}/` };
}

if (options.job === undefined) await main();
else process.stdout.write(JSON.stringify(await measure(JSON.parse(options.job))));
