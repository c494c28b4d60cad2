import { InternalError, TrainError } from "../../errors.ts";
import { checkOptions, type OptionNames } from "../../options.ts";
import { nativeBackendOf } from "../compile/native.ts";
import type { Tensor, TensorFlow } from "../compile/types.ts";

import { constant } from "./constant.ts";
import { nativeCtc } from "./ctc-native.ts";
import { type CtcResult, portableCtc } from "./ctc-portable.ts";

/** Labels of a batch as tensors, ready for {@link ctcLoss}. */
export interface CtcTargets {
  /** int32 [N, K]: classes, padded at the end with -1. */
  readonly labels: Tensor;
  /** int32 [N]: how many steps of each sample count. */
  readonly steps: Tensor;
  /** Samples whose label was dropped because it does not fit, by index. Their loss is 0 and has no gradient. */
  readonly dropped: readonly number[];
}

/** How labels become targets of the loss. */
export interface CtcTargetOptions {
  /** How many classes there are without the blank; labels are below. */
  readonly classes: number;
  /** What becomes of a label that does not fit into its steps: an error (the default), or it is left out. */
  readonly tooLong?: "throw" | "drop";
  /** K, at least the longest label. Default: the longest label. Equal shapes compile once. */
  readonly length?: number;
  /** How a message calls a sample. Default "sample 3". */
  readonly nameOf?: (index: number) => string;
}

const TARGET_OPTIONS: OptionNames<CtcTargetOptions> = { classes: true, tooLong: true, length: true, nameOf: true };

/** Steps that a label needs at least: one each, and a blank between two equal neighbours. */
export function stepsNeeded(label: ArrayLike<number | string>): number {
  let steps = label.length;
  for (let index = 1; index < label.length; index++) if (label[index] === label[index - 1]) steps++;
  return steps;
}

/**
 * Tensors of labels, which are checked. The caller disposes of both.
 *
 * @param labels N lists of classes
 * @param steps how many steps of each sample count
 * @throws {TrainError} naming every sample whose label has a class that does not exist or, unless `tooLong` is "drop",
 *   needs more steps than it has
 */
export function ctcTargets(
  tf: TensorFlow,
  labels: readonly ArrayLike<number>[],
  steps: ArrayLike<number>,
  options: CtcTargetOptions,
): CtcTargets {
  checkOptions("ctcTargets", options, TARGET_OPTIONS);
  const { classes, tooLong = "throw", nameOf = (index: number): string => `sample ${index}` } = options;
  if (labels.length !== steps.length) {
    throw new TrainError(`${labels.length} labels with ${steps.length} numbers of steps; expected as many of both`);
  }
  const faults: string[] = [];
  const dropped: number[] = [];
  const kept = labels.map((label, index): ArrayLike<number> => {
    const wrong = Array.from(label).find((value) => !Number.isInteger(value) || value < 0 || value >= classes);
    if (wrong !== undefined) faults.push(`${nameOf(index)} has class ${wrong}; there are 0 to ${classes - 1}`);
    const [needed, given] = [stepsNeeded(label), Number(steps[index])];
    if (needed <= given) return label;
    if (tooLong === "throw") faults.push(`${nameOf(index)} has a label that needs ${needed} steps; it has ${given}`);
    dropped.push(index);
    return [];
  });
  const longest = kept.reduce((most, { length }) => Math.max(most, length), 1);
  const length = options.length ?? longest;
  if (length < longest) faults.push(`a label has ${longest} classes; there is room for ${length}`);
  if (faults.length > 0) {
    throw new TrainError(`labels that CTC cannot learn:\n  ${faults.join("\n  ")}`, {
      hint: 'make the picture wider, shorten the label, or leave such samples out with tooLong: "drop"',
    });
  }
  const flat = new Int32Array(labels.length * length).fill(-1);
  kept.forEach((label, row) => flat.set(Array.from(label), row * length));
  const isDropped = new Set(dropped);
  const used = Int32Array.from(steps, (count, index) => (isDropped.has(index) ? 0 : count));
  return {
    labels: tf.tensor2d(flat, [labels.length, length], "int32"),
    steps: tf.tensor1d(used, "int32"),
    dropped,
  };
}

/** What computes the loss: TensorFlow's own kernel, operations of TF.js that any backend has, or the first where it is there. */
export type CtcMethod = "auto" | "native" | "portable";

/**
 * Connectionist temporal classification (Graves, Fernandez, Gomez, Schmidhuber, ICML 2006): -log of the probability that
 * the steps spell the label, in nats, [N]. Differentiable once, by the logits. On native TensorFlow its own kernel, also
 * inside a compiled step; elsewhere in tensor operations, with the same numbers up to rounding.
 *
 * A label that does not fit into its steps has the loss 0 and no gradient: check with {@link ctcTargets}.
 *
 * @param logits float32 [N, T, C + 1]; the blank is the last class
 * @param labels int32 [N, K], padded at the end with -1
 * @param steps int32 [N], at most T each. Default: all T.
 * @throws {TrainError} when shapes do not fit together
 */
export function ctcLoss(
  tf: TensorFlow,
  logits: Tensor,
  labels: Tensor,
  steps?: Tensor,
  method: CtcMethod = "auto",
): Tensor {
  const [count, time] = checkShapes(logits, labels, steps);
  const all = steps ?? constant(tf, [count], time, "int32");
  const compute = methodOf(tf, method);
  const loss = tf.customGrad((...inputs) => {
    const [given, save] = inputs;
    if (given === undefined || typeof given === "function" || typeof save !== "function") {
      throw new InternalError("customGrad calls its function with other arguments than a tensor and save");
    }
    const { loss: value, gradient } = compute(given, labels, all);
    save([gradient]);
    return {
      value,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [kept] = saved;
        if (kept === undefined) throw new InternalError("customGrad lost the gradient of CTC");
        return kept.mul(dy.reshape([count, 1, 1]));
      },
    };
  });
  return loss(logits);
}

function methodOf(tf: TensorFlow, method: CtcMethod): (logits: Tensor, labels: Tensor, steps: Tensor) => CtcResult {
  const backend = method === "portable" ? "portable" : nativeBackendOf(tf);
  if (typeof backend !== "string") return (...tensors) => nativeCtc(tf, backend, ...tensors);
  if (method === "native") throw new TrainError(`CTC has no native kernel here: ${backend}`);
  return (...tensors) => portableCtc(tf, ...tensors);
}

function checkShapes(
  logits: Tensor,
  labels: Tensor,
  steps: Tensor | undefined,
): readonly [count: number, time: number] {
  const [count, time] = logits.shape;
  const shapes = `logits [${logits.shape.join(", ")}], labels [${labels.shape.join(", ")}]`;
  if (logits.rank !== 3 || count === undefined || time === undefined || labels.rank !== 2) {
    throw new TrainError(`CTC takes logits [N, T, C] and labels [N, K]; got ${shapes}`);
  }
  const counts = [labels.shape[0], ...(steps === undefined ? [] : steps.shape)];
  if (counts.some((other) => other !== count)) {
    throw new TrainError(`CTC takes as many labels and numbers of steps as samples; got ${shapes}`);
  }
  return [count, time];
}
