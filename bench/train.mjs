// Milliseconds a training step: plain TF.js on tfjs-node, the compiled step, and Keras (fit, compiled), the same
// networks and batches, in turns within one run.
//
//   node bench/train.mjs [--rounds 6] [--steps 20] [--networks crnn,classifier,bidirectional,line] [--keras] [--record]
//
// --record puts the table into docs/training-speed.md.
// --keras sets Keras 3.15 on TensorFlow 2.20 up from the Python registry, in the user's cache; it stays there.
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

import { ensureBuild } from "../scripts/bootstrap.mjs";
import { machine, median, record, table } from "./markdown.mjs";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "6" },
    steps: { type: "string", default: "20" },
    networks: { type: "string", default: "crnn,classifier,bidirectional,line" },
    keras: { type: "boolean", default: false },
    "skip-plain": { type: "boolean", default: false },
    record: { type: "boolean", default: false },
  },
});

const PACKAGES = [
  "keras==3.15.0",
  process.arch === "x64" && process.platform === "linux" ? "tensorflow-cpu==2.20.0" : "tensorflow==2.20.0",
];

/** @returns {string} the Python that has Keras */
function setUpKeras() {
  const cache = process.env["XDG_CACHE_HOME"] ?? path.join(homedir(), ".cache");
  const folder = path.join(cache, "tfjs-to-onnx", "bench-keras-3.15");
  const python = path.join(folder, "bin", "python");
  const ready = path.join(folder, "ready");
  if (existsSync(ready)) return python;
  process.stderr.write(`setting Keras up in ${folder} ...\n`);
  /** @type {[string, string[]][]} */
  const commands = [
    ["python3", ["-m", "venv", folder]],
    [python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...PACKAGES]],
    ["touch", [ready]],
  ];
  for (const [command, args] of commands) {
    const { status, error } = spawnSync(command, args, { stdio: ["ignore", 2, 2] });
    if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed ${error?.message ?? ""}`);
  }
  return python;
}

/**
 * What one turn of one contestant took: wall-clock milliseconds of each step, processor milliseconds of the mean step.
 *
 * @typedef {{ times: number[], cpu: number }} Turn
 */

/**
 * @param {unknown} value
 * @returns {value is Turn}
 */
function isTurn(value) {
  return typeof value === "object" && value !== null && "times" in value && "cpu" in value;
}

/**
 * A process that answers `NETWORK STEPS` with times.
 *
 * @param {string} name
 * @param {string} command
 * @param {string[]} args
 */
function contestant(name, command, args) {
  const child = spawn(command, args, {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: "3" },
    cwd: import.meta.dirname,
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    name,
    /** @param {string} network @param {number} steps @returns {Promise<Turn>} */
    async run(network, steps) {
      child.stdin.write(`${network} ${steps}\n`);
      const next = await lines.next();
      if (next.done === true) throw new Error(`${name} ended early`);
      /** @type {unknown} */
      const answer = JSON.parse(next.value);
      if (!isTurn(answer)) throw new Error(`${name} gave no times`);
      return answer;
    },
    stop: () => child.stdin.end(),
  };
}

/** @param {number[]} times */
const minimum = (times) => Math.min(...times);

ensureBuild();
const worker = path.join(import.meta.dirname, "train-worker.mjs");
const OURS = "tfjs-to-onnx";
const contestants = [contestant(OURS, process.execPath, [worker, "compiled"])];
if (!values["skip-plain"]) contestants.unshift(contestant("plain TF.js", process.execPath, [worker, "plain"]));
if (values.keras)
  contestants.push(contestant("Keras 3.15", setUpKeras(), [path.join(import.meta.dirname, "train_keras.py")]));

/** @type {string[][]} */
const rows = [];
for (const network of values.networks.split(",")) {
  /** @type {Map<string, { times: number[], cpu: number[] }>} */
  const results = new Map();
  for (const contender of contestants) {
    await contender.run(network, 4);
    results.set(contender.name, { times: [], cpu: [] });
  }
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const contender of contestants) {
      const { times, cpu } = await contender.run(network, Number(values.steps));
      results.get(contender.name)?.times.push(...times);
      results.get(contender.name)?.cpu.push(cpu);
    }
  }
  const ours = results.get(OURS) ?? { times: [], cpu: [] };
  for (const { name } of contestants) {
    const { times, cpu } = results.get(name) ?? ours;
    const cells = [minimum(times), median(times), minimum(cpu)].map((value) => value.toFixed(1));
    const ratios = [
      minimum(ours.times) / minimum(times),
      median(ours.times) / median(times),
      minimum(ours.cpu) / minimum(cpu),
    ];
    rows.push([
      network === "line" ? "line, batch 32" : network,
      name,
      ...cells,
      ...ratios.map((ratio) => (name === OURS ? "" : ratio.toFixed(2))),
    ]);
  }
}
for (const contender of contestants) contender.stop();

const ratio = "ours / it";
const head = [
  "network, batch 128",
  "",
  "min ms",
  "median ms",
  "cpu ms",
  ...["min", "median", "cpu"].map((of) => `${ratio}, ${of}`),
];
const text = [
  `\`node bench/train.mjs ${process.argv.slice(2).join(" ")}\`, ${machine()}, TensorFlow 2.20.0; ${values.rounds} rounds of ${values.steps} steps, in turns within one run. Keras trains with \`fit\`, compiled. \`line\` is the network of models/line-print on lines of 400 columns with 20 characters, with CTC.`,
  table(head, rows, 2),
].join("\n\n");
process.stdout.write(`${text}\n`);
if (values.record) record("speed of a step", text, "docs/training-speed.md");
