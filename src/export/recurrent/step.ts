import { asNumber } from "../../onnx/dim.ts";
import { int } from "../../onnx/model.ts";
import { at, first } from "../../require.ts";
import { applyActivation, type Activation } from "../activation.ts";
import type { GraphBuilder } from "../build/builder.ts";
import { add, cast, less, mul, sub } from "../build/ops/elementwise.ts";
import { gemm, matMul } from "../build/ops/neural.ts";
import * as shape from "../build/ops/shape.ts";
import type { GraphTensor } from "../ir/graph-tensor.ts";
import { axisOf, dimOf, newAxis, Value, viewOf, type Axis } from "../ir/value.ts";
import type { LayerWeights } from "../source/model.ts";

import { GATES, readGatedWeights, type GatedCell, type GatedWeights } from "./cell.ts";

/** A recurrence ready to be computed step by step. */
export interface Stepper {
  /** The input's part of each step, computed for all steps at once: stored [T, N, …], T and N as the input has them. */
  readonly projected: Value;
  /** Axes of a state, as TF.js orders them. */
  readonly stateAxes: readonly Axis[];
  /** Dimensions in which states are stored while stepping. */
  readonly stateStored: readonly Axis[];
  readonly stateCount: number;
  /** Zeros stored as a state is, computed from the input only, with operators that every provider runs, WebGPU included. */
  readonly zeros: (graph: GraphBuilder) => GraphTensor;
  /** Next states from one step's part of `projected` (stored without its first dimension). The first is the output. */
  step(graph: GraphBuilder, input: Value, states: readonly Value[]): readonly Value[];
}

/** SimpleRNN, GRU or LSTM with any activations, over an input of axes N T C. */
export function gatedStepper(graph: GraphBuilder, cell: GatedCell, weights: LayerWeights, input: Value): Stepper {
  const [batch, time] = [axisOf(input, 0), axisOf(input, 1)];
  const read = readGatedWeights(cell, weights, asNumber(dimOf(input, 2)));
  const columns = GATES[cell.kind] * cell.units;
  const x = graph.inOrder(input, [1, 0, 2]);
  const kernel = graph.constant("kernel", matrix(read.kernel, columns));
  const product = matMul(graph, x, kernel);
  const sum = read.bias === null ? product : add(graph, product, graph.constant("bias", vector(read.bias)));
  const stored = [time, batch, newAxis(columns)];
  const stateAxes = [batch, newAxis(cell.units)];
  const nodes = stepNodes(graph, cell, read);
  return {
    projected: new Value(sum, stored, stored),
    stateAxes,
    stateStored: stateAxes,
    stateCount: cell.kind === "LSTM" ? 2 : 1,
    zeros: (body) => zerosLike(body, sum, cell.units),
    step: (body, xt, states) => {
      const next = nodes(
        body,
        xt.tensor,
        states.map(({ tensor }) => tensor),
      );
      return next.map((tensor) => new Value(tensor, stateAxes, stateAxes));
    },
  };
}

/**
 * Zeros [N, H, …] out of [T, N, G·H, …]: `x < x` is false for every x. ONNX's ConstantOfShape computes on a shape, which
 * WebGPU leaves to the CPU, and a product with zero keeps NaN.
 */
export function zerosLike(graph: GraphBuilder, projected: GraphTensor, units: number): GraphTensor {
  const step = graph.constant("step", { dtype: "int64", dims: [], data: BigInt64Array.of(0n) });
  const part = shape.slice(graph, graph.op("Gather", [projected, step], { axis: int(0) }), {
    axes: [1],
    starts: [0],
    ends: [units],
  });
  return cast(graph, less(graph, part, part), "float32");
}

/** Next states from a step's projected input and the states before; the kernels are constants of the outermost graph. */
type StepNodes = (body: GraphBuilder, xt: GraphTensor, states: readonly GraphTensor[]) => readonly GraphTensor[];

/** `ht = f(xt + Rh ht1)`. */
function simpleStep(graph: GraphBuilder, cell: GatedCell, { recurrent }: GatedWeights): StepNodes {
  const rh = graph.constant("recurrent_kernel", matrix(recurrent, cell.units));
  return (body, xt, states) => [activate(body, cell.activation, gemm(body, first(states), rh, xt))];
}

/** `z, r = g(xzr + Rzr ht1)`, `hh = f(xh + Rh (r · ht1))`, `ht = hh + z (ht1 − hh)`. */
function gruStep(graph: GraphBuilder, cell: GatedCell, { recurrent }: GatedWeights): StepNodes {
  const { units } = cell;
  const columns = 3 * units;
  const gateColumns = matrixColumns(recurrent, columns, 0, 2 * units);
  const newColumns = matrixColumns(recurrent, columns, 2 * units, columns);
  const rzr = graph.constant("recurrent_gates", matrix(gateColumns, 2 * units));
  const rh = graph.constant("recurrent_new", matrix(newColumns, units));
  return (body, xt, states) => {
    const ht1 = first(states);
    const [xzr, xh] = two(split(body, xt, [2 * units, units]));
    const [z, r] = two(activateGates(body, cell, gemm(body, ht1, rzr, xzr), 2));
    const sum = gemm(body, mul(body, r, ht1), rh, xh);
    return [interpolate(body, activate(body, cell.activation, sum), ht1, z)];
  };
}

/** As {@link gruStep} with `hh = f(xh + r · (Rh ht1 + bh))`. */
function gruStepResetAfter(graph: GraphBuilder, cell: GatedCell, weights: GatedWeights): StepNodes {
  const { units } = cell;
  const kernel = graph.constant("recurrent_kernel", matrix(weights.recurrent, 3 * units));
  const bias = weights.recurrentBias === null ? null : graph.constant("recurrent_bias", vector(weights.recurrentBias));
  return (body, xt, states) => {
    const ht1 = first(states);
    const [xzr, xh] = two(split(body, xt, [2 * units, units]));
    const [hzr, hh] = two(split(body, gemm(body, ht1, kernel, bias), [2 * units, units]));
    const [z, r] = two(activateGates(body, cell, add(body, xzr, hzr), 2));
    const sum = add(body, xh, mul(body, r, hh));
    return [interpolate(body, activate(body, cell.activation, sum), ht1, z)];
  };
}

/** `i, f, o = g(…)`, `ct = f · ct1 + i · f(…)`, `ht = o · f(ct)`, all of `xt + R ht1`. */
function lstmStep(graph: GraphBuilder, cell: GatedCell, { recurrent }: GatedWeights): StepNodes {
  const { units } = cell;
  const kernel = graph.constant("recurrent_kernel", matrix(recurrent, 4 * units));
  return (body, xt, states) => {
    const [ht1, ct1] = [at(states, 0), at(states, 1)];
    const sum = gemm(body, ht1, kernel, xt);
    const gates = split(body, sum, [units, units, units, units]);
    const [i, f, c, o] = [at(gates, 0), at(gates, 1), at(gates, 2), at(gates, 3)];
    const gate = (tensor: GraphTensor): GraphTensor => activate(body, cell.recurrentActivation, tensor);
    const kept = mul(body, gate(f), ct1);
    const added = mul(body, gate(i), activate(body, cell.activation, c));
    const ct = add(body, kept, added);
    return [mul(body, gate(o), activate(body, cell.activation, ct)), ct];
  };
}

function stepNodes(graph: GraphBuilder, cell: GatedCell, weights: GatedWeights): StepNodes {
  if (cell.kind === "RNN") return simpleStep(graph, cell, weights);
  if (cell.kind === "LSTM") return lstmStep(graph, cell, weights);
  return cell.resetAfter ? gruStepResetAfter(graph, cell, weights) : gruStep(graph, cell, weights);
}

/** `a + z (b − a)`. */
function interpolate(graph: GraphBuilder, a: GraphTensor, b: GraphTensor, z: GraphTensor): GraphTensor {
  return add(graph, a, mul(graph, z, sub(graph, b, a)));
}

function activateGates(
  graph: GraphBuilder,
  cell: GatedCell,
  gates: GraphTensor,
  count: number,
): readonly GraphTensor[] {
  const parts = split(
    graph,
    gates,
    Array.from({ length: count }, () => cell.units),
  );
  return parts.map((part) => activate(graph, cell.recurrentActivation, part));
}

/** An activation over [N, H]. */
function activate(graph: GraphBuilder, activation: Activation, tensor: GraphTensor): GraphTensor {
  return graph.plain(applyActivation(graph, activation, viewOf(tensor)));
}

/** Parts of the last of two dimensions. */
function split(graph: GraphBuilder, tensor: GraphTensor, sizes: readonly number[]): readonly GraphTensor[] {
  return shape.split(graph, tensor, sizes, 1);
}

function two<T>(list: readonly T[]): readonly [T, T] {
  return [at(list, 0), at(list, 1)];
}

type FloatTensor = { readonly dtype: "float32"; readonly dims: readonly number[]; readonly data: Float32Array };

function matrix(data: Float32Array, columns: number): FloatTensor {
  return { dtype: "float32", dims: [data.length / columns, columns], data };
}

function vector(data: Float32Array): FloatTensor {
  return { dtype: "float32", dims: [data.length], data };
}

function matrixColumns(data: Float32Array, columns: number, from: number, to: number): Float32Array {
  const rows = data.length / columns;
  const part = new Float32Array(rows * (to - from));
  for (let row = 0; row < rows; row++) {
    part.set(data.subarray(row * columns + from, row * columns + to), row * (to - from));
  }
  return part;
}
