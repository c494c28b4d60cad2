import { ExportError } from "../../errors.ts";
import type { RecurrentForm } from "../converter.ts";
import type { GraphBuilder } from "../build/builder.ts";
import { asNumber, isNumber, showShape } from "../../onnx/dim.ts";
import { dimOf, dimsOf, removeAxis, sizeOfAxis, type Value } from "../ir/value.ts";
import type { LayerWeights } from "../source/model.ts";

import { stateCount, type Cell, type ConvCell, type GatedCell, type StackedCells } from "./cell.ts";
import { convStepper } from "./conv-step.ts";
import { emitScan, emitUnrolled, MAX_UNROLLED, type LoopOutputs } from "./loop.ts";
import { leavesOutSteps, runMasked } from "./masked.ts";
import { emitNative, isNative } from "./native.ts";
import { gatedStepper, type Stepper } from "./step.ts";

/** One pass of a cell over a sequence. */
export interface Pass {
  readonly cell: Cell;
  readonly weights: LayerWeights;
  /** From the last step to the first. */
  readonly reverse: boolean;
  /** States to start from; null for zeros. */
  readonly initial: readonly Value[] | null;
  /** bool, axes N T and more that broadcast over those of a state. Where it is false, states do not change. */
  readonly mask: Value | null;
  readonly form: RecurrentForm;
  readonly everyStep: boolean;
  /** Whether masked steps give zeros. */
  readonly zeroMasked: boolean;
}

/** What a pass gives: outputs by the time of the input (null when not asked for), and final states, the output's first. */
export type PassOutputs = LoopOutputs;

/** Run a cell over an input of axes N T C (N T H W C for images). */
export function runPass(graph: GraphBuilder, pass: Pass, input: Value): PassOutputs {
  const { cell, initial } = pass;
  const expected = stateCount(cell);
  if (initial !== null && initial.length !== expected) {
    throw new ExportError(
      `it keeps ${expected} ${expected === 1 ? "state" : "states"}, but ${initial.length} initial ones are given`,
    );
  }
  return zeroed(graph, pass, runCell(graph, cell, pass, input));
}

function runCell(graph: GraphBuilder, cell: Cell, pass: Pass, input: Value): PassOutputs {
  if (cell.kind === "stacked") return runStack(graph, cell, pass, input);
  if (cell.kind === "ConvLSTM") return runConv(graph, cell, pass, input);
  return runGated(graph, cell, pass, input);
}

/** Source: Keras 3.15, backend/tensorflow/rnn.py, `zero_output_for_mask`. */
function zeroed(
  graph: GraphBuilder,
  { mask, everyStep, zeroMasked }: Pass,
  { sequence, states }: PassOutputs,
): PassOutputs {
  if (!zeroMasked || mask === null) return { sequence, states };
  if (!everyStep || sequence === null) {
    throw new ExportError("zero_output_for_mask without return_sequences is not supported where steps are masked");
  }
  return { sequence: graph.binary("Mul", sequence, graph.cast(mask, "float32")), states };
}

/** The cells one after the other, each over the whole sequence; states are listed from the last cell to the first. */
function runStack(graph: GraphBuilder, { cells }: StackedCells, pass: Pass, input: Value): PassOutputs {
  const initial = [...(pass.initial ?? [])];
  let sequence = input;
  let outputs: PassOutputs = { sequence: null, states: [] };
  const states: (readonly Value[])[] = [];
  for (const [index, cell] of cells.entries()) {
    const last = index === cells.length - 1;
    const own = initial.splice(initial.length - stateCount(cell));
    outputs = graph.within(`cell_${index}`, () =>
      runPass(
        graph,
        {
          ...pass,
          cell,
          weights: pass.weights.within(`cell_${index}`),
          initial: pass.initial === null ? null : own,
          everyStep: last ? pass.everyStep : true,
          zeroMasked: false,
        },
        sequence,
      ),
    );
    sequence = outputs.sequence ?? sequence;
    states.unshift(outputs.states);
  }
  return { sequence: outputs.sequence, states: states.flat() };
}

function runGated(graph: GraphBuilder, cell: GatedCell, pass: Pass, input: Value): PassOutputs {
  expectAxes(input, 3);
  expectStates(pass.initial, [cell.units]);
  const { mask, form } = pass;
  const native = isNative(cell, form === "portable");
  if (native && mask === null) return runNative(graph, cell, pass, input);
  if (native && mask !== null && form === "native" && leavesOutSteps(mask, input)) {
    return runMasked(graph, cell, pass, mask, input);
  }
  return runSteps(graph, gatedStepper(graph, cell, pass.weights, input), pass, input);
}

function runConv(graph: GraphBuilder, cell: ConvCell, pass: Pass, input: Value): PassOutputs {
  expectAxes(input, 5);
  expectStates(pass.initial, [null, null, null]);
  const stepper = convStepper(graph, cell, pass.weights, input);
  if (pass.mask !== null) expectMaskOfState(pass.mask, stepper);
  return runSteps(graph, stepper, pass, input);
}

/** @throws {ExportError} when a mask [N, T, H, W, 1] is not of the size of the state's images: there TF.js fails. */
function expectMaskOfState(mask: Value, { stateAxes }: Stepper): void {
  const [, , ...sizes] = dimsOf(mask);
  const state = stateAxes.slice(1).map(sizeOfAxis);
  if (sizes.every((size, axis) => isNumber(size, 1) || size === state[axis])) return;
  throw new ExportError(`TF.js cannot apply a mask of images ${showShape(sizes)} to states ${showShape(state)}`);
}

function runSteps(graph: GraphBuilder, stepper: Stepper, pass: Pass, input: Value): PassOutputs {
  const run = { ...pass, stepper };
  const steps = asNumber(dimOf(input, 1));
  return pass.form === "portable" && steps !== null && steps <= MAX_UNROLLED
    ? emitUnrolled(graph, run, steps)
    : emitScan(graph, run);
}

function expectAxes({ axes }: Value, rank: number): void {
  if (axes.length !== rank) throw new ExportError(`the input must have ${rank} axes; it has ${axes.length}`);
}

/** @throws {ExportError} for initial states whose sizes after the batch are others; null is any size */
function expectStates(initial: readonly Value[] | null, sizes: readonly (number | null)[]): void {
  for (const state of initial ?? []) {
    const own = dimsOf(state).slice(1).map(asNumber);
    const fits = sizes.every((size, axis) => size === null || own[axis] === null || own[axis] === size);
    if (own.length === sizes.length && fits) continue;
    const shape = ["batch", ...sizes].map((size) => size ?? "any").join(", ");
    throw new ExportError(`initial states must have shape [${shape}]; got ${showShape(dimsOf(state))}`);
  }
}

function runNative(graph: GraphBuilder, cell: GatedCell, pass: Pass, input: Value): PassOutputs {
  const { sequence, states } = emitNative(
    graph,
    {
      cell,
      direction: pass.reverse ? "reverse" : "forward",
      weights: [pass.weights],
      initial: pass.initial === null ? null : [pass.initial],
      lengths: null,
    },
    input,
  );
  return { sequence: removeAxis(sequence, 2), states: states.map((state) => removeAxis(state, 1)) };
}
