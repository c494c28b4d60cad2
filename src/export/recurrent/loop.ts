import { int, ints, subgraph, type OnnxValueInfo } from "../../onnx/model.ts";
import type { Tensor } from "../../tensor.ts";
import type { GraphBuilder } from "../onnx/builder.ts";
import { insertAxis, sizeOfAxis, type Axis, type Value } from "../onnx/value.ts";

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
  const scanned = masks === null ? [stepper.projected.name] : [stepper.projected.name, masks.name];

  const body = graph.body();
  const inputs: OnnxValueInfo[] = [];
  const bodyInput = (label: string, dtype: "float32" | "bool", axes: readonly Axis[]): Value => {
    const name = body.name(label);
    inputs.push({ name, dtype, dims: axes.map(sizeOfAxis) });
    return { name, dtype, axes, stored: axes };
  };
  const before = initial.map((state, index) => ({
    ...state,
    name: bodyInput(`state_${index}`, "float32", stepper.stateStored).name,
  }));
  const xt = bodyInput("xt", "float32", stepAxes);
  const stepMask = masks === null ? null : bodyInput("mask", "bool", masks.stored.slice(1));
  const after = hold(body, stepMask, stepper.step(body, xt, before), before);
  const outputs = after.map(({ name }): OnnxValueInfo => ({ name, dtype: "float32", dims: stateDims(stepper) }));
  if (run.everyStep) {
    const copy = body.op("Identity", [after[0]?.name ?? ""]);
    outputs.push({ name: copy, dtype: "float32", dims: stateDims(stepper) });
  }
  const direction = run.reverse ? 1 : 0;
  const names = graph.node(
    "Scan",
    [...initial.map(({ name }) => name), ...scanned],
    {
      body: subgraph(body.finishBody(body.name("body"), inputs, outputs)),
      num_scan_inputs: int(scanned.length),
      ...(run.reverse ? { scan_input_directions: ints(scanned.map(() => direction)) } : {}),
      ...(run.reverse && run.everyStep ? { scan_output_directions: ints([direction]) } : {}),
    },
    outputs.length,
  );
  const states = initial.map((state, index) => ({ ...state, name: names[index] ?? "" }));
  return { states, sequence: run.everyStep ? sequenceOf(graph, stepper, time, names.at(-1) ?? "") : null };
}

/** Every step written out, for runtimes that have no loops and sequences of fixed length. */
export function emitUnrolled(graph: GraphBuilder, run: LoopRun, steps: number): LoopOutputs {
  const { stepper, mask } = run;
  const [time = [], ...stepAxes] = stepper.projected.stored;
  const masks = mask === null ? null : storeMask(graph, stepper, mask);
  const at = (tensor: string, step: number): string =>
    graph.op("Gather", [tensor, graph.constant("step", scalarInt64(step))], { axis: int(0) });
  let states = initialStates(graph, run, stepper.zeros);
  const outputs: string[] = [];
  for (let count = 0; count < steps; count++) {
    const t = run.reverse ? steps - 1 - count : count;
    const xt: Value = { name: at(stepper.projected.name, t), dtype: "float32", axes: stepAxes, stored: stepAxes };
    const maskAxes = masks?.stored.slice(1) ?? [];
    const stepMask: Value | null =
      masks === null ? null : { name: at(masks.name, t), dtype: "bool", axes: maskAxes, stored: maskAxes };
    states = hold(graph, stepMask, stepper.step(graph, xt, states), states);
    outputs[t] = states[0]?.name ?? "";
  }
  return { states, sequence: run.everyStep ? stack(graph, stepper, time, outputs) : null };
}

/** Outputs of all steps side by side along the last dimension: [N, …, T·H]. */
function stack(graph: GraphBuilder, stepper: Stepper, time: Axis, outputs: readonly string[]): Value {
  const joined = outputs.length === 1 ? (outputs[0] ?? "") : graph.op("Concat", outputs, { axis: int(-1) });
  const last = stepper.stateStored.at(-1) ?? [];
  const stored = stepper.stateStored.toSpliced(-1, 1, [...time, ...last]);
  const [batch = [], ...rest] = stepper.stateAxes;
  return { name: joined, dtype: "float32", axes: [batch, time, ...rest], stored };
}

function sequenceOf(graph: GraphBuilder, stepper: Stepper, time: Axis, name: string): Value {
  const [batch = [], ...rest] = stepper.stateAxes;
  const axes = [batch, time, ...rest];
  const value: Value = { name, dtype: "float32", axes, stored: [time, ...stepper.stateStored] };
  graph.learnSymbols(value);
  return value;
}

/** States where the step counts, those before it where it does not. */
function hold(
  graph: GraphBuilder,
  mask: Value | null,
  after: readonly Value[],
  before: readonly Value[],
): readonly Value[] {
  if (mask === null) return after;
  return after.map((state, index) => ({
    ...state,
    name: graph.op("Where", [mask.name, state.name, before[index]?.name ?? ""]),
  }));
}

/** The mask stored [T, N, …] with the dimensions of a state, which it is spread over. */
function storeMask(graph: GraphBuilder, stepper: Stepper, mask: Value): Value {
  const missing = stepper.stateAxes.length + 1 - mask.axes.length;
  let full = mask;
  for (let count = 0; count < missing; count++) full = insertAxis(full, full.axes.length);
  const [batch = [], time = [], ...rest] = full.axes;
  const order = stepper.stateStored.map((dim) => {
    const axis = stepper.stateAxes.findIndex((each) => each === dim);
    return axis === 0 ? batch : (rest[axis - 1] ?? []);
  });
  const stored = [time, ...order];
  return { ...full, name: graph.store(full, stored), stored };
}

function initialStates(
  graph: GraphBuilder,
  { stepper, initial }: LoopRun,
  zerosOfInput: Stepper["zeros"] | null,
): readonly Value[] {
  const zeros = (): Value => ({
    name: zeroState(graph, stepper, zerosOfInput),
    dtype: "float32",
    axes: stepper.stateAxes,
    stored: stepper.stateStored,
  });
  if (initial === null) {
    const state = zeros();
    return Array.from({ length: stepper.stateCount }, () => state);
  }
  return initial.map((state) => {
    const stored = stepper.stateStored.map(
      (dim) => state.axes[stepper.stateAxes.findIndex((each) => each === dim)] ?? [],
    );
    return { name: graph.store(state, stored), dtype: "float32", axes: stepper.stateAxes, stored: stepper.stateStored };
  });
}

function zeroState(graph: GraphBuilder, stepper: Stepper, zerosOfInput: Stepper["zeros"] | null): string {
  const dims = stateDims(stepper);
  const fixed = dims.filter((dim) => typeof dim === "number");
  if (fixed.length === dims.length) {
    const size = fixed.reduce((product, dim) => product * dim, 1);
    return graph.constant("zeros", { dtype: "float32", dims: fixed, data: new Float32Array(size) });
  }
  if (zerosOfInput !== null) return zerosOfInput(graph);
  return graph.op("ConstantOfShape", [graph.runtimeShape(stepper.stateStored)]);
}

function stateDims(stepper: Stepper): (number | string)[] {
  return stepper.stateStored.map(sizeOfAxis);
}

function scalarInt64(value: number): Tensor {
  return { dtype: "int64", dims: [], data: BigInt64Array.of(BigInt(value)) };
}
