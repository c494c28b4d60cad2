import { at } from "../../require.ts";

/** What a network answered on a labelled set. */
export interface Answers {
  /** The names of the classes, in the order of the outputs. */
  readonly classes: readonly string[];
  /** For each image the index of its class. */
  readonly truth: ArrayLike<number>;
  /** [N, classes], row-major; each row sums to 1. */
  readonly probabilities: Float32Array;
}

export interface Mistake {
  /** Which image of the set. */
  readonly image: number;
  readonly truth: string;
  readonly answer: string;
  /** Of the wrong answer, and of the right one: 0 to 1. */
  readonly confidence: number;
  readonly truthProbability: number;
}

export interface ClassScore {
  readonly name: string;
  readonly images: number;
  /** Of the images so answered, the part that is right; NaN if none was. */
  readonly precision: number;
  /** Of the images of the class, the part so answered; NaN if there is none. */
  readonly recall: number;
  /** The harmonic mean of the two. */
  readonly f1: number;
}

/** Images whose confidence lies in (low, high]. */
export interface CalibrationBin {
  readonly low: number;
  readonly high: number;
  readonly images: number;
  /** Means over them: 0 to 1; NaN if there is none. */
  readonly confidence: number;
  readonly accuracy: number;
}

export interface Scores {
  readonly images: number;
  readonly accuracy: number;
  /** Mean cross-entropy in nats; a right answer held for impossible counts as one of 1e-7. */
  readonly loss: number;
  /** Row: truth; column: answer; number of images. */
  readonly confusion: readonly (readonly number[])[];
  readonly perClass: readonly ClassScore[];
  /** The most confident first. */
  readonly mistakes: readonly Mistake[];
  readonly bins: readonly CalibrationBin[];
  /** Expected calibration error (Guo et al., arXiv 1706.04599): mean |confidence - accuracy|, weighted by images. */
  readonly calibrationError: number;
}

const BINS = 10;
const LEAST = 1e-7;

export function scoresOf(answers: Answers): Scores {
  const { classes, truth, probabilities } = answers;
  const images = truth.length;
  const confusion = classes.map(() => classes.map(() => 0));
  const mistakes: Mistake[] = [];
  let lossSum = 0;
  const bins = Array.from({ length: BINS }, () => ({ images: 0, confidence: 0, right: 0 }));
  for (let image = 0; image < images; image++) {
    const row = probabilities.subarray(image * classes.length, (image + 1) * classes.length);
    const answer = largest(row);
    const right = at(truth, image);
    const confidence = at(row, answer);
    lossSum -= Math.log(Math.max(LEAST, at(row, right)));
    const counts = confusion[right];
    if (counts !== undefined) counts[answer] = at(counts, answer) + 1;
    const bin = bins[Math.min(BINS - 1, Math.max(0, Math.ceil(confidence * BINS) - 1))];
    if (bin !== undefined) {
      bin.images++;
      bin.confidence += confidence;
      bin.right += answer === right ? 1 : 0;
    }
    if (answer !== right) {
      const named = { truth: classes[right] ?? String(right), answer: classes[answer] ?? String(answer) };
      mistakes.push({ image, ...named, confidence, truthProbability: at(row, right) });
    }
  }
  const calibration = bins.map((bin, index): CalibrationBin => ({
    low: index / BINS,
    high: (index + 1) / BINS,
    images: bin.images,
    confidence: bin.confidence / bin.images,
    accuracy: bin.right / bin.images,
  }));
  return {
    images,
    accuracy: (images - mistakes.length) / images,
    loss: lossSum / images,
    confusion,
    perClass: classes.map((name, index) => classScore(name, index, confusion)),
    mistakes: mistakes.toSorted((a, b) => b.confidence - a.confidence || a.image - b.image),
    bins: calibration,
    calibrationError: calibration.reduce(
      (sum, bin) => sum + (bin.images === 0 ? 0 : (bin.images / images) * Math.abs(bin.confidence - bin.accuracy)),
      0,
    ),
  };
}

function largest(row: Float32Array): number {
  return row.reduce((best, value, index) => (value > at(row, best) ? index : best), 0);
}

function classScore(name: string, index: number, confusion: readonly (readonly number[])[]): ClassScore {
  const right = at(at(confusion, index), index);
  const images = at(confusion, index).reduce((sum, count) => sum + count, 0);
  const answered = confusion.reduce((sum, row) => sum + at(row, index), 0);
  return {
    name,
    images,
    precision: right / answered,
    recall: right / images,
    f1: (2 * right) / (images + answered),
  };
}
