// Milliseconds a training step: plain TF.js on tfjs-node, the compiled step, and Keras (fit, compiled), the same
// networks and batches, in turns within one run.
//
//   node bench/train.mjs [--rounds 6] [--steps 20] [--networks crnn,classifier,bidirectional] [--keras]
//
// --keras sets Keras 3.15 on TensorFlow 2.20 up from the Python registry, in the user's cache; it stays there.
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cpus, homedir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

import { ensureBuild } from "../scripts/bootstrap.mjs";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "6" },
    steps: { type: "string", default: "20" },
    networks: { type: "string", default: "crnn,classifier,bidirectional" },
    keras: { type: "boolean", default: false },
    "skip-plain": { type: "boolean", default: false },
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
    /** @param {string} network @param {number} steps @returns {Promise<number[]>} */
    async run(network, steps) {
      child.stdin.write(`${network} ${steps}\n`);
      const next = await lines.next();
      if (next.done === true) throw new Error(`${name} ended early`);
      /** @type {unknown} */
      const answer = JSON.parse(next.value);
      if (!Array.isArray(answer)) throw new Error(`${name} gave no times`);
      return answer.map(Number);
    },
    stop: () => child.stdin.end(),
  };
}

/** @param {number[]} times */
const sorted = (times) => times.toSorted((a, b) => a - b);
/** @param {number[]} times */
const minimum = (times) => sorted(times)[0] ?? Number.NaN;
/** @param {number[]} times */
const median = (times) => sorted(times)[Math.floor(times.length / 2)] ?? Number.NaN;

ensureBuild();
const worker = path.join(import.meta.dirname, "train-worker.mjs");
const contestants = [contestant("compiled", process.execPath, [worker, "compiled"])];
if (!values["skip-plain"]) contestants.unshift(contestant("plain TF.js", process.execPath, [worker, "plain"]));
if (values.keras)
  contestants.push(contestant("Keras 3.15", setUpKeras(), [path.join(import.meta.dirname, "train_keras.py")]));

/** @type {string[][]} */
const rows = [];
for (const network of values.networks.split(",")) {
  /** @type {Map<string, number[]>} */
  const times = new Map(contestants.map(({ name }) => [name, []]));
  for (const contender of contestants) await contender.run(network, 6);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const contender of contestants) {
      times.get(contender.name)?.push(...(await contender.run(network, Number(values.steps))));
    }
  }
  const ours = times.get("compiled") ?? [];
  for (const { name } of contestants) {
    const theirs = times.get(name) ?? [];
    const cells = [minimum(theirs).toFixed(1), median(theirs).toFixed(1)];
    const ratios = [minimum(ours) / minimum(theirs), median(ours) / median(theirs)].map((ratio) => ratio.toFixed(2));
    rows.push([network, name, ...cells, ...(name === "compiled" ? ["", ""] : ratios)]);
  }
}
for (const contender of contestants) contender.stop();

const head = ["network, batch 128", "", "min ms", "median ms", "compiled / it, min", "compiled / it, median"];
/** @param {string[]} cells */
const line = (cells) => `| ${cells.join(" | ")} |`;
process.stdout.write(
  `${[line(head), line(["---", "---", "---:", "---:", "---:", "---:"]), ...rows.map(line)].join("\n")}\n\n`,
);
const date = new Date().toISOString().slice(0, 10);
process.stdout.write(
  `${date}, Node ${process.version}, ${process.platform} ${process.arch}, ${cpus().length} x ${cpus()[0]?.model}\n`,
);
