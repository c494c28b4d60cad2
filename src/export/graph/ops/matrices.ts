import { ExportError } from "../../../errors.ts";
import { at, first } from "../../../require.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import { einsum } from "../../build/einsum.ts";
import { gemm, matMul } from "../../build/ops/neural.ts";
import { trilu } from "../../build/ops/shape.ts";
import type { GraphTensor } from "../../ir/graph-tensor.ts";
import { permuteAxes, viewOf, type Value } from "../../ir/value.ts";
import type { GraphOpConverter, OpContext } from "../converter.ts";
import type { GraphNode } from "../source/node.ts";

import { activate, fusedParts, type FusedParts } from "./activation.ts";
import { defineOp } from "./define.ts";
import { number } from "./operands.ts";

const NO_FUSION: FusedParts = { bias: null, activation: { name: "linear" } };

/** A matrix as an operand: stored as it is to be used, or the other way round. */
interface Operand {
  readonly tensor: GraphTensor;
  readonly turned: boolean;
}

/** The last two axes changed; no node. */
function turned(value: Value): Value {
  const axes = Array.from(value.axes.keys());
  const [last, before] = [axes.pop(), axes.pop()];
  if (last === undefined || before === undefined) throw new ExportError("a matrix has two axes at least");
  return permuteAxes(value, [...axes, last, before]);
}

/** A Gemm can turn matrices itself. */
function operand(graph: GraphBuilder, value: Value): Operand {
  const other = turned(value);
  const needsNode = graph.storeCost(value, value.axes) > 0 && graph.storeCost(other, other.axes) === 0;
  return needsNode ? { tensor: graph.plain(other), turned: true } : { tensor: graph.plain(value), turned: false };
}

function multiply(graph: GraphBuilder, a: Value, b: Value, { bias, activation }: FusedParts): Value {
  if (a.rank < 2 || b.rank < 2) throw new ExportError(`it multiplies matrices; got ${a.rank} and ${b.rank} axes`);
  const product = a.rank === 2 && b.rank === 2 ? matrixProduct(graph, a, b, bias) : batchProduct(graph, a, b, bias);
  return activate(graph, product, activation);
}

function matrixProduct(graph: GraphBuilder, a: Value, b: Value, bias: Value | null): Value {
  const [left, right] = [operand(graph, a), operand(graph, b)];
  const inGemm = bias !== null && bias.rank === 1 && bias.dtype === "float32";
  if (a.dtype === "float32" && (inGemm || left.turned || right.turned)) {
    const added = inGemm ? graph.plain(bias) : null;
    const product = gemm(graph, left.tensor, right.tensor, added, { transA: left.turned, transB: right.turned });
    return inGemm || bias === null ? viewOf(product) : graph.binary("Add", viewOf(product), bias);
  }
  const product = viewOf(matMul(graph, graph.plain(a), graph.plain(b)));
  return bias === null ? product : graph.binary("Add", product, bias);
}

function batchProduct(graph: GraphBuilder, a: Value, b: Value, bias: Value | null): Value {
  const product = viewOf(matMul(graph, graph.plain(a), graph.plain(b)));
  return bias === null ? product : graph.binary("Add", product, bias);
}

function matrixMultiplication(tfOps: readonly string[], flagA: string, flagB: string): GraphOpConverter {
  return defineOp(tfOps, ["MatMul", "Gemm"], (context, node) =>
    multiply(context.graph, ...matrices(context, node, flagA, flagB), NO_FUSION),
  );
}

function matrices(
  context: OpContext,
  { attributes }: GraphNode,
  flagA: string,
  flagB: string,
): readonly [Value, Value] {
  const [a, b] = [context.tensor(0), context.tensor(1)];
  return [attributes.bool(flagA, false) ? turned(a) : a, attributes.bool(flagB, false) ? turned(b) : b];
}

const fusedMatMul = defineOp(
  ["_FusedMatMul"],
  ["MatMul", "Gemm", "Add", "Relu", "Clip", "Elu", "Sigmoid", "LeakyRelu", "PRelu"],
  (context, node) =>
    multiply(context.graph, ...matrices(context, node, "transpose_a", "transpose_b"), fusedParts(context, node)),
);

/** No node: the axes are seen in another order. */
const transpose = defineOp(["Transpose"], [], (context) => {
  const input = context.tensor(0);
  const perm = context.integers(1, "the permutation");
  const isPermutation = perm.length === input.rank && input.axes.every((_, axis) => perm.includes(axis));
  if (isPermutation) return permuteAxes(input, perm);
  throw new ExportError(`[${perm.join(", ")}] is no permutation of ${input.rank} axes`);
});

/** TF.js reads the equation in lower case. */
const einsteinSum = defineOp(["Einsum"], ["MatMul", "Mul", "ReduceSum", "Einsum"], (context, { attributes }) => {
  const operands = context.tensors();
  const equation = attributes.string("equation").toLowerCase().replaceAll(" ", "");
  return einsum(context.graph, withoutEllipsis(equation, operands), operands);
});

/** The equation with a letter for each axis that an ellipsis stands for; the last axes of several are the same. */
function withoutEllipsis(equation: string, operands: readonly Value[]): string {
  if (!equation.includes("...")) return equation;
  const [left = "", right] = equation.split("->");
  const terms = left.split(",");
  if (right === undefined || terms.length !== operands.length) {
    throw new ExportError(`the equation ${equation} does not fit ${operands.length} inputs`);
  }
  const unused = Array.from("abcdefghijklmnopqrstuvwxyz").filter((letter) => !equation.includes(letter));
  const hidden = terms.map((term, index) => {
    const { rank } = at(operands, index);
    return term.includes("...") ? rank - (term.length - "...".length) : 0;
  });
  const most = Math.max(...hidden);
  if (Math.min(...hidden) < 0 || most > unused.length) {
    throw new ExportError(
      `the equation ${equation} does not fit inputs of ranks ${operands.map(({ rank }) => rank).join(" and ")}`,
    );
  }
  const letters = (count: number): string => unused.slice(most - count, most).join("");
  const written = terms.map((term, index) => term.replace("...", letters(at(hidden, index))));
  return `${written.join(",")}->${right.replace("...", letters(most))}`;
}

/**
 * Zeros but for a band around the diagonal. TF.js reads both widths from the second input; it takes a negative one for all.
 */
const bandPart = defineOp(["MatrixBandPart"], ["Trilu"], (context) => {
  const { graph } = context;
  const input = context.tensor(0);
  const width = first(context.integers(1, "the width of the band"));
  if (width < 0) return input;
  const plain = graph.plain(input);
  const lower = trilu(graph, plain, number(graph, -width, "int64"), true);
  return viewOf(trilu(graph, lower, number(graph, width, "int64"), false));
});

export const matrixOps: readonly GraphOpConverter[] = [
  matrixMultiplication(["MatMul"], "transpose_a", "transpose_b"),
  matrixMultiplication(["BatchMatMul", "BatchMatMulV2"], "adj_x", "adj_y"),
  fusedMatMul,
  transpose,
  einsteinSum,
  bandPart,
];
