import type { OnnxGraph, OnnxNode } from "../../../onnx/model.ts";
import { permuteData } from "../../build/permute.ts";

import { withReplaced } from "./drop-unused.ts";
import { ELEMENTWISE, floatConstant, freshName, int64Constant, soleProducer, wiringOf, type Wiring } from "./wiring.ts";

/**
 * A dense layer whose output is read as an image and transposed, as decoders do it: the units are put in the order the
 * Transpose would give them, once, in the weights.
 */
export function absorbTransposeIntoDense(graph: OnnxGraph): OnnxGraph {
  const wiring = wiringOf(graph);
  const replaced = new Map<OnnxNode, OnnxNode | null>();
  const initializers = new Map(graph.initializers);
  for (const node of graph.nodes) {
    if (node.opType !== "Transpose") continue;
    const found = findDense(graph, wiring, node);
    if (found === null || replaced.has(found.dense)) continue;
    const { dense, reshape, shape, perm } = found;
    const [batch = 0, ...sizes] = shape;
    const moves = perm.slice(1).map((axis) => axis - 1);
    const [input = "", weightName = "", biasName = ""] = dense.inputs;
    const weight = floatConstant(graph, weightName);
    const bias = floatConstant(graph, biasName);
    if (weight === null || (biasName !== "" && bias === null)) continue;
    const rows = weight.dims[0] ?? 0;
    const newWeight = freshName(initializers, weightName);
    initializers.set(newWeight, permuteData(weight, [rows, ...sizes], [0, ...moves.map((axis) => axis + 1)]));
    const inputs = [input, newWeight];
    if (bias !== null) {
      const newBias = freshName(initializers, biasName);
      initializers.set(newBias, permuteData(bias, sizes, moves));
      inputs.push(newBias);
    }
    const newShape = freshName(initializers, reshape.inputs[1] ?? "");
    const data = BigInt64Array.from([batch, ...moves.map((axis) => sizes[axis] ?? 1)], BigInt);
    initializers.set(newShape, { dtype: "int64", dims: [data.length], data });
    replaced.set(dense, { ...dense, inputs });
    replaced.set(reshape, { ...reshape, inputs: [reshape.inputs[0] ?? "", newShape], outputs: node.outputs });
    replaced.set(node, null);
  }
  return replaced.size === 0 ? graph : withReplaced(graph, replaced, initializers);
}

interface Found {
  readonly dense: OnnxNode;
  readonly reshape: OnnxNode;
  /** The batch, then sizes whose product is the number of units. */
  readonly shape: readonly number[];
  readonly perm: readonly number[];
}

/** The Gemm before a Reshape before `transpose`, when nothing but elementwise nodes is between and nothing else reads it. */
function findDense(graph: OnnxGraph, wiring: Wiring, transpose: OnnxNode): Found | null {
  const perm = transpose.attributes["perm"];
  const reshape = soleProducer(wiring, transpose.inputs[0] ?? "");
  if (perm?.type !== "ints" || perm.value[0] !== 0 || reshape?.opType !== "Reshape") return null;
  const shape = int64Constant(graph, reshape.inputs[1] ?? "");
  if (shape === null || shape.length !== perm.value.length || shape.slice(1).some((size) => size < 1)) return null;
  let dense = soleProducer(wiring, reshape.inputs[0] ?? "");
  while (dense !== null && ELEMENTWISE.has(dense.opType)) dense = soleProducer(wiring, dense.inputs[0] ?? "");
  if (dense?.opType !== "Gemm" || Object.keys(dense.attributes).length > 0) return null;
  const units = graph.initializers.get(dense.inputs[1] ?? "")?.dims[1];
  const bias = graph.initializers.get(dense.inputs[2] ?? "");
  if (units !== shape.slice(1).reduce((size, dim) => size * dim, 1)) return null;
  if (bias !== undefined && bias.data.length !== units) return null;
  return { dense, reshape, shape, perm: perm.value };
}
