import type * as tfjs from "@tensorflow/tfjs";

import { Random } from "../data/random.ts";
import { TrainError } from "../errors.ts";
import type { Recognizer } from "../metadata.ts";
import { doubleAt } from "../require.ts";

import { applyAll, only, recurrent, type Tf } from "./networks/build.ts";

export type { Tf } from "./networks/build.ts";

/** A network that can be trained by name. */
export interface Network {
  readonly name: string;
  readonly summary: string;
  build(tf: Tf): tfjs.LayersModel;
}

export const DIGITS: readonly string[] = Array.from({ length: 10 }, (_, digit) => String(digit));

/** What the exported file says of its use. */
export const digitRecognizer: Recognizer = {
  version: 1,
  input: { kind: "image", height: 28, width: 28, channels: 1, range: [0, 1], fit: "mnist" },
  output: { kind: "classes", labels: DIGITS, activation: "softmax" },
};

/**
 * The MNIST CRNN: four convolutions [N, 28, 28, 1] to [N, 3, 7, 256], read as 21 steps of 256 by two LSTMs.
 */
const crnn: Network = {
  name: "crnn",
  summary: "four convolutions, two LSTMs: the MNIST CRNN",
  build(tf) {
    const { layers } = tf;
    const conv = (name: string, filters: number): tfjs.layers.Layer =>
      layers.conv2d({ name, filters, kernelSize: 3, padding: "same", activation: "relu" });
    const image = tf.input({ shape: [28, 28, 1], name: "image" });
    const chain = [
      conv("conv1", 32),
      layers.maxPooling2d({ name: "pool1", poolSize: [2, 2], strides: [2, 2] }),
      conv("conv2", 64),
      layers.maxPooling2d({ name: "pool2", poolSize: [2, 2], strides: [2, 2] }),
      conv("conv3", 128),
      layers.maxPooling2d({ name: "pool3", poolSize: [2, 1], strides: [2, 1] }),
      conv("conv4", 256),
      layers.reshape({ name: "reshape", targetShape: [-1, 256] }),
      layers.lstm({ ...recurrent, units: 128, name: "lstm1", returnSequences: true }),
      layers.lstm({ ...recurrent, units: 128, name: "lstm2" }),
      layers.dense({ name: "dense", units: DIGITS.length }),
      layers.softmax({ name: "softmax" }),
    ];
    return tf.model({ inputs: image, outputs: applyAll(tf, chain, image), name: "crnn" });
  },
};

/**
 * Normalised convolutions [N, 28, 28, 1] to [N, 7, 7, 128], the last two added to what they were given, read as 7 columns
 * from both sides by an LSTM.
 */
const crnnBest: Network = {
  name: "crnn-best",
  summary: "six normalised convolutions, two of them residual, and a bidirectional LSTM",
  build(tf) {
    const { layers } = tf;
    const conv = (name: string, filters: number, kernelSize = 3): tfjs.layers.Layer =>
      layers.conv2d({ name, filters, kernelSize, padding: "same", useBias: false });
    const pool = (name: string): tfjs.layers.Layer => layers.maxPooling2d({ name, poolSize: 2, strides: 2 });
    // Pooling comes first: it leaves a quarter of the numbers to normalise.
    const norm = (name: string): tfjs.layers.Layer[] => [
      layers.batchNormalization({ name: `${name}_norm`, momentum: 0.95 }),
      layers.reLU({ name: `${name}_relu` }),
    ];
    const residual = (name: string, value: tfjs.SymbolicTensor): tfjs.SymbolicTensor => {
      const branch = applyAll(tf, [conv(name, 128), ...norm(name)], value);
      return only(tf, layers.add({ name: `${name}_add` }).apply([value, branch]));
    };
    const image = tf.input({ shape: [28, 28, 1], name: "image" });
    const seen = [
      conv("conv1", 24, 5),
      pool("pool1"),
      ...norm("conv1"),
      conv("conv2", 48),
      ...norm("conv2"),
      conv("conv3", 64),
      pool("pool2"),
      ...norm("conv3"),
      conv("conv4", 128),
      ...norm("conv4"),
    ];
    const features = ["conv5", "conv6"].reduce((value, name) => residual(name, value), applyAll(tf, seen, image));
    const read = [
      layers.permute({ name: "columns", dims: [2, 1, 3] }),
      layers.reshape({ name: "steps", targetShape: [7, 7 * 128] }),
      layers.dropout({ name: "drop1", rate: 0.3 }),
      layers.bidirectional({
        name: "both",
        layer: layers.lstm({ ...recurrent, units: 64 }),
        mergeMode: "concat",
      }),
      layers.dropout({ name: "drop2", rate: 0.2 }),
      layers.dense({ name: "dense", units: DIGITS.length }),
      layers.softmax({ name: "softmax" }),
    ];
    return tf.model({ inputs: image, outputs: applyAll(tf, read, features), name: "crnn-best" });
  },
};

export const networks: readonly Network[] = [crnn, crnnBest];

/** @throws {TrainError} when there is no network of that name */
export function networkNamed(name: string): Network {
  const found = networks.find((network) => network.name === name);
  if (found !== undefined) return found;
  throw new TrainError(`there is no network ${name}; there are ${networks.map((network) => network.name).join(", ")}`);
}

/**
 * Draw every weight from a seed, as Keras does by default: kernels Glorot uniform, recurrent kernels orthogonal, biases 0
 * (LSTM forget gates 1), scales and variances 1. The same on every platform and backend.
 */
export function initialise(tf: Tf, model: tfjs.LayersModel, seed: number): void {
  let previous: readonly number[] = [];
  for (const [index, weight] of model.weights.entries()) {
    const name = weight.originalName.split("/").at(-1) ?? "";
    const shape = weight.shape.map((dim) => dim ?? 1);
    const values = initialValues(name, shape, new Random(seed, index));
    if (name.startsWith("bias") && isOfLstm(previous)) openForgetGates(values);
    previous = name.includes("recurrent_kernel") ? shape : [];
    const tensor = tf.tensor(values, shape);
    weight.write(tensor);
    tensor.dispose();
  }
}

function initialValues(name: string, shape: readonly number[], random: Random): Float32Array {
  const size = shape.reduce((product, dim) => product * dim, 1);
  if (name.includes("recurrent_kernel")) return orthogonal(shape[0] ?? 1, shape[1] ?? 1, random);
  if (/^(gamma|moving_variance)/.test(name)) return new Float32Array(size).fill(1);
  if (/^(bias|beta|moving_mean)/.test(name)) return new Float32Array(size);
  const receptive = shape.slice(0, -2).reduce((product, dim) => product * dim, 1);
  const fans = receptive * ((shape.at(-2) ?? 1) + (shape.at(-1) ?? 1));
  const limit = Math.sqrt(6 / fans);
  return Float32Array.from({ length: size }, () => random.between(-limit, limit));
}

/** A recurrent kernel [units, 4 units] is an LSTM's; its bias comes next. */
function isOfLstm([units = 0, gates = 0]: readonly number[]): boolean {
  return units > 0 && gates === 4 * units;
}

/** Ones for the second of an LSTM's four groups (i f c o). */
function openForgetGates(bias: Float32Array): void {
  bias.fill(1, bias.length / 4, bias.length / 2);
}

/** [rows, columns] with orthonormal rows (rows <= columns): Gram-Schmidt, twice for accuracy, on normal numbers. */
function orthogonal(rows: number, columns: number, random: Random): Float32Array {
  const matrix = Array.from({ length: rows }, () => Float64Array.from({ length: columns }, () => random.normal()));
  const result = new Float32Array(rows * columns);
  for (const [index, row] of matrix.entries()) {
    for (let pass = 0; pass < 2; pass++) {
      for (const earlier of matrix.slice(0, index)) {
        const overlap = dot(row, earlier);
        for (let column = 0; column < columns; column++) {
          row[column] = doubleAt(row, column) - overlap * doubleAt(earlier, column);
        }
      }
    }
    const length = Math.sqrt(dot(row, row));
    row.forEach((value, column) => (row[column] = value / length));
    result.set(row, index * columns);
  }
  return result;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += doubleAt(a, index) * doubleAt(b, index);
  return sum;
}
