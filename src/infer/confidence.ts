import type { ConfidenceModel } from "../metadata.ts";

/** Below this confidence an answer is unsure: it is more likely wrong than right. */
export const UNSURE_BELOW = 0.5;

/** The three figures that {@link ConfidenceModel} weighs, of the probabilities [classes] of one image. */
export function confidenceFigures(
  probabilities: ArrayLike<number>,
  floor: number,
): { readonly margin: number; readonly mean: number; readonly spread: number } {
  const logs = Array.from(probabilities, (value) => Math.log(Math.max(value, floor))).toSorted((a, b) => b - a);
  const [best, ...others] = logs;
  const [second] = others;
  if (best === undefined || second === undefined) return { margin: 0, mean: 0, spread: 0 };
  const mean = others.reduce((sum, value) => sum + value, 0) / others.length;
  const variance = others.reduce((sum, value) => sum + (value - mean) ** 2, 0) / others.length;
  return { margin: best - second, mean, spread: Math.sqrt(variance) };
}

/** Confidence, 0 to 1, in the likeliest of the classes. */
export function confidenceOf(probabilities: ArrayLike<number>, model: ConfidenceModel): number {
  const { margin, mean, spread } = confidenceFigures(probabilities, model.floor);
  const logit = model.bias + model.margin * margin + model.mean * mean + model.spread * spread;
  return 1 / (1 + Math.exp(-logit));
}
