// Packages from npm that run TF.js models, unchanged but for the loader: once with TF.js's, once with tfjs-to-onnx/drop-in, and how far their answers are
// apart. They are installed into a folder of their own, outside this repository:
//
//   node bench/drop-in-packages.mjs [FOLDER] [--no-install] [--only upscaler,nsfwjs] [--record]
//
// A package calls `predict` and goes on at once, where ONNX Runtime answers later. So the call is ended (by throwing), and made anew when the answer is
// there. Those who can edit the code write `await` instead. --record writes docs/benchmarks.md.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

import { build } from "esbuild";

import { toArtifacts } from "../dist/infer/tfjs-session.js";
import { readModel } from "../dist/node/read-model.js";
import { field, list } from "./json.mjs";
import { machine, record, table } from "./markdown.mjs";

const root = resolve(import.meta.dirname, "..");
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    "no-install": { type: "boolean", default: false },
    only: { type: "string", default: "" },
    record: { type: "boolean", default: false },
  },
});
const folder = resolve(positionals[0] ?? join(tmpdir(), "tfjs-to-onnx-packages"));
const shared = resolve(root, "../shared/models/graph");

const TFJS = "4.22.0";
const PACKAGES = {
  "@tensorflow/tfjs": TFJS,
  "@tensorflow/tfjs-core": TFJS,
  "@tensorflow/tfjs-converter": TFJS,
  buffer: "6.0.3",
  nsfwjs: "4.4.0",
  "@spotify/basic-pitch": "1.0.1",
  upscaler: "1.0.0",
  "@upscalerjs/default-model": "1.0.0",
  "@tensorflow-models/body-pix": "2.2.1",
};

if (!install()) {
  process.stderr.write(`skipped: the packages are not in ${folder}, and the npm registry does not answer\n`);
  process.exit(0);
}

/** Install what is missing. @returns whether all is there */
function install() {
  mkdirSync(folder, { recursive: true });
  if (!existsSync(join(folder, "package.json"))) {
    writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  }
  const missing = Object.entries(PACKAGES).filter(([name]) => !existsSync(join(folder, "node_modules", name)));
  if (missing.length === 0) return true;
  if (values["no-install"]) return false;
  const wanted = missing.map(([name, version]) => `${name}@${version}`);
  const flags = ["--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund"];
  const { status } = spawnSync("npm", ["install", ...flags, ...wanted], { cwd: folder, stdio: ["ignore", 2, 2] });
  return status === 0;
}

/** @param {unknown} module @returns {module is typeof import("@tensorflow/tfjs")} */
function isTfjs(module) {
  return typeof field(module, "tensor") === "function";
}

// One TF.js for all: the packages' own copies, if any, are not used.
const requireThere = createRequire(join(folder, "package.json"));
/** @type {unknown} */
const installed = requireThere("@tensorflow/tfjs");
if (!isTfjs(installed)) throw new TypeError("@tensorflow/tfjs has no tensors");
const tf = installed;
tf.env().set("PROD", true);
await tf.setBackend("cpu");
const dropIn = await import("../dist/node/drop-in/index.js");

/** What ends a call whose answer is not there yet. */
class NotYet extends Error {
  /** @param {Promise<unknown>} answer */
  constructor(answer) {
    super("the answer is not there yet");
    this.answer = answer;
  }
}

/** @typedef {import("@tensorflow/tfjs").Tensor} Tensor */
/** @typedef {{ readonly data: import("@tensorflow/tfjs").TypedArray, readonly shape: number[], readonly dtype: import("@tensorflow/tfjs").DataType }} Kept */

/** Answers of one call from outside, in the order they were asked for. */
/** @type {(readonly Kept[])[]} */
let answers = [];
let asked = 0;
let runs = 0;

/**
 * A model whose `predict` and `execute` answer at once, or throw {@link NotYet}.
 *
 * @template {object} Model
 * @param {Model} model
 */
function answering(model) {
  return new Proxy(model, {
    get(target, key) {
      /** @type {unknown} */
      const value = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      if (key !== "predict" && key !== "execute" && key !== "predictOnBatch") {
        return (/** @type {unknown[]} */ ...args) => call(target, key, ...args);
      }
      return (/** @type {unknown[]} */ ...args) => {
        const known = answers[asked++];
        if (known === undefined) throw new NotYet(ask(call(target, key, ...args)));
        const tensors = known.map(({ data, shape, dtype }) => tf.tensor(data, shape, dtype));
        return tensors.length === 1 ? tensors[0] : tensors;
      };
    },
  });
}

/** @param {unknown} running a promise of one tensor or several */
async function ask(running) {
  const tensors = [await running].flat().map(asTensor);
  const kept = await Promise.all(
    tensors.map(async (tensor) => ({ data: await tensor.data(), shape: tensor.shape, dtype: tensor.dtype })),
  );
  tf.dispose(tensors);
  answers.push(kept);
  runs++;
}

/**
 * @template Result
 * @param {() => Promise<Result>} task
 */
async function untilAnswered(task) {
  answers = [];
  for (;;) {
    asked = 0;
    try {
      return await task();
    } catch (error) {
      if (!(error instanceof NotYet)) throw error;
      await error.answer;
    }
  }
}

const ours = {
  /** @param {Parameters<typeof dropIn.loadGraphModel>} args */
  loadGraphModel: async (...args) => answering(await dropIn.loadGraphModel(...args)),
  /** @param {Parameters<typeof dropIn.loadLayersModel>} args */
  loadLayersModel: async (...args) => answering(await dropIn.loadLayersModel(...args)),
};
Reflect.set(globalThis, "dropInLoaders", ours);

/**
 * A package's code with its imports of TF.js replaced: by TF.js, or by TF.js with our two loaders.
 *
 * @param {string} source Code that exports what is wanted of the package.
 * @param {"tfjs" | "drop-in"} loader
 * @returns {Promise<Record<string, unknown>>}
 */
async function packageWith(source, loader) {
  const outfile = join(folder, `.drop-in-${loader}-${source.length}-${Math.random().toString(36).slice(2)}.mjs`);
  await build({
    stdin: { contents: source, resolveDir: folder },
    bundle: true,
    format: "esm",
    platform: "node",
    outfile,
    logLevel: "error",
    banner: {
      js: `import { createRequire } from "node:module"; const require = createRequire(${JSON.stringify(join(folder, "package.json"))});`,
    },
    plugins: [
      {
        name: "loaders",
        setup(bundler) {
          bundler.onResolve({ filter: /^@tensorflow\/tfjs(?:-core|-converter|-layers)?$/ }, ({ path, pluginData }) =>
            pluginData === "real" ? { path, external: true } : { path, namespace: "tfjs" },
          );
          bundler.onLoad({ filter: /./, namespace: "tfjs" }, () => ({
            // The same TF.js for all names: @tensorflow/tfjs exports what its parts do.
            contents: `const tf = globalThis.dropInTfjs;
              module.exports = { __esModule: true, ...tf, ...(${JSON.stringify(loader)} === "drop-in" ? globalThis.dropInLoaders : {}) };`,
            loader: "js",
            resolveDir: folder,
          }));
        },
      },
    ],
  });
  /** @type {unknown} */
  const code = await import(pathToFileURL(outfile).href);
  rmSync(outfile);
  return Object.fromEntries(Object.entries(code ?? {}));
}
Reflect.set(globalThis, "dropInTfjs", tf);

/**
 * Call a method of a package, of which nothing is known.
 *
 * @param {unknown} owner
 * @param {PropertyKey} name
 * @param {unknown[]} args
 * @returns {unknown}
 */
function call(owner, name, ...args) {
  /** @type {unknown} */
  const value = Reflect.get(Object(owner), name);
  if (typeof value !== "function") throw new TypeError(`there is no function ${String(name)}`);
  return Reflect.apply(value, owner, args);
}

/**
 * @param {unknown} owner
 * @param {string} name
 * @param {unknown[]} args
 * @returns {unknown}
 */
function construct(owner, name, ...args) {
  const value = field(owner, name);
  if (typeof value !== "function") throw new TypeError(`there is no class ${name}`);
  return Reflect.construct(value, args);
}

/** @param {unknown} value @returns {value is Tensor} */
function isTensor(value) {
  return value instanceof tf.Tensor;
}

/** @param {unknown} value @returns {Tensor} */
function asTensor(value) {
  if (isTensor(value)) return value;
  throw new TypeError("a tensor is expected");
}

/**
 * The artifacts of a model on disk, as a `tf.io` handler.
 *
 * @param {string} path
 */
function handlerOf(path) {
  return { load: async () => toArtifacts(await readModel(path)) };
}

/** @param {number} height @param {number} width */
function picture(height, width) {
  return tf.tidy(() => {
    const [y, x, c] = [height, width, 3].map((size) => tf.range(0, size));
    if (y === undefined || x === undefined || c === undefined) throw new TypeError("no axes");
    const waves = tf.add(tf.sin(tf.div(y, 7)).reshape([-1, 1, 1]), tf.cos(tf.mul(x, 0.21)).reshape([1, -1, 1]));
    return tf.cast(tf.mul(tf.add(tf.add(waves, tf.mul(c.reshape([1, 1, -1]), 0.4)), 2), 50), "int32");
  });
}

/** What each package does, given its code. The answer is any structure of numbers. */
/** @type {readonly { readonly name: keyof typeof PACKAGES, readonly does: string, readonly source: string, readonly needs?: string, run(code: Record<string, unknown>, loaders: unknown): Promise<unknown> }[]} */
const CASES = [
  ...["mobilenet_v2", "mobilenet_v2_mid"].map((model) => ({
    name: /** @type {const} */ ("nsfwjs"),
    does: `load("${model}"), classify`,
    source: `export { load } from "nsfwjs/core"; export * as definitions from "nsfwjs/models/${model}";`,
    /** @param {Record<string, unknown>} code */
    async run(code) {
      const definitions = Object.values(Object(code["definitions"])).filter((each) => typeof each === "object");
      const net = await call(code, "load", field(definitions[0], "name"), { modelDefinitions: definitions });
      /** @type {unknown} */
      const classes = await call(net, "classify", picture(240, 320));
      // By name: the order is that of the probabilities.
      return Object.fromEntries(
        list({ classes }, "classes").map((each) => [String(field(each, "className")), field(each, "probability")]),
      );
    },
  })),
  {
    name: "@spotify/basic-pitch",
    does: "evaluateModel, outputToNotesPoly",
    source: `export { BasicPitch, outputToNotesPoly } from "@spotify/basic-pitch";`,
    async run(code, loaders) {
      const file = join(folder, "node_modules/@spotify/basic-pitch/model/model.json");
      const basicPitch = construct(code, "BasicPitch", call(loaders, "loadGraphModel", handlerOf(file)));
      const sound = Float32Array.from(
        { length: 50_000 },
        (_, index) => 0.5 * Math.sin((index * 440 * 2 * Math.PI) / 22_050),
      );
      /** @type {unknown[][]} */
      const parts = [];
      const take = (/** @type {unknown[]} */ ...outputs) => void parts.push(outputs);
      await call(basicPitch, "evaluateModel", sound, take, () => undefined);
      const [frames, onsets] = [0, 1].map((index) => parts.flatMap((part) => part[index]));
      return { parts, notes: call(code, "outputToNotesPoly", frames, onsets, 0.25, 0.25, 5) };
    },
  },
  {
    name: "upscaler",
    does: "upscale twice (@upscalerjs/default-model)",
    source: `export { default as Upscaler } from "upscaler"; export { default as model } from "@upscalerjs/default-model";`,
    async run(code) {
      const path = handlerOf(join(folder, "node_modules/@upscalerjs/default-model/models/model.json"));
      const upscaler = construct(code, "Upscaler", { model: Object.assign({}, code["model"], { path }) });
      const result = asTensor(await call(upscaler, "execute", picture(24, 20), { output: "tensor" }));
      return [result.shape, Array.from(await result.data())];
    },
  },
  {
    name: "@tensorflow-models/body-pix",
    does: "load, segmentPerson, segmentPersonParts, predictForPersonSegmentation",
    source: `export { load } from "@tensorflow-models/body-pix";`,
    needs: join(shared, "bodypix-050-float-s16/model.json"),
    async run(code) {
      const net = await call(code, "load", {
        architecture: "MobileNetV1",
        outputStride: 16,
        multiplier: 0.5,
        quantBytes: 4,
        modelUrl: handlerOf(join(shared, "bodypix-050-float-s16/model.json")),
      });
      const image = picture(120, 160);
      const person = await call(net, "segmentPerson", image);
      const parts = await call(net, "segmentPersonParts", image);
      // The picture shows nobody: the numbers before they are compared with thresholds tell more.
      const raw = call(net, "predictForPersonSegmentation", tf.cast(picture(129, 161), "float32"));
      const tensors = Object.values(Object(raw)).map(asTensor);
      return [person, parts, await Promise.all(tensors.map(async (tensor) => Array.from(await tensor.data())))];
    },
  },
];

/**
 * The largest difference of two structures of numbers; Infinity when they are of different forms.
 *
 * @param {unknown} a
 * @param {unknown} b
 * @returns {number}
 */
function distance(a, b) {
  if (typeof a === "number" && typeof b === "number") return Number.isNaN(a) && Number.isNaN(b) ? 0 : Math.abs(a - b);
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b ? 0 : Infinity;
  const [one, other] = [Object.entries(a), Object.entries(b)];
  if (one.length !== other.length) return Infinity;
  let most = 0;
  for (const [key, value] of one) {
    const own = distance(value, Reflect.get(b, key));
    most = Number.isNaN(own) ? Infinity : Math.max(most, own);
  }
  return most;
}

/** @param {unknown} value @returns {number} */
function countNumbers(value) {
  if (typeof value === "number") return 1;
  if (typeof value !== "object" || value === null) return 0;
  let sum = 0;
  for (const each of Object.values(value)) sum += countNumbers(each);
  return sum;
}

const LIMIT = 1e-3;
const rows = [];
let failed = false;
for (const example of CASES) {
  const { name, does, source, needs } = example;
  if (values.only !== "" && !values.only.split(",").includes(name)) continue;
  if (needs !== undefined && !existsSync(needs)) {
    process.stderr.write(`skipped: ${name}, whose weights are not at ${needs}\n`);
    continue;
  }
  process.stderr.write(`${name}: ${does}\n`);
  const before = await packageWith(source, "tfjs");
  const want = await example.run(before, tf);
  const after = await packageWith(source, "drop-in");
  runs = 0;
  const got = await untilAnswered(() => example.run(after, ours));
  if (runs === 0) throw new Error(`${name} did not run on ONNX Runtime`);
  const apart = distance(want, got);
  failed ||= !(apart <= LIMIT);
  rows.push([`${name} ${PACKAGES[name]}`, does, String(runs), String(countNumbers(want)), apart.toExponential(1)]);
}
const heading = ["package", "what runs", "runs of the model", "numbers compared", "largest difference"];
const text = table(heading, rows, 2);
process.stdout.write(`${text}\n`);
if (values.record) {
  const about = "Packages from npm, unchanged but for their loader, on TF.js's plain backend and on onnxruntime-node";
  record(
    "drop-in-packages",
    `## Packages on the drop-in loader\n\n${about} (bench/drop-in-packages.mjs; ${machine()}).\n\n${text}`,
  );
}
if (failed) {
  process.stderr.write(`error: a package gives other answers: the limit is ${LIMIT}\n`);
  process.exitCode = 1;
}
