import { ints, type OnnxGraph, type OnnxNode } from "../../../onnx/model.ts";

import { dropUnused } from "./drop-unused.ts";
import { countUses } from "./wiring.ts";

/** Padding with zeros, then a convolution that nothing else shares the padded tensor with: the convolution pads itself. */
export function foldPadIntoConv(graph: OnnxGraph): OnnxGraph {
  let current = graph;
  for (;;) {
    const next = foldOnce(current);
    if (next.nodes.length === current.nodes.length) return next;
    current = next;
  }
}

function foldOnce(graph: OnnxGraph): OnnxGraph {
  const uses = countUses(graph);
  const pads = new Map<string, OnnxNode>();
  for (const node of graph.nodes) if (node.opType === "Pad") pads.set(node.outputs[0] ?? "", node);
  const nodes = graph.nodes.map((node) => {
    if (node.opType !== "Conv") return node;
    const pad = pads.get(node.inputs[0] ?? "");
    if (pad === undefined || uses.get(pad.outputs[0] ?? "") !== 1) return node;
    const sides = zeroPadding(graph, pad);
    const own = node.attributes["pads"];
    const rank = sides === null ? 0 : sides.length / 2 - 2;
    if (sides === null || rank < 1 || node.attributes["auto_pad"] !== undefined) return node;
    const half = sides.length / 2;
    if ([0, 1, half, half + 1].some((axis) => sides[axis] !== 0)) return node;
    const spatial = [...sides.slice(2, half), ...sides.slice(half + 2)];
    const before = own?.type === "ints" ? own.value : spatial.map(() => 0);
    const sum = spatial.map((side, index) => side + (before[index] ?? 0));
    return {
      ...node,
      inputs: [pad.inputs[0] ?? "", ...node.inputs.slice(1)],
      attributes: { ...node.attributes, pads: ints(sum) },
    };
  });
  return dropUnused({ ...graph, nodes });
}

function zeroPadding(graph: OnnxGraph, pad: OnnxNode): number[] | null {
  const mode = pad.attributes["mode"];
  if (mode !== undefined && !(mode.type === "string" && mode.value === "constant")) return null;
  const sides = graph.initializers.get(pad.inputs[1] ?? "");
  if (sides === undefined || sides.dtype !== "int64") return null;
  const fill = pad.inputs[2];
  if (fill !== undefined && fill !== "") {
    const value = graph.initializers.get(fill);
    if (value === undefined || Number(value.data[0]) !== 0) return null;
  }
  const numbers = Array.from(sides.data, Number);
  return numbers.every((side) => side >= 0) ? numbers : null;
}
