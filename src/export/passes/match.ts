import type { Attributes } from "../../onnx/model.ts";
import type { Tensor } from "../../tensor.ts";

import type { PassGraph, PassNode, PassTensor } from "./pass-graph.ts";

export type FloatTensor = Extract<Tensor, { readonly dtype: "float32" }>;

/** A float32 constant; null when the tensor is left out or is none. */
export function floatConstant(tensor: PassTensor | null | undefined): FloatTensor | null {
  const constant = tensor?.constant ?? null;
  return constant?.dtype === "float32" ? constant : null;
}

/** A constant of int64 elements as numbers; null when the tensor is left out or is none. */
export function int64Constant(tensor: PassTensor | null | undefined): readonly number[] | null {
  const constant = tensor?.constant ?? null;
  return constant?.dtype === "int64" ? Array.from(constant.data, Number) : null;
}

/** The only element of a float32 constant; null when the tensor is no such constant. */
export function scalarConstant(tensor: PassTensor | null | undefined): number | null {
  const constant = floatConstant(tensor);
  if (constant === null || constant.dims.some((size) => size !== 1)) return null;
  return constant.data[0] ?? null;
}

/** A constant of int64 elements in one dimension. */
export function int64s(graph: PassGraph, stem: string, values: readonly number[]): PassTensor {
  return graph.constant(stem, { dtype: "int64", dims: [values.length], data: BigInt64Array.from(values, BigInt) });
}

/** An integer attribute, or what the specification takes where it is left out. */
export function intAttribute({ attributes }: PassNode, name: string, otherwise: number): number {
  const attribute = attributes[name];
  return attribute?.type === "int" ? attribute.value : otherwise;
}

/** A list of integers; null when the node has none of that name. */
export function intsAttribute({ attributes }: PassNode, name: string): readonly number[] | null {
  const attribute = attributes[name];
  return attribute?.type === "ints" ? attribute.value : null;
}

export function hasNoAttributes({ attributes }: { readonly attributes: Attributes }): boolean {
  return Object.keys(attributes).length === 0;
}

/** Whether both tensors have one shape, whatever the free sizes are. */
export function haveSameShape(a: PassTensor | null | undefined, b: PassTensor | null | undefined): boolean {
  const [one, other] = [a?.shape ?? null, b?.shape ?? null];
  return (
    one !== null && other !== null && one.length === other.length && one.every((size, axis) => size === other[axis])
  );
}

/** Elementwise on one tensor, whatever the order of its elements. */
export const ELEMENTWISE: ReadonlySet<string> = new Set([
  "Abs",
  "Clip",
  "Elu",
  "Exp",
  "Gelu",
  "HardSigmoid",
  "HardSwish",
  "LeakyRelu",
  "Relu",
  "Selu",
  "Sigmoid",
  "Softplus",
  "Softsign",
  "Sqrt",
  "Tanh",
  "ThresholdedRelu",
]);

/** The node of ONNX's own set that makes a tensor, where it is of this operator; otherwise null. */
export function madeBy(tensor: PassTensor | null | undefined, opType: string): PassNode | null {
  const producer = tensor?.producer ?? null;
  return producer?.opType === opType && producer.domain === "" ? producer : null;
}

/** Both orders of the two inputs of a node. */
export function pairsOf(node: PassNode | null): readonly (readonly [PassTensor, PassTensor])[] {
  const [a, b] = node?.inputs ?? [];
  return a == null || b == null
    ? []
    : [
        [a, b],
        [b, a],
      ];
}

/** The factors of `a · (b · c)`, in all orders. */
export function threeFactors(node: PassNode): readonly (readonly [PassTensor, PassTensor, PassTensor])[] {
  return pairsOf(node).flatMap(([one, product]) =>
    pairsOf(madeBy(product, "Mul")).flatMap(([two, three]) => [
      [one, two, three] as const,
      [two, one, three] as const,
      [two, three, one] as const,
    ]),
  );
}
