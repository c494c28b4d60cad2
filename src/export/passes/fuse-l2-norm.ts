import { ints } from "../../onnx/model.ts";

import { int64Constant, madeBy, pairsOf, scalarConstant } from "./match.ts";
import type { Pass } from "./pass.ts";
import type { NodeSpec, PassGraph, PassNode, PassTensor } from "./pass-graph.ts";

/** From this opset on, these reductions take their axes as an input. */
const AXES_AS_INPUT = 18;

/**
 * `sum(x · x)` is a ReduceSumSquare, and its square root a ReduceL2. `√max(sum(x · x), ε)`, as TensorFlow's `l2_normalize` computes
 * it, is `max(ReduceL2(x), √ε)`, because the root grows with its argument; and what is multiplied by the reciprocal of that is
 * divided by it.
 */
export const fuseL2Norm: Pass = {
  name: "fuseL2Norm",
  startsAt: ["ReduceSum", "Sqrt", "Reciprocal"],
  apply(node, graph) {
    if (node.outputs[0]?.dtype !== "float32") return false;
    if (node.opType === "ReduceSum") return sumSquares(node, graph);
    return node.opType === "Sqrt" ? takeRoot(node, graph) : divide(node, graph);
  },
};

function sumSquares(node: PassNode, graph: PassGraph): boolean {
  const square = graph.soleProducer(node);
  const [x, same] = square?.inputs ?? [];
  if (square?.opType !== "Mul" || x == null || x !== same) return false;
  const [, axes] = node.inputs;
  if (axes == null || graph.opset >= AXES_AS_INPUT) {
    graph.redefine(node, { ...node, opType: "ReduceSumSquare", inputs: [x, axes ?? null] });
    return true;
  }
  const places = int64Constant(axes);
  if (places === null || places.length === 0) return false;
  const { noop_with_empty_axes: _, ...attributes } = node.attributes;
  graph.redefine(node, {
    opType: "ReduceSumSquare",
    inputs: [x],
    attributes: { ...attributes, axes: ints(places) },
  });
  return true;
}

function takeRoot(node: PassNode, graph: PassGraph): boolean {
  const before = graph.soleProducer(node);
  if (before === null) return false;
  if (before.opType === "ReduceSumSquare") {
    graph.redefine(node, rooted(before));
    return true;
  }
  if (before.opType !== "Max" || before.inputs.length !== 2) return false;
  for (const [sum, least] of pairsOf(before)) {
    const reduction = madeBy(sum, "ReduceSumSquare");
    const bound = scalarConstant(least);
    // A bound with more axes than the sum would broadcast it; a scalar of rank 0 cannot.
    if (reduction === null || bound === null || bound < 0 || least.shape?.length !== 0 || sum.uses !== 1) continue;
    const [norm] = graph.add(node, rooted(reduction));
    const root = graph.constant(node.name, { dtype: "float32", dims: [], data: Float32Array.of(Math.sqrt(bound)) });
    graph.redefine(node, { opType: "Max", inputs: [norm ?? null, root] });
    return true;
  }
  return false;
}

/** The square root of a ReduceSumSquare. */
function rooted({ inputs, attributes }: PassNode): NodeSpec {
  return { opType: "ReduceL2", inputs, attributes };
}

function divide(node: PassNode, graph: PassGraph): boolean {
  const [norm] = node.inputs;
  const [inverse] = node.outputs;
  const [product, ...others] = inverse?.readers ?? [];
  if (norm == null || inverse == null || product === undefined || others.length > 0) return false;
  if (inverse.isOutput || inverse.uses > 1 || product.opType !== "Mul" || product.domain !== "" || !isNorm(norm))
    return false;
  const x = product.inputs.find((input) => input !== inverse);
  if (x == null) return false;
  graph.redefine(product, { opType: "Div", inputs: [x, norm] });
  return true;
}

function isNorm(tensor: PassTensor): boolean {
  const bounded = pairsOf(madeBy(tensor, "Max")).map(([norm]) => norm);
  return [tensor, ...bounded].some((each) => madeBy(each, "ReduceL2") !== null);
}
