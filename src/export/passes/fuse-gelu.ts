import { string } from "../../onnx/model.ts";

import { haveSameShape, madeBy, pairsOf, scalarConstant, threeFactors } from "./match.ts";
import type { Pass } from "./pass.ts";
import type { PassGraph, PassNode, PassTensor } from "./pass-graph.ts";

/** What Gelu is computed with, and its argument as a polynomial in x, lowest power first. */
const FORMS = [
  { opType: "Erf", approximate: "none", argument: [0, Math.SQRT1_2] },
  { opType: "Tanh", approximate: "tanh", argument: [0, Math.sqrt(2 / Math.PI), 0, 0.044715 * Math.sqrt(2 / Math.PI)] },
] as const;

const HIGHEST_POWER = 3;
/** Nodes from the argument to x in the longest form that is read. */
const DEEPEST = 6;

/**
 * `0.5 · x · (1 + erf(x / √2))`, and the approximation of it by tanh, with the factors in any order and the argument written in any
 * way: a Gelu from opset 20 on. In older opsets erf reads `x / √2` instead of a product, for that is the form of Gelu that ONNX
 * Runtime makes one node of; of the approximation it knows the forms that models have.
 *
 * Source: Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016; the operator Gelu of ONNX.
 */
export const fuseGelu: Pass = {
  name: "fuseGelu",
  startsAt: ["Mul"],
  apply(node, graph) {
    for (const [half, gate, input] of threeFactors(node)) {
      if (scalarConstant(half) !== 0.5 || !haveSameShape(input, node.outputs[0])) continue;
      for (const [one, curve] of pairsOf(madeBy(gate, "Add"))) {
        if (scalarConstant(one) !== 1) continue;
        for (const { opType, approximate, argument } of FORMS) {
          const read = madeBy(curve, opType)?.inputs[0] ?? null;
          if (read === null || !isPolynomial(argument, polynomialIn(input, read, DEEPEST))) continue;
          if (graph.opset >= 20) {
            graph.redefine(node, { opType: "Gelu", inputs: [input], attributes: { approximate: string(approximate) } });
            return true;
          }
          return opType === "Erf" && divideInstead(read, input, graph);
        }
      }
    }
    return false;
  },
};

/** Makes `x · √½` of `x / √2`. @returns whether it was a product */
function divideInstead(argument: PassTensor, input: PassTensor, graph: PassGraph): boolean {
  const product = madeBy(argument, "Mul");
  if (product === null || !product.inputs.includes(input)) return false;
  const root = graph.constant(product.name, { dtype: "float32", dims: [], data: Float32Array.of(Math.SQRT2) });
  graph.redefine(product, { opType: "Div", inputs: [input, root] });
  return true;
}

/** A tensor as a polynomial in x; null when it is none, or none that is found within `depth` nodes. */
function polynomialIn(x: PassTensor, tensor: PassTensor, depth: number): readonly number[] | null {
  if (tensor === x) return [0, 1];
  const constant = scalarConstant(tensor);
  if (constant !== null) return [constant];
  const node = tensor.producer;
  const [a, b] = node?.inputs ?? [];
  if (node === null || node.domain !== "" || a == null || b == null || depth === 0) return null;
  const [left, right] = [polynomialIn(x, a, depth - 1), polynomialIn(x, b, depth - 1)];
  return left === null || right === null ? null : combine(node, left, right);
}

function combine({ opType }: PassNode, left: readonly number[], right: readonly number[]): readonly number[] | null {
  const [divisor] = right;
  switch (opType) {
    case "Add":
      return sum(left, right);
    case "Mul":
      return productOf(left, right);
    case "Div":
      return right.length === 1 && divisor !== undefined ? left.map((factor) => factor / divisor) : null;
    case "Pow":
      return right.length === 1 && divisor !== undefined ? powerOf(left, divisor) : null;
    default:
      return null;
  }
}

function sum(left: readonly number[], right: readonly number[]): readonly number[] {
  return Array.from({ length: Math.max(left.length, right.length) }, (_, n) => term(left, n) + term(right, n));
}

function productOf(left: readonly number[], right: readonly number[]): readonly number[] | null {
  const length = left.length + right.length - 1;
  if (length > HIGHEST_POWER + 1) return null;
  return Array.from({ length }, (_, n) =>
    left.reduce((total, factor, index) => total + factor * term(right, n - index), 0),
  );
}

function powerOf(base: readonly number[], exponent: number): readonly number[] | null {
  if (exponent !== 2 && exponent !== 3) return null;
  const square = productOf(base, base);
  return exponent === 2 || square === null ? square : productOf(square, base);
}

/** The factor of a power of x: 0 for those that a polynomial does not reach. */
function term(polynomial: readonly number[], power: number): number {
  return polynomial[power] ?? 0;
}

/** Whether the factors are those, rounded to float32. */
function isPolynomial(wanted: readonly number[], found: readonly number[] | null): boolean {
  return (
    found !== null &&
    found.length === wanted.length &&
    wanted.every((factor, power) => Math.abs(term(found, power) - factor) <= 3e-7 * Math.abs(factor))
  );
}
