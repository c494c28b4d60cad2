import { ExportError } from "../../errors.ts";
import type { GraphBuilder } from "../build/builder.ts";
import { asNumber, isNumber, showShape, type Dim } from "../../onnx/dim.ts";
import type { GraphTensor } from "../ir/graph-tensor.ts";
import { dimOf, dimsOf, insertAxis, newAxis, Value } from "../ir/value.ts";

import type { Cell } from "./cell.ts";

const TO_THE_END = 2 ** 31 - 1;

/**
 * The mask that a recurrent layer is called with, in the form that a pass over its steps uses: axes N T, then one or more that
 * broadcast over those of a state. A mask of more steps than there are is cut: to the first ones, or to the last ones in a pass that
 * goes backwards. Null where TF.js would fail on a mask that only lingers from another layer. Source: tfjs-layers,
 * layers/recurrent.js, `rnn`.
 *
 * @param own Whether the mask is that of the layer's own input.
 * @throws {ExportError} where TF.js would fail on the layer's own mask.
 */
export function passMask(
  graph: GraphBuilder,
  mask: Value | null,
  own: boolean,
  input: Value,
  cell: Cell,
  reverse: boolean,
): Value | null {
  if (mask === null) return null;
  const rank = input.axes.length;
  const full = mask.axes.length === rank - 1 ? insertAxis(mask, rank - 1) : mask;
  if (full.axes.length === rank && fitsBatch(full, input) && fitsState(full, cell)) {
    const cut = cutSteps(graph, full, input, reverse);
    if (cut !== null) return cut;
  }
  if (!own) return null;
  const shown = `a mask of shape ${showShape(mask.dims)}`;
  throw new ExportError(`TF.js cannot apply ${shown} to steps of shape ${showShape(input.dims)}`, {
    hint: "the model cannot be run in TF.js either",
  });
}

function fitsBatch(mask: Value, input: Value): boolean {
  const size = dimOf(mask, 0);
  return isNumber(size, 1) || size === dimOf(input, 0);
}

/** Whether the mask's axes after N T broadcast over a state of the cell. */
function fitsState(mask: Value, cell: Cell): boolean {
  const sizes = dimsOf(mask).slice(2);
  if (cell.kind === "ConvLSTM" || sizes.every((size) => isNumber(size, 1))) return true;
  const [size] = sizes;
  return cell.kind !== "stacked" && size !== undefined && isNumber(size, cell.units);
}

function cutSteps(graph: GraphBuilder, mask: Value, input: Value, reverse: boolean): Value | null {
  const [have, need] = [dimOf(mask, 1), dimOf(input, 1)];
  if (have === need) return mask;
  const [known, wanted] = [asNumber(have), asNumber(need)];
  if (known !== null && wanted !== null && known < wanted) return null;
  const { value, dim } = graph.isolate(mask, 1);
  const [start, end] = reverse
    ? [negative(graph, need), graph.int64s([TO_THE_END])]
    : [graph.int64s([0]), graph.runtimeDim(need)];
  const cut = graph.op("Slice", [value.tensor, start, end, graph.int64s([dim])]);
  const time = newAxis(need);
  return new Value(cut, value.axes.toSpliced(1, 1, time), value.stored.toSpliced(dim, 1, time));
}

function negative(graph: GraphBuilder, size: Dim): GraphTensor {
  const known = asNumber(size);
  return known === null ? graph.op("Neg", [graph.runtimeDim(size)]) : graph.int64s([-known]);
}
