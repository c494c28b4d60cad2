// Exported graphs side by side with what a user of Python would have: nodes, bytes, time to export as a library call and as a
// whole process, latency in onnxruntime-node and distance from TF.js's answers, of the same models with the same weights.
//
//   node bench/graphs.mjs [--peers] [--python FILE] [--models seed,mobilenet] [--rounds 12] [--exports 3] [--record]
//
// --peers sets Keras, TensorFlow, tf2onnx and onnxslim up from the Python registry, in the user's cache; it stays there
// (1.5 GB). --python names a Python that has them already. --record puts the tables into docs/benchmarks.md, and with peers
// their short form into README.md.
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import * as ort from "onnxruntime-node";

import { cli, ensureBuild } from "../scripts/bootstrap.mjs";
import { list } from "./json.mjs";

import { JUDGED, makeModels } from "./graph-models.mjs";
import { bytes, machine, median, milliseconds, record, table } from "./markdown.mjs";
import { oneThread, run, setUpPeers } from "./peers.mjs";

const { values } = parseArgs({
  options: {
    peers: { type: "boolean", default: false },
    python: { type: "string" },
    models: { type: "string", default: "" },
    rounds: { type: "string", default: "12" },
    exports: { type: "string", default: "3" },
    record: { type: "boolean", default: false },
  },
});

const EXPORTERS = ["tf2onnx", "keras.export"];
const BATCHES = [1, 64];
const root = path.resolve(import.meta.dirname, "..");
const script = path.join(import.meta.dirname, "graph_peers.py");

ensureBuild();
const { countNodes, countOptimised } = await import("./count-nodes.mjs");

/** @typedef {import("./graph-models.mjs").BenchModel} BenchModel */

/**
 * One way from a model to a file.
 *
 * @typedef {object} Contestant
 * @property {string} name
 * @property {string} file
 * @property {number} process milliseconds from start to end of a process that exports once
 * @property {number} first milliseconds of the first export in a process
 * @property {number} later milliseconds of exports after it
 */

/** The times in a line of JSON. @param {string} line */
function timesIn(line) {
  return list(JSON.parse(line), "times").map(Number);
}

const library = `
import { readModel } from ${JSON.stringify(path.join(root, "dist", "node", "read-model.js"))};
import { exportRaw } from ${JSON.stringify(path.join(root, "dist", "export", "export-model.js"))};
const raw = await readModel(process.argv[1]);
const times = [];
for (let round = 0; round < 11; round++) {
  const started = performance.now();
  exportRaw(raw);
  times.push(performance.now() - started);
}
console.log(JSON.stringify({ times }));
`;

/** @param {BenchModel} model @returns {Contestant} */
function exportOurs({ folder }) {
  const file = path.join(folder, "ours.onnx");
  const model = path.join(folder, "model.json");
  const program = [cli, "export", model, "--no-verify", "--out", file];
  const { took } = run(process.execPath, program);
  const { stdout } = run(process.execPath, ["--input-type=module", "-e", library, model]);
  const [first = Number.NaN, ...later] = timesIn(stdout);
  return { name: "tfjs-to-onnx", file, process: took, first, later: median(later) };
}

/** @param {string} python @param {string} kind @param {BenchModel} model @returns {Contestant} */
function exportPeer(python, kind, { folder }) {
  const file = path.join(folder, `${kind}.onnx`);
  const args = [script, kind, path.join(folder, "model.json"), path.join(folder, "ordered.bin"), file];
  const { stdout, took } = run(python, args);
  const line = stdout.split("\n").find((each) => each.startsWith("JSON ")) ?? "";
  const [first = Number.NaN, later = Number.NaN] = timesIn(line.slice(5)).map((each) => each * 1000);
  return { name: kind, file, process: took - later, first, later };
}

/** The same file after onnxslim. @param {string} python @param {Contestant} from @returns {Contestant} */
function slim(python, from) {
  const file = from.file.replace(".onnx", ".slim.onnx");
  run(python, [script, "onnxslim", from.file, file]);
  const none = Number.NaN;
  return { name: `${from.name}, onnxslim`, file, process: none, first: none, later: none };
}

/** @param {BenchModel} model @param {ort.InferenceSession} runner @param {number} batch */
function feeds({ shape, input }, runner, batch) {
  const size = shape.reduce((product, dim) => product * dim, 1);
  const name = runner.inputNames[0] ?? "";
  return { [name]: new ort.Tensor("float32", input.subarray(0, batch * size), [batch, ...shape]) };
}

/**
 * Milliseconds of runs by file and batch, one run after the other in turns, so that a busy moment hits all alike.
 *
 * @param {BenchModel} model
 * @param {readonly Contestant[]} contestants
 * @param {number} rounds
 */
async function latencies(model, contestants, rounds) {
  const runners = await Promise.all(
    contestants.map(async ({ name, file }) => ({ name, runner: await ort.InferenceSession.create(file, oneThread()) })),
  );
  /** @type {Map<string, number[]>} */
  const times = new Map(contestants.flatMap(({ name }) => BATCHES.map((batch) => [`${name} ${batch}`, []])));
  for (const batch of BATCHES) {
    const turns = batch === 1 ? rounds * 40 : rounds * 4;
    for (let turn = -2; turn < turns; turn++) {
      for (let place = 0; place < runners.length; place++) {
        const next = runners[(place + Math.max(turn, 0)) % runners.length];
        if (next === undefined) continue;
        const fed = feeds(model, next.runner, batch);
        const started = performance.now();
        await next.runner.run(fed);
        if (turn >= 0) times.get(`${next.name} ${batch}`)?.push(performance.now() - started);
      }
    }
  }
  for (const { runner } of runners) await runner.release();
  return times;
}

/** Largest difference from TF.js's answers. @param {BenchModel} model @param {string} file */
async function distance(model, file) {
  const runner = await ort.InferenceSession.create(file, oneThread());
  const results = await runner.run(feeds(model, runner, JUDGED));
  await runner.release();
  const data = results[runner.outputNames[0] ?? ""]?.data;
  if (!(data instanceof Float32Array) || data.length !== model.expected.length) throw new TypeError("another shape");
  return data.reduce((worst, value, index) => Math.max(worst, Math.abs(value - (model.expected[index] ?? 0))), 0);
}

/**
 * Export in turns, and keep the medians.
 *
 * @param {BenchModel} model
 * @param {string | null} python
 */
function exportAll(model, python) {
  const ways = [
    () => exportOurs(model),
    ...(python === null ? [] : EXPORTERS.map((kind) => () => exportPeer(python, kind, model))),
  ];
  const runs = Array.from({ length: Number(values.exports) }, () => ways.map((way) => way()));
  return ways.flatMap((_, index) => {
    const own = runs.flatMap((each) => each[index] ?? []);
    const [last] = own;
    if (last === undefined) return [];
    const contestant = {
      ...last,
      process: median(own.map((each) => each.process)),
      first: median(own.map((each) => each.first)),
      later: median(own.map((each) => each.later)),
    };
    return index === 0 || python === null ? [contestant] : [contestant, slim(python, contestant)];
  });
}

const python = values.peers || values.python !== undefined ? (values.python ?? setUpPeers()) : null;
const work = mkdtempSync(path.join(tmpdir(), "tfjs-to-onnx-bench-"));
/** @type {string[][]} */
const graphs = [];
/** @type {string[][]} */
const exportTimes = [];
/** @type {string[][]} */
const short = [];
/** @type {number[]} */
const slower = [];
try {
  const names = values.models === "" ? [] : values.models.split(",");
  for (const model of await makeModels(work, names)) {
    process.stderr.write(`${model.title} ...\n`);
    const contestants = exportAll(model, python);
    const times = await latencies(model, contestants, Number(values.rounds));
    /** @param {string} name @param {number} batch */
    const of = (name, batch) => times.get(`${name} ${batch}`) ?? [];
    const [ours] = contestants;
    if (ours !== undefined && contestants.length > 1) {
      const theirs = contestants.slice(1);
      const fewest = Math.min(...theirs.map(({ file }) => countNodes(file)));
      const wholes = theirs.map((each) => each.process).filter((time) => !Number.isNaN(time));
      const whole = [ours.process, Math.min(...wholes)].map(milliseconds);
      short.push([model.title, String(countNodes(ours.file)), String(fewest), ...whole]);
      for (const { name } of theirs)
        for (const batch of BATCHES) slower.push(median(of(name, batch)) / median(of(ours.name, batch)));
    }
    for (const contestant of contestants) {
      const { name, file } = contestant;
      const first = contestant === ours;
      const latency = BATCHES.flatMap((batch) => {
        const [own, best] = [of(name, batch), of(ours?.name ?? "", batch)];
        const ratios = [Math.min(...own) / Math.min(...best), median(own) / median(best)];
        return [milliseconds(Math.min(...own)), first ? "" : ratios.map((ratio) => ratio.toFixed(2)).join(", ")];
      });
      graphs.push([
        first ? model.title : "",
        name,
        String(countNodes(file)),
        String(await countOptimised(file)),
        bytes(statSync(file).size),
        ...latency,
        (await distance(model, file)).toExponential(1),
      ]);
      if (!Number.isNaN(contestant.first)) {
        const { process: whole, first: once, later } = contestant;
        exportTimes.push([first ? model.title : "", name, ...[whole, once, later].map(milliseconds)]);
      }
    }
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

const graphHead = [
  "",
  "",
  "nodes",
  "after ORT's optimiser",
  "file",
  "batch 1",
  "/ ours",
  "batch 64",
  "/ ours",
  "from TF.js",
];
const text = [
  "## Export",
  `\`node bench/graphs.mjs${python === null ? "" : " --peers"}\`, ${machine()}; onnxruntime-node ${ort.env.versions.common}, one thread.`,
  "The graph, and how long ONNX Runtime takes (the fastest run; that and the median, each divided by ours; the files in turns):",
  table(graphHead, graphs, 2),
  "How long the export takes: a whole process, from its start to its end; a library call, the first in a process and later ones:",
  table(["", "", "whole process", "first call", "later calls"], exportTimes, 2),
].join("\n\n");
process.stdout.write(`${text}\n`);
if (values.record) record("export", text);
if (values.record && short.length > 0) {
  const span = [Math.min(...slower), Math.max(...slower)].map((ratio) => ratio.toFixed(2)).join(" to ");
  const figures = table(["", "nodes", "fewest of theirs", "whole process", "fastest of theirs"], short);
  const ratios = `In ONNX Runtime their files take ${span} times as long as these (medians on one thread, batch 1 and 64).`;
  const source = `(\`node bench/graphs.mjs --peers\`, ${machine()}.)`;
  record("peers", [figures, ratios, source].join("\n\n"), "README.md");
}
