import { onnx } from "../../src/onnx/generated/encode.js";
import { ELEMENT_TYPE } from "../../src/onnx/element-type.ts";
import type { DType, Tensor } from "../../src/tensor.ts";
import { encodeOnnx } from "./onnx-proto.ts";

export interface TinyValue {
  readonly name: string;
  readonly dtype: DType;
  readonly dims?: readonly (number | string)[];
}

export interface TinyNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly ints?: Readonly<Record<string, readonly number[]>>;
  readonly int?: Readonly<Record<string, number>>;
  readonly string?: Readonly<Record<string, string>>;
  readonly strings?: Readonly<Record<string, readonly string[]>>;
  /** Default: the operator and the outputs. */
  readonly name?: string;
}

export interface TinyModel {
  readonly inputs: readonly TinyValue[];
  readonly outputs: readonly TinyValue[];
  readonly nodes: readonly TinyNode[];
  readonly weights?: Readonly<Record<string, Extract<Tensor, { dtype: "float32" }>>>;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Location of a weight file that the weights are said to be in. */
  readonly external?: string;
}

const { AttributeType } = onnx.AttributeProto;
const { DataLocation } = onnx.TensorProto;

/** The bytes of a small ONNX model, opset 17, IR version 8. */
export function tinyOnnx(model: TinyModel): Uint8Array {
  return encodeOnnx({
    irVersion: 8,
    producerName: "tiny",
    opsetImport: [{ domain: "", version: 17 }],
    metadataProps: Object.entries(model.metadata ?? {}).map(([key, value]) => ({ key, value })),
    graph: {
      name: "tiny",
      input: model.inputs.map(toValueInfo),
      output: model.outputs.map(toValueInfo),
      node: model.nodes.map((node) => ({
        opType: node.op,
        name: node.name ?? `${node.op}_${node.outputs.join()}`,
        input: [...node.inputs],
        output: [...node.outputs],
        attribute: attributesOf(node),
      })),
      initializer: Object.entries(model.weights ?? {}).map(([name, { data, dims }]) => ({
        name,
        dims: [...dims],
        dataType: ELEMENT_TYPE.float32,
        ...(model.external === undefined
          ? { rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }
          : { dataLocation: DataLocation.EXTERNAL, externalData: [{ key: "location", value: model.external }] }),
      })),
    },
  });
}

function attributesOf({ ints = {}, int = {}, string = {}, strings = {} }: TinyNode): onnx.IAttributeProto[] {
  return [
    ...Object.entries(ints).map(([name, values]) => ({ name, type: AttributeType.INTS, ints: [...values] })),
    ...Object.entries(int).map(([name, value]) => ({ name, type: AttributeType.INT, i: value })),
    ...Object.entries(string).map(([name, value]) => ({
      name,
      type: AttributeType.STRING,
      s: new TextEncoder().encode(value),
    })),
    ...Object.entries(strings).map(([name, values]) => ({
      name,
      type: AttributeType.STRINGS,
      strings: values.map((value) => new TextEncoder().encode(value)),
    })),
  ];
}

function toValueInfo({ name, dtype, dims }: TinyValue): onnx.IValueInfoProto {
  const shape =
    dims === undefined
      ? {}
      : { shape: { dim: dims.map((dim) => (typeof dim === "number" ? { dimValue: dim } : { dimParam: dim })) } };
  return { name, type: { tensorType: { elemType: ELEMENT_TYPE[dtype], ...shape } } };
}

/** A model of one Identity node on `x`, giving `y`. */
export function identity(dtype: DType, dims: readonly (number | string)[] = ["n"]): Uint8Array {
  return unary("Identity", dtype, dims);
}

/** A model of one node on `x`, giving `y` of the same shape. */
export function unary(op: string, dtype: DType = "float32", dims: readonly (number | string)[] = ["n"]): Uint8Array {
  return tinyOnnx({
    inputs: [{ name: "x", dtype, dims }],
    outputs: [{ name: "y", dtype, dims }],
    nodes: [{ op, inputs: ["x"], outputs: ["y"] }],
  });
}

/** `y = relu(x W)`, x: [batch, 4], W: [4, 3]. */
export function smallDense(): Uint8Array {
  return tinyOnnx({
    inputs: [{ name: "x", dtype: "float32", dims: ["batch", 4] }],
    outputs: [{ name: "y", dtype: "float32", dims: ["batch", 3] }],
    nodes: [
      { op: "MatMul", inputs: ["x", "W"], outputs: ["xW"] },
      { op: "Relu", inputs: ["xW"], outputs: ["y"] },
    ],
    weights: { W: { dtype: "float32", dims: [4, 3], data: Float32Array.from({ length: 12 }, (_, i) => i / 4 - 1) } },
  });
}
