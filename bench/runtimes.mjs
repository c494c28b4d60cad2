// The MNIST CRNN, as shipped, on TF.js and both ONNX runtimes: latency of batches of 1, 8 and 64, cold start, memory, by
// the command `bench`, which measures all of them in turns.
//
//   node bench/runtimes.mjs [--threads 1] [--rounds 5] [--record]
//
// --record writes docs/benchmarks.md, docs/runtimes.svg and the table in README.md.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { parseArgs } from "node:util";

import { cli, ensureBuild } from "../scripts/bootstrap.mjs";
import { field, list } from "./json.mjs";
import { bytes, machine, milliseconds, record, table } from "./markdown.mjs";

/** @typedef {{ batch: number, perSecond: number }} Throughput */
/** @typedef {{ name: string, coldStartMs: number, peakBytes: number | null, throughput: Throughput[] }} Run */

const { values } = parseArgs({
  options: {
    threads: { type: "string", default: "1" },
    rounds: { type: "string", default: "5" },
    record: { type: "boolean", default: false },
  },
});
ensureBuild();

const root = path.resolve(import.meta.dirname, "..");
const BATCHES = [1, 8, 64];
const PLACES = "tfjs/tensorflow,tfjs/wasm,node/cpu,web/wasm";
const args = ["bench", "models/crnn-mnist/model.json", "--json", "--on", PLACES, "--batches", BATCHES.join(",")];
args.push("--threads", values.threads, "--rounds", values.rounds);
if (values.record) args.push("--svg", "docs/runtimes.svg");
const { status, stdout } = spawnSync(process.execPath, [cli, ...args], {
  cwd: root,
  encoding: "utf8",
  stdio: ["ignore", "pipe", "inherit"],
});
if (status !== 0) throw new Error("bench failed: see above");
/** @type {unknown} */
const answer = JSON.parse(stdout);
const runs = list(answer, "runs").map(readRun);

/** @param {unknown} run @returns {Run} */
function readRun(run) {
  const peak = field(run, "peakBytes");
  return {
    name: String(field(run, "name")),
    coldStartMs: Number(field(run, "coldStartMs")),
    peakBytes: peak === null ? null : Number(peak),
    throughput: list(run, "throughput").map((each) => ({
      batch: Number(field(each, "batch")),
      perSecond: Number(field(each, "perSecond")),
    })),
  };
}

/** @param {Run} run @param {number} batch */
function latency({ throughput }, batch) {
  const found = throughput.find((each) => each.batch === batch);
  return found === undefined ? Number.NaN : (1000 * batch) / found.perSecond;
}

const ours = runs.find(({ name }) => name.startsWith("node/cpu"));
const head = ["", "cold start", ...BATCHES.map((batch) => `batch ${batch}`), "peak memory"];
const figures = table(
  head,
  runs.map((run) => [
    run.name,
    milliseconds(run.coldStartMs),
    ...BATCHES.map((batch) => {
      const ratio =
        ours === undefined || run === ours ? "" : ` (${show(latency(run, batch) / latency(ours, batch))} x)`;
      return `${milliseconds(latency(run, batch))}${ratio}`;
    }),
    run.peakBytes === null ? "" : bytes(run.peakBytes),
  ]),
);
console.log(figures);
if (values.record) {
  const command = `node bench/runtimes.mjs --threads ${values.threads} --rounds ${values.rounds}`;
  const where = machine();
  record(
    "runtimes",
    [
      "## The MNIST CRNN on each runtime",
      `\`${command}\`, ${where}.`,
      `Median of one run, and how many times as long as onnxruntime-node's that is; cold start is a whole process to its first
answer. tfjs/tensorflow takes as many threads as it likes.`,
      figures,
      "![The same as bars](runtimes.svg)",
    ].join("\n\n"),
  );
  record("runtimes", [figures, `(\`${command}\`, ${where}.)`].join("\n\n"), "README.md");
}

/** @param {number} ratio */
function show(ratio) {
  return ratio < 10 ? ratio.toFixed(1) : ratio.toFixed(0);
}
