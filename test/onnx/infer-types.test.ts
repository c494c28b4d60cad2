import { expect, test } from "vitest";

import { ELEMENT_TYPE } from "../../src/onnx/element-type.ts";
import type { onnx } from "../../src/onnx/generated/encode.js";
import { inferTypes, type TensorFacts } from "../../src/onnx/infer-types.ts";
import { readOnnx } from "../../src/onnx/read.ts";
import { encodeOnnx } from "../helpers/onnx-proto.ts";

const {
  float32: FLOAT,
  float16: HALF,
  int64: INT64,
  int32: INT32,
  bool: BOOL,
  uint8: UINT8,
  int8: INT8,
} = ELEMENT_TYPE;

const value = (
  name: string,
  elemType: number,
  ...sizes: readonly (number | string)[]
): onnx.ValueInfoProto.$Properties => ({
  name,
  type: {
    tensorType: {
      elemType,
      shape: { dim: sizes.map((size) => (typeof size === "number" ? { dimValue: size } : { dimParam: size })) },
    },
  },
});

const initializer = [
  { name: "axes", dims: [2], dataType: INT64, rawData: new Uint8Array(BigInt64Array.of(-1n, 3n).buffer) },
  { name: "half", dims: [], dataType: HALF, rawData: new Uint8Array(2) },
  { name: "zero", dims: [], dataType: INT8, rawData: new Uint8Array(1) },
  { name: "w", dims: [2, 3, 4], dataType: FLOAT, rawData: new Uint8Array(96) },
];

/** Facts of the first output of the last node of a model with inputs x (float32 [n, 4]), i (int32) and b (bool). */
function factsOf(
  nodes: readonly onnx.NodeProto.$Properties[],
  graph: onnx.GraphProto.$Properties = {},
  output = 0,
): TensorFacts | undefined {
  const input = [value("x", FLOAT, "n", 4), value("i", INT32, 5), value("b", BOOL)];
  const bytes = encodeOnnx({ irVersion: 8, graph: { node: [...nodes], input, initializer, ...graph } });
  return inferTypes(readOnnx(bytes)).at(-1)?.outputs[output];
}

interface Case {
  readonly node: onnx.NodeProto.$Properties;
  readonly facts: Partial<TensorFacts>;
  /** Which of its outputs; the first without. */
  readonly output?: number;
}

const cases: readonly Case[] = (
  [
    [
      { opType: "Identity", input: ["axes"] },
      { elementType: INT64, dims: [2], numbers: [-1, 3] },
    ],
    [
      { opType: "Cast", input: ["x"], attribute: [{ name: "to", type: 2, i: HALF }] },
      { elementType: HALF, dims: ["n", 4] },
    ],
    [
      { opType: "Transpose", input: ["w"] },
      { elementType: FLOAT, dims: [4, 3, 2] },
    ],
    [
      { opType: "Transpose", input: ["w"], attribute: [{ name: "perm", type: 7, ints: [2, 0, 1] }] },
      { elementType: FLOAT, dims: [4, 2, 3] },
    ],
    [{ opType: "Transpose", input: ["w"], attribute: [{ name: "perm", type: 7, ints: [3] }] }, { dims: null }],
    [
      { opType: "DequantizeLinear", input: ["w", "half"] },
      { elementType: HALF, dims: [2, 3, 4] },
    ],
    [
      { opType: "QuantizeLinear", input: ["x", "half"] },
      { elementType: UINT8, dims: ["n", 4] },
    ],
    [{ opType: "QuantizeLinear", input: ["x", "half", "zero"] }, { elementType: INT8 }],
    [
      { opType: "Less", input: ["x", "x"] },
      { elementType: BOOL, dims: null },
    ],
    [{ opType: "Shape", input: ["x"] }, { elementType: INT64 }],
    [{ opType: "TopK", input: ["x", "axes"], output: ["values", "places"] }, { elementType: FLOAT }],
    [{ opType: "TopK", input: ["x", "axes"], output: ["values", "places"] }, { elementType: INT64 }, 1],
    [{ opType: "Where", input: ["b", "i", "i"] }, { elementType: INT32 }],
    [{ opType: "OneHot", input: ["i", "axes", "x"] }, { elementType: FLOAT }],
    [{ opType: "ConstantOfShape", input: ["axes"] }, { elementType: FLOAT }],
    [
      {
        opType: "ConstantOfShape",
        input: ["axes"],
        attribute: [{ name: "value", type: 4, t: { dims: [1], dataType: BOOL } }],
      },
      { elementType: BOOL },
    ],
    [{ opType: "Constant", attribute: [{ name: "value_ints", type: 7, ints: [1] }] }, { elementType: INT64 }],
    [{ opType: "Constant", attribute: [{ name: "value_float", type: 1, f: 1 }] }, { elementType: FLOAT }],
    [
      { opType: "Constant", attribute: [{ name: "value", type: 4, t: initializer[0] ?? {} }] },
      { elementType: INT64, dims: [2], numbers: [-1, 3] },
    ],
    [
      { opType: "Unheard", input: ["", "i", "x"] },
      { elementType: INT32, dims: null, numbers: null },
    ],
    [
      { opType: "Unheard", input: ["nowhere"] },
      { elementType: null, dims: null },
    ],
  ] as const satisfies readonly (readonly [Case["node"], Case["facts"], number?])[]
).map(([node, facts, output = 0]) => ({ node, facts, output }));

test.each(cases)("$node.opType gives $facts", ({ node, facts, output }) => {
  expect(factsOf([{ output: ["out"], ...node }], {}, output)).toMatchObject(facts);
});

const body = (elemType: number): onnx.GraphProto.$Properties => ({
  node: [{ opType: "Neg", input: ["x"], output: ["inner"] }],
  output: [value("condition", BOOL), value("inner", elemType, 7)],
});

test.each<[string, string, number, number]>([
  ["If", "then_branch", 1, HALF],
  ["Loop", "body", 0, HALF],
  ["Scan", "body", 1, HALF],
])("%s gives what its body gives, of an open shape", (opType, name, output, elementType) => {
  const node = { opType, output: ["p", "q"], attribute: [{ name, type: 5, g: body(HALF) }] };
  expect(factsOf([node], {}, output)).toEqual({ elementType, dims: null, numbers: null });
});

test("bodies see the tensors around them, and come before their node", () => {
  const node = { opType: "If", output: ["p"], attribute: [{ name: "then_branch", type: 5, g: body(FLOAT) }] };
  const graph = { node: [node], input: [value("x", FLOAT, 2)] };
  const functions = [{ name: "f", node: [{ opType: "Abs", input: ["x"], output: ["y"] }] }];
  const typed = inferTypes(readOnnx(encodeOnnx({ irVersion: 8, graph, functions })));
  expect(typed.map(({ node: { opType }, inFunction }) => [opType, inFunction])).toEqual([
    ["Neg", false],
    ["If", false],
    ["Abs", true],
  ]);
  expect(typed.map(({ inputs }) => inputs)).toEqual([[{ elementType: FLOAT, dims: [2], numbers: null }], [], [null]]);
});

test("what the file declares goes before what is inferred", () => {
  const node = { opType: "Unheard", input: ["x"], output: ["t"] };
  expect(factsOf([node], { valueInfo: [value("t", INT64, 2, "m")] })).toEqual({
    elementType: INT64,
    dims: [2, "m"],
    numbers: null,
  });
  const transpose = { opType: "Transpose", input: ["w"], output: ["t"] };
  expect(factsOf([transpose], { valueInfo: [{ name: "t" }] })).toMatchObject({ elementType: FLOAT, dims: [4, 3, 2] });
});
