import { isNumber } from "../../onnx/dim.ts";
import { float32 } from "../../tensor.ts";
import type { GraphBuilder } from "../build/builder.ts";
import { cast, greater, less, max, not, sub, where } from "../build/ops/elementwise.ts";
import { topK } from "../build/ops/neural.ts";
import { reduceTensor } from "../build/ops/reduction.ts";
import { cumSum, gatherNd, squeeze, unsqueeze } from "../build/ops/shape.ts";
import type { GraphTensor } from "../ir/graph-tensor.ts";
import { dimOf, insertAxis, removeAxis, sizeOfAxis, Value } from "../ir/value.ts";

import type { GatedCell } from "./cell.ts";
import { emitNative } from "./native.ts";
import type { Pass, PassOutputs } from "./run.ts";

/** Whether a mask leaves out whole steps of each sample, as {@link runMasked} takes it. */
export function leavesOutSteps(mask: Value, input: Value): boolean {
  const rest = mask.axes.slice(2);
  return dimOf(mask, 0) === dimOf(input, 0) && rest.length === 1 && rest.every((axis) => isNumber(sizeOfAxis(axis), 1));
}

/**
 * A masked pass as one ONNX node. A step that is left out changes no state, so the pass is one over the other steps alone:
 * they are moved to the front, in their order, and counted as the sequence's length. What a step gives is then looked up:
 * the output of the step that was computed last, in the pass's direction, or the initial state before any was.
 */
export function runMasked(graph: GraphBuilder, cell: GatedCell, pass: Pass, mask: Value, input: Value): PassOutputs {
  const kept = graph.inOrder(removeAxis(mask, 2), [0, 1]);
  const count = cast(graph, kept, "int64");
  const lengths = reduceTensor(graph, "ReduceSum", count, [1], true);
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
  const some = greater(graph, lengths, graph.int64s([0]));
  const states = outputs.states.map((state, index) =>
    orInitial(graph, removeAxis(state, 1), some, pass.initial?.[index] ?? null),
  );
  if (!pass.everyStep) return { sequence: null, states };
  const sequence = removeAxis(outputs.sequence, 2);
  return { sequence: everyStep(graph, sequence, count, lengths, pass), states };
}

/** Steps that are kept, in their order, before those that are not. Equal keys stay in their order. */
function keptFirst(graph: GraphBuilder, kept: GraphTensor, input: Value): Value {
  const left = cast(graph, not(graph, kept), "float32");
  const steps = graph.shapeTensor([dimOf(input, 1)]);
  return gather(graph, input, topK(graph, left, steps, { axis: 1, largest: false }).indices);
}

/** Steps `places` [N, T] of each sample. */
function gather(graph: GraphBuilder, value: Value, places: GraphTensor): Value {
  const gathered = gatherNd(graph, graph.plain(value), unsqueeze(graph, places, [2]), 1);
  return new Value(gathered, value.axes, value.axes);
}

/** int32 [N]; a sequence without steps runs one, whose outcome is not used. */
function atLeastOne(graph: GraphBuilder, lengths: GraphTensor): GraphTensor {
  return cast(graph, max(graph, squeeze(graph, lengths, [1]), graph.int64s([1])), "int32");
}

/** A state [N, H] where `some` [N, 1] holds, else the initial one. */
function orInitial(graph: GraphBuilder, state: Value, some: GraphTensor, initial: Value | null): Value {
  const chosen = where(graph, some, graph.plain(state), initialTensor(graph, initial));
  return new Value(chosen, state.axes, state.axes);
}

function initialTensor(graph: GraphBuilder, initial: Value | null): GraphTensor {
  return initial === null ? graph.constant("zero", float32(new Float32Array(1), [1])) : graph.plain(initial);
}

/** Outputs of the steps that were kept to those of all steps: that of the step computed last. */
function everyStep(graph: GraphBuilder, sequence: Value, count: GraphTensor, lengths: GraphTensor, pass: Pass): Value {
  const before = cumSum(graph, count, 1, { exclusive: pass.reverse });
  // Forwards, of the kept steps up to this one the last; backwards, of those from this one on the first.
  const places = pass.reverse ? before : max(graph, sub(graph, before, graph.int64s([1])), graph.int64s([0]));
  const reached = pass.reverse ? less(graph, before, lengths) : greater(graph, before, graph.int64s([0]));
  const computed = gather(graph, sequence, places);
  const initial = pass.initial?.[0] ?? null;
  const start = initial === null ? null : insertAxis(initial, 1);
  return computed.replacedBy(
    where(graph, unsqueeze(graph, reached, [2]), computed.tensor, initialTensor(graph, start)),
  );
}
