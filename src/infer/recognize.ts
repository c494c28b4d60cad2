import { InferenceError, ModelFormatError } from "../errors.ts";
import { confidenceOf, UNSURE_BELOW } from "./confidence.ts";
import { isRecognizer, RECOGNIZER_KEY, type ClassOutput, type Recognizer } from "../metadata.ts";
import { at, first } from "../require.ts";
import { softmax } from "../softmax.ts";
import { float32, type Tensor } from "../tensor.ts";

import { readLineImages, type Decode, type ReadingCharacter } from "./read-lines.ts";
import type { Session } from "./runtime.ts";

/** A label that an image may have. */
export interface Candidate {
  readonly label: string;
  /** 0 to 1. */
  readonly probability: number;
}

/** What a recogniser reads in one picture. */
export interface Reading {
  readonly text: string;
  /**
   * Of the whole text, 0 to 1: where the model is calibrated the probability that the text is right, else the model's own
   * probability of it. NaN when the model's answer is not made of numbers.
   */
  readonly confidence: number;
  /** The model is calibrated and the text is more likely wrong than right; else absent. */
  readonly unsure?: true;
  /** The likeliest labels, best first. */
  readonly top: readonly Candidate[];
  /** Of a line: its characters, and where they are. */
  readonly characters?: readonly ReadingCharacter[];
}

const TOP = 3;

/**
 * What an ONNX file says of its own use, from its `metadata_props`.
 *
 * @throws {ModelFormatError} when it says nothing, or nothing this version understands
 */
export function readRecognizer(metadata: ReadonlyMap<string, string>): Recognizer {
  const text = metadata.get(RECOGNIZER_KEY);
  if (text === undefined) {
    throw new ModelFormatError("the model does not say how to prepare a picture for it", {
      hint: "give raw tensors: infer --tensor NAME=file.npy --out DIR",
    });
  }
  const parsed = parsedOrNull(text);
  if (isRecognizer(parsed)) return parsed;
  throw new ModelFormatError(
    `the model's metadata ${RECOGNIZER_KEY} is none that this version reads: ${text.slice(0, 200)}`,
    {
      hint: "give raw tensors: infer --tensor NAME=file.npy --out DIR",
    },
  );
}

function parsedOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * Read pictures that have been prepared: N arrays of [H, W, C] each, of lines each with its own W. The `top` likeliest
 * labels of each are named.
 *
 * @param decode how lines are read from the steps; default greedily
 * @throws {InferenceError} when the model does not give as many classes as it has labels or characters
 * @throws {TypeError} for options in an object, which it does not take
 */
export async function readImages(
  session: Session,
  recognizer: Recognizer,
  images: readonly Float32Array[],
  top: number = TOP,
  decode?: Decode,
): Promise<Reading[]> {
  if (!Number.isInteger(top) || (decode !== undefined && typeof decode !== "function")) {
    throw new TypeError(
      "readImages takes, after the images, a whole number of labels and a function that decodes lines",
    );
  }
  const { input, output } = recognizer;
  if (output.kind === "ctc") {
    const lines = await readLineImages(session, input, output, images, decode);
    return lines.map((line) => ({ ...line, top: [{ label: line.text, probability: line.confidence }] }));
  }
  const size = images[0]?.length ?? 0;
  const data = new Float32Array(images.length * size);
  images.forEach((image, row) => data.set(image, row * size));
  const width = input.width ?? size / (input.height * input.channels);
  const scores = await classScores(session, float32(data, [images.length, input.height, width, input.channels]));
  return images.map((_, row) => readingOf(scores, row, output, top));
}

/**
 * Scores [N, classes] of a batch, by the model's first input and output.
 *
 * @throws {InferenceError} when the model has more inputs, or its output is of another form
 */
export async function classScores(session: Session, batch: Tensor): Promise<Extract<Tensor, { dtype: "float32" }>> {
  const [input] = session.inputs;
  const [output] = session.outputs;
  if (input === undefined || output === undefined || session.inputs.length > 1) {
    throw new InferenceError(`a recogniser has one input; this model has ${session.inputs.length}`, {
      hint: "give raw tensors: infer --tensor NAME=file.npy … --out DIR",
    });
  }
  const { [output.name]: scores } = await session.run({ [input.name]: batch });
  if (scores?.dtype === "float32" && scores.dims.length === 2) return scores;
  throw new InferenceError(`a recogniser gives float32 [batch, classes]; got [${scores?.dims.join(", ") ?? ""}]`);
}

interface Candidates {
  /** Of every class. */
  readonly probabilities: Float32Array;
  /** The likeliest, best first. */
  readonly candidates: readonly Candidate[];
  readonly areNumbers: boolean;
}

/** The likeliest labels of one row of scores [N, classes]. @throws {InferenceError} when there are not as many classes as labels */
export function candidatesOf(
  { data, dims }: { data: Float32Array; dims: readonly number[] },
  row: number,
  output: ClassOutput,
  count: number,
): Candidates {
  const [, classes = 0] = dims;
  if (classes !== output.labels.length) {
    throw new InferenceError(`the model has ${classes} classes, but names ${output.labels.length}`);
  }
  const scores = data.subarray(row * classes, (row + 1) * classes);
  const probabilities = output.activation === "logits" ? softmax(scores) : scores;
  const candidates = output.labels
    .map((label, index) => ({ label, probability: at(probabilities, index) }))
    .toSorted((a, b) => b.probability - a.probability)
    .slice(0, count);
  return { probabilities, candidates, areNumbers: probabilities.every(Number.isFinite) };
}

function readingOf(
  { data, dims }: { data: Float32Array; dims: readonly number[] },
  row: number,
  output: ClassOutput,
  count: number,
): Reading {
  const { probabilities, candidates: top, areNumbers } = candidatesOf({ data, dims }, row, output, count);
  const { label: text, probability } = first(top);
  if (!areNumbers) return { text, confidence: Number.NaN, top };
  if (output.confidence === undefined) return { text, confidence: probability, top };
  const confidence = confidenceOf(probabilities, output.confidence);
  return { text, confidence, ...(confidence < UNSURE_BELOW ? { unsure: true } : {}), top };
}

/** Index of the largest score of a row. */
export function bestClass({ data, dims }: { data: Float32Array; dims: readonly number[] }, row: number): number {
  const [, classes = 0] = dims;
  const scores = data.subarray(row * classes, (row + 1) * classes);
  return scores.reduce((best, value, index) => (value > at(scores, best) ? index : best), 0);
}
