// Published Graph models exported side by side with tf2onnx followed by onnxslim: nodes, nodes after ONNX Runtime's optimiser,
// bytes, latency in onnxruntime-node on one thread, and time to export.
//
//   node bench/published.mjs [--models age,meet] [--python FILE] [--folder DIR] [--shim FILE] [--seconds 6] [--keep DIR]
//                            [--kept DIR] [--exports 9] [--record]
//
// The models (--folder, one folder each) and the script that repairs tf2onnx 1.17 for them (--shim) are not in this repository;
// they are looked for beside it, in ../shared. tf2onnx and onnxslim are installed in the user's cache. --keep leaves the files
// in a folder, and --kept takes tf2onnx's from such a folder instead of making them. --record puts the tables into
// docs/benchmarks.md.
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import * as ort from "onnxruntime-node";

import { cli, ensureBuild } from "../scripts/bootstrap.mjs";

import { bytes, machine, median, milliseconds, record, table } from "./markdown.mjs";
import { oneThread, run, setUpPeers } from "./peers.mjs";
import { feedsFor } from "./published-models.mjs";

const root = path.resolve(import.meta.dirname, "..");
const { values } = parseArgs({
  options: {
    models: { type: "string", default: "" },
    python: { type: "string" },
    folder: { type: "string", default: path.resolve(root, "../shared/models/graph") },
    shim: { type: "string", default: path.resolve(root, "../shared/peers/tf2onnx_shimmed.py") },
    seconds: { type: "string", default: "6" },
    keep: { type: "string" },
    kept: { type: "string" },
    exports: { type: "string", default: "9" },
    record: { type: "boolean", default: false },
  },
});
const LEAST_TURNS = 5;
const PEER = "tf2onnx, onnxslim";
/** Below this part of our time, theirs is faster. */
const NOISE = 0.95;

ensureBuild();
const { countNodes, countOptimised } = await import("./count-nodes.mjs");
const { exportAnySource, readAnyModel } = await import("../dist/export/any-source.js");
const { readModel } = await import("../dist/node/read-model.js");

/** @typedef {import("onnxruntime-node").InferenceSession.OnnxValueMapType} Outputs */

/**
 * One way from a model to a file.
 *
 * @typedef {object} Contestant
 * @property {string} name
 * @property {string | null} file null where the exporter refuses the model
 * @property {number} exportMs milliseconds of whole processes
 */

/** @typedef {{ times: number[], outputs: Outputs }} Run */

/**
 * Milliseconds of library calls, from the model's files in memory to the bytes of the ONNX file; one warms up.
 *
 * @param {string} folder
 */
async function exportTimes(folder) {
  /** @type {number[]} */
  const times = [];
  for (let turn = 0; turn <= Number(values.exports); turn++) {
    const raw = await readModel(folder);
    const started = performance.now();
    await exportAnySource(await readAnyModel(raw), {});
    if (turn > 0) times.push(performance.now() - started);
  }
  return times;
}

/**
 * @param {string} folder
 * @param {string} file
 * @param {readonly string[]} options for float32 weights, or none
 * @returns {Contestant}
 */
function exportOurs(folder, file, options) {
  const { took } = run(process.execPath, [cli, "export", folder, "--no-verify", "--out", file, ...options]);
  return { name: options.length === 0 ? "tfjs-to-onnx" : "the same, weights as float32", file, exportMs: took };
}

/** @param {string} python @param {string} folder @param {string} file @returns {Contestant} */
function exportPeer(python, folder, file) {
  const plain = `${file}.plain.onnx`;
  const args = [values.shim, "--tfjs", path.join(folder, "model.json"), "--opset", "17", "--output", plain];
  try {
    const { took } = run(python, args, { PEERS_SHIM: "all", TF_CPP_MIN_LOG_LEVEL: "3" });
    const slim = run(python, [path.join(import.meta.dirname, "graph_peers.py"), "onnxslim", plain, file]);
    return { name: PEER, file, exportMs: took + slim.took };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message.slice(-500) : String(error)}\n`);
    return { name: PEER, file: null, exportMs: Number.NaN };
  }
}

/** What an earlier run left. @param {string} model @returns {Contestant} */
function keptPeer(model) {
  const file = path.join(values.kept ?? "", `${model}.peer.onnx`);
  return { name: PEER, file: existsSync(file) ? file : null, exportMs: Number.NaN };
}

/**
 * Milliseconds of runs of each file, in turns, so that a busy moment hits all alike; null where ONNX Runtime refuses a file.
 *
 * @param {string} model
 * @param {readonly Contestant[]} contestants
 * @returns {Promise<(Run | null)[]>}
 */
async function runInTurns(model, contestants) {
  const runs = await Promise.all(
    contestants.map(async ({ file }) => {
      if (file === null) return null;
      try {
        const session = await ort.InferenceSession.create(file, oneThread());
        const feeds = feedsFor(model, session.inputMetadata);
        const outputs = await session.run(feeds);
        return { session, feeds, outputs, times: /** @type {number[]} */ ([]) };
      } catch (error) {
        process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
        return null;
      }
    }),
  );
  const open = runs.filter((each) => each !== null);
  const end = performance.now() + Number(values.seconds) * 1000;
  for (let turn = 0; turn < LEAST_TURNS || performance.now() < end; turn++) {
    const start = turn % open.length;
    for (const { session, feeds, times } of [...open.slice(start), ...open.slice(0, start)]) {
      const started = performance.now();
      await session.run(feeds);
      times.push(performance.now() - started);
    }
  }
  for (const { session } of open) await session.release();
  return runs;
}

/**
 * Largest difference of outputs that have the same name and size, as a part of the output's range; NaN where there is none.
 *
 * @param {Outputs} ours
 * @param {Outputs} theirs
 */
function distance(ours, theirs) {
  const found = new Map(Object.entries(theirs).map(([name, { data }]) => [name.replace(/:0$/u, ""), data]));
  const differences = Object.entries(ours).flatMap(([name, { data }]) => {
    const other = found.get(name);
    if (!(data instanceof Float32Array) || !(other instanceof Float32Array) || other.length !== data.length) return [];
    let [least, most, worst] = [Infinity, -Infinity, 0];
    for (const [index, value] of data.entries()) {
      [least, most] = [Math.min(least, value), Math.max(most, value)];
      worst = Math.max(worst, Math.abs(value - (other[index] ?? Number.NaN)));
    }
    return [worst === 0 ? 0 : worst / Math.max(most - least, Math.abs(most))];
  });
  return differences.length === 0 ? Number.NaN : Math.max(...differences);
}

/** The ratio of the fastest runs, and of the medians. @param {Run} of @param {Run} to */
function ratios(of, to) {
  return [Math.min(...of.times) / Math.min(...to.times), median(of.times) / median(to.times)];
}

/**
 * Table rows of one model, and where our file has more nodes or takes longer than theirs.
 *
 * @param {string} model
 * @param {string | null} python null where the peers' files are kept ones
 * @param {string} work
 */
async function measure(model, python, work) {
  const folder = path.join(values.folder, model);
  const stored = exportOurs(folder, path.join(work, `${model}.onnx`), []);
  const float = exportOurs(folder, path.join(work, `${model}.float32.onnx`), ["--precision", "float32"]);
  const peer = python === null ? keptPeer(model) : exportPeer(python, folder, path.join(work, `${model}.peer.onnx`));
  const contestants = [stored, ...(sameNodes(stored, float) ? [] : [float]), peer];
  const runs = await runInTurns(model, contestants);
  const [ours] = runs;
  if (ours === undefined || ours === null) throw new Error(`${model}: ONNX Runtime refuses the exported file`);
  /** @type {string[][]} */
  const rows = [];
  /** @type {number[][]} */
  const counts = [];
  for (const [index, { name, file }] of contestants.entries()) {
    const start = [index === 0 ? model : "", name];
    if (file === null) {
      rows.push([...start, "not converted", "", "", "", "", "", ""]);
      continue;
    }
    const own = runs[index] ?? null;
    const [nodes, size] = [countNodes(file), bytes(statSync(file).size)];
    if (own === null) {
      rows.push([...start, String(nodes), "refused", size, "", "", "", ""]);
      continue;
    }
    const optimised = await countOptimised(file);
    counts.push([nodes, optimised]);
    const apart = distance(ours.outputs, own.outputs);
    const times = [Math.min(...own.times), median(own.times)].map(milliseconds);
    const compared =
      own === ours
        ? ["", ""]
        : [
            ratios(own, ours)
              .map((ratio) => ratio.toFixed(2))
              .join(", "),
          ];
    if (own !== ours) compared.push(Number.isNaN(apart) ? "" : apart.toExponential(1));
    rows.push([...start, String(nodes), String(optimised), size, ...times, ...compared]);
  }
  /** @type {string[]} */
  const behind = [];
  const theirs = runs.at(-1) ?? null;
  if (theirs !== null) {
    const [mine, other] = [counts.at(-2) ?? [], counts.at(-1) ?? []];
    if (Number(mine[0]) > Number(other[0])) behind.push(`${model} has ${mine[0]} nodes (theirs ${other[0]})`);
    if (Number(mine[1]) > Number(other[1])) behind.push(`${model} has ${mine[1]} optimised nodes (theirs ${other[1]})`);
    const slower = ratios(theirs, ours);
    if (Math.max(...slower) < NOISE)
      behind.push(`${model} takes ${(1 / Math.max(...slower)).toFixed(2)} times as long`);
  }
  const times = await exportTimes(folder);
  const took = [Math.min(...times), median(times), stored.exportMs, peer.exportMs].map(milliseconds);
  return { rows, behind, exported: [model, rows[0]?.[2] ?? "", ...took] };
}

/** @param {Contestant} one @param {Contestant} other */
function sameNodes(one, other) {
  return one.file !== null && other.file !== null && countNodes(one.file) === countNodes(other.file);
}

const python = values.kept === undefined ? (values.python ?? setUpPeers()) : null;
const work = values.keep ?? mkdtempSync(path.join(tmpdir(), "tfjs-to-onnx-bench-"));
const models = values.models === "" ? readdirSync(values.folder).toSorted() : values.models.split(",");
/** @type {Awaited<ReturnType<typeof measure>>[]} */
const measured = [];
try {
  for (const model of models) {
    process.stderr.write(`${model} ...\n`);
    measured.push(await measure(model, python, work));
  }
} finally {
  if (values.keep === undefined) rmSync(work, { recursive: true, force: true });
}

const head = ["", "", "nodes", "after ORT's optimiser", "file", "fastest run", "median", "/ ours", "from ours"];
const behind = measured.flatMap((each) => each.behind);
const text = [
  "## Published Graph models",
  `\`node bench/published.mjs\`, ${machine()}; onnxruntime-node ${ort.env.versions.common}, one thread, a batch of 1; tf2onnx 1.17.0, repaired where it
fails on these models, then onnxslim. Files run in turns. "/ ours" divides by the file in the first row of the model; "from ours" is
the largest difference of an output, divided by its range.`,
  table(
    head,
    measured.flatMap(({ rows }) => rows),
    2,
  ),
  behind.length === 0
    ? "No model has more nodes than theirs (weights as float32), or takes longer beyond noise."
    : `Behind theirs in this run: ${behind.join("; ")}.`,
  `Time to export: a library call, warm, from the files in memory to the bytes; a whole process of \`export\`; a whole process of tf2onnx and
one of onnxslim:`,
  table(
    ["", "nodes", "library call, least", "median", "process", "tf2onnx and onnxslim"],
    measured.map(({ exported }) => exported),
  ),
].join("\n\n");
process.stdout.write(`${text}\n`);
if (values.record) record("published", text);
