import type { LayersModel, Tensor } from "@tensorflow/tfjs";

import type { LineAugment } from "../../data/lines/augment.ts";
import { labelOf } from "../../data/lines/line-set.ts";
import { InternalError, TrainError } from "../../errors.ts";
import { bestPath } from "../../infer/decode/greedy.ts";
import type { Plane } from "../../infer/preprocess/image.ts";
import type { CompiledStep, TensorFlow } from "../compile/index.ts";
import { type BatchFeed, openFeed } from "../feed/batch-feed.ts";
import { type Bucket, LineBatches, type LineFeedPlan, type LineSource, writeLine } from "../feed/line-batches.ts";
import { constant } from "../losses/constant.ts";
import { ctcLoss } from "../losses/ctc.ts";
import { initialise } from "../networks.ts";
import { closePadding } from "../networks/line.ts";
import type { Recipe } from "../recipe.ts";

import { editDistance } from "../../data/lines/edit-distance.ts";
import { at } from "../../require.ts";
import type { Part, Score, Task, TaskBatch, TaskContext, TaskRun } from "./task.ts";

/** A line as the network takes it, [height, W], and what it says. */
export interface PreparedLine {
  readonly name: string;
  readonly text: string;
  readonly plane: Plane;
}

export interface ReadLinesOptions {
  readonly characters: readonly string[];
  readonly height: number;
  /** How many times wider lines are made than their proportions. Default 1. */
  readonly widen?: number;
  /** Pixels for one step of the network. */
  readonly columns: number;
  /** What pixels beyond the end of a line hold. */
  readonly padding: number;
  readonly source: LineSource;
  readonly buckets: readonly Bucket[];
  readonly augment?: LineAugment;
  /** Scored after each epoch; then the test part is looked at once, at the end. */
  readonly validation?: readonly PreparedLine[];
  readonly test: readonly PreparedLine[];
  /** How texts are compared. Default: as they are. */
  readonly normalise?: (text: string) => string;
}

/** What was read in a line, beside what it says. */
export interface LineAnswer {
  readonly name: string;
  readonly text: string;
  readonly read: string;
}

/**
 * Of the compiled gradients. Paper has one value, so that whole windows of the poolings tie; which of them gets the
 * gradient is decided by rounding, and by nothing that a change of the weights would show.
 */
const TOLERANCE = 0.03;

/** Lines of text, by connectionist temporal classification. Scored by whole lines and by characters, read greedily. */
export function readLines(options: ReadLinesOptions): Task<readonly LineAnswer[]> {
  const plan = planOf(options, undefined);
  const source = new LineBatches(plan);
  return {
    samples: Array.from({ length: source.batches }, (_, batch) => source.shapeOf({ epoch: 0, batch }).count).reduce(
      (sum, count) => sum + count,
      0,
    ),
    validated: options.validation !== undefined,
    batches: () => source.batches,
    objective: (tf, { labelSmoothing }) => {
      if (labelSmoothing > 0) throw new TrainError("lines are learnt without label smoothing; got --label-smoothing");
      const loss = (labels: Tensor, logits: Tensor): Tensor => ctcLoss(tf, logits, labels).mean();
      const accuracy = (labels: Tensor, logits: Tensor): Tensor => shareRead(tf, labels, logits);
      return { loss, metrics: [accuracy], compare: "first", tolerance: TOLERANCE };
    },
    initialise: (tf, model, seed) => {
      initialise(tf, model, seed);
      closePadding(tf, model);
    },
    start: (tf, context) => new Reading(tf, options, context),
  };
}

function planOf(
  { source, characters, height, widen = 1, columns, padding, buckets, augment }: ReadLinesOptions,
  run: { readonly recipe: Recipe; readonly epochs: number } | undefined,
): LineFeedPlan {
  return {
    kind: "lines",
    source,
    characters,
    height,
    widen,
    columns,
    padding,
    buckets,
    augment,
    seed: run?.recipe.seed ?? 0,
    epochs: run?.epochs ?? 1,
    cooldownEpochs: run?.recipe.cooldownEpochs ?? 0,
    cooldownStrength: run?.recipe.cooldownStrength ?? 1,
  };
}

/** The share of lines that the best path spells, rank 0: the characters it emits, put in their places, are the label. */
function shareRead(tf: TensorFlow, labels: Tensor, logits: Tensor): Tensor {
  const [count = 0, steps = 0, classes = 0] = logits.shape;
  const [, length = 0] = labels.shape;
  const path = tf.cast(tf.argMax(logits, 2), "int32");
  const before = tf.concat([constant(tf, [count, 1], -1, "int32"), path.slice([0, 0], [count, steps - 1])], 1);
  const isCharacter = path.notEqual(tf.scalar(classes - 1, "int32")).logicalAnd(path.notEqual(before));
  const emitted = tf.cast(isCharacter, "float32");
  const places = tf.cast(
    tf
      .cumsum(emitted, 1)
      .sub(1)
      .clipByValue(0, length - 1),
    "int32",
  );
  const placed = tf.cast(tf.oneHot(tf.cast(places.reshape([count * steps]), "int32"), length), "float32");
  const symbols = emitted.mul(tf.cast(path, "float32")).reshape([count, 1, steps]);
  const spelt = tf.matMul(symbols, placed.reshape([count, steps, length])).reshape([count, length]);
  const target = tf.cast(labels, "float32");
  const present = tf.cast(target.greaterEqual(0), "float32");
  const wrong = tf.sum(tf.abs(spelt.sub(target)).mul(present), 1);
  const more = tf.abs(tf.sum(emitted, 1).sub(tf.sum(present, 1)));
  return tf.mean(tf.cast(wrong.add(more).less(0.5), "float32"));
}

/** Lines of a part that go through the network together. */
interface Group {
  readonly lines: readonly PreparedLine[];
  readonly width: number;
}

/** Pixels of a batch that is scored, at most, unless a line alone has more. */
const GROUP_PIXELS = 32 * 8192;

class Reading implements TaskRun<readonly LineAnswer[]> {
  readonly #tf: TensorFlow;
  readonly #options: ReadLinesOptions;
  readonly #feed: BatchFeed;
  readonly #model: LayersModel;
  readonly #groups = new Map<Part, readonly Group[]>();

  constructor(tf: TensorFlow, options: ReadLinesOptions, context: TaskContext) {
    this.#tf = tf;
    this.#options = options;
    this.#model = context.model;
    this.#feed = openFeed({ plan: planOf(options, context), from: context.from, workers: context.workers });
  }

  async next(): Promise<TaskBatch> {
    const { count, imageSize, labelSize, images, labels } = await this.#feed.next();
    const { height } = this.#options;
    return {
      xs: this.#tf.tensor4d(images, [count, height, imageSize / height, 1]),
      ys: this.#tf.tensor2d(Int32Array.from(labels), [count, labelSize], "int32"),
      count,
    };
  }

  /** Op by op: every width would be compiled again. */
  evaluate(step: CompiledStep, part: Part, average: boolean): Score {
    step.pull({ average });
    const { normalise = (text: string): string => text } = this.#options;
    let [loss, right, errors, characters, lines] = [0, 0, 0, 0, 0];
    for (const group of this.#groupsOf(part)) {
      const { read, lossSum } = this.#read(group);
      loss += lossSum;
      group.lines.forEach(({ text }, index) => {
        const [truth, answer] = [normalise(text), normalise(at(read, index))];
        if (truth === answer) right++;
        errors += editDistance(truth, answer);
        characters += Array.from(truth).length;
        lines++;
      });
    }
    return { loss: loss / lines, accuracy: right / lines, characterErrors: errors / characters };
  }

  answers(step: CompiledStep, average: boolean): readonly LineAnswer[] {
    step.pull({ average });
    return this.#groupsOf("test").flatMap((group) => {
      const { read } = this.#read(group);
      return group.lines.map(({ name, text }, index) => ({ name, text, read: at(read, index) }));
    });
  }

  #groupsOf(part: Part): readonly Group[] {
    const known = this.#groups.get(part);
    if (known !== undefined) return known;
    const lines = part === "test" ? this.#options.test : this.#options.validation;
    if (lines === undefined) throw new InternalError("there is no validation part");
    const groups = groupsOf(lines, this.#options);
    this.#groups.set(part, groups);
    return groups;
  }

  #read({ lines, width }: Group): { readonly read: readonly string[]; readonly lossSum: number } {
    const tf = this.#tf;
    const { height, columns, characters } = this.#options;
    return tf.tidy(() => {
      const images = new Float32Array(lines.length * height * width);
      const labels = new Int32Array(lines.length * (width / columns)).fill(-1);
      lines.forEach(({ plane, text, name }, row) => {
        writeLine(plane, this.#options, images.subarray(row * height * width, (row + 1) * height * width));
        labels.set(labelOf(text, characters, name).slice(0, width / columns), (row * width) / columns);
      });
      const output = this.#model.predict(tf.tensor4d(images, [lines.length, height, width, 1]), {
        batchSize: lines.length,
      });
      const logits = Array.isArray(output) ? output[0] : output;
      if (logits === undefined) throw new InternalError("the network has no output");
      const [, steps = 0, classes = 0] = logits.shape;
      const losses = ctcLoss(tf, logits, tf.tensor2d(labels, [lines.length, width / columns], "int32"));
      const scores = logits.dataSync<"float32">();
      const read = lines.map((_, row) => {
        const data = scores.subarray(row * steps * classes, (row + 1) * steps * classes);
        return bestPath({ data, steps, classes })
          .map(({ symbol }) => at(characters, symbol))
          .join("");
      });
      return { read, lossSum: losses.sum().dataSync<"float32">()[0] ?? Number.NaN };
    });
  }

  async close(): Promise<void> {
    await this.#feed.close();
  }
}

/** Lines of like widths together. */
function groupsOf(lines: readonly PreparedLine[], { height, columns }: ReadLinesOptions): Group[] {
  const whole = ({ plane }: PreparedLine): number => Math.ceil(plane.width / columns) * columns;
  const sorted = lines.toSorted((a, b) => whole(a) - whole(b));
  const groups: Group[] = [];
  let pending: PreparedLine[] = [];
  let width = 0;
  for (const line of sorted) {
    const wider = whole(line);
    if (pending.length > 0 && (pending.length + 1) * wider * height > GROUP_PIXELS) {
      groups.push({ lines: pending, width });
      pending = [];
    }
    pending.push(line);
    width = wider;
  }
  if (pending.length > 0) groups.push({ lines: pending, width });
  return groups;
}
