import { InferenceError, ModelFormatError } from "../errors.ts";
import { PREPROCESSING_KEY, type ClassOutput, type PreprocessingInside } from "../metadata.ts";
import { at, byteAt, floatAt } from "../require.ts";

import { UNSURE_BELOW } from "./confidence.ts";
import { flatten, type Image } from "./preprocess/image.ts";
import { candidatesOf, type Reading } from "./recognize.ts";
import type { Session, Tensors } from "./runtime.ts";

/**
 * What a file that prepares pictures itself says of that, from its `metadata_props`; null for a file that does not.
 *
 * @throws {ModelFormatError} when this version does not understand it
 */
export function readPreprocessing(metadata: ReadonlyMap<string, string>): PreprocessingInside | null {
  const text = metadata.get(PREPROCESSING_KEY);
  if (text === undefined) return null;
  const parsed = parsedOrNull(text);
  if (isPreprocessing(parsed)) return parsed;
  throw new ModelFormatError(
    `the model's metadata ${PREPROCESSING_KEY} is none that this version reads: ${text.slice(0, 200)}`,
  );
}

function parsedOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isPreprocessing(value: unknown): value is PreprocessingInside {
  if (!isObject(value) || value["version"] !== 1) return false;
  const { input, prepared, network, answers, leftOut } = value;
  if (typeof input !== "string" || typeof prepared !== "string" || !areTexts(leftOut)) return false;
  if (!isObject(network) || typeof network["input"] !== "string" || !areTexts(network["outputs"])) return false;
  return isObject(answers) && ["label", "index", "confidence"].every((name) => typeof answers[name] === "string");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function areTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === "string");
}

/** A picture as such a file takes it: [H, W, 3] row-major. */
export interface BytePicture {
  readonly height: number;
  readonly width: number;
  readonly data: Uint8Array;
}

/** The picture without its transparency, as bytes of red, green and blue. @throws {DataError} when it is no valid picture */
export function bytePicture(image: Image): BytePicture {
  const { width, height, channels, data } = flatten(image);
  if (channels === 3 && data instanceof Uint8Array) return { width, height, data };
  const bytes = new Uint8Array(width * height * 3);
  for (let index = 0; index < bytes.length; index++) {
    const from = channels === 3 ? index : Math.floor(index / 3);
    bytes[index] = data instanceof Uint8Array ? byteAt(data, from) : Math.round(255 * floatAt(data, from));
  }
  return { width, height, data: bytes };
}

/**
 * Read pictures of one size with a file that prepares them itself. A null stands for a blank picture.
 *
 * @throws {InferenceError} when the file does not give what its metadata says
 */
export async function readBytePictures(
  session: Session,
  inside: PreprocessingInside,
  output: ClassOutput,
  pictures: readonly BytePicture[],
  top: number,
): Promise<(Reading | null)[]> {
  const {
    height,
    width,
    data: { length },
  } = at(pictures, 0);
  const data = new Uint8Array(pictures.length * length);
  pictures.forEach((picture, row) => data.set(picture.data, row * length));
  const image = { dtype: "uint8", dims: [pictures.length, height, width, 3], data } as const;
  const given = await session.run({ [inside.input]: image });
  const { label, index, confidence } = inside.answers;
  const labels = tensorOf(given, label, "string");
  const indices = tensorOf(given, index, "int64");
  const confidences = tensorOf(given, confidence, "float32");
  const scores = tensorOf(given, at(inside.network.outputs, 0), "float32");
  return pictures.map((_, row) => {
    if (at(indices.data, row) < 0n) return null;
    const sure = at(confidences.data, row);
    const isUnsure = output.confidence !== undefined && sure < UNSURE_BELOW;
    const { candidates, areNumbers } = candidatesOf(scores, row, output, top);
    return {
      text: at(labels.data, row),
      confidence: areNumbers ? sure : Number.NaN,
      ...(isUnsure ? { unsure: true } : {}),
      top: candidates,
    };
  });
}

function tensorOf<D extends "string" | "int64" | "float32">(
  tensors: Tensors,
  name: string,
  dtype: D,
): Extract<Tensors[string], { dtype: D }> {
  const found = tensors[name];
  const is = (tensor: Tensors[string] | undefined): tensor is Extract<Tensors[string], { dtype: D }> =>
    tensor?.dtype === dtype;
  if (is(found)) return found;
  throw new InferenceError(`the output ${name} is ${found?.dtype ?? "missing"}; the file's metadata says ${dtype}`);
}
