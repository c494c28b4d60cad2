import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { expectParity, type ParityResult } from "../../helpers/layer-parity.ts";

import { chain, expectLayer, expectLayers } from "./single-layer.ts";

type Shape = number[];

const METHODS = ["bilinear", "nearest"] as const;

/** TF.js can compute its resizing layers by themselves and within TimeDistributed, not as a model's own layers. */
function expectOnSteps(layer: tf.layers.Layer, shape: Shape): Promise<ParityResult> {
  return expectLayer(tf.layers.timeDistributed({ layer }), [2, ...shape]);
}

/** After a layer that makes a shape of its own, because the layer writes into the shape of its input. */
function expectAfterReshape(layer: tf.layers.Layer, shape: Shape): Promise<ParityResult> {
  return expectLayers([tf.layers.reshape({ targetShape: [...shape] }), layer], [...shape]);
}

describe("Resizing", () => {
  for (const interpolation of METHODS) {
    for (const cropToAspectRatio of [false, true]) {
      for (const { shape, height, width } of [
        { shape: [4, 5, 3], height: 8, width: 10 },
        { shape: [7, 6, 2], height: 3, width: 4 },
        { shape: [5, 5, 2], height: 1, width: 5 },
        { shape: [13, 11, 1], height: 29, width: 31 },
        { shape: [8, 8, 1], height: 14, width: 15 },
      ]) {
        test(`${interpolation}, cropToAspectRatio ${cropToAspectRatio}, [${shape.join()}] to ${height}, ${width}`, async () => {
          await expectOnSteps(tf.layers.resizing({ height, width, interpolation, cropToAspectRatio }), shape);
        });
      }
    }

    test(`${interpolation}, to the size it has`, async () => {
      const layer = tf.layers.resizing({ height: 4, width: 5, interpolation });
      expect((await expectOnSteps(layer, [4, 5, 2])).ops).not.toContain("Resize");
    });

    test(`${interpolation}, free sizes, after a convolution`, async () => {
      const layers = [
        tf.layers.conv2d({ filters: 3, kernelSize: 2 }),
        tf.layers.resizing({ height: 7, width: 9, interpolation }),
      ];
      await expectLayers(
        layers.map((layer) => tf.layers.timeDistributed({ layer })),
        [2, null, null, 1],
      );
    });
  }

  /** 3 · 5/6 and its like come out as a half in float64 only, or in float32 only. */
  test("takes the nearest pixel TF.js takes, for every size", async () => {
    const layer = (width: number): tf.layers.Layer =>
      tf.layers.resizing({ height: 2, width, interpolation: "nearest" });
    for (const [from, to] of [
      [12, 31],
      [30, 59],
      [50, 99],
      [64, 127],
    ] as const) {
      await expectOnSteps(layer(to), [1, from, 1]);
    }
  });
});

describe("CenterCrop", () => {
  for (const { shape, height, width } of [
    { shape: [7, 8, 2], height: 3, width: 4 },
    { shape: [7, 8, 2], height: 7, width: 7 },
    { shape: [7, 8, 2], height: 7, width: 8 },
    { shape: [9, 5, 1], height: 5, width: 5 },
    { shape: [20, 30, 1], height: 11, width: 13 },
    { shape: [7, 8, 1], height: 1, width: 1 },
    { shape: [16, 17, 1], height: 16, width: 16 },
    { shape: [6, 10, 3], height: 4, width: 9 },
  ]) {
    test(`[${shape.join()}] to ${height}, ${width}`, async () => {
      await expectAfterReshape(tf.layers.centerCrop({ height, width }), shape);
    });
  }

  test("of images that are too small", async () => {
    await expectOnSteps(tf.layers.centerCrop({ height: 6, width: 3 }), [4, 5, 2]);
    await expectOnSteps(tf.layers.centerCrop({ height: 3, width: 9 }), [4, 5, 2]);
  });
});

describe("CategoryEncoding", () => {
  for (const { outputMode, length } of [
    { outputMode: "multiHot", length: 5 },
    { outputMode: "multiHot", length: 1 },
    { outputMode: "count", length: 5 },
    { outputMode: "count", length: 1 },
    { outputMode: "oneHot", length: 1 },
  ] as const) {
    for (const dtype of ["int32", "float32"] as const) {
      test(`${outputMode} of ${length} ids, ${dtype}`, async () => {
        const input = tf.input({ shape: [length], dtype });
        const ids = tf.layers.reshape({ targetShape: [length] }).apply(input);
        if (!(ids instanceof tf.SymbolicTensor)) throw new TypeError("no single output");
        const layer = tf.layers.categoryEncoding({ numTokens: 6, outputMode });
        const output = layer.apply(ids);
        if (!(output instanceof tf.SymbolicTensor)) throw new TypeError("no single output");
        const model = tf.model({ inputs: input, outputs: output });
        await expectParity(model, tf.randomUniform([3, length], 0, 5.9, dtype, 4));
      });
    }
  }

  test("counts over a free number of ids", async () => {
    const ids = tf.layers.reshape({ targetShape: [-1] });
    const layers = [ids, tf.layers.categoryEncoding({ numTokens: 6, outputMode: "count" })];
    await expectLayers(layers, [null, 2], { range: [0, 5.9] });
  });
});

describe("RandomWidth", () => {
  for (const interpolation of METHODS) {
    for (const factor of [0.5, -0.5, 0.3, 0]) {
      test(`by ${factor} always, ${interpolation}`, async () => {
        await expectOnSteps(tf.layers.randomWidth({ factor: [factor, factor], interpolation }), [5, 7, 2]);
      });
    }
  }

  test("is nothing where it is random", async () => {
    const model = chain([tf.layers.randomWidth({ factor: 0.4 })], [5, 7, 2]);
    const { ops } = await expectParity(model, tf.randomUniform([2, 5, 7, 2], -1, 1, "float32", 5), {
      expected: (inputs) => [...inputs],
    });
    expect(ops).toEqual(["Identity"]);
  });
});

/** Which TF.js's own bundle leaves out: RandomWidth, with height and width the other way round. */
describe("RandomHeight", () => {
  for (const interpolation of METHODS) {
    test(interpolation, async () => {
      const layer = tf.layers.randomWidth({ factor: [0.5, 0.5], interpolation });
      const model = chain([layer], [5, 7, 2]);
      await expectParity(model, tf.randomUniform([2, 5, 7, 2], -1, 1, "float32", 5), {
        edit: ({ manifest, weights }) => ({
          manifest: JSON.parse(JSON.stringify(manifest).replaceAll('"RandomWidth"', '"RandomHeight"')),
          weights,
        }),
        expected: (inputs) => {
          const turned = inputs.map((input) => layer.apply(tf.transpose(input, [0, 2, 1, 3])));
          return turned.flatMap((each) => (each instanceof tf.Tensor ? [tf.transpose(each, [0, 2, 1, 3])] : []));
        },
      });
    });
  }
});
