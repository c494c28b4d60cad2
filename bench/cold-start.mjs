// Whole processes from their start to their end, in turns: an empty Node, scripts that run one model on ONNX Runtime and do
// nothing else, and our command line on the same model.
//
//   node bench/cold-start.mjs [--rounds 15] [--bin dist/cli/bin.js] [--json] [--record]
//
// --bin measures another build's command line beside the package's own. --record puts the table into docs/benchmarks.md.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { cli, ensureBuild } from "../scripts/bootstrap.mjs";

import { machine, median, milliseconds, record, table } from "./markdown.mjs";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "15" },
    bin: { type: "string", multiple: true, default: [] },
    json: { type: "boolean", default: false },
    record: { type: "boolean", default: false },
  },
});

ensureBuild();
const { renderedDigits } = await import("../dist/data/digits/rendered-digits.js");
const { encodeGreyPng } = await import("../dist/node/png.js");

const root = path.resolve(import.meta.dirname, "..");
const folder = path.join(root, "models", "crnn-mnist");
const model = path.join(folder, "model.onnx");

/**
 * One kind of process.
 *
 * @typedef {object} Contestant
 * @property {string} name
 * @property {readonly string[]} args of Node
 * @property {string} beside name of the contestant that its times are divided by
 * @property {RegExp} says what its stdout must have, so that a process that fails early is no fast one
 */

/** What anyone would write. @param {"onnxruntime-node" | "onnxruntime-web"} name @param {string} ending */
function bareScript(name, ending) {
  return [
    `import * as ort from "${name}";`,
    `import { readFile } from "node:fs/promises";`,
    `const session = await ort.InferenceSession.create(await readFile(${JSON.stringify(model)}));`,
    `const zeros = new ort.Tensor("float32", new Float32Array(28 * 28), [1, 28, 28, 1]);`,
    `const results = await session.run({ [session.inputNames[0]]: zeros });`,
    `console.log("answer", results[session.outputNames[0]].data.length);`,
    ending,
  ].join("\n");
}

/** @param {string} name @param {string} script @param {string} beside @returns {Contestant} */
function bare(name, script, beside) {
  return {
    name,
    args: ["--input-type=module", "--eval", script],
    beside,
    says: script === "" ? /^$/u : /^answer 10$/mu,
  };
}

const EMPTY = "an empty Node";
const NODE = "onnxruntime-node, nothing else";
const WEB = "onnxruntime-web, nothing else";

/** @param {string} bin @param {string} suffix @param {string} picture @returns {Contestant[]} */
function ours(bin, suffix, picture) {
  const infer = [bin, "infer", picture, "--model", model];
  const exporting = [bin, "export", path.join(folder, "model.json"), "--out", "model.onnx"];
  const [reads, writes] = [/: \d \(\d+\.\d+ %\)/u, /^wrote model\.onnx/mu];
  return [
    { name: `infer IMG${suffix}`, args: infer, beside: NODE, says: reads },
    { name: `infer IMG --runtime web${suffix}`, args: [...infer, "--runtime", "web"], beside: WEB, says: reads },
    { name: `export --no-verify${suffix}`, args: [...exporting, "--no-verify"], beside: EMPTY, says: writes },
    { name: `export${suffix}`, args: exporting, beside: EMPTY, says: writes },
  ];
}

/**
 * Milliseconds of one process. Its packages are found from the checkout, its files go into the folder it runs in.
 *
 * @param {Contestant} contestant
 * @param {string} work
 */
function time({ name, args, says }, work) {
  const started = performance.now();
  const cwd = args.includes("--eval") ? root : work;
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd, encoding: "utf8" });
  const took = performance.now() - started;
  if (status !== 0 || !says.test(stdout)) throw new Error(`${name} failed (${status}): ${stdout}${stderr}`);
  return took;
}

/** @param {string} work @returns {Contestant[]} */
function contestants(work) {
  const picture = path.join(work, "digit.png");
  const digit = renderedDigits({ split: "test", seed: 3, count: 1 });
  writeFileSync(picture, encodeGreyPng(Uint8Array.from(digit.pixels(0)), 28, 28));
  return [
    bare(EMPTY, "", EMPTY),
    bare(NODE, bareScript("onnxruntime-node", ""), NODE),
    bare(WEB, bareScript("onnxruntime-web", ""), WEB),
    bare(`${WEB}, ended by process.exit`, bareScript("onnxruntime-web", "process.exit();"), WEB),
    ...ours(cli, "", picture),
    ...values.bin.flatMap((bin) => ours(path.resolve(bin), `, ${bin}`, picture)),
  ];
}

const work = mkdtempSync(path.join(tmpdir(), "tfjs-to-onnx-cold-"));
/** @type {Map<string, number[]>} */
const times = new Map();
/** @type {Contestant[]} */
let all = [];
try {
  all = contestants(work);
  for (let round = -1; round < Number(values.rounds); round++) {
    for (let place = 0; place < all.length; place++) {
      const next = all[(place + round + 1) % all.length];
      if (next === undefined) continue;
      const took = time(next, work);
      // The first round finds the files on the disk.
      if (round >= 0) times.set(next.name, [...(times.get(next.name) ?? []), took]);
    }
    process.stderr.write(round < 0 ? "" : `round ${round + 1} of ${values.rounds}\n`);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

const results = all.map(({ name, beside }) => {
  const [own, other] = [times.get(name) ?? [], times.get(beside) ?? []];
  const [medianMs, fastestMs] = [median(own), Math.min(...own)];
  const ratios = { median: medianMs / median(other), fastest: fastestMs / Math.min(...other) };
  return { name, beside, medianMs, fastestMs, ratios, timesMs: own };
});
const rows = results.map(({ name, beside, medianMs, fastestMs, ratios }) => [
  name,
  milliseconds(medianMs),
  milliseconds(fastestMs),
  ...(beside === name ? ["", ""] : [`${ratios.median.toFixed(2)}, ${ratios.fastest.toFixed(2)}`, beside]),
]);
const text = [
  "## Cold starts",
  `\`node bench/cold-start.mjs\`, ${machine()}; ${values.rounds} rounds, the processes in turns.`,
  "A whole process, from its start to its end, on models/crnn-mnist and one picture; the median and the fastest, each divided by that of a process that does the least for it:",
  table(["", "median", "fastest", "ratio", "to"], rows),
].join("\n\n");
process.stdout.write(values.json ? `${JSON.stringify({ machine: machine(), results })}\n` : `${text}\n`);
if (values.record) record("cold start", text);
