import { expect, test } from "vitest";

import { nameGaps, webGpuGaps, type WebGpuGap } from "../../src/infer/webgpu-gaps.ts";
import { float32, type Tensor } from "../../src/tensor.ts";
import { decodeOnnx, encodeOnnx } from "../helpers/onnx-proto.ts";
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

function gap(opType: string): WebGpuGap {
  return { name: "n", opType, inFunction: false };
}

test.each<Convolution>([
  { weights: [4, 6, 3] },
  { weights: [8, 9, 3, 3] },
  { weights: [8, 63, 1, 2] },
  { weights: [4, 6, 1, 1], ints: { strides: [2, 2] } },
  { weights: [4, 6, 1, 1], ints: { pads: [1, 1, 1, 1] } },
  { weights: [5, 2, 1, 1], ints: { pads: [0, 0, 0, 1] } },
  { weights: [5, 2, 1], ints: { pads: [0, 1] } },
  { weights: [10, 2, 3], group: 2 },
  { weights: [12, 2, 3, 3], group: 2 },
  { weights: [20, 1, 3, 3], group: 4 },
  { weights: [8, 2, 3, 3, 3], group: 2 },
])("a convolution that WebGPU gets wrong or refuses: %j", (given) => {
  expect(webGpuGaps(convolution(given))).toEqual([gap("Conv")]);
});

test.each<Convolution>([
  { weights: [4, 3, 3, 3] },
  { weights: [5, 6, 3] },
  { weights: [4, 5, 3] },
  { weights: [4, 12, 3] },
  { weights: [4, 6, 1, 1], ints: { strides: [1, 1], pads: [0, 0, 0, 0] } },
  { weights: [5, 2, 1, 1], ints: { pads: [1, 0, 0, 1] } },
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
  expect(webGpuGaps(gru("HardSigmoid"))).toEqual([gap("GRU")]);
  expect(webGpuGaps(gru("Sigmoid"))).toEqual([]);
});

test.each<Convolution>([{ weights: [4, 1, 3, 3], group: 2 }, { weights: [6, 2, 3, 3, 3] }])(
  "a transposed convolution that WebGPU gets wrong or refuses: %j",
  ({ weights, group = 1 }) => {
    expect(webGpuGaps(model({ op: "ConvTranspose", int: { group } }, weights))).toEqual([gap("ConvTranspose")]);
  },
);

test.each<Convolution>([{ weights: [4, 1, 3, 3] }, { weights: [6, 1, 3], group: 2 }, { weights: [4, 2, 3], group: 2 }])(
  "one that it gets right, transposed: %j",
  ({ weights, group = 1 }) => {
    expect(webGpuGaps(model({ op: "ConvTranspose", int: { group } }, weights))).toEqual([]);
  },
);

test.each<[string, Partial<TinyNode> & { readonly op: string }]>([
  ["of a size that is computed", { op: "Resize", int: { antialias: 1 } }],
  ["of statistics that are renewed", { op: "BatchNormalization", int: { training_mode: 1 } }],
  ["of places as well", { op: "MaxPool", outputs: ["y", "places"] }],
  ["into more parts than a shader has buffers", { op: "Split", outputs: ["a", "b", "c", "d", "e", "f", "g", "h"] }],
  ["over nothing", { op: "ReduceSumSquare", int: { noop_with_empty_axes: 1 } }],
])("one %s: %j", (_, node) => {
  const fewer = { op: node.op, ...(node.op === "Split" ? { outputs: ["a", "b", "c", "d", "e", "f", "g"] } : {}) };
  expect(webGpuGaps(model(node, [1]))).toEqual([gap(node.op)]);
  expect(webGpuGaps(model(fewer, [1]))).toEqual([]);
});

/** One node, whose further inputs are these constants. */
function withConstants(node: Partial<TinyNode> & { readonly op: string }, constants: readonly Tensor[]): Uint8Array {
  const inputs = constants.map((_, index) => `c${index}`);
  const { graph, ...rest } = decodeOnnx(model({ ...node, inputs: ["x", ...inputs] }, [1]));
  const initializer = constants.map(({ dtype, dims, data }, index) => ({
    name: `c${index}`,
    dims: [...dims],
    dataType: dtype === "int64" ? 7 : 1,
    ...(dtype === "int64" || dtype === "float32"
      ? { rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }
      : {}),
  }));
  return encodeOnnx({ ...rest, graph: { ...graph, initializer } });
}

function int64(...values: readonly bigint[]): Tensor {
  return { dtype: "int64", dims: [values.length], data: BigInt64Array.from(values) };
}

const FAR = 2n ** 63n - 1n;

test.each<[string, readonly Tensor[], boolean]>([
  ["forward", [int64(5n), int64(1n), int64(0n), int64(2n)], false],
  ["of the whole axis, backward", [int64(-1n, 2n), int64(-FAR, 4n), int64(0n, 1n), int64(-1n, 1n)], false],
  ["of a part, backward", [int64(5n, 0n), int64(1n, 4n), int64(0n, 1n), int64(-1n, 1n)], true],
  ["with no steps", [int64(5n), int64(1n), int64(0n)], false],
])("a slice %s", (_, constants, isOne) => {
  expect(webGpuGaps(withConstants({ op: "Slice" }, constants))).toEqual(isOne ? [gap("Slice")] : []);
  const computed = model({ op: "Slice", inputs: ["x", "x", "x", "x", "x"] }, [1]);
  expect(webGpuGaps(computed)).toEqual([gap("Slice")]);
});

test.each<[string, readonly number[], boolean]>([
  ["linear", [1, 2, 2, 1], true],
  ["nearest", [1, 2, 2, 1], false],
  ["linear", [1, 1, 2, 2], false],
  ["linear", [1, 1, 2, 1], false],
])("a resize, %s, by %j", (mode, scales, isOne) => {
  const constants = [float32(new Float32Array(), [0]), float32(Float32Array.from(scales), [4])];
  const resize = withConstants({ op: "Resize", string: { mode } }, constants);
  expect(webGpuGaps(resize)).toEqual(isOne ? [gap("Resize")] : []);
});

test("a power, unless it is to one number", () => {
  expect(webGpuGaps(withConstants({ op: "Pow" }, [float32(Float32Array.of(2), [])]))).toEqual([]);
  expect(webGpuGaps(withConstants({ op: "Pow" }, [float32(Float32Array.of(2, 3), [2])]))).toEqual([gap("Pow")]);
});

/** `y = conv(x, V)`: W, of dims, becomes V through these nodes. */
function weightsThrough(nodes: readonly TinyNode[], dims: readonly number[]): Uint8Array {
  return tinyOnnx({
    inputs: [
      { name: "x", dtype: "float32" },
      { name: "free", dtype: "float32" },
    ],
    outputs: [{ name: "y", dtype: "float32" }],
    nodes: [...nodes, { op: "Conv", inputs: ["x", "V"], outputs: ["y"], name: "n" }],
    weights: { W: { dtype: "float32", dims, data: new Float32Array(dims.reduce((size, dim) => size * dim, 1)) } },
  });
}

test.each<[string, readonly TinyNode[], readonly number[], boolean]>([
  ["quantised", [{ op: "DequantizeLinear", inputs: ["W", "scale"], outputs: ["V"] }], [4, 6, 3], true],
  [
    "quantised, of another size",
    [{ op: "DequantizeLinear", inputs: ["W", "scale"], outputs: ["V"] }],
    [4, 5, 3],
    false,
  ],
  ["transposed", [{ op: "Transpose", inputs: ["W"], outputs: ["V"], ints: { perm: [2, 1, 0] } }], [3, 6, 4], true],
  ["transposed, of another size", [{ op: "Transpose", inputs: ["W"], outputs: ["V"] }], [4, 6, 3], false],
  [
    "of half the width",
    [
      { op: "Identity", inputs: ["W"], outputs: ["U"] },
      { op: "Cast", inputs: ["U"], outputs: ["V"], int: { to: 1 } },
    ],
    [4, 6, 3],
    true,
  ],
  ["given at each run", [{ op: "Relu", inputs: ["free"], outputs: ["V"] }], [1], true],
])("a convolution whose weights are %s", (_, nodes, dims, isOne) => {
  expect(webGpuGaps(weightsThrough(nodes, dims))).toEqual(isOne ? [gap("Conv")] : []);
});

test("those without a name are given one, by which they are left to the CPU", () => {
  const nameless = model({ op: "Conv", name: "" }, [4, 6, 3]);
  expect(webGpuGaps(nameless)).toEqual([{ ...gap("Conv"), name: "" }]);
  expect(webGpuGaps(nameGaps(nameless))).toEqual([{ ...gap("Conv"), name: "unnamed_0" }]);
  const sound = model({ op: "Conv", name: "" }, [4, 5, 3]);
  expect(nameGaps(sound)).toBe(sound);
});
