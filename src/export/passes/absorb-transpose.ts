import { asNumber } from "../../onnx/dim.ts";
import { at } from "../../require.ts";
import { sizeOf } from "../../tensor.ts";
import { permuteData } from "../build/permute.ts";

import { ELEMENTWISE, floatConstant, hasNoAttributes, int64Constant, int64s, intsAttribute } from "./match.ts";
import type { Pass } from "./pass.ts";
import type { PassGraph, PassNode } from "./pass-graph.ts";

/**
 * A dense layer whose output is read as an image and transposed, as decoders do it: the units are put in the order the
 * Transpose would give them, once, in the weights.
 */
export const absorbTransposeIntoDense: Pass = {
  name: "absorbTransposeIntoDense",
  startsAt: ["Transpose"],
  apply(node, graph) {
    const found = findDense(graph, node);
    if (found === null) return false;
    const { dense, reshape, batch, sizes, moves } = found;
    const [input, weightTensor, biasTensor] = dense.inputs;
    const weight = floatConstant(weightTensor);
    const bias = floatConstant(biasTensor);
    if (input == null || weightTensor == null || weight === null) return false;
    if (biasTensor != null && (bias === null || sizeOf(bias.dims) !== sizeOf(sizes))) return false;
    const order = [0, ...moves.map((axis) => axis + 1)];
    const inputs = [
      input,
      graph.constant(weightTensor.name, permuteData(weight, [at(weight.dims, 0), ...sizes], order)),
    ];
    if (bias !== null && biasTensor != null) {
      inputs.push(graph.constant(biasTensor.name, permuteData(bias, sizes, moves)));
    }
    graph.redefine(dense, { ...dense, inputs });
    const shape = int64s(graph, `${reshape.name}/shape`, [batch, ...moves.map((axis) => at(sizes, axis))]);
    graph.redefine(node, { ...reshape, inputs: [at(reshape.inputs, 0), shape] });
    return true;
  },
};

interface Found {
  readonly dense: PassNode;
  readonly reshape: PassNode;
  /** As the Reshape's shape has it. */
  readonly batch: number;
  /** Sizes whose product is the number of units. */
  readonly sizes: readonly number[];
  /** The order in which the Transpose puts these sizes. */
  readonly moves: readonly number[];
}

/** The Gemm before a Reshape before `transpose`, when nothing but elementwise nodes is between and nothing else reads it. */
function findDense(graph: PassGraph, transpose: PassNode): Found | null {
  const perm = intsAttribute(transpose, "perm");
  const reshape = graph.soleProducer(transpose);
  if (perm === null || perm[0] !== 0 || reshape?.opType !== "Reshape" || !hasNoAttributes(reshape)) return null;
  const [batch, ...sizes] = int64Constant(reshape.inputs[1]) ?? [];
  if (batch === undefined || sizes.length + 1 !== perm.length || sizes.some((size) => size < 1)) return null;
  let dense = graph.soleProducer(reshape);
  while (dense !== null && ELEMENTWISE.has(dense.opType)) dense = graph.soleProducer(dense);
  if (dense?.opType !== "Gemm" || !hasNoAttributes(dense)) return null;
  const units = dense.outputs[0]?.shape?.[1];
  if (units === undefined || asNumber(units) !== sizeOf(sizes)) return null;
  return { dense, reshape, batch, sizes, moves: perm.slice(1).map((axis) => axis - 1) };
}
