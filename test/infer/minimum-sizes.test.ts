import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { InferenceError } from "../../src/errors.ts";
import { exportRaw } from "../../src/export/export-model.ts";
import { readMinimumSizes } from "../../src/infer/minimum-sizes.ts";
import type { Session } from "../../src/infer/runtime.ts";
import { getRuntime } from "../../src/infer/runtimes.ts";
import { MINIMUM_SIZES_KEY } from "../../src/metadata.ts";
import { last } from "../../src/require.ts";
import { rawModelOf } from "../helpers/layer-parity.ts";

type Layers = readonly [tf.layers.Layer, ...tf.layers.Layer[]];

const { layers } = tf;

function chain(
  shape: (number | null)[],
  parts: Layers,
): { readonly model: tf.LayersModel; readonly inner: tf.LayersModel } {
  const input = tf.input({ shape, name: "x" });
  const values: tf.SymbolicTensor[] = [];
  let value = input;
  for (const part of parts) {
    const output = part.apply(value);
    if (!(output instanceof tf.SymbolicTensor)) throw new TypeError("one output was expected");
    value = output;
    values.push(value);
  }
  return { model: tf.model({ inputs: input, outputs: value }), inner: tf.model({ inputs: input, outputs: values }) };
}

/** The shape of the last output; null where any is empty, or has a negative size, which TF.js throws for. */
function shapeInTfjs(model: tf.LayersModel, input: tf.Tensor): readonly number[] | null {
  try {
    const outputs = [model.predict(input)].flat();
    return outputs.some(({ size }) => size === 0) ? null : last(outputs).shape;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** The shape of the output; null where the session says that the input is too small, and what it needs. */
async function shapeOf(session: Session, input: tf.Tensor, least: number): Promise<readonly number[] | null> {
  const data = Float32Array.from(input.dataSync());
  try {
    return last(Object.values(await session.run({ x: { dtype: "float32", dims: input.shape, data } }))).dims;
  } catch (error) {
    if (error instanceof InferenceError && error.message.includes(` must be at least ${least}; got float32 `))
      return null;
    throw error;
  }
}

/** Each takes inputs [batch, ..., n, 2], of which the sizes before n are 9. */
const cases: readonly (readonly [name: string, shape: (number | null)[], least: number, make: () => Layers])[] = [
  ["max pooling", [9, null, 2], 2, () => [layers.maxPooling2d({ poolSize: 2 })]],
  ["average pooling of 3 at strides of 3", [9, null, 2], 3, () => [layers.averagePooling2d({ poolSize: 3 })]],
  ["pooling of steps", [null, 2], 5, () => [layers.maxPooling1d({ poolSize: 5, strides: 4 })]],
  ["pooling in three dimensions", [9, 9, null, 2], 2, () => [layers.maxPooling3d({ poolSize: 2 })]],
  ["padded pooling", [9, null, 2], 1, () => [layers.maxPooling2d({ poolSize: 3, padding: "same" })]],
  [
    "a mean over what a pooling leaves",
    [9, null, 2],
    4,
    () => [
      layers.maxPooling2d({ poolSize: 2 }),
      layers.averagePooling2d({ poolSize: 2 }),
      layers.globalAveragePooling2d({}),
      layers.dense({ units: 3 }),
    ],
  ],
  [
    "convolutions on convolutions",
    [9, null, 2],
    7,
    () => [
      layers.conv2d({ filters: 2, kernelSize: 3 }),
      layers.conv2d({ filters: 1, kernelSize: 3, strides: 2, dilationRate: 1 }),
      layers.conv2d({ filters: 1, kernelSize: [1, 2] }),
    ],
  ],
  ["depthwise convolutions", [9, null, 2], 5, () => [layers.depthwiseConv2d({ kernelSize: 5, depthMultiplier: 2 })]],
  [
    "a pooling of each step before a ConvLSTM",
    [3, 9, null, 2],
    2,
    () => [
      layers.timeDistributed({ layer: layers.maxPooling2d({ poolSize: 2 }) }),
      layers.convLstm2d({ filters: 1, kernelSize: 2, padding: "same" }),
    ],
  ],
];

describe("an input is refused where TF.js has no window, and only there:", () => {
  const session = getRuntime("node");
  for (const [name, shape, least, make] of cases) {
    test(name, { timeout: 30_000 }, async () => {
      const { model, inner } = chain(shape, make());
      const loaded = await (await session).load(exportRaw(await rawModelOf(model)).bytes);
      for (const size of [1, 2, 3, 4, 5, 6, 7, 8, 9]) {
        const input = tf.randomNormal([2, ...shape.map((each) => each ?? size)]);
        const expected = shapeInTfjs(inner, input);
        expect(expected === null).toBe(size < least);
        expect(await shapeOf(loaded, input, least)).toEqual(expected);
      }
      await loaded.dispose();
    });
  }
});

test("fixed sizes need no entry, and a damaged entry is refused", () => {
  expect(readMinimumSizes(new Map())).toEqual(new Map());
  expect(readMinimumSizes(new Map([[MINIMUM_SIZES_KEY, '{"width":4}']]))).toEqual(new Map([["width", 4]]));
  for (const text of ["", "null", "4", '{"width":"4"}', '{"width":0.5}']) {
    expect(() => readMinimumSizes(new Map([[MINIMUM_SIZES_KEY, text]]))).toThrow(InferenceError);
  }
});
