import * as tf from "@tensorflow/tfjs";

/** Small models that together have most kinds of layers, and every shape of model. */
export const SAMPLES: Readonly<Record<string, () => tf.LayersModel>> = {
  images() {
    const image = tf.input({ shape: [8, 7, 3], name: "image" });
    const first = tf.layers
      .conv2d({ filters: 4, kernelSize: [3, 2], padding: "same", activation: "relu", name: "conv" })
      .apply(image);
    const normal = tf.layers.batchNormalization({ name: "normal" }).apply(first);
    const depth = tf.layers
      .depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, strides: [1, 1], name: "depth" })
      .apply(normal);
    const pooled = tf.layers.maxPooling2d({ poolSize: [2, 2], padding: "same", name: "pool" }).apply(depth);
    const padded = tf.layers
      .zeroPadding2d({
        padding: [
          [1, 0],
          [0, 2],
        ],
        name: "pad",
      })
      .apply(pooled);
    const separable = tf.layers
      .separableConv2d({ filters: 3, kernelSize: 2, activation: "tanh", name: "separable" })
      .apply(padded);
    const cropped = tf.layers
      .cropping2D({
        cropping: [
          [0, 1],
          [1, 0],
        ],
        name: "crop",
      })
      .apply(separable);
    const grown = tf.layers.upSampling2d({ size: [2, 1], name: "grow" }).apply(cropped);
    const back = tf.layers
      .conv2dTranspose({ filters: 2, kernelSize: 3, strides: 2, padding: "same", name: "back" })
      .apply(grown);
    const rest = tf.layers.averagePooling2d({ poolSize: 2, name: "average" }).apply(back);
    const flat = tf.layers.flatten({ name: "flat" }).apply(rest);
    const scores = tf.layers.dense({ units: 4, name: "scores" }).apply(flat);
    const activated = tf.layers.softmax({ name: "soft" }).apply(scores);
    return functional(image, activated);
  },

  words: () =>
    tf.sequential({
      name: "words",
      layers: [
        tf.layers.embedding({ inputDim: 9, outputDim: 4, inputLength: 6, name: "table" }),
        tf.layers.bidirectional({
          layer: tf.layers.lstm({ units: 3, returnSequences: true, name: "cells" }),
          mergeMode: "concat",
          name: "both",
        }),
        tf.layers.timeDistributed({ layer: tf.layers.dense({ units: 5, activation: "selu" }), name: "each" }),
        tf.layers.gru({ units: 4, returnSequences: true, goBackwards: true, name: "gated" }),
        tf.layers.dropout({ rate: 0.3, name: "drop" }),
        tf.layers.rnn({
          cell: [tf.layers.lstmCell({ units: 3 }), tf.layers.gruCell({ units: 2 })],
          returnSequences: true,
          name: "stack",
        }),
        tf.layers.simpleRNN({ units: 3, activation: "sigmoid", name: "plain" }),
        tf.layers.dense({ units: 2, activation: "softmax", name: "last" }),
      ],
    }),

  masked: () =>
    tf.sequential({
      name: "masked",
      layers: [
        tf.layers.masking({ maskValue: 0, inputShape: [5, 3], name: "mask" }),
        tf.layers.lstm({ units: 4, name: "cells" }),
        tf.layers.reshape({ targetShape: [2, 2], name: "square" }),
        tf.layers.permute({ dims: [2, 1], name: "turn" }),
        tf.layers.flatten({ name: "flat" }),
        tf.layers.repeatVector({ n: 3, name: "repeat" }),
        tf.layers.conv1d({ filters: 3, kernelSize: 2, activation: "elu", name: "slide" }),
        tf.layers.layerNormalization({ name: "normal" }),
        tf.layers.prelu({ name: "slope" }),
        tf.layers.globalAveragePooling1d({ name: "mean" }),
        tf.layers.leakyReLU({ alpha: 0.2, name: "leak" }),
      ],
    }),

  graphs() {
    const left = tf.input({ shape: [4], name: "left" });
    const right = tf.input({ shape: [4], name: "right" });
    const shared = tf.layers.dense({ units: 3, activation: "relu6", name: "shared" });
    const [a, b] = [shared.apply(left), shared.apply(right)];
    const inner = tf.sequential({
      name: "inner",
      layers: [
        tf.layers.dense({ units: 5, inputShape: [3], activation: "softplus", name: "inside" }),
        tf.layers.reLU({ maxValue: 2, name: "bounded" }),
      ],
    });
    const c = inner.apply(a);
    const sum = tf.layers.add({ name: "sum" }).apply(list(a, b));
    const joined = tf.layers.concatenate({ axis: -1, name: "joined" }).apply(list(sum, c));
    const product = tf.layers.multiply({ name: "product" }).apply(list(a, b));
    const dotted = tf.layers.dot({ axes: -1, normalize: true, name: "dotted" }).apply(list(a, b));
    const most = tf.layers.maximum({ name: "most" }).apply(list(product, dotted));
    return functional([left, right], list(joined, most));
  },
};

function functional(
  inputs: tf.SymbolicTensor | tf.SymbolicTensor[],
  outputs: tf.Tensor | tf.Tensor[] | tf.SymbolicTensor | tf.SymbolicTensor[],
): tf.LayersModel {
  return tf.model({
    name: "sample",
    inputs,
    outputs: Array.isArray(outputs) ? outputs.map(symbolic) : symbolic(outputs),
  });
}

function list(
  ...tensors: readonly (tf.Tensor | tf.Tensor[] | tf.SymbolicTensor | tf.SymbolicTensor[])[]
): tf.SymbolicTensor[] {
  return tensors.map(symbolic);
}

function symbolic(value: unknown): tf.SymbolicTensor {
  if (value instanceof tf.SymbolicTensor) return value;
  throw new TypeError("a symbolic tensor was expected");
}
