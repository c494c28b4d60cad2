import { Random } from "../data/random.ts";
import { InferenceError, ToolError } from "../errors.ts";
import { push } from "../export/source/json.ts";
import type { Session, Tensors } from "../infer/runtime.ts";
import { at } from "../require.ts";
import type { Tensor } from "../tensor.ts";

import { compareTensors, largest, type Comparison, type Tolerance } from "./compare.ts";
import { batchDimension, nudged, randomFeeds, shapeOf, type FeedSpec, type Sizes } from "./feeds.ts";
import type { PlannedRun } from "./plan.ts";
import { OutOfTime, type Clock } from "./progress.ts";
import type { Reference, Watch } from "./reference/reference.ts";
import { softmaxOver } from "./softmax.ts";

/** The comparison of one output in one run. */
export interface OutputComparison {
  readonly name: string;
  readonly maxAbsDiff: number;
  readonly maxRelDiff: number;
  /** Of a file whose weights are rounded: the root mean square of the differences, relative to that of the expected numbers. */
  readonly relativeRms?: number;
  readonly passed: boolean;
  readonly reason?: string;
}

/** One set of random inputs, run in one place beside TF.js. */
export interface VerifyRun {
  readonly runtime: string;
  readonly provider: string;
  /** Nodes that the provider left to another, as `name (Operator)`. */
  readonly elsewhere: readonly string[];
  readonly batch: number;
  /** Sizes given to the other free dimensions. */
  readonly sizes: Readonly<Record<string, number>>;
  readonly outputs: readonly OutputComparison[];
}

/** Both sides, and how to compare them. */
export interface SideBySide {
  readonly reference: Reference;
  readonly sessions: readonly Session[];
  readonly specs: readonly FeedSpec[];
  readonly tolerance: Tolerance;
  readonly seed: number;
  /** For each output the axis of a softmax that the file leaves out; null where there is none. */
  readonly leftOutSoftmax: readonly (number | null)[];
  readonly clock: Clock;
  /** The file has loops, which ONNX Runtime runs to their end whatever it takes. */
  readonly hasLoops?: boolean;
  /** For each output what its numbers may differ by beyond the tolerance; nothing without it. */
  readonly allowed?: readonly number[];
}

/** The first run that failed: where, and what it was fed with. */
export interface Failure {
  readonly session: Session;
  readonly feeds: Tensors;
}

/** What came of a plan. */
export interface PlanResult {
  readonly runs: readonly VerifyRun[];
  readonly failure: Failure | null;
  /** Runs that were planned and not made, and why. */
  readonly leftOut: readonly string[];
  /** What else is to be known of the runs. */
  readonly notes: readonly string[];
  /** Why TF.js refuses sizes of the plan that its own rules allow; null where it refuses none. */
  readonly refusal: Error | null;
}

/**
 * What random numbers are multiplied by, one after the other: on inputs so large that TF.js's own answer is out of tolerance
 * when they change by a millionth, as those that drive a recurrence into chaos, equal numbers cannot be expected.
 */
const SCALES = [1, 1 / 4, 1 / 16] as const;

/**
 * Make the runs of a plan and compare every output. Runs that TF.js refuses are left out, maybe all.
 */
export async function runPlan(sides: SideBySide, plan: readonly PlannedRun[]): Promise<PlanResult> {
  const [usual, ...smaller] = SCALES;
  let scale: number = usual;
  let result = await runScaled(sides, plan, scale);
  let changes = await unsteadyChanges(sides, result.failure);
  for (const next of smaller) {
    if (changes === null) return result;
    scale = next;
    result = await runScaled(sides, plan, scale);
    const note = `compared on inputs of ${scale} times the usual size: on larger ones TF.js's own answer changes by more than the tolerance when its inputs change by a millionth`;
    result = { ...result, notes: [...result.notes, note] };
    changes = await unsteadyChanges(sides, result.failure);
  }
  if (changes === null || sides.tolerance.relativeRms !== undefined) return result;
  const allowed = changes.map(({ change, largest: most }) => Math.min(NUDGES * change, MOST_ALLOWED * most));
  const again = await runScaled({ ...sides, allowed }, plan, scale);
  const note = `numbers may differ by ${NUDGES} times what TF.js's own answer changes by when its inputs change by a millionth, and by at most ${Math.max(...allowed).toExponential(1)}`;
  return { ...again, notes: [...result.notes, note] };
}

/** A file may differ from TF.js by so many times what TF.js's own answer changes by, but by no more than a part of the largest number. */
const NUDGES = 5;
const MOST_ALLOWED = 0.01;

interface OutputChange {
  /** By how much the numbers of an output change at most; 0 where that is no number. */
  readonly change: number;
  /** The largest of them. */
  readonly largest: number;
}

/**
 * By how much the outputs of a failed run change in TF.js itself when its inputs change by a millionth; null where all stay within the
 * tolerance. Without time left to find out they count as if they did.
 */
async function unsteadyChanges(sides: SideBySide, failure: Failure | null): Promise<readonly OutputChange[] | null> {
  const near = failure === null ? null : nudged(failure.feeds);
  if (failure === null || near === null) return null;
  const { reference, clock, tolerance } = sides;
  const watch: Watch = (done, of) => clock.tick(done, of);
  try {
    const [outputs, others] = [await reference.run(failure.feeds, watch), await reference.run(near, watch)];
    const compared = outputs.map((output, index) => compareTensors(others[index] ?? output, output, tolerance));
    if (!compared.some(({ passed, maxAbsDiff }) => !passed && Number.isFinite(maxAbsDiff))) return null;
    return compared.map(({ maxAbsDiff }, index) => ({
      change: Number.isFinite(maxAbsDiff) ? maxAbsDiff : 0,
      largest: largest(at(outputs, index)),
    }));
  } catch (error) {
    if (error instanceof OutOfTime) return null;
    throw error;
  }
}

async function runScaled(sides: SideBySide, plan: readonly PlannedRun[], scale: number): Promise<PlanResult> {
  const { clock, reference, specs } = sides;
  const runs: VerifyRun[] = [];
  const [leftOut, notes] = [new Set<string>(), new Set<string>()];
  const emptyRefused = new Map<string, EmptySizes[]>();
  let failure: Failure | null = null;
  let refusal: Error | null = null;
  for (const [index, planned] of plan.entries()) {
    const expected = clock.estimate(planned.cost, reference.name);
    const where = describeSizes(planned.sizes);
    const rest = plan.slice(index).reduce((sum, { cost }) => sum + (clock.estimate(cost, reference.name) ?? 0), 0);
    if (runs.length > 0 && clock.seconds + (expected ?? 0) > clock.limit) {
      leftOut.add(`${where}: it would take about ${showSeconds(expected ?? 0)}`);
      continue;
    }
    clock.begin(where, { done: index, of: plan.length }, expected === null ? null : rest);
    const feeds = randomFeeds(specs, planned.sizes, new Random(sides.seed + index), scale);
    try {
      const outcome = await runOnce(sides, planned, feeds);
      runs.push(...outcome.compared.map(({ session, outputs }) => describeRun(specs, planned.sizes, session, outputs)));
      failure ??= outcome.failure;
      for (const note of outcome.notes) notes.add(note);
      for (const place of outcome.emptyRefused) push(emptyRefused, place, zeros(planned.sizes));
      if (outcome.refusal !== null) leftOut.add(`${where}: TF.js refuses: ${firstLine(outcome.refusal)}`);
      refusal ??= outcome.refusal;
    } catch (error) {
      if (runs.length === 0) throw error;
      if (error instanceof OutOfTime) {
        leftOut.add(`${where}: ${error.message}`);
      } else if (error instanceof InferenceError && !reference.judgesShapes) {
        // ONNX's operators may broadcast what TF.js's do not.
        const reason = error.cause instanceof Error ? error.cause : error;
        leftOut.add(`${where}: TF.js refuses: ${firstLine(reason)}`);
        refusal ??= reason;
      } else {
        throw error;
      }
    }
  }
  return { runs, failure, leftOut: [...leftOut], notes: [...[...emptyRefused].map(refusedNote), ...notes], refusal };
}

/** The first line of an error's message. */
export function firstLine({ message }: Error): string {
  return message.split("\n", 1).join("");
}

interface Outcome {
  readonly compared: readonly { readonly session: Session; readonly outputs: readonly OutputComparison[] }[];
  readonly failure: Failure | null;
  readonly notes: readonly string[];
  /** Runtimes with their providers that refuse inputs without elements, which TF.js computes. */
  readonly emptyRefused: readonly string[];
  /** Why TF.js refuses the inputs; null when it does not. */
  readonly refusal: Error | null;
}

async function runOnce(sides: SideBySide, planned: PlannedRun, feeds: Tensors): Promise<Outcome> {
  const { reference, sessions, clock } = sides;
  const started = performance.now();
  const answers: Answer[] = [];
  const watch: Watch = (done, of) => clock.tick(done, of);
  // A run in ONNX Runtime cannot be ended, but one in TF.js can.
  const early = sides.hasLoops === true ? await unlessRefused(reference.run(feeds, watch)) : null;
  // Otherwise ONNX Runtime goes first: it checks shapes, which TF.js's faster backends do not.
  for (const session of sessions) answers.push(await answerOf(session, feeds, clock));
  const isRefused = answers.some((answer) => answer instanceof Error);
  const isDoubtful = planned.mayBeRefused || (isRefused && !reference.judgesShapes);
  const expected = isDoubtful
    ? await reference.runChecked(feeds, watch)
    : (early ?? (await reference.run(feeds, watch)));
  if (expected instanceof Error) return { ...NOTHING, refusal: planned.mayBeRefused ? null : expected };
  if (!isDoubtful) clock.learn(planned.cost, (performance.now() - started) / 1000);
  const compareAll = (tensors: readonly Tensor[]): readonly ComparedAnswer[] =>
    sessions.map((session, index) => {
      const answer = at(answers, index);
      return { session, answer, outputs: compareOutputs(sides, session, answer, tensors) };
    });
  let compared = compareAll(expected);
  const before = reference.name;
  if (isBackendDoubtful(reference, compared)) {
    await reference.useChecked();
    if (reference.name !== before) compared = compareAll(await reference.run(feeds, watch));
  }
  const counted = compared.filter(({ answer }) => !(planned.mayBeRefused && answer instanceof Error));
  const failed = counted.find(({ outputs }) => outputs.some(({ passed }) => !passed));
  const emptyRefused = compared.flatMap(({ session: { runtime, provider }, answer }) =>
    planned.mayBeRefused && answer instanceof Error ? [`${runtime}/${provider}`] : [],
  );
  const notes: string[] = [];
  if (reference.name !== before && failed === undefined)
    notes.push(`${before} gives other numbers than ${reference.name}`);
  return {
    compared: counted.map(({ session, outputs }) => ({ session, outputs: outputs.map(withoutCount) })),
    failure: failed === undefined ? null : { session: failed.session, feeds },
    notes: [...notes, ...nanNote(counted.flatMap(({ outputs }) => outputs))],
    emptyRefused,
    refusal: null,
  };
}

/** What a run gives; null where the model refuses it. */
async function unlessRefused<Result>(run: Promise<Result>): Promise<Result | null> {
  try {
    return await run;
  } catch (error) {
    if (error instanceof ToolError) return null;
    throw error;
  }
}

/**
 * Whether a difference may be a fault of TF.js's WebAssembly backend. It loses NaN in pooling, clipping and fused activations.
 * Graph models may have any operator, and more kernels are wrong there (4.22): Cast to bool gives false for floats between -1
 * and 1, which drops the boxes of detectors.
 */
function isBackendDoubtful({ judgesShapes }: Reference, compared: readonly ComparedAnswer[]): boolean {
  const differing = compared.flatMap(({ answer, outputs }) =>
    answer instanceof Error ? [] : outputs.filter(({ passed }) => !passed),
  );
  return differing.some(({ maxAbsDiff }) => !judgesShapes || Number.isNaN(maxAbsDiff));
}

interface ComparedAnswer {
  readonly session: Session;
  readonly answer: Answer;
  readonly outputs: readonly CountedComparison[];
}

const NOTHING: Outcome = { compared: [], failure: null, notes: [], emptyRefused: [], refusal: null };

/** What a place makes of some inputs: outputs by name, or why it refuses them. */
type Answer = Tensors | ToolError;

async function answerOf(session: Session, feeds: Tensors, clock: Clock): Promise<Answer> {
  try {
    return await clock.within(session.run(feeds));
  } catch (error) {
    if (error instanceof ToolError) return error;
    throw error;
  }
}

/** Names of free sizes that were 0 together. */
type EmptySizes = readonly string[];

function zeros(sizes: Sizes): EmptySizes {
  return [...sizes].filter(([, size]) => size === 0).map(([name]) => name);
}

/** Says which sizes of 0 a place refuses; not those with a part that is refused alone. */
function refusedNote([place, refused]: readonly [string, readonly EmptySizes[]]): string {
  const holdsOther = (names: EmptySizes): boolean =>
    refused.some((others) => others.length < names.length && others.every((name) => names.includes(name)));
  const least = refused.filter((names) => !holdsOther(names)).map((names) => names.join(" and "));
  return `${place} refuses inputs without elements, which TF.js computes: ${least.join(", or ")} of 0`;
}

interface CountedComparison extends OutputComparison {
  /** How many elements are NaN on both sides. */
  readonly nan: number;
}

function withoutCount({
  name,
  maxAbsDiff,
  maxRelDiff,
  relativeRms,
  passed,
  reason,
}: CountedComparison): OutputComparison {
  return {
    name,
    maxAbsDiff,
    maxRelDiff,
    ...(relativeRms === undefined ? {} : { relativeRms }),
    passed,
    ...(reason === undefined ? {} : { reason }),
  };
}

function nanNote(outputs: readonly CountedComparison[]): readonly string[] {
  const names = [...new Set(outputs.filter(({ nan }) => nan > 0).map(({ name }) => name))];
  return names.length === 0 ? [] : [`NaN on both sides counts as equal: in ${names.join(", ")}`];
}

function compareOutputs(
  { tolerance, leftOutSoftmax, allowed }: SideBySide,
  session: Session,
  answer: Answer,
  expected: readonly Tensor[],
): CountedComparison[] {
  return expected.map((want, index): CountedComparison => {
    const name = session.outputs[index]?.name ?? `output ${index}`;
    const missing = { name, maxAbsDiff: NaN, maxRelDiff: NaN, nan: 0, passed: false };
    if (answer instanceof Error) return { ...missing, reason: answer.message };
    const got = answer[name];
    if (got === undefined) return { ...missing, reason: "the file has no such output" };
    const own = { ...tolerance, atol: tolerance.atol + (allowed?.[index] ?? 0) };
    const { reason, ...rest } = compareOutput(got, want, leftOutSoftmax[index] ?? null, own);
    return { name, ...rest, ...(reason === null ? {} : { reason }) };
  });
}

/** A file made elsewhere may compute its softmax with other operators: it is added only where the output is not right without it. */
function compareOutput(got: Tensor, want: Tensor, softmaxAxis: number | null, tolerance: Tolerance): Comparison {
  const plain = compareTensors(got, want, tolerance);
  if (plain.passed || softmaxAxis === null || got.dims.join() !== want.dims.join()) return plain;
  return compareTensors(softmaxOver(got, softmaxAxis), want, tolerance);
}

function describeRun(
  specs: readonly FeedSpec[],
  sizes: Sizes,
  { runtime, provider, elsewhere }: Session,
  outputs: readonly OutputComparison[],
): VerifyRun {
  const name = batchDimension(specs);
  const [first] = specs;
  return {
    runtime,
    provider,
    elsewhere,
    batch: first === undefined ? 1 : (shapeOf(first, sizes)[0] ?? 1),
    sizes: Object.fromEntries([...sizes].filter(([each]) => each !== name)),
    outputs,
  };
}

/** `batch 3, time 8`. */
export function describeSizes(sizes: Sizes): string {
  return sizes.size === 0 ? "the model's own sizes" : [...sizes].map(([name, size]) => `${name} ${size}`).join(", ");
}

/** `40 seconds`, `12 minutes`. */
export function showSeconds(seconds: number): string {
  if (seconds < 1.5) return "a second";
  if (seconds < 100) return `${Math.round(seconds)} seconds`;
  return seconds < 6000 ? `${Math.round(seconds / 60)} minutes` : `${Math.round(seconds / 3600)} hours`;
}
