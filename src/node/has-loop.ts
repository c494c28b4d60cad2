import { isObject } from "../export/source/json.ts";
import { ownValue } from "../export/source/model-kind.ts";
import type { OnnxHeader } from "../onnx/header.ts";

/** Operators of TensorFlow whose number of turns the data may decide. */
const LOOPS: ReadonlySet<unknown> = new Set(["While", "StatelessWhile", "LoopCond"]);

/** Whether an ONNX file holds a loop, whose number of turns the data may decide. */
export function hasLoop({ operators }: Pick<OnnxHeader, "operators">): boolean {
  return operators.has("Loop");
}

/** Whether a model.json is that of a Graph model with a loop. */
export function manifestHasLoop(manifest: unknown): boolean {
  const topology = entry(manifest, "modelTopology");
  const functions = items(entry(entry(topology, "library"), "function"));
  const lists = [entry(topology, "node"), ...functions.map((each) => entry(each, "nodeDef"))];
  return lists.some((nodes) => items(nodes).some((node) => LOOPS.has(entry(node, "op"))));
}

function entry(value: unknown, key: string): unknown {
  return isObject(value) ? ownValue(value, key) : undefined;
}

function items(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
