import { InferenceError } from "../errors.ts";
import type { ImageInput, LineInput, SequenceOutput } from "../metadata.ts";
import { float32 } from "../tensor.ts";

import type { ReadLine } from "./decode/greedy.ts";
import { decoderOf } from "./decode/language.ts";
import { logProbabilities, type Steps } from "./decode/matrix.ts";
import type { Session } from "./runtime.ts";
import { first } from "../require.ts";

/** A character of a line. */
export interface ReadingCharacter {
  readonly text: string;
  /** 0 to 1. */
  readonly confidence: number;
  /** Where it is, in pixels of the prepared line from its left end; `to` exclusive. */
  readonly from: number;
  readonly to: number;
}

/** What was read in a line. */
export interface LineReading {
  readonly text: string;
  /** The probability of the whole text, 0 to 1; NaN when the model's answer is not made of numbers. */
  readonly confidence: number;
  readonly characters: readonly ReadingCharacter[];
}

/** Reads the characters from log-probabilities of classes, e.g. {@link decodeGreedy}. */
export type Decode = (log: Steps) => ReadLine;

/** A batch holds lines at most this many times as wide as its narrowest: padding costs as much as a line. */
const MOST_SPREAD = 1.5;
/** Pixels of a batch at most, unless a line alone has more. */
const MOST_PIXELS = 2 ** 22;

/**
 * Read lines that have been prepared: arrays of [H, W], each of its own width. Lines of like widths go through the model
 * together.
 *
 * @throws {InferenceError} when the model gives something else than float32 [N, T, characters + 1]
 */
export async function readLineImages(
  session: Session,
  input: ImageInput,
  output: SequenceOutput,
  images: readonly Float32Array[],
  decode: Decode = decoderOf(output),
): Promise<LineReading[]> {
  if (input.channels !== 1) throw new InferenceError(`lines have one channel; the model takes ${input.channels}`);
  const readings: LineReading[] = [];
  for (const group of groupsOf(images, input.height, typeof session.inputs[0]?.dims[0] === "number")) {
    const found = await readGroup(session, input, output, group, decode);
    group.forEach(({ index }, row) => {
      const reading = found[row];
      if (reading !== undefined) readings[index] = reading;
    });
  }
  return readings;
}

interface Line {
  readonly index: number;
  readonly image: Float32Array;
}

function groupsOf(images: readonly Float32Array[], height: number, isFixed: boolean): Line[][] {
  const lines = images.map((image, index) => ({ image, index }));
  if (isFixed) return lines.length === 0 ? [] : [lines];
  const groups: Line[][] = [];
  for (const line of lines.toSorted((a, b) => a.image.length - b.image.length)) {
    const group = groups.at(-1);
    const narrowest = first(group ?? [line]).image.length;
    const fits = line.image.length <= Math.max(MOST_SPREAD * narrowest, 64 * height);
    if (group !== undefined && fits && (group.length + 1) * line.image.length <= MOST_PIXELS) group.push(line);
    else groups.push([line]);
  }
  return groups;
}

async function readGroup(
  session: Session,
  { height, line, range }: ImageInput,
  output: SequenceOutput,
  group: readonly Line[],
  decode: Decode,
): Promise<LineReading[]> {
  const { columns, padding }: LineInput = line ?? { columns: 1, padding: range[0] };
  const widest = group.reduce((most, { image }) => Math.max(most, image.length / height), 0);
  const width = Math.ceil(widest / columns) * columns;
  const data = new Float32Array(group.length * height * width).fill(padding);
  group.forEach(({ image }, row) => {
    const own = image.length / height;
    for (let y = 0; y < height; y++) {
      data.set(image.subarray(y * own, (y + 1) * own), (row * height + y) * width);
    }
  });
  const scores = await run(session, data, [group.length, height, width, 1], output.characters.length + 1);
  const pixels = width / scores.steps;
  return group.map(({ image }, row) => {
    const steps = Math.min(scores.steps, Math.ceil(image.length / height / pixels));
    const size = scores.steps * scores.classes;
    const own = scores.data.subarray(row * size, row * size + steps * scores.classes);
    if (!own.every((value) => Number.isFinite(value))) return { text: "", confidence: Number.NaN, characters: [] };
    const log = logProbabilities({ data: own, steps, classes: scores.classes }, output.activation);
    return readingOf(decode(log), output.characters, pixels);
  });
}

async function run(session: Session, data: Float32Array, dims: readonly number[], classes: number): Promise<Steps> {
  const [input] = session.inputs;
  const [output] = session.outputs;
  if (input === undefined || output === undefined || session.inputs.length > 1) {
    throw new InferenceError(`a model that reads lines has one input; this model has ${session.inputs.length}`, {
      hint: "give raw tensors: infer --tensor NAME=file.npy … --out DIR",
    });
  }
  const { [output.name]: scores } = await session.run({ [input.name]: float32(data, dims) });
  const [count, steps, found] = scores?.dims ?? [];
  if (
    scores?.dtype === "float32" &&
    scores.dims.length === 3 &&
    count === dims[0] &&
    steps !== undefined &&
    steps > 0
  ) {
    if (found === classes) return { data: scores.data, steps, classes };
    throw new InferenceError(`the model has ${found} classes, but names ${classes - 1} characters and a blank`);
  }
  throw new InferenceError(
    `a model that reads lines gives float32 [batch, steps, ${classes}]; got [${scores?.dims.join(", ") ?? ""}]`,
  );
}

function readingOf(line: ReadLine, characters: readonly string[], pixels: number): LineReading {
  const read = line.characters.map(({ symbol, confidence, start, end }): ReadingCharacter => {
    const text = characters[symbol];
    if (text === undefined)
      throw new InferenceError(`the model read class ${symbol} of ${characters.length} characters`);
    return { text, confidence, from: start * pixels, to: end * pixels };
  });
  return { text: read.map(({ text }) => text).join(""), confidence: line.confidence, characters: read };
}
