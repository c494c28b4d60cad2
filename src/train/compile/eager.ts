import type { Ledger, TrainedWeight } from "./ledger.ts";
import type { UpdateRule } from "./optimizer.ts";
import type { Problem } from "./problem.ts";
import type { StepResult, Tensor, TensorFlow } from "./types.ts";

/** Loss, metrics and one gradient for each trainable variable that the loss depends on. */
export interface Gradients {
  readonly loss: Tensor;
  readonly metrics: Readonly<Record<string, Tensor>>;
  /** In the order of the problem's trainable variables. */
  readonly gradients: readonly (Tensor | undefined)[];
}

/** To be called inside tf.tidy. */
export function gradientsOf(
  tf: TensorFlow,
  problem: Problem,
  xs: readonly Tensor[],
  ys: readonly Tensor[],
  clipNorm: number | undefined,
): Gradients {
  let metrics: Readonly<Record<string, Tensor>> = {};
  const { value, grads } = tf.variableGrads(() => {
    const values = problem.lossOf(xs, ys, true);
    metrics = values.metrics ?? {};
    // The tape's own scope would dispose of them.
    for (const metric of Object.values(metrics)) tf.keep(metric);
    return values.loss.asScalar();
  }, [...problem.trainable]);
  const gradients = problem.trainable.map(({ name }) => grads[name]);
  return {
    loss: value,
    metrics: adopted(tf, metrics),
    gradients: clipNorm === undefined ? gradients : clipped(tf, gradients, clipNorm),
  };
}

/** Copies in the present scope, so that it disposes of them. */
function adopted(tf: TensorFlow, kept: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  const copies: Record<string, Tensor> = {};
  for (const [name, tensor] of Object.entries(kept)) {
    copies[name] = tf.clone(tensor);
    tensor.dispose();
  }
  return copies;
}

/** g * clip / max(norm, clip), with the norm over all gradients together (Pascanu et al., arXiv 1211.5063). */
function clipped(tf: TensorFlow, gradients: readonly (Tensor | undefined)[], clipNorm: number): (Tensor | undefined)[] {
  const squares = gradients.flatMap((gradient) => (gradient === undefined ? [] : [gradient.square().sum()]));
  if (squares.length === 0) return [...gradients];
  const norm = tf.addN(squares).sqrt();
  const scale = tf.scalar(clipNorm).div(norm.maximum(clipNorm));
  return gradients.map((gradient) => gradient?.mul(scale));
}

/** The numbers of one step, for the rule and around it. */
export interface StepScalars {
  readonly rule: readonly Tensor[];
  /** What decaying weights are multiplied with: 1 - rate * decay. */
  readonly keep: Tensor;
  /** d of the moving average. */
  readonly averageDecay: Tensor;
}

/** All scalars of a step in one vector, the rule's first. */
export function scalarsOf(
  rule: UpdateRule,
  step: number,
  learningRate: number,
  options: { readonly weightDecay: number; readonly averageDecay: number },
): Float32Array {
  return Float32Array.from([
    ...rule.scalars(step, learningRate),
    1 - learningRate * options.weightDecay,
    Math.min(options.averageDecay, (1 + step) / (10 + step)),
  ]);
}

/** @param vector what `scalarsOf` returned */
export function splitScalars(tf: TensorFlow, vector: Tensor): StepScalars {
  const all = tf.unstack(vector);
  const [keep, averageDecay] = all.slice(-2);
  if (keep === undefined || averageDecay === undefined) throw new RangeError("fewer than two scalars");
  return { rule: all.slice(0, -2), keep, averageDecay };
}

/** Assigns the new weights, slots and averages. To be called inside tf.tidy. */
export function applyUpdates(
  ledger: Ledger,
  rule: UpdateRule,
  gradients: readonly (Tensor | undefined)[],
  scalars: StepScalars,
): void {
  ledger.trained.forEach((trained, index) => {
    const gradient = gradients[index];
    if (gradient !== undefined) applyUpdate(ledger, rule, trained, gradient, scalars);
  });
}

function applyUpdate(
  ledger: Ledger,
  rule: UpdateRule,
  trained: TrainedWeight,
  gradient: Tensor,
  scalars: StepScalars,
): void {
  const weight = ledger.variable(trained.weight);
  const slots = trained.slots.map((slot) => ledger.variable(slot));
  const start = trained.decays ? weight.mul(scalars.keep) : weight;
  const updated = rule.update(start, slots, gradient, scalars.rule);
  weight.assign(updated.value);
  updated.slots.forEach((value, index) => slots[index]?.assign(value));
  if (trained.average === undefined) return;
  const average = ledger.variable(trained.average);
  average.assign(average.sub(average.sub(updated.value).mul(scalars.averageDecay.mul(-1).add(1))));
}

export function numbersOf(loss: Tensor, metrics: Readonly<Record<string, Tensor>>): StepResult {
  const numbers: Record<string, number> = {};
  for (const [name, metric] of Object.entries(metrics)) numbers[name] = firstOf(metric);
  return { loss: firstOf(loss), metrics: numbers };
}

function firstOf(tensor: Tensor): number {
  return tensor.dataSync<"float32">()[0] ?? Number.NaN;
}
