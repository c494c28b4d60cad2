import * as tf from "@tensorflow/tfjs";
import { test } from "vitest";

import { expectParity, randomizeWeights } from "../helpers/layer-parity.ts";

import { apply } from "./step.ts";

/** Models that random-model.ts came upon and that exports once got wrong, each made as small as it can be. */

const { layers } = tf;

async function expectSame(inputs: tf.SymbolicTensor, outputs: tf.SymbolicTensor[], dims: number[]): Promise<void> {
  const model = tf.model({ inputs, outputs });
  randomizeWeights(model);
  const ids = inputs.dtype === "int32";
  const fed = ids ? tf.randomUniform(dims, 0, 5, "int32", 1) : tf.randomUniform(dims, -2, 2, "float32", 1);
  await expectParity(model, fed);
}

test("a tensor merged with itself along another axis", async () => {
  const x = tf.input({ shape: [6] });
  const column = apply(layers.reshape({ targetShape: [6, 1] }), x);
  const row = apply(layers.reshape({ targetShape: [1, 6] }), x);
  const outer = apply(layers.multiply(), [row, column]);
  await expectSame(x, [outer, apply(layers.add(), [column, row, x])], [3, 6]);
});

test("ids merged with their embedding of one feature", async () => {
  const x = tf.input({ shape: [6], dtype: "int32" });
  const embedded = apply(layers.embedding({ inputDim: 5, outputDim: 1 }), x);
  await expectSame(x, [apply(layers.minimum(), [embedded, x])], [3, 6]);
});

test("steps that are rows of a convolution over free sizes", async () => {
  const x = tf.input({ shape: [null, null, 2] });
  const padded = apply(layers.zeroPadding2d({ padding: 3 }), x);
  const rows = apply(layers.conv2d({ filters: 4, kernelSize: 3, strides: 2 }), padded);
  await expectSame(
    x,
    [apply(layers.timeDistributed({ layer: layers.maxPooling1d({ poolSize: 2 }) }), rows)],
    [2, 6, 7, 2],
  );
});

test("a normalisation over a free axis, without parameters", async () => {
  const x = tf.input({ shape: [null, null, 3] });
  const layer = layers.layerNormalization({ axis: [1, 3], center: false, scale: false, epsilon: 0.01 });
  await expectSame(x, [apply(layer, x)], [2, 5, 4, 3]);
});

/** ONNX Runtime moves the Transpose behind the Resize, and then refuses it. */
test("bilinear resizing of permuted images", async () => {
  const x = tf.input({ shape: [4, 5, 3] });
  const resized = [
    [3, 1, 2],
    [2, 3, 1],
    [1, 3, 2],
    [2, 1, 3],
  ].flatMap((dims) => {
    const turned = apply(layers.permute({ dims }), x);
    return (["channelsFirst", "channelsLast"] as const).map((dataFormat) =>
      apply(layers.upSampling2d({ size: [2, 3], interpolation: "bilinear", dataFormat }), turned),
    );
  });
  await expectSame(x, resized, [2, 4, 5, 3]);
});
