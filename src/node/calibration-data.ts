import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";

import { DataError } from "../errors.ts";
import type { ExportedValue } from "../export/export-model.ts";
import type { Tensors } from "../infer/runtime.ts";
import type { ImageInput } from "../metadata.ts";
import { at, first } from "../require.ts";
import { float32, sizeOf, type Tensor } from "../tensor.ts";
import { rowsOf } from "../verify/accuracy/rows.ts";
import type { Samples } from "../verify/accuracy/samples.ts";

import { fileFault } from "./file-fault.ts";
import { readNpy } from "./npy.ts";
import { pictureFiles } from "./picture-files.ts";
import { prepareFile } from "./prepare-file.ts";

export interface CalibrationOptions {
  readonly inputs: readonly Pick<ExportedValue, "name" | "dtype" | "dims">[];
  /** How the model's metadata say that pictures are prepared; null: they are stretched to the size of the input. */
  readonly image: ImageInput | null;
  /** Values that black and white become where the metadata do not say so. */
  readonly range: readonly [number, number];
}

/** More pictures than these are not read. */
const MOST_PICTURES = 512;
const BATCH = 16;

/**
 * Samples of a folder, to measure what a file loses and how large its numbers become. Arrays: of a model with one input, every .npy
 * file is a sample or a batch of samples; of one with several, NAME.npy has the samples of the input NAME along its first axis.
 * Without .npy files, pictures: the folder's, at any depth.
 *
 * @throws {DataError} when the folder cannot be read, holds neither, or they do not fit the inputs
 */
export async function calibrationSamples(folder: string, options: CalibrationOptions): Promise<Samples> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new DataError(`the calibration data in ${folder} ${fileFault(cause)}`, { cause });
  });
  const arrays = names.filter((name) => name.endsWith(".npy")).toSorted();
  const batches = arrays.length > 0 ? await readArrays(folder, arrays, options) : await readImages(folder, options);
  const count = batches.reduce((sum, feeds) => sum + (first(Object.values(feeds)).dims[0] ?? 1), 0);
  return { kind: "calibration", source: folder, count, labels: null, batches: () => batches };
}

async function readArrays(
  folder: string,
  names: readonly string[],
  { inputs }: CalibrationOptions,
): Promise<readonly Tensors[]> {
  if (inputs.length === 1) {
    const input = first(inputs);
    const batches: Tensors[] = [];
    for (const name of names) {
      const array = await readNpy(join(folder, name));
      const samples = array.dims.length === input.dims.length - 1 ? { ...array, dims: [1, ...array.dims] } : array;
      checkFit(name, samples, input);
      for (const part of cut(samples, input)) batches.push({ [input.name]: part });
    }
    return batches;
  }
  const given = new Map<string, readonly Tensor[]>();
  for (const input of inputs) {
    const name = `${input.name}.npy`;
    if (!names.includes(name)) {
      throw new DataError(`the calibration data in ${folder} have no ${name}; found ${names.join(", ")}`, {
        hint: `a model with several inputs takes one file for each: ${inputs.map((each) => `${each.name}.npy`).join(", ")}`,
      });
    }
    const array = await readNpy(join(folder, name));
    checkFit(name, array, input);
    given.set(input.name, cut(array, input));
  }
  const counts = new Set(Array.from(given.values(), (parts) => parts.map(({ dims }) => dims[0]).join()));
  if (counts.size > 1) throw new DataError(`the arrays in ${folder} do not have equally many samples`);
  const count = first([...given.values()]).length;
  return Array.from({ length: count }, (_, index) =>
    Object.fromEntries(Array.from(given, ([name, parts]) => [name, at(parts, index)])),
  );
}

type Input = CalibrationOptions["inputs"][number];

/** @throws {DataError} */
function checkFit(name: string, { dtype, dims, data }: Tensor, input: Input): void {
  const wanted = `${input.dtype} [${input.dims.join(", ")}]`;
  const isLike =
    dims.length === input.dims.length &&
    input.dims.every(
      (size, axis) => typeof size !== "number" || (axis === 0 ? at(dims, 0) % size === 0 : size === dims[axis]),
    );
  if (dtype === input.dtype && isLike && sizeOf(dims) > 0) {
    checkFinite(name, data);
    return;
  }
  throw new DataError(`${name} holds ${dtype} [${dims.join(", ")}]; the input "${input.name}" takes ${wanted}`, {
    hint: "save arrays of the input's type and shape, with the samples along the first axis",
  });
}

/** @throws {DataError} for NaN and infinities: nothing can be measured on them */
function checkFinite(name: string, data: Tensor["data"]): void {
  let count = 0;
  for (const value of data) if (typeof value === "number" && !Number.isFinite(value)) count++;
  if (count === 0) return;
  throw new DataError(`${name} holds NaN or infinities (${count} of ${data.length} numbers)`, {
    hint: "give samples such as the model gets when it is used",
  });
}

/** Batches of at most 16 samples, or of as many as the input fixes. */
function cut(array: Tensor, { dims }: Input): readonly Tensor[] {
  const rows = dims.length === 0 ? 0 : at(array.dims, 0);
  if (rows === 0) return [array];
  const fixed = first(dims);
  const size = typeof fixed === "number" ? fixed : BATCH;
  return Array.from({ length: Math.ceil(rows / size) }, (_, index) =>
    rowsOf(array, index * size, Math.min(size, rows - index * size)),
  );
}

async function readImages(folder: string, options: CalibrationOptions): Promise<readonly Tensors[]> {
  const { inputs } = options;
  const files: string[] = [];
  for await (const entry of pictureFiles([folder], nothing())) {
    if ("error" in entry) {
      throw new DataError(`the calibration data in ${folder} are neither pictures nor .npy files`, {
        hint: "put some hundred pictures, or arrays that fit the model's inputs, into a folder",
      });
    }
    files.push(entry.input);
    if (files.length === MOST_PICTURES) break;
  }
  const input = first(inputs);
  const image = options.image ?? stretched(inputs, options.range);
  const prepared: Float32Array[] = [];
  for (const file of files)
    prepared.push(await prepareFile(file, image).catch((cause: unknown) => failed(file, cause)));
  const { height, channels } = image;
  const batch = image.width === null || input.dims[0] === 1 ? 1 : BATCH;
  return Array.from({ length: Math.ceil(prepared.length / batch) }, (_, index) => {
    const own = prepared.slice(index * batch, (index + 1) * batch);
    const length = first(own).length;
    const data = new Float32Array(own.length * length);
    for (const [row, pixels] of own.entries()) data.set(pixels, row * length);
    return { [input.name]: float32(data, [own.length, height, length / height / channels, channels]) };
  });
}

function failed(file: string, cause: unknown): never {
  if (!(cause instanceof DataError)) throw cause;
  throw new DataError(`the calibration picture ${basename(file)}: ${cause.message}`, { cause });
}

function stretched(inputs: CalibrationOptions["inputs"], range: readonly [number, number]): ImageInput {
  const [{ dtype, dims }, second] = [first(inputs), inputs[1]];
  const [, height, width, channels] = dims;
  const isImage =
    dims.length === 4 && dtype === "float32" && (channels === 1 || channels === 3) && second === undefined;
  if (isImage && typeof height === "number" && typeof width === "number") {
    return { kind: "image", height, width, channels, range, fit: "stretch" };
  }
  const found = inputs.map((input) => `${input.name}: ${input.dtype} [${input.dims.join(", ")}]`).join(", ");
  throw new DataError(`pictures do not fit the model's inputs (${found})`, {
    hint: isImage
      ? "fix the size of its pictures: --input-shape NAME=1,HEIGHT,WIDTH,CHANNELS"
      : "give .npy arrays of the inputs' types and shapes",
  });
}

async function* nothing(): AsyncGenerator<never> {}
