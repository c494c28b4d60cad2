import { ExportError } from "../../errors.ts";
import {
  defineConverter,
  type BindContext,
  type EmitContext,
  type MaskedValue,
  type LayerConverter,
  type RecurrentForm,
} from "../converter.ts";
import { expectRank } from "../build/windows.ts";
import type { Value } from "../ir/value.ts";
import type { ConfigReader } from "../source/config.ts";

import { readCell, type Cell } from "./cell.ts";
import { passMask } from "./mask.ts";
import { runPass } from "./run.ts";
import { reverseTime } from "./time.ts";

/** Configuration of a recurrent layer. */
export interface RecurrentConfig {
  readonly cell: Cell;
  readonly returnSequences: boolean;
  readonly returnState: boolean;
  readonly goBackwards: boolean;
  /** Whether a call without initial states goes on from where the one before ended. */
  readonly stateful: boolean;
  /** Whether steps that are masked give zeros instead of the output before them, as Keras has it. */
  readonly zeroMasked: boolean;
  /** Whether the layer asks for those zeros, which TF.js ignores. */
  readonly zeroRequested: boolean;
  readonly form: RecurrentForm;
}

/** Read the configuration of any recurrent layer. @throws {ExportError} for values that are not supported */
export function readRecurrent(className: string, config: ConfigReader, context: BindContext): RecurrentConfig {
  return {
    cell: readLayerCell(className, config, context),
    returnSequences: config.boolean("return_sequences", false),
    returnState: config.boolean("return_state", false),
    goBackwards: config.boolean("go_backwards", false),
    stateful: config.boolean("stateful", false),
    zeroMasked: context.rules.masks === true && config.boolean("zero_output_for_mask", false),
    zeroRequested: config.boolean("zero_output_for_mask", false),
    form: context.recurrentForm,
  };
}

function readLayerCell(className: string, config: ConfigReader, context: BindContext): Cell {
  if (className !== "RNN") return readCell(className, config, context);
  if (Array.isArray(config.raw("cell"))) {
    const cells = config.layers("cell").map((cell) => readCell(cell.className, cell.config, context));
    return { kind: "stacked", cells };
  }
  const cell = config.layer("cell");
  return readCell(cell.className, cell.config, context);
}

/** The converter of a recurrent layer class. */
export function recurrentConverter(className: string, ops: readonly string[]): LayerConverter {
  return defineConverter({
    className,
    ops,
    stateful: (config) => config.stateful,
    parse: (config, context) => readRecurrent(className, config, context),
    mask: (_, { returnSequences }, inputs) => (returnSequences ? (inputs[0]?.mask ?? null) : null),
    emit: emitRecurrent,
  });
}

function emitRecurrent(
  context: EmitContext,
  config: RecurrentConfig,
  inputs: readonly MaskedValue[],
): readonly Value[] {
  const { input, mask, ownMask, initial } = readInputs(context, config.cell, inputs);
  const { cell, goBackwards } = config;
  const steps = passMask(context.graph, mask, ownMask, input, cell, goBackwards);
  if (steps !== null && !ownMask) noteLingering(context);
  else if (steps !== null && config.zeroRequested && config.returnSequences) {
    context.noteKeras("zero_output_for_mask gives zeros at masked steps in Keras, and TF.js ignores it");
  }
  const { sequence, states } = runPass(
    context.graph,
    {
      cell,
      weights: context.weights,
      reverse: goBackwards,
      initial: initial ?? recall(context, config, "forward"),
      mask: steps,
      form: config.form,
      everyStep: config.returnSequences,
      zeroMasked: config.zeroMasked,
    },
    input,
  );
  if (config.stateful) context.memory?.set("forward", states);
  const output = config.returnSequences ? sequence : states[0];
  if (output === null || output === undefined) throw new RangeError("the pass gave no output");
  const ordered = config.returnSequences && config.goBackwards ? reverseTime(context.graph, output) : output;
  return config.returnState ? [ordered, ...states] : [ordered];
}

/** Keras passes a mask on only along the connections of the layers. */
export function noteLingering({ noteKeras }: EmitContext): void {
  noteKeras("TF.js masks it by the mask of an earlier layer, which Keras does not pass on to it");
}

/** N T C; N T H W C for images. */
function sequenceRank(cell: Cell): number {
  if (cell.kind === "ConvLSTM") return 5;
  const [first] = cell.kind === "stacked" ? cell.cells : [];
  return first === undefined ? 3 : sequenceRank(first);
}

/**
 * The states a stateful layer ended with when it was called before in the same run; null at first: zeros.
 *
 * @throws {ExportError} where it is called for one step after the other
 */
export function recall(
  { memory }: EmitContext,
  { stateful }: RecurrentConfig,
  direction: "forward" | "backward",
): readonly Value[] | null {
  if (!stateful) return null;
  if (memory === null) {
    throw new ExportError("a stateful layer within TimeDistributed goes on from step to step, which is not supported");
  }
  return memory.get(direction) ?? null;
}

export interface RecurrentInputs {
  readonly input: Value;
  /** The mask the layer is called with. */
  readonly mask: Value | null;
  /** Whether that is the input's own, or given to it. */
  readonly ownMask: boolean;
  readonly initial: readonly Value[] | null;
}

/**
 * The sequence, and the initial states, which TF.js saves as inputs after it and Keras 3 gives by keyword.
 *
 * @throws {ExportError} for inputs that are not sequences, and for constants, which TF.js refuses
 */
export function readInputs(
  { keywords, mask }: EmitContext,
  cell: Cell,
  inputs: readonly MaskedValue[],
): RecurrentInputs {
  const [first, ...others] = inputs;
  if (first === undefined) throw new ExportError("it has no input");
  expectRank(first.value, sequenceRank(cell));
  if ((keywords["constants"] ?? []).length > 0) {
    throw new ExportError("constants are given to its cell, which TF.js does not support");
  }
  const given = [...others, ...(keywords["initial_state"] ?? [])];
  return {
    input: first.value,
    mask,
    ownMask: mask !== null && (keywords["mask"] !== undefined || mask.name === first.mask?.name),
    initial: given.length === 0 ? null : given.map(({ value }) => value),
  };
}
