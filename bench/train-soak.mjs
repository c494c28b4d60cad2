// Two questions that only many repetitions answer.
//
//   node bench/train-soak.mjs exits [--runs 200]     does a process that has trained ever crash at its end?
//   node bench/train-soak.mjs memory [--steps 5000]  does memory grow with the steps?
//
// `exits` trains a small network with convolutions, batch normalisation, dropout and an LSTM for some steps in a process
// of its own, and ends it in one of four ways: returning or process.exit, with the step freed or not. Exit code 1 if one
// of them ends otherwise than with code 0. `memory` prints the resident memory along the way, in one process.
import { spawn } from "node:child_process";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { ensureBuild } from "../scripts/bootstrap.mjs";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: "string", default: "200" },
    steps: { type: "string", default: "5000" },
    ending: { type: "string", default: "" },
  },
});

/** Ways to end a process: how, and whether the step was freed before. */
const ENDINGS = ["return,dispose", "return,keep", "exit,dispose", "exit,keep"];

async function smallStep() {
  const { loadTensorFlow } = await import("../dist/train/native/index.js");
  const { compileStep } = await import("../dist/train/compile/index.js");
  const tf = await loadTensorFlow();
  const { layers } = tf;
  const model = tf.sequential({
    layers: [
      layers.conv2d({ filters: 8, kernelSize: 3, activation: "relu", inputShape: [14, 14, 1] }),
      layers.batchNormalization(),
      layers.maxPooling2d({ poolSize: 2 }),
      layers.dropout({ rate: 0.2 }),
      layers.reshape({ targetShape: [6, 48] }),
      layers.lstm({ units: 8, recurrentInitializer: "glorotUniform" }),
      layers.dense({ units: 10, activation: "softmax" }),
    ],
  });
  const step = compileStep(tf, {
    model,
    loss: "categoricalCrossentropy",
    metrics: ["accuracy"],
    optimizer: { name: "adam" },
    averageDecay: 0.99,
    onNote: (note) => {
      throw new Error(note);
    },
  });
  const pixels = Float32Array.from({ length: 32 * 196 }, (_, index) => Math.sin(index));
  const labels = Float32Array.from({ length: 320 }, (_, index) => (index % 11 === 0 ? 1 : 0));
  const once = () => {
    const [xs, ys] = [tf.tensor(pixels, [32, 14, 14, 1]), tf.tensor(labels, [32, 10])];
    const { loss } = step.step(xs, ys);
    tf.dispose([xs, ys]);
    return loss;
  };
  return { tf, step, once };
}

/** @param {string} ending */
async function trainAndEnd(ending) {
  const [how, what] = ending.split(",");
  const { step, once } = await smallStep();
  for (let index = 0; index < 5; index++) once();
  step.pull();
  if (what === "dispose") step.dispose();
  if (how === "exit") process.exit(0);
}

/** @param {string} ending @returns {Promise<string>} "0", or what went wrong */
function endOf(ending) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [fileURLToPath(import.meta.url), "one", "--ending", ending], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    child.on("close", (code, signal) => resolve(signal ?? String(code)));
  });
}

async function exits() {
  /** @type {Map<string, string[]>} */
  const failures = new Map();
  const runs = Number(options.runs);
  for (let run = 0; run < runs; run++) {
    const ending = ENDINGS[run % ENDINGS.length] ?? "";
    const end = await endOf(ending);
    if (end !== "0") failures.set(ending, [...(failures.get(ending) ?? []), end]);
    if ((run + 1) % 20 === 0)
      process.stderr.write(`${run + 1} of ${runs}, ${failures.size === 0 ? "no" : "some"} crash\n`);
  }
  const found = [...failures].map(([ending, ends]) => `${ending}: ${ends.join(" ")}`).join("; ");
  process.stdout.write(`${runs} processes that trained: ${found === "" ? "none crashed at its end" : found}\n`);
  process.exitCode = failures.size === 0 ? 0 : 1;
}

async function memory() {
  const { tf, once } = await smallStep();
  const steps = Number(options.steps);
  const report = Math.max(1, Math.floor(steps / 10));
  for (let index = 0; index <= steps; index++) {
    once();
    if (index % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    if (index % report !== 0) continue;
    globalThis.gc?.();
    const resident = (process.memoryUsage().rss / 2 ** 20).toFixed(0);
    process.stdout.write(`${index} steps: ${resident} MiB resident, ${tf.memory().numTensors} tensors\n`);
  }
}

const [mode] = positionals;
if (mode !== "one") ensureBuild();
if (mode === "one") await trainAndEnd(options.ending);
else if (mode === "exits") await exits();
else if (mode === "memory") await memory();
else throw new Error("expected exits or memory");
if (mode !== "one") process.stdout.write(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}\n`);
