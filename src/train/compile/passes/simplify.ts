import {
  boolAttribute,
  type GraphNode,
  type Ref,
  sameShape,
  sizeOf,
  type TensorType,
  typeAttribute,
} from "../graph.ts";
import { FLOAT, INT32 } from "../native.ts";
import { type Editor, type Pass, sweep } from "./editor.ts";

/** Casts to the type that a value has already. */
export const dropCasts: Pass = sweep("cast", (node, editor) => {
  const [input] = node.inputs;
  if (node.op !== "Cast" || input === undefined) return undefined;
  return editor.type(input).dtype === node.outputs[0]?.dtype ? input : undefined;
});

/** Reshapes of reshapes, and to the shape that a value has already. ExpandDims and Squeeze are reshapes, too. */
export const mergeReshapes: Pass = sweep("reshape", (node, editor) => {
  const [input] = node.inputs;
  const [output] = node.outputs;
  if (!RESHAPES.has(node.op) || input === undefined || output === undefined) return undefined;
  const source = editor.node(input);
  const [origin] = source.inputs;
  const from = RESHAPES.has(source.op) && origin !== undefined ? origin : input;
  if (sameShape(editor.type(from).shape, output.shape)) return from;
  return node.op === "Reshape" && from === input ? undefined : reshape(editor, from, output.shape);
});

const RESHAPES = new Set(["Reshape", "ExpandDims", "Squeeze"]);

export function reshape(editor: Editor, value: Ref, shape: readonly number[]): Ref {
  const type = editor.type(value);
  if (sameShape(type.shape, shape)) return value;
  const target = editor.constant(Int32Array.from(shape), { dtype: INT32, shape: [shape.length] });
  const attributes = { T: typeAttribute(type.dtype), Tshape: typeAttribute(INT32) };
  return editor.add("Reshape", [value, target], attributes, { dtype: type.dtype, shape });
}

/** TF.js multiplies all matrices by batches; of one matrix each, MatMul does it. */
export const plainMatMul: Pass = sweep("matmul", (node, editor) => {
  const [a, b] = node.inputs;
  const [output] = node.outputs;
  if (!/^BatchMatMul(?:V2)?$/.test(node.op) || a === undefined || b === undefined || output === undefined)
    return undefined;
  const [left, right] = [matrixOf(editor, a), matrixOf(editor, b)];
  if (left === undefined || right === undefined || output.dtype !== FLOAT) return undefined;
  const attributes = {
    T: typeAttribute(FLOAT),
    transpose_a: boolAttribute(isSet(node, "adj_x")),
    transpose_b: boolAttribute(isSet(node, "adj_y")),
  };
  const shape = output.shape.slice(-2);
  return reshape(editor, editor.add("MatMul", [left, right], attributes, { dtype: FLOAT, shape }), output.shape);
});

function matrixOf(editor: Editor, value: Ref): Ref | undefined {
  const { shape } = editor.type(value);
  const matrix = shape.slice(-2);
  return sizeOf(shape) === sizeOf(matrix) ? reshape(editor, value, matrix) : undefined;
}

function isSet(node: GraphNode, attribute: string): boolean {
  const value = node.attributes[attribute];
  return value?.kind === "bool" && value.value;
}

/** x + b with b over the last axis. */
export const biasAdd: Pass = sweep("bias", (node, editor) => {
  const [a, b] = node.inputs;
  const [output] = node.outputs;
  if (!isAdd(node) || a === undefined || b === undefined || output?.dtype !== FLOAT) return undefined;
  const attributes = { T: typeAttribute(FLOAT) };
  if (isBias(editor.type(b), editor.type(a))) return editor.add("BiasAdd", [a, b], attributes, output);
  if (isBias(editor.type(a), editor.type(b))) return editor.add("BiasAdd", [b, a], attributes, output);
  return undefined;
});

export function isAdd({ op }: GraphNode): boolean {
  return op === "Add" || op === "AddV2";
}

function isBias(bias: TensorType, value: TensorType): boolean {
  const [length = 0] = bias.shape;
  return bias.shape.length === 1 && value.shape.length > 1 && length > 1 && value.shape.at(-1) === length;
}

/** Sums over all axes but the last. */
export const biasAddGrad: Pass = sweep("biasgrad", (node, editor) => {
  const [value, axes] = node.inputs;
  const [output] = node.outputs;
  if (node.op !== "Sum" || value === undefined || axes === undefined || output?.dtype !== FLOAT) return undefined;
  const { shape } = editor.type(value);
  const summed = editor.integers(axes);
  const others = shape.length - 1;
  if (shape.length < 2 || output.shape.length !== 1 || summed?.length !== others) return undefined;
  if (summed.some((axis, index) => axis !== index)) return undefined;
  return editor.add("BiasAddGrad", [value], { T: typeAttribute(FLOAT) }, output);
});
