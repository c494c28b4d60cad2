import { floats, int, string, strings, type Attributes } from "../../onnx/model.ts";
import type { Activation } from "../activation.ts";
import { asNumber, dim } from "../../onnx/dim.ts";
import { first } from "../../require.ts";
import type { GraphBuilder } from "../build/builder.ts";
import { recurrent } from "../build/ops/neural.ts";
import { concat } from "../build/ops/shape.ts";
import { permuteFactors } from "../build/permute.ts";
import { copyStrided, wordsOf } from "../build/strided.ts";
import type { GraphTensor } from "../ir/graph-tensor.ts";
import { axisOf, dimOf, newAxis, Value, type Axis, type Factor } from "../ir/value.ts";
import type { LayerWeights } from "../source/model.ts";

import { GATES, readGatedWeights, type GatedCell, type GatedWeights } from "./cell.ts";

/** An activation as ONNX's recurrent operators name it. */
interface NativeActivation {
  readonly name: string;
  readonly alpha?: number;
  readonly beta?: number;
}

/** Activations of ONNX's LSTM, GRU and RNN that ONNX Runtime has: https://onnx.ai/onnx/operators/onnx__LSTM.html */
const NATIVE: Readonly<Partial<Record<Activation & string, NativeActivation>>> = {
  linear: { name: "Affine", alpha: 1, beta: 0 },
  relu: { name: "Relu" },
  elu: { name: "Elu", alpha: 1 },
  sigmoid: { name: "Sigmoid" },
  hard_sigmoid: { name: "HardSigmoid", alpha: 0.2, beta: 0.5 },
  softplus: { name: "Softplus" },
  softsign: { name: "Softsign" },
  tanh: { name: "Tanh" },
};

/** @returns null where ONNX Runtime's recurrent operators lack the activation. */
function nativeForm(activation: Activation): NativeActivation | null {
  if (typeof activation === "string") return NATIVE[activation] ?? null;
  if (activation.name === "hard_sigmoid") return { name: "HardSigmoid", alpha: 1 / 6, beta: 0.5 };
  if (activation.name === "elu") return { name: "Elu", alpha: activation.alpha };
  return activation.name === "leaky_relu" ? { name: "LeakyRelu", alpha: activation.slope } : null;
}

/** Activations that the LSTM and GRU of every execution provider have, WebGPU's included; it has no RNN. */
const PORTABLE: ReadonlySet<Activation> = new Set<Activation>(["relu", "sigmoid", "tanh"]);

/** Whether one ONNX node computes the cell; with `portable`, on every execution provider. */
export function isNative(cell: GatedCell, portable: boolean): boolean {
  if (portable && cell.kind === "RNN") return false;
  return [cell.activation, cell.recurrentActivation].every(
    (activation) => nativeForm(activation) !== null && (!portable || PORTABLE.has(activation)),
  );
}

/** ONNX's order of gates, as positions in TF.js's: i f c o is i o f c there; z r h is the same. */
const GATE_ORDER: Readonly<Record<GatedCell["kind"], readonly number[]>> = {
  RNN: [0],
  GRU: [0, 1, 2],
  LSTM: [0, 3, 1, 2],
};

const DEFAULT_ACTIVATIONS: Readonly<Record<GatedCell["kind"], string>> = {
  RNN: "Tanh",
  GRU: "Sigmoid,Tanh",
  LSTM: "Sigmoid,Tanh,Tanh",
};

export type Direction = "forward" | "reverse" | "bidirectional";

export interface NativeRun {
  readonly cell: GatedCell;
  readonly direction: Direction;
  /** Of each direction. */
  readonly weights: readonly LayerWeights[];
  /** States [N, H] of each direction to start from; null for zeros. */
  readonly initial: readonly (readonly Value[])[] | null;
  /** int32 [N]: how many steps of each sequence to run; null for all. */
  readonly lengths: GraphTensor | null;
}

/** What one ONNX node gives, with D directions, as ONNX stores it. */
export interface NativeOutputs {
  /** Stored [T, D, N, H], by the time of the input; axes N T D H. */
  readonly sequence: Value;
  /** Final states, each stored [D, N, H]; axes N D H. */
  readonly states: readonly Value[];
}

/** One LSTM, GRU or RNN node over an input of axes N T C. */
export function emitNative(graph: GraphBuilder, run: NativeRun, input: Value): NativeOutputs {
  const { cell, direction, weights } = run;
  const known = asNumber(dimOf(input, 2));
  const [batch, time, feature] = [axisOf(input, 0), axisOf(input, 1), axisOf(input, 2)];
  const order = storedOrder(input, feature);
  const parts = weights.map((each) => {
    const read = readGatedWeights(cell, each, known);
    return { ...read, kernel: inFactorOrder(read, feature, order) };
  });
  const x = graph.store(input, [time, batch, order]);
  const [w, r, b] = packWeights(graph, cell, parts);
  const initial = (run.initial?.[0] ?? []).map((_, state) =>
    packStates(
      graph,
      run.initial?.map((states) => states[state]),
    ),
  );
  const [hidden = null, memory = null] = initial;
  const operands = { input: x, weight: w, recurrent: r, bias: b, lengths: run.lengths, hidden, cell: memory };
  const outputs = recurrent(graph, cell.kind, operands, attributesOf(cell, direction));
  const directions = newAxis(weights.length);
  const units = newAxis(cell.units);
  const sequence = new Value(first(outputs), [batch, time, directions, units], [time, directions, batch, units]);
  const states = outputs
    .slice(1)
    .map((state) => new Value(state, [batch, directions, units], [directions, batch, units]));
  return { sequence, states };
}

/** The factors of an axis in the order they are stored in. */
function storedOrder(value: Value, axis: Axis): Axis {
  const own = new Set<Factor>(axis);
  return value.stored.flat().filter((factor) => own.has(factor));
}

function inFactorOrder({ kernel, features }: GatedWeights, from: Axis, to: Axis): Float32Array {
  const columns: Factor = { size: dim(kernel.length / features) };
  const tensor = { dtype: "float32" as const, dims: [features, kernel.length / features], data: kernel };
  return permuteFactors(tensor, [...from, columns], [...to, columns]).data;
}

/** W [D, G·H, C], R [D, G·H, H] and B [D, 2·G·H] of ONNX's recurrent operators. */
function packWeights(
  graph: GraphBuilder,
  cell: GatedCell,
  parts: readonly GatedWeights[],
): [GraphTensor, GraphTensor, GraphTensor | null] {
  const rows = GATES[cell.kind] * cell.units;
  const { features } = first(parts);
  const pack = (label: string, columns: number, of: (part: GatedWeights) => Float32Array): GraphTensor => {
    const data = new Float32Array(parts.length * rows * columns);
    parts.forEach((part, index) => packGates(cell, of(part), columns, data.subarray(index * rows * columns)));
    return graph.constant(label, { dtype: "float32", dims: [parts.length, rows, columns], data });
  };
  const w = pack("W", features, (part) => part.kernel);
  const r = pack("R", cell.units, (part) => part.recurrent);
  if (parts.every(({ bias }) => bias === null)) return [w, r, null];
  const data = new Float32Array(parts.length * 2 * rows);
  parts.forEach(({ bias, recurrentBias }, index) => {
    const at = data.subarray(index * 2 * rows);
    if (bias !== null) packGates(cell, bias, 1, at);
    if (recurrentBias !== null) packGates(cell, recurrentBias, 1, at.subarray(rows));
  });
  return [w, r, graph.constant("B", { dtype: "float32", dims: [parts.length, 2 * rows], data })];
}

/** `source` [rows, G·H] transposed into `target` [G·H, rows], gates in ONNX's order. */
function packGates(cell: GatedCell, source: Float32Array, rows: number, target: Float32Array): void {
  const { units } = cell;
  const columns = GATES[cell.kind] * units;
  GATE_ORDER[cell.kind].forEach((gate, position) => {
    const gateColumns = { sizes: [units, rows], strides: [1, columns], offset: gate * units };
    copyStrided(wordsOf(source), gateColumns, wordsOf(target), position * units * rows);
  });
}

/** States [N, H] of each direction as one [D, N, H]. */
function packStates(graph: GraphBuilder, states: readonly (Value | undefined)[] = []): GraphTensor {
  const stored = states.map((state) => {
    if (state === undefined) throw new RangeError("each direction needs its initial states");
    return graph.store(state, [[], axisOf(state, 0), axisOf(state, 1)]);
  });
  return concat(graph, stored, 0);
}

function attributesOf(cell: GatedCell, direction: Direction): Attributes {
  const state = nativeActivation(cell.activation);
  const gate = nativeActivation(cell.recurrentActivation);
  const one = { RNN: [state], GRU: [gate, state], LSTM: [gate, state, state] }[cell.kind];
  const all = direction === "bidirectional" ? [...one, ...one] : one;
  const alphas = all.flatMap(({ alpha }) => alpha ?? []);
  const betas = all.flatMap(({ beta }) => beta ?? []);
  const isDefault = one.map(({ name }) => name).join() === DEFAULT_ACTIVATIONS[cell.kind];
  return {
    hidden_size: int(cell.units),
    ...(direction === "forward" ? {} : { direction: string(direction) }),
    ...(isDefault ? {} : { activations: strings(all.map(({ name }) => name)) }),
    ...(alphas.length === 0 ? {} : { activation_alpha: floats(alphas) }),
    ...(betas.length === 0 ? {} : { activation_beta: floats(betas) }),
    ...(cell.resetAfter ? { linear_before_reset: int(1) } : {}),
  };
}

/** @throws {RangeError} for an activation that {@link isNative} refuses */
function nativeActivation(activation: Activation): NativeActivation {
  const native = nativeForm(activation);
  if (native === null) throw new RangeError(`ONNX has no recurrent activation ${JSON.stringify(activation)}`);
  return native;
}
