import { asNumber } from "../../onnx/dim.ts";
import { int } from "../../onnx/model.ts";
import { at, first, last } from "../../require.ts";
import { sizeOf, type Tensor } from "../../tensor.ts";
import type { GraphBuilder } from "../build/builder.ts";
import { identity, where } from "../build/ops/elementwise.ts";
import { constantOfShape } from "../build/ops/shape.ts";
import { scan } from "../build/regions.ts";
import type { GraphTensor } from "../ir/graph-tensor.ts";
import { axisOf, insertAxis, sizeOfAxis, Value, type Axis } from "../ir/value.ts";

import type { Stepper } from "./step.ts";

export interface LoopRun {
  readonly stepper: Stepper;
  /** Start at the last step. */
  readonly reverse: boolean;
  /** States before the first step; null for zeros. */
  readonly initial: readonly Value[] | null;
  /** Steps of which samples count; at the others states stay as they are. bool, axes N T and for images the rest. */
  readonly mask: Value | null;
  /** Whether the output of every step is needed. */
  readonly everyStep: boolean;
}

export interface LoopOutputs {
  /** Output of every step by the time of the input: axes N T and the rest of a state's; null when not asked for. */
  readonly sequence: Value | null;
  readonly states: readonly Value[];
}

/** Longest sequence that is written step by step. */
export const MAX_UNROLLED = 64;

/** One Scan over the steps. */
export function emitScan(graph: GraphBuilder, run: LoopRun): LoopOutputs {
  const { stepper, mask } = run;
  const [time = [], ...stepAxes] = stepper.projected.stored;
  const masks = mask === null ? null : storeMask(graph, stepper, mask);
  const initial = initialStates(graph, run, null);
  const start = {
    states: initial.map(({ tensor }) => tensor),
    scanned: masks === null ? [stepper.projected.tensor] : [stepper.projected.tensor, masks.tensor],
    reverse: run.reverse,
  };
  const { states, outputs } = scan(graph, start, (body, stateTensors, elements) => {
    const before = stateTensors.map((tensor) => stateValue(stepper, tensor));
    const xt = new Value(at(elements, 0), stepAxes, stepAxes);
    const maskAxes = masks?.stored.slice(1) ?? [];
    const stepMask = masks === null ? null : new Value(at(elements, 1), maskAxes, maskAxes);
    const after = hold(body, stepMask, stepper.step(body, xt, before), before).map(({ tensor }) => tensor);
    return { states: after, outputs: run.everyStep ? [identity(body, first(after))] : [] };
  });
  return {
    states: states.map((tensor) => stateValue(stepper, tensor)),
    sequence: run.everyStep ? sequenceOf(stepper, time, first(outputs)) : null,
  };
}

/** Every step written out, for runtimes that have no loops and sequences of fixed length. */
export function emitUnrolled(graph: GraphBuilder, run: LoopRun, steps: number): LoopOutputs {
  const { stepper, mask } = run;
  const [time = [], ...stepAxes] = stepper.projected.stored;
  const masks = mask === null ? null : storeMask(graph, stepper, mask);
  const stepOf = (tensor: GraphTensor, step: number): GraphTensor =>
    graph.op("Gather", [tensor, graph.constant("step", scalarInt64(step))], { axis: int(0) });
  let states = initialStates(graph, run, stepper.zeros);
  const outputs: GraphTensor[] = [];
  for (let count = 0; count < steps; count++) {
    const t = run.reverse ? steps - 1 - count : count;
    const xt = new Value(stepOf(stepper.projected.tensor, t), stepAxes, stepAxes);
    const maskAxes = masks?.stored.slice(1) ?? [];
    const stepMask = masks === null ? null : new Value(stepOf(masks.tensor, t), maskAxes, maskAxes);
    states = hold(graph, stepMask, stepper.step(graph, xt, states), states);
    outputs[t] = first(states).tensor;
  }
  return { states, sequence: run.everyStep ? stack(graph, stepper, time, outputs) : null };
}

function stateValue({ stateAxes, stateStored }: Stepper, tensor: GraphTensor): Value {
  return new Value(tensor, stateAxes, stateStored);
}

/** Outputs of all steps side by side along the last dimension: [N, …, T·H]. */
function stack(graph: GraphBuilder, stepper: Stepper, time: Axis, outputs: readonly GraphTensor[]): Value {
  const joined = outputs.length === 1 ? first(outputs) : graph.op("Concat", outputs, { axis: int(-1) });
  const stored = stepper.stateStored.toSpliced(-1, 1, [...time, ...last(stepper.stateStored)]);
  const [batch = [], ...rest] = stepper.stateAxes;
  return new Value(joined, [batch, time, ...rest], stored);
}

function sequenceOf(stepper: Stepper, time: Axis, tensor: GraphTensor): Value {
  const [batch = [], ...rest] = stepper.stateAxes;
  return new Value(tensor, [batch, time, ...rest], [time, ...stepper.stateStored]);
}

/** States where the step counts, those before it where it does not. */
function hold(
  graph: GraphBuilder,
  mask: Value | null,
  after: readonly Value[],
  before: readonly Value[],
): readonly Value[] {
  if (mask === null) return after;
  return after.map((state, index) =>
    state.replacedBy(where(graph, mask.tensor, state.tensor, at(before, index).tensor)),
  );
}

/** The mask stored [T, N, …], with dimensions that broadcast over those of a state. */
function storeMask(graph: GraphBuilder, stepper: Stepper, mask: Value): Value {
  const missing = stepper.stateAxes.length + 1 - mask.axes.length;
  let full = mask;
  for (let count = 0; count < missing; count++) full = insertAxis(full, full.axes.length);
  const [batch = [], time = [], ...rest] = full.axes;
  const order = stepper.stateStored.map((dim) => {
    const axis = stepper.stateAxes.indexOf(dim);
    return axis === 0 ? batch : at(rest, axis - 1);
  });
  return graph.storedAs(full, [time, ...order]);
}

function initialStates(
  graph: GraphBuilder,
  { stepper, initial }: LoopRun,
  zerosOfInput: Stepper["zeros"] | null,
): readonly Value[] {
  if (initial === null) {
    const state = stateValue(stepper, zeroState(graph, stepper, zerosOfInput));
    return Array.from({ length: stepper.stateCount }, () => state);
  }
  return initial.map((state) => {
    const stored = stepper.stateStored.map((dim) => axisOf(state, stepper.stateAxes.indexOf(dim)));
    return stateValue(stepper, graph.store(state, stored));
  });
}

function zeroState(graph: GraphBuilder, stepper: Stepper, zerosOfInput: Stepper["zeros"] | null): GraphTensor {
  const dims = stepper.stateStored.map(sizeOfAxis);
  const fixed = dims.map(asNumber).filter((size) => size !== null);
  if (fixed.length === dims.length) {
    return graph.constant("zeros", { dtype: "float32", dims: fixed, data: new Float32Array(sizeOf(fixed)) });
  }
  if (zerosOfInput !== null) return zerosOfInput(graph);
  return constantOfShape(graph, graph.shapeTensor(dims));
}

function scalarInt64(value: number): Tensor {
  return { dtype: "int64", dims: [], data: BigInt64Array.of(BigInt(value)) };
}
