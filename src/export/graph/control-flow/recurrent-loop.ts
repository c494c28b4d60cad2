import { at } from "../../../require.ts";
import type { Tensor } from "../../../tensor.ts";

import type { OpStep, Port, WhileStep } from "./structure.ts";

// A loop whose body is that of an LSTM or GRU cell of Keras (LSTMCell, GRUCell with reset_after) or of TensorFlow 1
// (BasicLSTMCell). What each value of the body is follows from the operators that compute it: nothing is guessed from names.

/** A matrix, row by row. */
interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float32Array;
}

/** `x * input + h * hidden + bias`, of one or several gates side by side. */
interface Affine {
  readonly width: number;
  readonly input: Matrix | null;
  readonly hidden: Matrix | null;
  readonly bias: Float32Array;
}

/** The parameters of one gate. */
export interface Gate {
  /** [F, H] */
  readonly input: Matrix;
  /** [H, H] */
  readonly hidden: Matrix;
  /** [H] */
  readonly bias: Float32Array;
  /** [H], of the product with the hidden state alone. */
  readonly hiddenBias: Float32Array;
}

/** A cell, with its gates in ONNX's order: input, output, forget, cell of an LSTM; update, reset, hidden of a GRU. */
export interface RecurrentCell {
  readonly kind: "LSTM" | "GRU";
  readonly gates: readonly Gate[];
  /** Which variable of the loop is the hidden state. */
  readonly hidden: number;
  /** Which one is the state of an LSTM's cell. */
  readonly cell: number | null;
}

/** What a loop is given. */
export interface LoopFacts {
  readonly loop: WhileStep;
  /** Variables that are tensors and change. */
  readonly carried: readonly number[];
  /** The element of a constant, in the body or outside; null for everything else. */
  readonly constantOf: (port: Port) => Tensor | null;
  /** Whether a value is element t of the list of inputs in iteration t. */
  readonly isInput: (port: Port) => boolean;
}

/** The cell that a loop's body computes; null when it is not proved to be one. */
export function recurrentCell(facts: LoopFacts): RecurrentCell | null {
  for (const hidden of facts.carried) {
    const cell = lstm(facts, hidden) ?? gru(facts, hidden);
    if (cell !== null) return cell;
  }
  return null;
}

/** `o * tanh(c')` with `c' = f * c + i * tanh(g)`. */
function lstm(facts: LoopFacts, hidden: number): RecurrentCell | null {
  const { loop } = facts;
  const output = operands(at(loop.body.results, hidden), ["Mul"]);
  for (const [gate, activated] of pairs(output)) {
    const [next] = operands(activated, ["Tanh"]) ?? [];
    const cell = loop.body.results.findIndex((result, index) => facts.carried.includes(index) && same(result, next));
    if (next === undefined || cell === -1) continue;
    for (const [kept, added] of pairs(operands(next, ["Add", "AddV2"]))) {
      for (const [forget, before] of pairs(operands(kept, ["Mul"]))) {
        if (before.step !== loop.parameters[cell]) continue;
        for (const [input, candidate] of pairs(operands(added, ["Mul"]))) {
          const [sum] = operands(candidate, ["Tanh"]) ?? [];
          const sums = [sigmoid(input), sigmoid(gate), sigmoid(forget), sum ?? null];
          const gates = sums.map((each) => (each === null ? null : gateOf(affine(facts, hidden, each), null)));
          const found = gates.filter((each) => each !== null);
          if (found.length === 4 && fit(found)) return { kind: "LSTM", gates: found, hidden, cell };
        }
      }
    }
  }
  return null;
}

/** `z * h + (1 - z) * tanh(x + r * (h * U + b))`. */
function gru(facts: LoopFacts, hidden: number): RecurrentCell | null {
  const { loop } = facts;
  const parameter = loop.parameters[hidden];
  for (const [kept, added] of pairs(operands(at(loop.body.results, hidden), ["Add", "AddV2"]))) {
    for (const [update, before] of pairs(operands(kept, ["Mul"]))) {
      if (before.step !== parameter) continue;
      for (const [rest, candidate] of pairs(operands(added, ["Mul"]))) {
        const [one, taken] = operands(rest, ["Sub"]) ?? [];
        if (one === undefined || taken === undefined || !same(taken, update) || !isOne(facts, one)) continue;
        const [sum] = operands(candidate, ["Tanh"]) ?? [];
        for (const [outer, inner] of pairs(sum === undefined ? null : operands(sum, ["Add", "AddV2"]))) {
          for (const [reset, product] of pairs(operands(inner, ["Mul"]))) {
            const [z, r] = [sigmoid(update), sigmoid(reset)];
            if (z === null || r === null) continue;
            const [ofInput, ofHidden] = [affine(facts, hidden, outer), affine(facts, hidden, product)];
            if (ofInput?.hidden !== null || ofHidden?.input !== null) continue;
            const gates = [
              gateOf(affine(facts, hidden, z), null),
              gateOf(affine(facts, hidden, r), null),
              gateOf({ ...ofInput, hidden: ofHidden.hidden }, ofHidden.bias),
            ];
            const found = gates.filter((each) => each !== null);
            if (found.length === 3 && fit(found)) return { kind: "GRU", gates: found, hidden, cell: null };
          }
        }
      }
    }
  }
  return null;
}

function gateOf(sum: Affine | null, hiddenBias: Float32Array | null): Gate | null {
  if (sum?.input == null || sum.hidden === null) return null;
  const { input, hidden, bias, width } = sum;
  return { input, hidden, bias: widened(bias, width), hiddenBias: widened(hiddenBias ?? new Float32Array(1), width) };
}

/** Whether all gates have the same sizes, and as many units as the hidden state has. */
function fit(gates: readonly Gate[]): boolean {
  const [first] = gates;
  return gates.every(
    ({ input, hidden, bias }) =>
      input.rows === first?.input.rows &&
      hidden.rows === first.hidden.rows &&
      hidden.rows === hidden.columns &&
      input.columns === hidden.columns &&
      bias.length === hidden.columns,
  );
}

/** What an affine sum of the input and the hidden state consists of; null when the value is none. */
function affine(facts: LoopFacts, hidden: number, port: Port): Affine | null {
  const constant = facts.constantOf(port);
  if (constant !== null) return biasOf(constant);
  const { step } = port;
  if (step.kind !== "op") return null;
  const { op, attributes } = step.node;
  switch (op) {
    case "Add":
    case "AddV2":
    case "BiasAdd":
    case "AddN":
      return step.inputs
        .map((input) => affine(facts, hidden, input))
        .reduce((a, b) => (a === null || b === null ? null : plus(a, b)));
    case "MatMul":
      if (attributes.bool("transpose_a", false)) return null;
      return productOf(facts, hidden, step);
    case "_FusedMatMul": {
      const fused = attributes.strings("fused_ops", []);
      const more = step.inputs.slice(2).map((input) => affine(facts, hidden, input));
      if (fused.join() !== "BiasAdd" || attributes.bool("transpose_a", false)) return null;
      return [productOf(facts, hidden, step), ...more].reduce((a, b) => (a === null || b === null ? null : plus(a, b)));
    }
    case "SplitV": {
      const [whole, lengths, along] = step.inputs;
      const axis = numberOf(facts, along);
      const value = whole === undefined || (axis !== 1 && axis !== -1) ? null : affine(facts, hidden, whole);
      const parts = lengths === undefined ? null : facts.constantOf(lengths);
      if (value === null || parts?.dtype !== "int32") return null;
      const rest = value.width - parts.data.reduce((total, size) => total + Math.max(size, 0), 0);
      const sizes = Array.from(parts.data, (size) => (size < 0 ? rest : size));
      const start = sizes.slice(0, port.output).reduce((total, size) => total + size, 0);
      return columnsOf(value, start, at(sizes, port.output));
    }
    case "Split": {
      const axis = numberOf(facts, step.inputs[0]);
      const [, whole] = step.inputs;
      const value = whole === undefined || (axis !== 1 && axis !== -1) ? null : affine(facts, hidden, whole);
      const count = attributes.int("num_split", 1);
      return value === null || value.width % count !== 0
        ? null
        : columnsOf(value, (port.output * value.width) / count, value.width / count);
    }
    default:
      return null;
  }
}

function productOf(facts: LoopFacts, hidden: number, { node, inputs }: OpStep): Affine | null {
  const [left, right] = inputs;
  const weight =
    right === undefined ? null : matrixOf(facts.constantOf(right), node.attributes.bool("transpose_b", false));
  if (left === undefined || weight === null) return null;
  const isHidden = (port: Port): boolean => port.step === facts.loop.parameters[hidden];
  const none = { width: weight.columns, input: null, hidden: null, bias: new Float32Array(1) };
  if (isHidden(left)) return { ...none, hidden: weight };
  if (facts.isInput(left)) return { ...none, input: weight };
  // Both side by side, as BasicLSTMCell multiplies them.
  if (left.step.kind !== "op" || left.step.node.op !== "ConcatV2") return null;
  const [first, second, axis] = left.step.inputs;
  const along = numberOf(facts, axis);
  if (first === undefined || second === undefined || left.step.inputs.length !== 3 || (along !== 1 && along !== -1))
    return null;
  if (!facts.isInput(first) || !isHidden(second)) return null;
  const units = weight.columns / 4;
  const split = weight.rows - units;
  if (!Number.isInteger(units) || split <= 0) return null;
  return { ...none, input: rowsOf(weight, 0, split), hidden: rowsOf(weight, split, weight.rows) };
}

function plus(a: Affine, b: Affine): Affine | null {
  const width = Math.max(a.width, b.width);
  if ([a, b].some((each) => each.width !== width && each.width !== 1)) return null;
  const [input, hidden] = [totalOf(a.input, b.input), totalOf(a.hidden, b.hidden)];
  const [left, right] = [widened(a.bias, width), widened(b.bias, width)];
  return { width, input, hidden, bias: left.map((value, index) => value + at(right, index)) };
}

function totalOf(a: Matrix | null, b: Matrix | null): Matrix | null {
  if (a === null || b === null) return a ?? b;
  return { ...a, data: a.data.map((value, index) => value + at(b.data, index)) };
}

function widened(bias: Float32Array, width: number): Float32Array {
  return bias.length === 1 && width !== 1 ? new Float32Array(width).fill(at(bias, 0)) : bias;
}

function columnsOf({ input, hidden, bias, width }: Affine, start: number, count: number): Affine {
  const cut = (matrix: Matrix | null): Matrix | null =>
    matrix === null
      ? null
      : {
          rows: matrix.rows,
          columns: count,
          data: Float32Array.from({ length: matrix.rows * count }, (_, index) =>
            at(matrix.data, Math.floor(index / count) * matrix.columns + start + (index % count)),
          ),
        };
  const own = widened(bias, width).slice(start, start + count);
  return { width: count, input: cut(input), hidden: cut(hidden), bias: own };
}

function rowsOf({ columns: count, data }: Matrix, start: number, end: number): Matrix {
  return { rows: end - start, columns: count, data: data.slice(start * count, end * count) };
}

function matrixOf(constant: Tensor | null, isTransposed: boolean): Matrix | null {
  if (constant?.dtype !== "float32" || constant.dims.length !== 2) return null;
  const [height, width] = [at(constant.dims, 0), at(constant.dims, 1)];
  const { data } = constant;
  if (!isTransposed) return { rows: height, columns: width, data };
  const turned = Float32Array.from({ length: data.length }, (_, index) =>
    at(data, (index % height) * width + Math.floor(index / height)),
  );
  return { rows: width, columns: height, data: turned };
}

/** A constant with one number, or one for each column. */
function biasOf(constant: Tensor): Affine | null {
  const { dtype, dims, data } = constant;
  if (dtype !== "float32" || dims.slice(0, -1).some((size) => size !== 1)) return null;
  return { width: data.length, input: null, hidden: null, bias: data };
}

function numberOf(facts: LoopFacts, port: Port | undefined): number | null {
  const constant = port === undefined ? null : facts.constantOf(port);
  return constant === null || constant.dtype === "string" || constant.data.length !== 1
    ? null
    : Number(constant.data[0]);
}

function isOne(facts: LoopFacts, port: Port): boolean {
  return numberOf(facts, port) === 1;
}

function sigmoid(port: Port): Port | null {
  return operands(port, ["Sigmoid"])?.[0] ?? null;
}

/** What an operator of one of these kinds is computed from. */
function operands({ step, output }: Port, ops: readonly string[]): readonly Port[] | null {
  return step.kind === "op" && output === 0 && ops.includes(step.node.op) ? step.inputs : null;
}

/** Both orders of two operands. */
function pairs(ports: readonly Port[] | null): readonly (readonly [Port, Port])[] {
  const [a, b] = ports ?? [];
  return a === undefined || b === undefined
    ? []
    : [
        [a, b],
        [b, a],
      ];
}

function same(a: Port, b: Port | undefined): boolean {
  return b !== undefined && a.step === b.step && a.output === b.output;
}
