import { asNumber, type Dim } from "../../../onnx/dim.ts";
import { int } from "../../../onnx/model.ts";
import { at } from "../../../require.ts";
import type { Tensor } from "../../../tensor.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import { recurrent } from "../../build/ops/neural.ts";
import { squeeze } from "../../build/ops/shape.ts";
import type { GraphTensor } from "../../ir/graph-tensor.ts";
import { dimOf, insertAxis, viewOf, type Value } from "../../ir/value.ts";
import { isList, isTensor, type OpValue, type StackedList } from "../converter.ts";

import { recurrentCell, type Gate, type RecurrentCell } from "./recurrent-loop.ts";
import { countsFromZero, type ScannedList } from "./scanned-lists.ts";
import type { Port, WhileStep } from "./structure.ts";

/** What becomes of a variable of a loop. */
export type Role =
  | { readonly kind: "invariant" }
  | { readonly kind: "carried" }
  | { readonly kind: "scanned"; readonly list: ScannedList };

/** A loop, and what is known of it before it is written. */
export interface KnownLoop {
  readonly step: WhileStep;
  readonly roles: readonly Role[];
  readonly initial: readonly OpValue[];
  /** A value that is the same in every iteration; null for one that is not. */
  readonly fixedValue: (port: Port) => OpValue | null;
  readonly numberOf: (port: Port) => number | null;
}

/**
 * The values of a loop as an LSTM or GRU node, when it is proved to be one: it runs once for each element of a list of inputs, its
 * body is the cell, and it hands on nothing but the states. Null: it is another loop.
 */
export function lowerRecurrent(graph: GraphBuilder, known: KnownLoop): readonly OpValue[] | null {
  const { step, roles, initial, numberOf } = known;
  const isCounter = (index: number): boolean => {
    const parameter = at(step.parameters, index);
    return countsFromZero(step, { step: parameter, output: 0 }, numberOf);
  };
  const carried = roles.flatMap(({ kind }, index) => (kind === "carried" ? [index] : []));
  const states = carried.filter((index) => !isCounter(index));
  const inputs = new Set<StackedList>();
  const cell = recurrentCell({
    loop: step,
    carried: states,
    constantOf: (port) => constantOf(graph, known, port),
    isInput: (port) => {
      const list = readList(known, port);
      if (list !== null) inputs.add(list);
      return list !== null;
    },
  });
  const [list] = inputs;
  if (cell === null || list === undefined || inputs.size > 1) return null;
  const own = cell.cell === null ? [cell.hidden] : [cell.hidden, cell.cell];
  const length = dimOf(list.tensor, 0);
  if (states.some((index) => !own.includes(index)) || !runsOver(known, length)) return null;
  const [hidden, memory] = own.map((index) => at(initial, index));
  const features = asNumber(dimOf(list.tensor, 2));
  const fits = list.tensor.rank === 3 && features === at(cell.gates, 0).input.rows;
  if (!fits || hidden === undefined || !isState(hidden) || (memory !== undefined && !isState(memory))) return null;
  const isHidden = ({ element }: ScannedList): boolean => isSamePort(element, at(step.body.results, cell.hidden));
  if (roles.some((role) => role.kind === "scanned" && !(isHidden(role.list) && typeof role.list.order === "string")))
    return null;

  const [all, last, lastMemory] = write(graph, cell, list.tensor, hidden, memory ?? null);
  if (all === undefined || last === undefined) return null;
  return roles.map((role, index): OpValue => {
    if (role.kind === "invariant") return at(initial, index);
    if (role.kind === "scanned") {
      const rows = role.list.order === "counted" ? squeeze(graph, all, [1]) : last;
      return { kind: "list", form: "stacked", tensor: viewOf(rows) };
    }
    if (index === cell.hidden) return viewOf(squeeze(graph, last, [0]));
    if (index === cell.cell && lastMemory !== undefined) return viewOf(squeeze(graph, lastMemory, [0]));
    return graph.cast(viewOf(squeeze(graph, graph.shapeTensor([length]), [0])), "int32");
  });
}

function isState(value: OpValue): value is Value {
  return isTensor(value) && value.rank === 2 && value.dtype === "float32";
}

function write(
  graph: GraphBuilder,
  cell: RecurrentCell,
  input: Value,
  hidden: Value,
  memory: Value | null,
): readonly GraphTensor[] {
  const { gates, kind } = cell;
  const units = at(gates, 0).hidden.rows;
  const isLstm = kind === "LSTM";
  return recurrent(
    graph,
    kind,
    {
      input: graph.plain(input),
      weight: graph.constant("W", rowsOf(gates.map((gate) => gate.input))),
      recurrent: graph.constant("R", rowsOf(gates.map((gate) => gate.hidden))),
      bias: graph.constant("B", biases(gates)),
      lengths: null,
      hidden: initialState(graph, hidden),
      ...(isLstm && memory !== null ? { cell: initialState(graph, memory) } : {}),
    },
    { hidden_size: int(units), ...(isLstm ? {} : { linear_before_reset: int(1) }) },
  );
}

/** [1, N, H]; null for zeros, which ONNX starts from by itself. */
function initialState(graph: GraphBuilder, state: Value): GraphTensor | null {
  const producer = graph.producerOf(state.tensor);
  const fill = producer?.opType === "ConstantOfShape" ? producer.attributes["value"] : null;
  const isZero = fill === undefined || (fill?.type === "tensor" && fill.value.data[0] === 0);
  return isZero ? null : graph.plain(insertAxis(state, 0));
}

/** [1, gates * H, F]: the columns of each gate's matrix as rows. */
function rowsOf(matrices: readonly Gate["input"][]): Tensor {
  const { rows, columns } = at(matrices, 0);
  const data = new Float32Array(matrices.length * rows * columns);
  for (const [index, matrix] of matrices.entries()) {
    const start = index * rows * columns;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        data[start + column * rows + row] = at(matrix.data, row * columns + column);
      }
    }
  }
  return { dtype: "float32", dims: [1, matrices.length * columns, rows], data };
}

/** [1, 2 * gates * H]: those of the inputs, then those of the hidden states. */
function biases(gates: readonly Gate[]): Tensor {
  const parts = [...gates.map(({ bias }) => bias), ...gates.map(({ hiddenBias }) => hiddenBias)];
  const data = Float32Array.from(parts.flatMap((part) => Array.from(part)));
  return { dtype: "float32", dims: [1, data.length], data };
}

/** The list of which a value is element t in iteration t. */
function readList({ step, fixedValue, numberOf }: KnownLoop, port: Port): StackedList | null {
  const { step: read } = port;
  if (read.kind !== "op") return null;
  const [place, source] =
    read.node.op === "TensorListGetItem"
      ? [read.inputs[1], read.inputs[0]]
      : read.node.op === "TensorArrayReadV3"
        ? [read.inputs[1], read.inputs[2]]
        : [undefined, undefined];
  if (place === undefined || source === undefined || !countsFromZero(step, place, numberOf)) return null;
  const list = fixedValue(source);
  return list !== null && isList(list) && list.form === "stacked" ? list : null;
}

/** Whether the loop makes as many iterations as there are elements. */
function runsOver({ step, fixedValue, numberOf }: KnownLoop, length: Dim): boolean {
  const limits = limitsOf(step, at(step.condition.results, 0), numberOf);
  const sizes = limits?.map((limit) => {
    const value = fixedValue(limit);
    return value !== null && isTensor(value) ? (value.tensor.elements?.[0] ?? null) : null;
  });
  if (sizes === undefined || !sizes.includes(length)) return false;
  const count = asNumber(length);
  return sizes.every((size) => size === length || (size !== null && count !== null && (asNumber(size) ?? -1) >= count));
}

/** What a counter must be below; null when the condition is another. */
function limitsOf(loop: WhileStep, { step }: Port, numberOf: KnownLoop["numberOf"]): readonly Port[] | null {
  if (step.kind !== "op") return null;
  const [a, b] = step.inputs;
  if (a === undefined || b === undefined) return null;
  if (step.node.op === "LogicalAnd") {
    const [first, second] = [limitsOf(loop, a, numberOf), limitsOf(loop, b, numberOf)];
    return first === null || second === null ? null : [...first, ...second];
  }
  return step.node.op === "Less" && countsFromZero(loop, a, numberOf) ? [b] : null;
}

/** The elements of what does not change: a constant, or a part of one that Unpack gives. */
function constantOf(graph: GraphBuilder, known: KnownLoop, port: Port): Tensor | null {
  const { step } = port;
  if (step.kind === "op" && step.node.op === "Unpack" && step.node.attributes.int("axis", 0) === 0) {
    const [input] = step.inputs;
    const whole = input === undefined ? null : constantOf(graph, known, input);
    if (whole?.dtype !== "float32") return null;
    const dims = whole.dims.slice(1);
    const size = dims.reduce((a, b) => a * b, 1);
    return { dtype: "float32", dims, data: whole.data.slice(port.output * size, (port.output + 1) * size) };
  }
  const value = known.fixedValue(port);
  return value === null || !isTensor(value) || value.tensor.constant === null ? null : graph.plain(value).constant;
}

function isSamePort(a: Port, b: Port): boolean {
  return a.step === b.step && a.output === b.output;
}
