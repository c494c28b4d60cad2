import { applyUpdates, gradientsOf, type StepScalars, splitScalars } from "./eager.ts";
import type { Ref, TensorType } from "./graph.ts";
import type { Ledger } from "./ledger.ts";
import type { NativeBackend } from "./native.ts";
import type { UpdateRule } from "./optimizer.ts";
import type { Problem } from "./problem.ts";
import { type Plan, planOf, Program } from "./program.ts";
import { SEED_INPUT } from "./random-node.ts";
import { withSeededRandom } from "./random.ts";
import { scoped } from "./scope.ts";
import { type Trace, trace, Untraceable } from "./tracer.ts";
import { AVERAGE_LABEL, fusedPlan, gradientLabel, KEEP_LABEL, SCALAR_LABEL, split } from "./training-plan.ts";
import type { StepResult, Tensor, TensorFlow, Variable } from "./types.ts";

/** What every compiled function of one training run shares. */
export interface Workshop {
  readonly tf: TensorFlow;
  readonly backend: NativeBackend;
  readonly problem: Problem;
  readonly rule: UpdateRule;
  readonly ledger: Ledger;
  readonly clipNorm: number | undefined;
  /** Largest relative difference from the eager numbers. */
  readonly tolerance: number;
}

/** A program, and how to read what it returns. */
export interface Compiled {
  readonly program: Program;
  readonly metricNames: readonly string[];
  /** Whether it wants to be fed [seed, step]. */
  readonly random: boolean;
}

export interface Batch {
  readonly xs: readonly Tensor[];
  readonly ys: readonly Tensor[];
}

/** The tensors of a batch by the names of their placeholders. */
export function feedsOfBatch({ xs, ys }: Batch): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
  xs.forEach((tensor, index) => (feeds[`x/${index}`] = tensor));
  ys.forEach((tensor, index) => (feeds[`y/${index}`] = tensor));
  return feeds;
}

/**
 * Records a training step on a batch, and compares what the graph computes with an eager step that was not recorded.
 *
 * @param scalars of the step, as `scalarsOf` returns them
 * @throws Untraceable
 */
export function compileTraining(
  workshop: Workshop,
  batch: Batch,
  scalars: Tensor,
  random: { readonly seed: number; readonly step: number },
): Compiled {
  const { tf, backend, ledger } = workshop;
  const variables = ledger.entries.map(({ variable }) => variable);
  const metricNames: string[] = [];
  const run = (): Record<string, Tensor> => stepOutputs(workshop, batch, scalars, metricNames);
  const seeded = <T>(make: () => T): T => withSeededRandom(random.seed, random.step, make);

  const reference = seeded(() => eagerOutcome(tf, variables, run));
  let program: Program | undefined;
  try {
    const feeds = { ...feedsOfBatch(batch), scalars };
    const recorded = seeded(() => trace(tf, backend, { inputs: feeds, variables, run }));
    const made = new Program(backend, trainingPlan(workshop, recorded));
    program = made;
    made.synchronise(ledger, (variable) => variable);
    scoped(tf, () => compare(workshop, recorded, made, feeds, reference));
    return { program: made, metricNames: [...new Set(metricNames)], random: recorded.randoms.length > 0 };
  } catch (error) {
    program?.dispose();
    throw error;
  } finally {
    for (const tensor of reference.values()) tensor.dispose();
  }
}

/** Loss, metrics and gradients; with a fused rule also the scalars it needs, else the updates are made here. */
function stepOutputs(workshop: Workshop, batch: Batch, scalars: Tensor, metricNames: string[]): Record<string, Tensor> {
  const { tf, problem, rule, ledger, clipNorm } = workshop;
  const { loss, metrics, gradients } = gradientsOf(tf, problem, batch.xs, batch.ys, clipNorm);
  const outputs: Record<string, Tensor> = { loss };
  Object.entries(metrics).forEach(([name, metric], index) => {
    metricNames.push(name);
    outputs[`metric/${index}`] = metric;
  });
  gradients.forEach((gradient, index) => {
    if (gradient !== undefined) outputs[gradientLabel(index)] = gradient;
  });
  const parts = splitScalars(tf, scalars);
  if (rule.fused === undefined) applyUpdates(ledger, rule, gradients, parts);
  else Object.assign(outputs, labelScalars(parts));
  return outputs;
}

function labelScalars({ rule, keep, averageDecay }: StepScalars): Record<string, Tensor> {
  const labels: Record<string, Tensor> = { [KEEP_LABEL]: keep, [AVERAGE_LABEL]: averageDecay };
  rule.forEach((scalar, index) => (labels[`${SCALAR_LABEL}${index}`] = scalar));
  return labels;
}

function trainingPlan({ backend, ledger, rule }: Workshop, recorded: Trace): Plan {
  const types = (entry: number): TensorType => {
    const variable = ledger.variable(entry);
    return { dtype: backend.getDTypeInteger(variable.dtype), shape: variable.shape };
  };
  const { results, internal } = split(recorded);
  const plan =
    rule.fused === undefined
      ? planOf({ ...recorded, outputs: results }, types)
      : fusedPlan(recorded, types, { fused: rule.fused, trained: ledger.trained });
  const gradients = Object.entries(internal).filter(([label]) => label.startsWith("gradient/"));
  const assigned = [...recorded.assigned].map(([entry, ref]): [string, Ref] => [`assigned/${entry}`, ref]);
  const randoms = recorded.randoms.map(({ ref }, index): [string, Ref] => [`random/${index}`, ref]);
  return { ...plan, probes: { ...results, ...Object.fromEntries<Ref>([...gradients, ...assigned, ...randoms]) } };
}

/** Runs a step eagerly and takes its assignments back. @returns what it returned and assigned, the caller's to dispose of */
function eagerOutcome(
  tf: TensorFlow,
  variables: readonly Variable[],
  run: () => Record<string, Tensor>,
): Map<string, Tensor> {
  const starts = variables.map((variable) => variable.clone());
  try {
    return scoped(tf, () => {
      const outcome = new Map(Object.entries(run()));
      variables.forEach((variable, index) => {
        if (variable.dataId !== starts[index]?.dataId) outcome.set(`assigned/${index}`, variable.clone());
      });
      for (const tensor of outcome.values()) tf.keep(tensor);
      return outcome;
    });
  } finally {
    variables.forEach((variable, index) => {
      const start = starts[index];
      if (start !== undefined && start.dataId !== variable.dataId) variable.assign(start);
      start?.dispose();
    });
  }
}

/**
 * Differences are measured against at least this part of the largest gradient: that of a bias before a normalisation is
 * rounding alone, and a run that fell to eager steps by it would go on with other random numbers.
 */
const NOISE = 0.1;

/** @throws Untraceable if the graph computes something else than the eager step, given the same random numbers */
function compare(
  { tf, tolerance }: Workshop,
  recorded: Trace,
  program: Program,
  feeds: Readonly<Record<string, Tensor>>,
  reference: ReadonlyMap<string, Tensor>,
): void {
  const labels = [...reference.keys()].filter((label) => /^(?:loss|metric|gradient|assigned)/.test(label));
  const randoms: Record<string, Tensor> = {};
  recorded.randoms.forEach(({ values, type }, index) => {
    randoms[`random/${index}`] = tf.tensor(values, [...type.shape]);
  });
  const found = program.probe(feeds, randoms, labels);
  const largest = new Map(labels.map((label) => [label, largestOf(reference.get(label))]));
  const gradients = labels.filter((label) => label.startsWith("gradient"));
  const noise = NOISE * Math.max(0, ...gradients.map((label) => largest.get(label) ?? 0));
  for (const label of labels) {
    const scale = (largest.get(label) ?? 0) + (label.startsWith("gradient") ? noise : 0);
    const difference = differenceOf(reference.get(label), found[label]);
    if (!(difference <= tolerance * scale + 1e-6)) {
      throw new Untraceable(
        `the graph's first batch differs from the eager one (${label} by ${difference.toExponential(1)} of ${scale.toExponential(1)})`,
      );
    }
  }
}

function numbersIn(tensor: Tensor | undefined): Float32Array | Int32Array | Uint8Array {
  return tensor?.dataSync<"float32" | "int32" | "bool">() ?? new Float32Array();
}

function largestOf(tensor: Tensor | undefined): number {
  let largest = 0;
  for (const value of numbersIn(tensor)) largest = Math.max(largest, Math.abs(value));
  return largest;
}

/** Infinity if they differ in length or one is NaN where the other is not. */
export function differenceOf(expected: Tensor | undefined, found: Tensor | undefined): number {
  const [a, b] = [numbersIn(expected), numbersIn(found)];
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (const [index, value] of a.entries()) {
    const other = b[index] ?? Number.NaN;
    if (Object.is(value, other) || value === other) continue;
    const difference = Math.abs(value - other);
    if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY;
    largest = Math.max(largest, difference);
  }
  return largest;
}

/** One step of the program. */
export function runTraining(
  { tf, ledger }: Workshop,
  compiled: Compiled,
  batch: Batch,
  scalars: Tensor,
  random: { readonly seed: number; readonly step: number },
): StepResult {
  const { program, metricNames } = compiled;
  program.synchronise(ledger, (variable) => variable);
  return scoped(tf, () => {
    const feeds: Record<string, Tensor> = { ...feedsOfBatch(batch), scalars };
    if (compiled.random) feeds[SEED_INPUT] = tf.tensor1d(Int32Array.of(random.seed, random.step), "int32");
    return resultOf(program.run(ledger, feeds), metricNames);
  });
}

function resultOf(outputs: Readonly<Record<string, Tensor>>, metricNames: readonly string[]): StepResult {
  const first = (label: string): number => numbersIn(outputs[label])[0] ?? Number.NaN;
  const metrics = Object.fromEntries(metricNames.map((name, index) => [name, first(`metric/${index}`)]));
  return { loss: first("loss"), metrics };
}

/** A function that only computes: evaluation or prediction. Its outputs are compared with the eager ones. */
export function compilePure(
  workshop: Workshop,
  batch: Batch,
  run: () => Record<string, Tensor>,
  source: (variable: number) => number,
): Program {
  const { tf, backend, ledger, tolerance } = workshop;
  const variables = ledger.entries.map(({ variable }) => variable);
  const reference = eagerOutcome(tf, variables, run);
  let program: Program | undefined;
  try {
    const feeds = feedsOfBatch(batch);
    const recorded = trace(tf, backend, { inputs: feeds, variables, run });
    if (recorded.assigned.size > 0) throw new Untraceable("it assigns variables");
    if (recorded.randoms.length > 0) throw new Untraceable("it draws random numbers");
    const plan = planOf(recorded, (entry) => {
      const variable = ledger.variable(entry);
      return { dtype: backend.getDTypeInteger(variable.dtype), shape: variable.shape };
    });
    const made = new Program(backend, plan);
    program = made;
    made.synchronise(ledger, source);
    scoped(tf, () => {
      for (const [label, tensor] of Object.entries(made.run(ledger, feeds))) {
        const expected = reference.get(label);
        const difference = differenceOf(expected, tensor);
        if (difference <= tolerance * largestOf(expected) + 1e-6) continue;
        throw new Untraceable(`the graph's first batch differs from the eager one (${label} by ${difference})`);
      }
    });
    return made;
  } catch (error) {
    program?.dispose();
    throw error;
  } finally {
    for (const tensor of reference.values()) tensor.dispose();
  }
}
