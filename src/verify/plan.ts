import { NotVerifiedError } from "../errors.ts";
import { at, first, last } from "../require.ts";
import { sizeOf } from "../tensor.ts";

import { batchDimension, freeDimensions, shapeOf, type FeedSpec, type Sizes } from "./feeds.ts";
import type { Examination, Reference } from "./reference/reference.ts";
import { chooseSizes } from "./sizes/choose-sizes.ts";
import { countOnes, faultOfShapes, type ShapedTensor } from "./sizes/size-rules.ts";

/** One set of random inputs to run on both sides. */
export interface PlannedRun {
  readonly sizes: Sizes;
  readonly cost: Cost;
  /** TF.js need not accept the sizes: some of them are 0. */
  readonly mayBeRefused: boolean;
}

/** How long a run takes, in units that compare with those of the other runs of the same plan. */
export interface Cost {
  readonly units: number;
  /** The units are multiplications and additions, roughly; otherwise elements of the inputs. */
  readonly isWork: boolean;
}

/** Everything that a plan is made from. */
export interface PlanInput {
  readonly reference: Reference;
  readonly specs: readonly FeedSpec[];
  /** Inner tensors whose shapes are known as expressions over the free sizes. */
  readonly shapes: readonly ShapedTensor[];
  /** Sizes of the batch to run where it is free. */
  readonly batches: readonly number[];
  /** Free sizes other than the batch are multiples of it. */
  readonly unit: number;
  /** Free sizes at the same place of their inputs are alike. */
  readonly together: boolean;
}

/**
 * Plan the runs of a verification, the most telling first: every batch size, two sizes of every other free dimension; then 1
 * and 0 against larger sizes where several inputs have free dimensions.
 *
 * @throws {NotVerifiedError} when no sizes are found that the model accepts.
 */
export function planRuns(input: PlanInput): readonly PlannedRun[] {
  const { specs, batches, unit, together } = input;
  const batchName = batchDimension(specs);
  const choices = chooseSizes(specs, first(batches), {
    fault: (sizes) => examine(input, sizes).fault,
    ones: (sizes) => examine(input, sizes).ones,
    unit,
    together,
  });
  if ("fault" in choices) throw nothingFits(specs, choices.sizes, choices.fault);
  const withBatch = (sizes: Sizes, count: number): Sizes =>
    batchName === null ? sizes : new Map([[batchName, count], ...sizes]);
  const { ordinary, ones, zeros } = choices;
  const turns = Math.max(batchName === null ? 1 : batches.length, ordinary.length);
  const most = last(batches);
  const regular = Array.from({ length: turns }, (_, turn) =>
    withBatch(at(ordinary, turn % ordinary.length), at(batches, turn % batches.length)),
  );
  const planned = (mayBeRefused: boolean) => {
    return (sizes: Sizes): PlannedRun => ({ sizes, cost: costOf(input, sizes), mayBeRefused });
  };
  return [
    ...[...regular, ...ones.map((sizes) => withBatch(sizes, most))].map(planned(false)),
    ...zeros.map((sizes) => withBatch(sizes, most)).map(planned(true)),
  ];
}

function examine({ reference, specs, shapes }: PlanInput, sizes: Sizes): Examination {
  const fault = faultOfShapes(shapes, sizes);
  if (fault !== null) return { fault, work: null, ones: 0 };
  const { ones, ...rest } = reference.examine(new Map(specs.map((spec) => [spec.name, shapeOf(spec, sizes)])));
  return { ...rest, ones: ones + countOnes(shapes, sizes) };
}

function costOf(input: PlanInput, sizes: Sizes): Cost {
  const { work } = examine(input, sizes);
  if (work !== null) return { units: work, isWork: true };
  const elements = input.specs.map((spec) => sizeOf(shapeOf(spec, sizes)));
  return { units: elements.reduce((sum, each) => sum + each, 0), isWork: false };
}

function nothingFits(specs: readonly FeedSpec[], sizes: Sizes, fault: string): NotVerifiedError {
  const free = freeDimensions(specs);
  const [input] = specs;
  const named = [...sizes].map(([name, size]) => `${name} ${size}`).join(", ");
  const example = input === undefined ? "" : `, e.g. --input-shape ${input.name}=${shapeOf(input, sizes).join()}`;
  return new NotVerifiedError(
    free.length === 0
      ? `the model does not take inputs of its own shapes: ${fault}`
      : `no sizes of ${free.join(", ")} are found that the model takes; with ${named}: ${fault}`,
    { hint: `fix the sizes${example}, or leave the check out with --no-verify` },
  );
}
