import { asNumber } from "../../onnx/dim.ts";

import { intAttribute, madeBy } from "./match.ts";
import type { Pass } from "./pass.ts";

/** Integers below this are exact as float32, and larger ones do not become smaller than it. */
const EXACT = 2 ** 24;

/**
 * Keras makes float32 of an integer input, and an Embedding makes integers of that again: the Gather reads the input itself. An
 * index that float32 would round is outside of the table, before and after.
 */
export const keepIntegerIndices: Pass = {
  name: "keepIntegerIndices",
  startsAt: ["Gather"],
  apply(node, graph) {
    const [data, indices] = node.inputs;
    const shape = data?.shape ?? null;
    if (data == null || shape === null) return false;
    const axis = intAttribute(node, "axis", 0);
    const size = shape[axis < 0 ? axis + shape.length : axis];
    const rows = size === undefined ? null : asNumber(size);
    const float = madeBy(indices, "Cast")?.inputs[0] ?? null;
    const integers = madeBy(float, "Cast")?.inputs[0] ?? null;
    if (rows === null || rows > EXACT || float?.dtype !== "float32" || integers?.dtype !== "int32") return false;
    graph.redefine(node, { ...node, inputs: [data, integers] });
    return true;
  },
};
