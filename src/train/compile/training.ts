import { type Eager, eagerRuns, findDifference, inWords, numbersIn } from "./comparison.ts";
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
import type { StepResult, Tensor, TensorFlow } from "./types.ts";

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
  /** Whether the next training step to be compiled is compared with an eager one. */
  isCompared: () => boolean;
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

  const eager = workshop.isCompared() ? eagerRuns(tf, variables, () => seeded(run)) : undefined;
  let program: Program | undefined;
  try {
    const feeds = { ...feedsOfBatch(batch), scalars };
    const recorded = seeded(() => trace(tf, backend, { inputs: feeds, variables, run }));
    const made = new Program(backend, trainingPlan(workshop, recorded));
    program = made;
    made.synchronise(ledger, (variable) => variable);
    if (eager !== undefined) scoped(tf, () => compare(workshop, recorded, made, feeds, eager));
    return { program: made, metricNames: [...new Set(metricNames)], random: recorded.randoms.length > 0 };
  } catch (error) {
    program?.dispose();
    throw error;
  } finally {
    for (const tensor of eager?.reference.values() ?? []) tensor.dispose();
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

/** @throws Untraceable if the graph computes something else than the eager step, given the same random numbers */
function compare(
  { tf, tolerance }: Workshop,
  recorded: Trace,
  program: Program,
  feeds: Readonly<Record<string, Tensor>>,
  eager: Eager,
): void {
  const labels = [...eager.reference.keys()].filter((label) => /^(?:loss|metric|gradient|assigned)/.test(label));
  const randoms: Record<string, Tensor> = {};
  recorded.randoms.forEach(({ values, type }, index) => {
    randoms[`random/${index}`] = tf.tensor(values, [...type.shape]);
  });
  const difference = findDifference(labels, eager, program.probe(feeds, randoms, labels), tolerance);
  if (difference !== undefined) throw new Untraceable(inWords(difference));
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
  const eager = eagerRuns(tf, variables, run);
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
      const found = made.run(ledger, feeds);
      const difference = findDifference(Object.keys(found), eager, found, tolerance);
      if (difference !== undefined) throw new Untraceable(inWords(difference));
    });
    return made;
  } catch (error) {
    program?.dispose();
    throw error;
  } finally {
    for (const tensor of eager.reference.values()) tensor.dispose();
  }
}
