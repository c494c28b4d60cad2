import { int } from "../../onnx/model.ts";
import { applyActivation, type Activation } from "../activation.ts";
import type { GraphBuilder } from "../onnx/builder.ts";
import { dimOf, newAxis, type Axis, type Value } from "../onnx/value.ts";
import type { LayerWeights } from "../source/model.ts";

import { GATES, readGatedWeights, type GatedCell, type GatedWeights } from "./cell.ts";

/** A recurrence ready to be computed step by step. */
export interface Stepper {
  /** What each step takes of the input, made for all steps at once: stored [T, N, …], T and N as the input has them. */
  readonly projected: Value;
  /** Axes of a state, as TF.js orders them. */
  readonly stateAxes: readonly Axis[];
  /** Dimensions in which states are stored while stepping. */
  readonly stateStored: readonly Axis[];
  readonly stateCount: number;
  /** Zeros stored as a state is, made of the input alone: every provider runs them, WebGPU too. */
  readonly zeros: (graph: GraphBuilder) => string;
  /** Next states from one step's part of `projected` (stored without its first dimension). The first is the output. */
  step(graph: GraphBuilder, input: Value, states: readonly Value[]): readonly Value[];
}

/** SimpleRNN, GRU or LSTM with any activations, over an input of axes N T C. */
export function gatedStepper(graph: GraphBuilder, cell: GatedCell, weights: LayerWeights, input: Value): Stepper {
  const [batch = [], time = []] = input.axes;
  const features = dimOf(input, 2);
  const read = readGatedWeights(cell, weights, typeof features === "number" ? features : null);
  const columns = GATES[cell.kind] * cell.units;
  const x = graph.inOrder(input, [1, 0, 2]);
  const kernel = graph.constant("kernel", matrix(read.kernel, columns));
  let product = graph.op("MatMul", [x, kernel]);
  if (read.bias !== null) product = graph.op("Add", [product, graph.constant("bias", vector(read.bias))]);
  const gates = newAxis(columns);
  const units = newAxis(cell.units);
  const projected: Value = {
    name: product,
    dtype: "float32",
    axes: [time, batch, gates],
    stored: [time, batch, gates],
  };
  graph.learnSymbols(projected);
  const stateAxes = [batch, units];
  const nodes = stepNodes(graph, cell, read);
  return {
    projected,
    stateAxes,
    stateStored: stateAxes,
    stateCount: cell.kind === "LSTM" ? 2 : 1,
    zeros: (body) => zerosLike(body, projected.name, cell.units),
    step: (body, xt, states) => {
      const next = nodes(
        body,
        xt.name,
        states.map(({ name }) => name),
      );
      return next.map((name): Value => ({ name, dtype: "float32", axes: stateAxes, stored: stateAxes }));
    },
  };
}

const FLOAT = 1;

/**
 * Zeros [N, H, …] out of [T, N, G·H, …]: no number is less than itself. ONNX's ConstantOfShape computes on a shape, which
 * WebGPU leaves to the CPU, and a product with zero keeps NaN.
 */
export function zerosLike(graph: GraphBuilder, projected: string, units: number): string {
  const [start, end, axes] = [[0], [units], [1]].map((each) => graph.int64s(each));
  const first = graph.op(
    "Gather",
    [projected, graph.constant("step", { dtype: "int64", dims: [], data: BigInt64Array.of(0n) })],
    {
      axis: int(0),
    },
  );
  const part = graph.op("Slice", [first, start ?? "", end ?? "", axes ?? ""]);
  return graph.op("Cast", [graph.op("Less", [part, part])], { to: int(FLOAT) });
}

/** Next states from a step's projected input and the states before; the kernels are constants of the outermost graph. */
type StepNodes = (body: GraphBuilder, xt: string, states: readonly string[]) => string[];

/** `ht = f(xt + Rh ht1)`. */
function simpleStep(graph: GraphBuilder, cell: GatedCell, { recurrent }: GatedWeights): StepNodes {
  const rh = graph.constant("recurrent_kernel", matrix(recurrent, cell.units));
  return (body, xt, [ht1 = ""]) => [activate(body, cell.activation, body.op("Gemm", [ht1, rh, xt]), cell.units)];
}

/** `z, r = g(xzr + Rzr ht1)`, `hh = f(xh + Rh (r · ht1))`, `ht = hh + z (ht1 − hh)`. */
function gruStep(graph: GraphBuilder, cell: GatedCell, { recurrent }: GatedWeights): StepNodes {
  const { units } = cell;
  const columns = 3 * units;
  const gateColumns = matrixColumns(recurrent, columns, 0, 2 * units);
  const newColumns = matrixColumns(recurrent, columns, 2 * units, columns);
  const rzr = graph.constant("recurrent_gates", matrix(gateColumns, 2 * units));
  const rh = graph.constant("recurrent_new", matrix(newColumns, units));
  return (body, xt, [ht1 = ""]) => {
    const [xzr = "", xh = ""] = split(body, xt, [2 * units, units]);
    const [z = "", r = ""] = activateGates(body, cell, body.op("Gemm", [ht1, rzr, xzr]), 2);
    const sum = body.op("Gemm", [body.op("Mul", [r, ht1]), rh, xh]);
    return [interpolate(body, activate(body, cell.activation, sum, units), ht1, z)];
  };
}

/** As {@link gruStep} with `hh = f(xh + r · (Rh ht1 + bh))`. */
function gruStepResetAfter(graph: GraphBuilder, cell: GatedCell, weights: GatedWeights): StepNodes {
  const { units } = cell;
  const kernel = graph.constant("recurrent_kernel", matrix(weights.recurrent, 3 * units));
  const bias = weights.recurrentBias === null ? null : graph.constant("recurrent_bias", vector(weights.recurrentBias));
  return (body, xt, [ht1 = ""]) => {
    const [xzr = "", xh = ""] = split(body, xt, [2 * units, units]);
    const [hzr = "", hh = ""] = split(body, body.op("Gemm", [ht1, kernel, bias]), [2 * units, units]);
    const [z = "", r = ""] = activateGates(body, cell, body.op("Add", [xzr, hzr]), 2);
    const sum = body.op("Add", [xh, body.op("Mul", [r, hh])]);
    return [interpolate(body, activate(body, cell.activation, sum, units), ht1, z)];
  };
}

/** `i, f, o = g(…)`, `ct = f · ct1 + i · f(…)`, `ht = o · f(ct)`, all of `xt + R ht1`. */
function lstmStep(graph: GraphBuilder, cell: GatedCell, { recurrent }: GatedWeights): StepNodes {
  const { units } = cell;
  const kernel = graph.constant("recurrent_kernel", matrix(recurrent, 4 * units));
  return (body, xt, [ht1 = "", ct1 = ""]) => {
    const sum = body.op("Gemm", [ht1, kernel, xt]);
    const [i = "", f = "", c = "", o = ""] = split(body, sum, [units, units, units, units]);
    const gate = (name: string): string => activate(body, cell.recurrentActivation, name, units);
    const kept = body.op("Mul", [gate(f), ct1]);
    const added = body.op("Mul", [gate(i), activate(body, cell.activation, c, units)]);
    const ct = body.op("Add", [kept, added]);
    return [body.op("Mul", [gate(o), activate(body, cell.activation, ct, units)]), ct];
  };
}

function stepNodes(graph: GraphBuilder, cell: GatedCell, weights: GatedWeights): StepNodes {
  if (cell.kind === "RNN") return simpleStep(graph, cell, weights);
  if (cell.kind === "LSTM") return lstmStep(graph, cell, weights);
  return cell.resetAfter ? gruStepResetAfter(graph, cell, weights) : gruStep(graph, cell, weights);
}

/** `a + z (b − a)`. */
function interpolate(graph: GraphBuilder, a: string, b: string, z: string): string {
  return graph.op("Add", [a, graph.op("Mul", [z, graph.op("Sub", [b, a])])]);
}

function activateGates(graph: GraphBuilder, cell: GatedCell, gates: string, count: number): string[] {
  const parts = split(
    graph,
    gates,
    Array.from({ length: count }, () => cell.units),
  );
  return parts.map((part) => activate(graph, cell.recurrentActivation, part, cell.units));
}

/** An activation over [N, H]. */
function activate(graph: GraphBuilder, activation: Activation, name: string, units: number): string {
  const axes = [[{ size: "batch" }], newAxis(units)];
  return applyActivation(graph, activation, { name, dtype: "float32", axes, stored: axes }).name;
}

/** Parts of the last of two dimensions. */
function split(graph: GraphBuilder, name: string, sizes: readonly number[]): string[] {
  return graph.node("Split", [name, graph.int64s(sizes)], { axis: int(1) }, sizes.length);
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
