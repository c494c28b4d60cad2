import { asNumber, type Dim } from "../../onnx/dim.ts";
import { at } from "../../require.ts";

import { haveSameShape, int64Constant, int64s, intAttribute } from "./match.ts";
import type { Pass } from "./pass.ts";
import type { PassNode } from "./pass-graph.ts";

/** Operators that only cut their input's elements differently. */
const CUTS = ["Reshape", "Squeeze", "Unsqueeze", "Flatten"];

/** A Reshape, Squeeze or Unsqueeze of what another one makes: one Reshape does both. */
export const mergeReshapes: Pass = {
  name: "mergeReshapes",
  startsAt: CUTS,
  apply(node, graph) {
    const before = graph.soleProducer(node);
    const input = before?.inputs[0] ?? null;
    if (before === null || input === null || !CUTS.includes(before.opType)) return false;
    if (haveSameShape(input, node.outputs[0]) && graph.replaceOutputs(node, [input])) return true;
    const shape = shapeBetween(input.shape, node.outputs[0]?.shape ?? null) ?? ownShape(node);
    if (shape === null) return false;
    graph.redefine(node, {
      opType: "Reshape",
      name: node.name,
      inputs: [input, int64s(graph, `${node.name}/shape`, shape)],
    });
    return true;
  },
};

/** The second input of a Reshape from one shape to the other, where ONNX can say it: 0 keeps a size, -1 is what is left. */
function shapeBetween(from: readonly Dim[] | null, to: readonly Dim[] | null): readonly number[] | null {
  if (to === null) return null;
  const shape = to.map((size, axis) => {
    const known = asNumber(size);
    if (known !== null && known > 0) return known;
    if (from?.[axis] === size) return 0;
    return known === null ? -1 : null;
  });
  const sizes = shape.filter((size) => size !== null);
  return sizes.length < shape.length || sizes.filter((size) => size === -1).length > 1 ? null : sizes;
}

/** The shape that a Reshape is given, when it means the same whatever the shape of the input is. */
function ownShape(node: PassNode): readonly number[] | null {
  if (node.opType !== "Reshape" || intAttribute(node, "allowzero", 0) !== 0) return null;
  const shape = int64Constant(at(node.inputs, 1));
  return shape === null || shape.includes(0) ? null : shape;
}
