// Packages from npm that run TF.js models, unchanged but for the loader: once with TF.js's, once with tfjs-to-onnx/drop-in, and how far their answers are
// apart. They are installed into a folder of their own, outside this repository:
//
//   node bench/drop-in-packages.mjs [FOLDER] [--no-install] [--only upscaler,nsfwjs] [--record]
//
// A package calls `predict` and goes on at once, where ONNX Runtime answers later. So the call is ended (by throwing), and made anew when the answer is
// there. Those who can edit the code write `await` instead. --record writes docs/benchmarks.md.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

import { build } from "esbuild";

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

// One TF.js for all: the packages' own copies, if any, are not used.
const requireThere = createRequire(join(folder, "package.json"));
/** @type {typeof import("@tensorflow/tfjs")} */
const tf = await import(pathToFileURL(requireThere.resolve("@tensorflow/tfjs")).href);
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
      const value = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      if (key !== "predict" && key !== "execute" && key !== "predictOnBatch") return value.bind(target);
      /** @param {unknown[]} args */
      return (...args) => {
        const known = answers[asked++];
        if (known === undefined) throw new NotYet(ask(Reflect.apply(value, target, args)));
        const tensors = known.map(({ data, shape, dtype }) => tf.tensor(data, shape, dtype));
        return tensors.length === 1 ? tensors[0] : tensors;
      };
    },
  });
}

/** @param {Promise<Tensor | Tensor[]>} running */
async function ask(running) {
  const tensors = [await running].flat();
  const kept = await Promise.all(
    tensors.map(async (tensor) => ({ data: await tensor.data(), shape: tensor.shape, dtype: tensor.dtype })),
  );
  tf.dispose(tensors);
  answers.push(kept);
  runs++;
}

/**
 * @template Result
 * @param {() => Promise<Result>} call
 */
async function untilAnswered(call) {
  answers = [];
  for (;;) {
    asked = 0;
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof NotYet)) throw error;
      await error.answer;
    }
  }
}

Reflect.set(globalThis, "dropInLoaders", {
  /** @param {Parameters<typeof dropIn.loadGraphModel>} args */
  loadGraphModel: async (...args) => answering(await dropIn.loadGraphModel(...args)),
  /** @param {Parameters<typeof dropIn.loadLayersModel>} args */
  loadLayersModel: async (...args) => answering(await dropIn.loadLayersModel(...args)),
});

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
        setup(build) {
          build.onResolve({ filter: /^@tensorflow\/tfjs(?:-core|-converter|-layers)?$/ }, ({ path, pluginData }) =>
            pluginData === "real" ? { path, external: true } : { path, namespace: "tfjs" },
          );
          build.onLoad({ filter: /./, namespace: "tfjs" }, () => ({
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
  return import(pathToFileURL(outfile).href);
}
Reflect.set(globalThis, "dropInTfjs", tf);

/**
 * @param {Record<string, unknown>} from
 * @param {string} name
 * @returns {Function}
 */
function method(from, name) {
  const value = from[name];
  if (typeof value !== "function") throw new TypeError(`there is no function ${name}`);
  return value;
}

/**
 * The artifacts of a model on disk, as a `tf.io` handler.
 *
 * @param {string} path
 */
function handlerOf(path) {
  const manifest = JSON.parse(readFileSync(path, "utf8"));
  /** @type {readonly { readonly paths: readonly string[], readonly weights: readonly unknown[] }[]} */
  const groups = manifest.weightsManifest;
  const bytes = Buffer.concat(groups.flatMap(({ paths }) => paths.map((name) => readFileSync(join(path, "..", name)))));
  const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  return { load: async () => ({ ...manifest, weightSpecs: groups.flatMap(({ weights }) => weights), weightData }) };
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
/** @type {readonly { readonly name: keyof typeof PACKAGES, readonly does: string, readonly source: string, readonly needs?: string, run(code: Record<string, unknown>): Promise<unknown> }[]} */
const CASES = [
  ...["mobilenet_v2", "mobilenet_v2_mid"].map((model) => ({
    name: /** @type {const} */ ("nsfwjs"),
    does: `load("${model}"), classify`,
    source: `export { load } from "nsfwjs/core"; export * as definitions from "nsfwjs/models/${model}";`,
    /** @param {Record<string, unknown>} code */
    async run(code) {
      const definitions = Object.values(Object(code["definitions"])).filter((each) => typeof each === "object");
      const [definition] = definitions;
      const net = await method(code, "load")(definition.name, { modelDefinitions: definitions });
      const image = picture(240, 320);
      const classes = await net.classify(image);
      return Object.fromEntries(
        classes.map((/** @type {{ className: string, probability: number }} */ each) => [
          each.className,
          each.probability,
        ]),
      );
    },
  })),
  {
    name: "@spotify/basic-pitch",
    does: "evaluateModel, outputToNotesPoly",
    source: `export { BasicPitch, outputToNotesPoly } from "@spotify/basic-pitch";`,
    async run(code) {
      const BasicPitch = method(code, "BasicPitch");
      const model = await Reflect.get(
        Object(globalThis),
        code["isDropIn"] === true ? "dropInLoaders" : "dropInTfjs",
      ).loadGraphModel(handlerOf(join(folder, "node_modules/@spotify/basic-pitch/model/model.json")));
      const sound = Float32Array.from(
        { length: 50_000 },
        (_, index) => 0.5 * Math.sin((index * 440 * 2 * Math.PI) / 22_050),
      );
      /** @type {unknown[][]} */
      const parts = [];
      await Reflect.construct(BasicPitch, [Promise.resolve(model)]).evaluateModel(
        sound,
        (/** @type {unknown[]} */ ...outputs) => parts.push(outputs),
        () => undefined,
      );
      const whole = [0, 1].map((index) => parts.flatMap((part) => part[index]));
      return { parts, notes: method(code, "outputToNotesPoly")(...whole, 0.25, 0.25, 5) };
    },
  },
  {
    name: "upscaler",
    does: "upscale twice (@upscalerjs/default-model)",
    source: `export { default as Upscaler } from "upscaler"; export { default as model } from "@upscalerjs/default-model";`,
    async run(code) {
      const path = handlerOf(join(folder, "node_modules/@upscalerjs/default-model/models/model.json"));
      const upscaler = Reflect.construct(method(code, "Upscaler"), [{ model: { ...Object(code["model"]), path } }]);
      /** @type {Tensor} */
      const result = await upscaler.execute(picture(24, 20), { output: "tensor" });
      return [result.shape, Array.from(await result.data())];
    },
  },
  {
    name: "@tensorflow-models/body-pix",
    does: "load, segmentPerson, segmentPersonParts, predictForPersonSegmentation",
    source: `export { load } from "@tensorflow-models/body-pix";`,
    needs: join(shared, "bodypix-050-float-s16/model.json"),
    async run(code) {
      const net = await method(
        code,
        "load",
      )({
        architecture: "MobileNetV1",
        outputStride: 16,
        multiplier: 0.5,
        quantBytes: 4,
        modelUrl: handlerOf(join(shared, "bodypix-050-float-s16/model.json")),
      });
      const image = picture(120, 160);
      const person = await net.segmentPerson(image);
      const parts = await net.segmentPersonParts(image);
      // The picture shows nobody: the numbers before they are compared with thresholds tell more.
      /** @type {Record<string, Tensor>} */
      const raw = net.predictForPersonSegmentation(tf.cast(picture(129, 161), "float32"));
      const numbers = await Promise.all(Object.values(raw).map(async (tensor) => Array.from(await tensor.data())));
      return [person, parts, numbers];
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
  return typeof value === "object" && value !== null
    ? Object.values(value).reduce((sum, each) => sum + countNumbers(each), 0)
    : 0;
}

const LIMIT = 1e-3;
const rows = [];
let failed = false;
for (const { name, does, source, needs, run } of CASES) {
  if (values.only !== "" && !values.only.split(",").includes(name)) continue;
  if (needs !== undefined && !existsSync(needs)) {
    process.stderr.write(`skipped: ${name}, whose weights are not at ${needs}\n`);
    continue;
  }
  process.stderr.write(`${name}: ${does}\n`);
  const before = await packageWith(source, "tfjs");
  const want = await run({ ...before });
  const after = await packageWith(source, "drop-in");
  runs = 0;
  const got = await untilAnswered(() => run({ ...after, isDropIn: true }));
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
