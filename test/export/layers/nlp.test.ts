import { randomUniform } from "@tensorflow/tfjs-core";
import * as tf from "@tensorflow/tfjs-layers/dist/index.js";
import { EinsumDense } from "@tensorflow/tfjs-layers/dist/layers/nlp/einsum_dense.js";
import { PositionEmbedding } from "@tensorflow/tfjs-layers/dist/layers/nlp/modeling/position_embedding.js";
import { describe, expect, test } from "vitest";

import { refusals } from "../../../src/export/layers/refusals.ts";
import { builtIn } from "../../../src/export/layers/index.ts";
import { allConverters } from "../../../src/export/registry.ts";
import { expectParity, randomizeWeights, type ParityResult } from "../../helpers/layer-parity.ts";

type Shape = (number | null)[];

/** Layers that TF.js's bundle leaves out, of its modules. */
async function expectChain(layers: readonly tf.layers.Layer[], shape: Shape): Promise<ParityResult> {
  const input = tf.input({ shape });
  let output: tf.SymbolicTensor = input;
  for (const layer of layers) {
    const applied = layer.apply(output);
    if (!(applied instanceof tf.SymbolicTensor)) throw new TypeError("the layer has several outputs");
    output = applied;
  }
  const model = tf.model({ inputs: input, outputs: output });
  randomizeWeights(model);
  const dims = [3, ...shape.map((size) => size ?? 6)];
  return expectParity(model, randomUniform(dims, -2, 2, "float32", 7));
}

describe("EinsumDense", () => {
  for (const { equation, shape, outputShape, biasAxes, op } of [
    { equation: "ab,bc->ac", shape: [4], outputShape: 6, biasAxes: "c", op: "Gemm" },
    { equation: "abc,cd->abd", shape: [5, 4], outputShape: [null, 6], biasAxes: "d", op: "MatMul" },
    { equation: "abc,cd->abd", shape: [null, 4], outputShape: [null, 6], biasAxes: null, op: "MatMul" },
    { equation: "abc,cde->abde", shape: [5, 4], outputShape: [null, 2, 3], biasAxes: "de", op: "MatMul" },
    { equation: "abcd,cde->abe", shape: [5, 2, 3], outputShape: [null, 4], biasAxes: "e", op: "MatMul" },
    { equation: "abcd,dce->abe", shape: [5, 2, 3], outputShape: [null, 4], biasAxes: null, op: "MatMul" },
    { equation: "abc,bd->adc", shape: [5, 4], outputShape: [6, 4], biasAxes: "d", op: "MatMul" },
    { equation: "abc,dc->adb", shape: [5, 4], outputShape: [6, 5], biasAxes: "db", op: "MatMul" },
    { equation: "abc,bcd->abd", shape: [5, 4], outputShape: [5, 6], biasAxes: "bd", op: "Einsum" },
    { equation: "abc,ec->abe", shape: [5, 1], outputShape: [null, 3], biasAxes: "e", op: "MatMul" },
  ] as const) {
    test(`${equation}, bias ${String(biasAxes)}`, async () => {
      const layer = new EinsumDense({
        equation,
        outputShape: typeof outputShape === "number" ? outputShape : [...outputShape],
        activation: "tanh",
        ...(biasAxes === null ? {} : { biasAxes }),
      });
      expect((await expectChain([layer], [...shape])).ops).toContain(op);
    });
  }

  test("after a permutation, whose order its kernel takes over", async () => {
    const layers = [
      tf.layers.permute({ dims: [3, 1, 2] }),
      new EinsumDense({ equation: "abcd,cde->abe", outputShape: [null, 4], biasAxes: "e" }),
    ];
    const { ops } = await expectChain(layers, [5, 2, 3]);
    expect(ops.filter((each) => each === "Transpose").length).toBeLessThanOrEqual(1);
  });
});

describe("PositionEmbedding", () => {
  for (const shape of [
    [6, 4],
    [8, 1],
    [null, 4],
    [2, 6, 3],
  ]) {
    test(`[${shape.map(String).join()}]`, async () => {
      await expectChain([new PositionEmbedding({ sequenceLength: 8 })], shape);
    });
  }
});

test("what is not converted has a reason, and no converter", () => {
  expect([...refusals.keys()].filter((className) => allConverters(builtIn).has(className))).toEqual([]);
});
