// Ten published Graph models on TF.js (native TensorFlow, WASM) and on ONNX Runtime (native CPU, WASM). One thread, a batch of 1.
// The command `bench` measures the four in turns.
//
//   node bench/published-runtimes.mjs [--folder DIR] [--models meet,facemesh] [--rounds 3] [--record]
//
// The models (--folder, one folder each) are not in this repository; they are looked for beside it, in ../shared. --record
// writes docs/benchmarks.md and the table in README.md.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { parseArgs } from "node:util";

import { cli, ensureBuild } from "../scripts/bootstrap.mjs";

import { field, list } from "./json.mjs";
import { machine, milliseconds, record, table } from "./markdown.mjs";
import { SHAPES } from "./published-models.mjs";

const root = path.resolve(import.meta.dirname, "..");
const { values } = parseArgs({
  options: {
    folder: { type: "string", default: path.resolve(root, "../shared/models/graph") },
    models: { type: "string", default: "" },
    rounds: { type: "string", default: "3" },
    record: { type: "boolean", default: false },
  },
});
ensureBuild();

/** What each model does. @type {Readonly<Record<string, string>>} */
const ABOUT = {
  "basic-pitch": "notes of music",
  blazeface: "faces",
  "bodypix-050-float-s16": "parts of the body",
  centernet: "objects",
  emotion: "emotion of a face",
  facemesh: "landmarks of a face",
  "handlandmark-lite": "landmarks of a hand",
  handtrack: "hands, with NMS",
  meet: "person or background",
  "style-transformer-separable": "style transfer",
};
const PLACES = ["tfjs/tensorflow", "tfjs/wasm", "node/cpu", "web/wasm"];
const models = values.models === "" ? Object.keys(ABOUT) : values.models.split(",");

/** Median milliseconds of a run in each place; NaN where it fails. @param {string} model */
function measure(model) {
  const shapes = Object.entries(SHAPES[model] ?? {}).flatMap(([name, dims]) => [
    "--input-shape",
    `${name}=${dims.join(",")}`,
  ]);
  const args = ["bench", path.join(values.folder, model), "--json", "--on", PLACES.join(",")];
  args.push("--batches", "1", "--threads", "1", "--rounds", values.rounds, ...shapes);
  const { status, stdout } = spawnSync(process.execPath, [cli, ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error(`bench of ${model} failed: see above`);
  /** @type {unknown} */
  const answer = JSON.parse(stdout);
  const runs = list(answer, "runs");
  return PLACES.map((place) => {
    const run = runs.find((each) => `${String(field(each, "runtime"))}/${String(field(each, "provider"))}` === place);
    const took = field(run, "medianMs");
    return typeof took === "number" ? took : Number.NaN;
  });
}

/** @param {number} slow @param {number} fast */
function ratio(slow, fast) {
  const times = slow / fast;
  return Number.isNaN(times) ? "" : `${times.toFixed(times < 10 ? 1 : 0)} x`;
}

/** @type {{ times: number[], row: string[] }[]} */
const measured = [];
for (const model of models) {
  process.stderr.write(`${model} ...\n`);
  const times = measure(model);
  const [tensorflow = Number.NaN, tfWasm = Number.NaN, cpu = Number.NaN, wasm = Number.NaN] = times;
  const name = [model, ABOUT[model]].filter(Boolean).join(": ");
  const cells = [milliseconds(tensorflow), milliseconds(cpu), ratio(tensorflow, cpu)];
  measured.push({ times, row: [name, ...cells, milliseconds(tfWasm), milliseconds(wasm), ratio(tfWasm, wasm)] });
}
const figures = table(
  ["", "TF.js native", "ONNX Runtime native", "faster by", "TF.js WASM", "ONNX Runtime WASM", "faster by"],
  measured.map(({ row }) => row),
);
const command = `node bench/published-runtimes.mjs --rounds ${values.rounds}`;
const source = `(\`${command}\`, ${machine()}. Median of one run, a batch of 1, one thread; TF.js native is tfjs-node, which takes as many threads as it
likes.)`;
process.stdout.write(`${figures}\n\n${source}\n`);
if (values.record) {
  record("published runtimes", ["## Published Graph models on TF.js and ONNX Runtime", figures, source].join("\n\n"));
  record("published runtimes", [figures, source].join("\n\n"), "README.md");
}
