import { at } from "../../require.ts";
import { sizeOf, type Tensor } from "../../tensor.ts";
import { asNumber } from "../../onnx/dim.ts";

import type { Pass } from "./pass.ts";
import type { PassNode } from "./pass-graph.ts";

/** Larger constants are computed when the model runs, to keep the file small. */
const MOST_ELEMENTS = 256;

type Operand = Extract<Tensor, { dtype: "float32" | "int32" | "bool" }>;
type Compute = (a: number, b: number) => number | boolean;

/** IEEE 754 says what these give for two float32 numbers: float64 rounded to float32 is the same. */
const ARITHMETIC: ReadonlyMap<string, Compute> = new Map<string, Compute>([
  ["Add", (a, b) => a + b],
  ["Div", (a, b) => a / b],
  ["Mul", (a, b) => a * b],
  ["Sub", (a, b) => a - b],
]);

const COMPARISONS: ReadonlyMap<string, Compute> = new Map<string, Compute>([
  ["Equal", (a, b) => a === b],
  ["Greater", (a, b) => a > b],
  ["GreaterOrEqual", (a, b) => a >= b],
  ["Less", (a, b) => a < b],
  ["LessOrEqual", (a, b) => a <= b],
]);

const LOGIC: ReadonlyMap<string, Compute> = new Map<string, Compute>([
  ["And", (a, b) => a !== 0 && b !== 0],
  ["Or", (a, b) => a !== 0 || b !== 0],
  ["Xor", (a, b) => (a !== 0) !== (b !== 0)],
]);

const UNARY: ReadonlyMap<string, Compute> = new Map<string, Compute>([
  ["Neg", (a) => -a],
  ["Not", (a) => a === 0],
  ["Sqrt", (a) => Math.sqrt(a)],
]);

const RESHAPES = ["Identity", "Reshape", "Squeeze", "Unsqueeze"];

/** A node on small constants, where its result is exact: the result is a constant. Integers are folded as a graph is built. */
export const foldConstants: Pass = {
  name: "foldConstants",
  startsAt: [...ARITHMETIC.keys(), ...COMPARISONS.keys(), ...LOGIC.keys(), ...UNARY.keys(), "Cast", ...RESHAPES],
  apply(node, graph) {
    const [output, ...others] = node.outputs;
    const dims = output?.shape?.map(asNumber).filter((size) => size !== null) ?? null;
    if (output == null || dims === null || dims.length !== output.shape?.length || others.length > 0) return false;
    if (sizeOf(dims) > MOST_ELEMENTS) return false;
    const values = valuesOf(node, dims);
    const made = values === null ? null : tensorOf(output.dtype, dims, values);
    return made !== null && graph.replaceOutputs(node, [graph.constant(node.name, made)]);
  },
};

/** The elements of what a node makes; null when they are not known, or not exact. */
function valuesOf({ opType, inputs }: PassNode, dims: readonly number[]): readonly (number | boolean)[] | null {
  const operands = inputs.map((input) => operandOf(input?.constant ?? null));
  const [a, b] = operands;
  if (a == null) return null;
  if (RESHAPES.includes(opType) || opType === "Cast") return [...a.data];
  const unary = UNARY.get(opType);
  if (unary !== undefined) return Array.from(a.data, (value) => unary(value, 0));
  const isFloat = a.dtype === "float32";
  const compute = COMPARISONS.get(opType) ?? LOGIC.get(opType) ?? (isFloat ? ARITHMETIC.get(opType) : undefined);
  if (compute === undefined || b == null || b.dtype !== a.dtype) return null;
  return Array.from({ length: sizeOf(dims) }, (_, place) =>
    compute(at(a.data, elementAt(a.dims, dims, place)), at(b.data, elementAt(b.dims, dims, place))),
  );
}

function operandOf(constant: Tensor | null): Operand | null {
  const isPlain = constant?.dtype === "float32" || constant?.dtype === "int32" || constant?.dtype === "bool";
  return isPlain && constant.data.length <= MOST_ELEMENTS ? constant : null;
}

/** Which element of a tensor of shape `from` is broadcast to the element `place` of one of shape `to`. */
function elementAt(from: readonly number[], to: readonly number[], place: number): number {
  let [rest, stride, element] = [place, 1, 0];
  for (let axis = 1; axis <= from.length; axis++) {
    const size = at(from, from.length - axis);
    const wide = at(to, to.length - axis);
    if (size > 1) element += (rest % wide) * stride;
    stride *= size;
    rest = Math.floor(rest / wide);
  }
  return element;
}

function tensorOf(dtype: string, dims: readonly number[], values: readonly (number | boolean)[]): Tensor | null {
  const numbers = values.map(Number);
  if (dtype === "float32") return { dtype, dims, data: Float32Array.from(numbers) };
  if (dtype === "bool") return { dtype, dims, data: Uint8Array.from(numbers, (value) => (value === 0 ? 0 : 1)) };
  // What ONNX makes of larger numbers is not defined.
  if (dtype !== "int32" || numbers.some((value) => !(Math.abs(value) < 2 ** 31))) return null;
  return { dtype, dims, data: Int32Array.from(numbers) };
}
