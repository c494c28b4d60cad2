// TF.js's side of bench/train.mjs, plain (`model.trainOnBatch`) or compiled. Answers each line `NETWORK STEPS` of
// standard input with a line of JSON: milliseconds a step, making the batch's tensors included.
import { createInterface } from "node:readline";

import { loadTensorFlow } from "../dist/train/native/index.js";
import { compileStep } from "../dist/train/compile/index.js";

const BATCH = 128;
const kind = process.argv[2];
const loaded = await loadTensorFlow();
const tf = "tf" in loaded ? loaded.tf : loaded;
const { layers } = tf;

/** Only for this bench: TF.js's own initialiser takes seconds. */
const K = { kernelInitializer: "glorotUniform", recurrentInitializer: "glorotUniform" };

const networks = {
  crnn() {
    const input = tf.input({ shape: [28, 28, 1] });
    let value = input;
    for (const [filters, pool] of [
      [32, [2, 2]],
      [64, [2, 2]],
      [128, [2, 1]],
      [256, null],
    ]) {
      value = layers.conv2d({ filters, kernelSize: 3, padding: "same", activation: "relu" }).apply(value);
      if (pool) value = layers.maxPooling2d({ poolSize: pool, strides: pool }).apply(value);
    }
    value = layers.reshape({ targetShape: [-1, 256] }).apply(value);
    value = layers.lstm({ units: 128, recurrentActivation: "sigmoid", returnSequences: true, ...K }).apply(value);
    value = layers.lstm({ units: 128, recurrentActivation: "sigmoid", ...K }).apply(value);
    value = layers.softmax().apply(layers.dense({ units: 10 }).apply(value));
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
    const lstm = (options) => layers.lstm({ units: 64, recurrentActivation: "sigmoid", ...K, ...options });
    model.add(
      layers.bidirectional({ layer: lstm({ returnSequences: true }), inputShape: [28, 28], mergeMode: "concat" }),
    );
    model.add(layers.bidirectional({ layer: lstm({}), mergeMode: "concat" }));
    model.add(layers.dense({ units: 10, activation: "softmax" }));
    return model;
  },
};

const steppers = new Map();

function stepperOf(name) {
  if (steppers.has(name)) return steppers.get(name);
  const model = networks[name]();
  const settings = { loss: "categoricalCrossentropy", metrics: ["accuracy"], optimizer: tf.train.adam(1e-3) };
  const shape = [BATCH, ...model.inputs[0].shape.slice(1)];
  const size = shape.reduce((a, b) => a * b);
  const batches = Array.from({ length: 8 }, () => ({
    images: Float32Array.from({ length: size }, Math.random),
    labels: Float32Array.from({ length: BATCH * 10 }, (_, index) => (index % 10 === 3 ? 1 : 0)),
  }));
  let train;
  if (kind === "plain") {
    model.compile(settings);
    train = (xs, ys) => model.trainOnBatch(xs, ys);
  } else {
    const step = compileStep(tf, { model, ...settings, onNote: (note) => process.stderr.write(`${note}\n`) });
    train = (xs, ys) => step.step(xs, ys);
  }
  const stepper = async (index) => {
    const { images, labels } = batches[index % batches.length];
    const [xs, ys] = [tf.tensor(images, shape), tf.tensor(labels, [BATCH, 10])];
    await train(xs, ys);
    tf.dispose([xs, ys]);
    await new Promise((resolve) => setImmediate(resolve));
  };
  steppers.set(name, stepper);
  return stepper;
}

for await (const line of createInterface({ input: process.stdin })) {
  const [name, steps] = line.split(" ");
  const stepper = stepperOf(name);
  const times = [];
  for (let index = 0; index < Number(steps); index++) {
    const started = performance.now();
    await stepper(index);
    times.push(performance.now() - started);
  }
  process.stdout.write(`${JSON.stringify({ times: times.slice(1) })}\n`);
}
