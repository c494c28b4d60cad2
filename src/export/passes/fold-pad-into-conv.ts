import { ints } from "../../onnx/model.ts";
import { at } from "../../require.ts";

import { int64Constant, intsAttribute } from "./match.ts";
import type { Pass } from "./pass.ts";
import type { PassNode } from "./pass-graph.ts";

/** Padding with zeros, then a convolution that nothing else shares the padded tensor with: the convolution pads itself. */
export const foldPadIntoConv: Pass = {
  name: "foldPadIntoConv",
  startsAt: ["Conv"],
  apply(node, graph) {
    const pad = graph.soleProducer(node);
    if (pad?.opType !== "Pad" || node.attributes["auto_pad"] !== undefined) return false;
    const sides = zeroPadding(pad);
    if (sides === null || sides.slice(0, 2).some(([before, after]) => before !== 0 || after !== 0)) return false;
    const spatial = sides.slice(2);
    const added = [...spatial.map(([before]) => before), ...spatial.map(([, after]) => after)];
    const own = intsAttribute(node, "pads") ?? added.map(() => 0);
    const pads = ints(added.map((side, index) => side + at(own, index)));
    graph.redefine(node, {
      ...node,
      inputs: [at(pad.inputs, 0), ...node.inputs.slice(1)],
      attributes: { ...node.attributes, pads },
    });
    return true;
  },
};

/** How many zeros are put before and after each axis; null when something else is, or that is not known. */
function zeroPadding({ inputs, attributes }: PassNode): readonly (readonly [number, number])[] | null {
  const [input, pads, fill, axes] = inputs;
  const mode = attributes["mode"];
  if (mode !== undefined && !(mode.type === "string" && mode.value === "constant")) return null;
  if (fill != null && (fill.constant === null || Number(fill.constant.data[0]) !== 0)) return null;
  const rank = input?.shape?.length;
  const numbers = int64Constant(pads);
  if (rank === undefined || numbers === null || numbers.some((side) => side < 0)) return null;
  const padded = axes == null ? Array.from({ length: rank }, (_, axis) => axis) : int64Constant(axes);
  if (padded === null || numbers.length !== 2 * padded.length) return null;
  const sides = Array.from({ length: rank }, (): readonly [number, number] => [0, 0]);
  padded.forEach((axis, index) => {
    sides[axis < 0 ? axis + rank : axis] = [at(numbers, index), at(numbers, index + padded.length)];
  });
  return sides;
}
