// TF.js's side of bench/train.mjs, plain (`model.trainOnBatch`) or compiled. Answers each line `NETWORK STEPS` of
// standard input with a line of JSON: milliseconds of each step, making the batch's tensors included, and of processor
// time in the mean.
import { createInterface } from "node:readline";

import { loadTensorFlow } from "../dist/train/native/index.js";
import { compileStep } from "../dist/train/compile/index.js";
import { ctcLoss, ctcTargets } from "../dist/train/index.js";
import { buildLine, LINE_DEFAULTS } from "../dist/train/networks/line.js";

/** Samples of a batch: 128 digits, or 32 lines of 400 columns with 20 of 95 characters. */
const BATCH = 128;
const LINES = { batch: 32, width: 400, steps: 100, characters: 95, length: 20 };
const kind = process.argv[2];
const tf = await loadTensorFlow();
const { layers } = tf;

/**
 * Only for this bench: TF.js's own initialiser takes seconds.
 *
 * @type {{ kernelInitializer: "glorotUniform", recurrentInitializer: "glorotUniform" }}
 */
const K = { kernelInitializer: "glorotUniform", recurrentInitializer: "glorotUniform" };

/**
 * @param {import("@tensorflow/tfjs").layers.Layer} layer
 * @param {import("@tensorflow/tfjs").SymbolicTensor} value
 */
function apply(layer, value) {
  const output = layer.apply(value);
  if (Array.isArray(output) || output instanceof tf.Tensor) throw new TypeError("a layer gave no symbolic tensor");
  return output;
}

/** @type {Record<string, () => import("@tensorflow/tfjs").LayersModel>} */
const networks = {
  crnn() {
    const input = tf.input({ shape: [28, 28, 1] });
    let value = input;
    /** @type {[number, [number, number] | null][]} */
    const blocks = [
      [32, [2, 2]],
      [64, [2, 2]],
      [128, [2, 1]],
      [256, null],
    ];
    for (const [filters, pool] of blocks) {
      value = apply(layers.conv2d({ filters, kernelSize: 3, padding: "same", activation: "relu" }), value);
      if (pool !== null) value = apply(layers.maxPooling2d({ poolSize: pool, strides: pool }), value);
    }
    value = apply(layers.reshape({ targetShape: [-1, 256] }), value);
    value = apply(layers.lstm({ units: 128, recurrentActivation: "sigmoid", returnSequences: true, ...K }), value);
    value = apply(layers.lstm({ units: 128, recurrentActivation: "sigmoid", ...K }), value);
    value = apply(layers.softmax(), apply(layers.dense({ units: 10 }), value));
    return tf.model({ inputs: input, outputs: value });
  },
  classifier() {
    const model = tf.sequential();
    [32, 64, 128].forEach((filters, index) => {
      const first = index === 0 ? { inputShape: [28, 28, 1] } : {};
      model.add(layers.conv2d({ filters, kernelSize: 3, padding: "same", useBias: false, ...first }));
      model.add(layers.batchNormalization());
      model.add(layers.activation({ activation: "relu" }));
      model.add(layers.maxPooling2d({ poolSize: 2 }));
    });
    model.add(layers.flatten());
    model.add(layers.dropout({ rate: 0.25 }));
    model.add(layers.dense({ units: 128, activation: "relu" }));
    model.add(layers.dropout({ rate: 0.5 }));
    model.add(layers.dense({ units: 10, activation: "softmax" }));
    return model;
  },
  bidirectional() {
    const model = tf.sequential();
    /** @param {boolean} returnSequences */
    const lstm = (returnSequences) => layers.lstm({ units: 64, recurrentActivation: "sigmoid", returnSequences, ...K });
    model.add(layers.bidirectional({ layer: lstm(true), inputShape: [28, 28], mergeMode: "concat" }));
    model.add(layers.bidirectional({ layer: lstm(false), mergeMode: "concat" }));
    model.add(layers.dense({ units: 10, activation: "softmax" }));
    return model;
  },
};

/** @typedef {import("@tensorflow/tfjs").Tensor} Tensor */

/** @type {Map<string, (index: number) => Promise<void>>} */
const steppers = new Map();

/** The network of models/line-print, with CTC. */
function lineStepper() {
  const { batch, width, steps, characters, length } = LINES;
  const model = buildLine(tf, { ...LINE_DEFAULTS, characters });
  const images = Float32Array.from({ length: batch * 32 * width }, Math.random);
  const labels = Array.from({ length: batch }, () =>
    Uint8Array.from({ length }, (_, place) => (place * 5 + Math.floor(Math.random() * 4)) % characters),
  );
  const targets = ctcTargets(
    tf,
    labels,
    labels.map(() => steps),
    { classes: characters },
  );
  /** @type {(labels: Tensor, logits: Tensor) => Tensor} */
  const loss = (truth, logits) => ctcLoss(tf, logits, truth).mean();
  const settings = { loss, optimizer: tf.train.adam(1e-3) };
  /** @type {(xs: Tensor) => unknown} */
  let train;
  if (kind === "plain") {
    // Not `trainOnBatch`: TF.js takes no loss whose labels have another shape than the answers.
    const weights = model.trainableWeights.map((weight) => weight.read());
    const variables = weights.filter((weight) => weight instanceof tf.Variable);
    train = (xs) =>
      settings.optimizer.minimize(
        () => tf.tidy(() => loss(targets.labels, answerOf(model.apply(xs, { training: true }))).asScalar()),
        false,
        variables,
      );
  } else {
    const step = compileStep(tf, { model, ...settings, onNote: (note) => process.stderr.write(`${note}\n`) });
    train = (xs) => step.step(xs, targets.labels);
  }
  return async () => {
    const xs = tf.tensor(images, [batch, 32, width, 1]);
    await train(xs);
    xs.dispose();
    await new Promise((resolve) => setImmediate(resolve));
  };
}

/** @param {unknown} value */
function answerOf(value) {
  if (!(value instanceof tf.Tensor)) throw new TypeError("the model gave no tensor");
  return value;
}

/** @param {string} name */
function stepperOf(name) {
  const known = steppers.get(name);
  if (known !== undefined) return known;
  if (name === "line") {
    const stepper = lineStepper();
    steppers.set(name, stepper);
    return stepper;
  }
  const model = networks[name]?.();
  if (model === undefined) throw new Error(`no network ${name}; there are ${Object.keys(networks).join(", ")}`);
  const settings = { loss: "categoricalCrossentropy", metrics: ["accuracy"], optimizer: tf.train.adam(1e-3) };
  const shape = [BATCH, ...(model.inputs[0]?.shape.slice(1) ?? [])].map((dim) => dim ?? 1);
  const size = shape.reduce((a, b) => a * b);
  const batches = Array.from({ length: 8 }, () => ({
    images: Float32Array.from({ length: size }, Math.random),
    labels: Float32Array.from({ length: BATCH * 10 }, (_, index) => (index % 10 === 3 ? 1 : 0)),
  }));
  /** @type {(xs: Tensor, ys: Tensor) => unknown} */
  let train;
  if (kind === "plain") {
    model.compile(settings);
    train = (xs, ys) => model.trainOnBatch(xs, ys);
  } else {
    const step = compileStep(tf, { model, ...settings, onNote: (note) => process.stderr.write(`${note}\n`) });
    train = (xs, ys) => step.step(xs, ys);
  }
  /** @param {number} index */
  const stepper = async (index) => {
    const batch = batches[index % batches.length];
    if (batch === undefined) return;
    const [xs, ys] = [tf.tensor(batch.images, shape), tf.tensor(batch.labels, [BATCH, 10])];
    await train(xs, ys);
    tf.dispose([xs, ys]);
    await new Promise((resolve) => setImmediate(resolve));
  };
  steppers.set(name, stepper);
  return stepper;
}

for await (const line of createInterface({ input: process.stdin })) {
  const [name = "", steps] = line.split(" ");
  const stepper = stepperOf(name);
  await stepper(0);
  const times = [];
  const before = process.cpuUsage();
  for (let index = 0; index < Number(steps); index++) {
    const started = performance.now();
    await stepper(index);
    times.push(performance.now() - started);
  }
  const { user, system } = process.cpuUsage(before);
  process.stdout.write(`${JSON.stringify({ times, cpu: (user + system) / 1000 / times.length })}\n`);
}
