import { expect, test } from "vitest";

import { createWebGpuSession } from "../../src/infer/ort-placement.ts";
import { webGpuGaps } from "../../src/infer/webgpu-gaps.ts";
import { tinyOnnx, type TinyNode } from "../helpers/tiny-onnx.ts";

interface Convolution {
  readonly weights: readonly number[];
  readonly group?: number;
  readonly ints?: Readonly<Record<string, readonly number[]>>;
}

function model(node: Partial<TinyNode> & { readonly op: string }, weights: readonly number[]): Uint8Array {
  const data = new Float32Array(weights.reduce((product, dim) => product * dim, 1));
  return tinyOnnx({
    inputs: [{ name: "x", dtype: "float32" }],
    outputs: [{ name: "y", dtype: "float32" }],
    nodes: [{ inputs: ["x", "w"], outputs: ["y"], name: "n", ...node }],
    weights: { w: { dtype: "float32", dims: weights, data } },
  });
}

function convolution({ weights, group = 1, ints = {} }: Convolution): Uint8Array {
  return model({ op: "Conv", int: { group }, ints }, weights);
}

test.each<Convolution>([
  { weights: [4, 6, 3] },
  { weights: [8, 9, 3, 3] },
  { weights: [8, 63, 1, 2] },
  { weights: [4, 6, 1, 1], ints: { strides: [2, 2] } },
  { weights: [4, 6, 1, 1], ints: { pads: [1, 1, 1, 1] } },
  { weights: [10, 2, 3], group: 2 },
  { weights: [12, 2, 3, 3], group: 2 },
  { weights: [20, 1, 3, 3], group: 4 },
  { weights: [8, 2, 3, 3, 3], group: 2 },
])("a convolution that WebGPU gets wrong or refuses: %j", (given) => {
  expect(webGpuGaps(convolution(given))).toEqual([{ name: "n", opType: "Conv" }]);
});

test.each<Convolution>([
  { weights: [4, 3, 3, 3] },
  { weights: [5, 6, 3] },
  { weights: [4, 5, 3] },
  { weights: [4, 12, 3] },
  { weights: [4, 6, 1, 1], ints: { strides: [1, 1], pads: [0, 0, 0, 0] } },
  { weights: [8, 2, 3], group: 2 },
  { weights: [6, 1, 3], group: 2 },
  { weights: [18, 1, 3, 3], group: 3 },
  { weights: [8, 6, 3, 3, 3] },
])("one that it gets right: %j", (given) => {
  expect(webGpuGaps(convolution(given))).toEqual([]);
});

test("a recurrent layer with gates that WebGPU lacks", () => {
  const gru = (activation: string): Uint8Array =>
    model({ op: "GRU", strings: { activations: [activation, "Tanh"] } }, [1]);
  expect(webGpuGaps(gru("HardSigmoid"))).toEqual([{ name: "n", opType: "GRU" }]);
  expect(webGpuGaps(gru("Sigmoid"))).toEqual([]);
});

test("such a node without a name is refused, for only by its name can it be left to the CPU", async () => {
  const nameless = model({ op: "Conv", name: "" }, [4, 6, 3]);
  const ort = await import("onnxruntime-node");
  await expect(createWebGpuSession(ort, nameless, {}, async () => null)).rejects.toThrow("the node has no name");
});
