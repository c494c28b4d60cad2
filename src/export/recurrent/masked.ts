import { ELEMENT_TYPE } from "../../onnx/element-type.ts";
import { int } from "../../onnx/model.ts";
import { float32 } from "../../tensor.ts";
import type { GraphBuilder } from "../onnx/builder.ts";
import { dimOf, insertAxis, removeAxis, sizeOfAxis, type Value } from "../onnx/value.ts";

import type { GatedCell } from "./cell.ts";
import { emitNative } from "./native.ts";
import type { Pass, PassOutputs } from "./run.ts";

/** Whether a mask leaves out whole steps of each sample, as {@link runMasked} takes it. */
export function leavesOutSteps(mask: Value, input: Value): boolean {
  const rest = mask.axes.slice(2);
  return dimOf(mask, 0) === dimOf(input, 0) && rest.length === 1 && rest.every((axis) => sizeOfAxis(axis) === 1);
}

/**
 * A masked pass as one ONNX node. A step that is left out changes no state, so the pass is one over the other steps alone:
 * they are moved to the front, in their order, and counted as the sequence's length. What a step gives is then looked up:
 * the output of the step that was computed last, in the pass's direction, or the initial state before any was.
 */
export function runMasked(graph: GraphBuilder, cell: GatedCell, pass: Pass, mask: Value, input: Value): PassOutputs {
  const kept = graph.inOrder(removeAxis(mask, 2), [0, 1]);
  const count = graph.op("Cast", [kept], { to: int(ELEMENT_TYPE.int64) });
  const lengths = graph.op("ReduceSum", [count, graph.int64s([1])], { keepdims: int(1) });
  const outputs = emitNative(
    graph,
    {
      cell,
      direction: pass.reverse ? "reverse" : "forward",
      weights: [pass.weights],
      initial: pass.initial === null ? null : [pass.initial],
      lengths: atLeastOne(graph, lengths),
    },
    keptFirst(graph, kept, input),
  );
  const some = graph.op("Greater", [lengths, graph.int64s([0])]);
  const states = outputs.states.map((state, index) =>
    orInitial(graph, removeAxis(state, 1), some, pass.initial?.[index] ?? null),
  );
  if (!pass.everyStep) return { sequence: null, states };
  const sequence = removeAxis(outputs.sequence, 2);
  return { sequence: everyStep(graph, sequence, count, lengths, pass), states };
}

/** Steps that are kept, in their order, before those that are not. Equal keys stay in their order. */
function keptFirst(graph: GraphBuilder, kept: string, input: Value): Value {
  const left = graph.op("Cast", [graph.op("Not", [kept])], { to: int(ELEMENT_TYPE.float32) });
  const steps = graph.runtimeShape([input.axes[1] ?? []]);
  const [, order = ""] = graph.node("TopK", [left, steps], { axis: int(1), largest: int(0), sorted: int(1) }, 2);
  return gather(graph, input, order);
}

/** Steps `places` [N, T] of each sample. */
function gather(graph: GraphBuilder, value: Value, places: string): Value {
  const indices = graph.op("Unsqueeze", [places, graph.int64s([2])]);
  const name = graph.op("GatherND", [graph.plain(value), indices], { batch_dims: int(1) });
  return { ...value, name, stored: value.axes };
}

/** int32 [N]; a sequence without steps runs one, whose outcome is not used. */
function atLeastOne(graph: GraphBuilder, lengths: string): string {
  const some = graph.op("Max", [graph.op("Squeeze", [lengths, graph.int64s([1])]), graph.int64s([1])]);
  return graph.op("Cast", [some], { to: int(ELEMENT_TYPE.int32) });
}

/** A state [N, H] where `some` [N, 1] holds, else the initial one. */
function orInitial(graph: GraphBuilder, state: Value, some: string, initial: Value | null): Value {
  const name = graph.op("Where", [some, graph.plain(state), initialName(graph, initial)]);
  return { ...state, name, stored: state.axes };
}

function initialName(graph: GraphBuilder, initial: Value | null): string {
  return initial === null ? graph.constant("zero", float32(new Float32Array(1), [1])) : graph.plain(initial);
}

/** Outputs of the steps that were kept to those of all steps: that of the step computed last. */
function everyStep(graph: GraphBuilder, sequence: Value, count: string, lengths: string, pass: Pass): Value {
  const axis = graph.constant("axis", { dtype: "int64", dims: [], data: BigInt64Array.of(1n) });
  const before = graph.op("CumSum", [count, axis], pass.reverse ? { exclusive: int(1) } : {});
  // Forwards, of the kept steps up to this one the last; backwards, of those from this one on the first.
  const places = pass.reverse
    ? before
    : graph.op("Max", [graph.op("Sub", [before, graph.int64s([1])]), graph.int64s([0])]);
  const reached = pass.reverse ? graph.op("Less", [before, lengths]) : graph.op("Greater", [before, graph.int64s([0])]);
  const computed = gather(graph, sequence, places);
  const initial = pass.initial?.[0] ?? null;
  const start = initial === null ? null : insertAxis(initial, 1);
  const where = graph.op("Unsqueeze", [reached, graph.int64s([2])]);
  return { ...computed, name: graph.op("Where", [where, computed.name, initialName(graph, start)]) };
}
