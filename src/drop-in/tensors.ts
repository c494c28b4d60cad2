import type * as tfjs from "@tensorflow/tfjs/dist/index.js";

import { InferenceError } from "../errors.ts";
import { describeValue, holds } from "../infer/check-feeds.ts";
import type { ValueInfo } from "../infer/runtime.ts";
import { sizeOf, type DType, type Tensor } from "../tensor.ts";

/** Elements of a tensor without TF.js. Booleans are 0 and 1. */
export type PlainData = Float32Array | Int32Array | Uint8Array | readonly string[];

/** A tensor without TF.js: row-major elements and a shape. */
export interface PlainTensor {
  readonly dtype: DType;
  readonly shape: number[];
  readonly data: PlainData;
}

/** An input without TF.js. The elements alone are enough where the model leaves at most one size open. */
export type PlainInput = PlainData | { readonly data: PlainData; readonly shape: readonly number[] };

/** Inputs by name, without TF.js. */
export type PlainInputs = Readonly<Record<string, PlainInput>>;

/** One input as a caller may give it. */
export type AnyInput = tfjs.Tensor | PlainInput;

export function isTfjsTensor(value: unknown): value is tfjs.Tensor {
  return (
    typeof value === "object" &&
    value !== null &&
    "dataId" in value &&
    "shape" in value &&
    "data" in value &&
    typeof value.data === "function"
  );
}

/**
 * An input as a tensor of ours. Reading a `tf.Tensor` begins before this returns, so the caller may dispose it afterwards.
 *
 * @param cast Whether other element types are converted, as Layers models do; Graph models refuse them.
 * @throws {InferenceError} for what is no tensor, or of another shape or element type
 */
export async function toTensor(value: unknown, input: ValueInfo, cast: boolean): Promise<Tensor> {
  if (isTfjsTensor(value)) {
    const { dtype, shape } = value;
    return asType(fromElements(await value.data(), dtype, shape, input), input, cast);
  }
  const { data, shape } = plainParts(value, input);
  const dtype = plainType(data, input);
  return asType(fromElements(data, dtype, shape ?? inferredShape(data.length, input), input), input, cast);
}

function plainParts(value: unknown, input: ValueInfo): { readonly data: PlainData; readonly shape: number[] | null } {
  if (isData(value)) return { data: value, shape: null };
  if (typeof value === "object" && value !== null && "data" in value && isData(value.data)) {
    const shape = "shape" in value ? value.shape : undefined;
    if (isSizes(shape)) return { data: value.data, shape: [...shape] };
  }
  throw new InferenceError(`input "${input.name}" is no tensor: got ${describeFound(value)}`, {
    hint: "give a tf.Tensor, a typed array, or { data, shape } with a typed array (strings: an array) and a list of sizes",
  });
}

function describeFound(value: unknown): string {
  if (value === null || typeof value !== "object") return value === null ? "null" : typeof value;
  return value.constructor.name;
}

function isData(value: unknown): value is PlainData {
  if (value instanceof Float32Array || value instanceof Int32Array || value instanceof Uint8Array) return true;
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/** Bytes are booleans for an input of booleans, integers for one of integers: colours of pixels, for example. */
function plainType(data: PlainData, { dtype }: ValueInfo): string {
  if (data instanceof Float32Array) return "float32";
  if (data instanceof Int32Array) return "int32";
  if (data instanceof Uint8Array) return dtype === "bool" ? "bool" : "int32";
  return "string";
}

/** The shape that a number of elements must have, where the model leaves at most one size open. */
function inferredShape(length: number, input: ValueInfo): number[] {
  const free = input.dims.filter((size) => typeof size !== "number").length;
  const known = sizeOf(input.dims.filter((size) => typeof size === "number"));
  const open = free === 1 && known > 0 ? length / known : null;
  if (input.anyRank !== true && (free === 0 ? length === known : open !== null && Number.isInteger(open))) {
    return input.dims.map((size) => (typeof size === "number" ? size : Number(open)));
  }
  throw new InferenceError(
    `input "${input.name}": ${length} elements do not tell their shape; the model takes ${describeValue(input)}`,
    { hint: "give { data, shape }" },
  );
}

function fromElements(data: unknown, dtype: string, dims: readonly number[], { name }: ValueInfo): Tensor {
  const size = sizeOf(dims);
  const length: unknown = Reflect.get(Object(data), "length");
  if (length !== size) {
    throw new InferenceError(
      `input "${name}": a tensor of shape [${dims.join(", ")}] has ${size} elements; got ${String(length)}`,
    );
  }
  if (dtype === "float32" && data instanceof Float32Array) return { dtype, dims, data };
  // TF.js's plain backend keeps the array of integers that were cast.
  if (dtype === "float32" && data instanceof Int32Array) return { dtype, dims, data: Float32Array.from(data) };
  if (dtype === "int32" && data instanceof Int32Array) return { dtype, dims, data };
  if (dtype === "int32" && data instanceof Uint8Array) return { dtype, dims, data: Int32Array.from(data) };
  if (dtype === "bool" && data instanceof Uint8Array) return { dtype, dims, data };
  if (dtype === "string" && holds("string", data) && Array.isArray(data))
    return { dtype, dims, data: data.map(String) };
  throw new InferenceError(`input "${name}" is a tensor of ${dtype}; expected float32, int32, bool or string`);
}

/** As `tf.cast`: numbers become integers towards zero, and booleans whether they are not 0. */
function asType(tensor: Tensor, input: ValueInfo, cast: boolean): Tensor {
  const { dtype } = input;
  if (tensor.dtype === dtype) return tensor;
  const { dims, data } = tensor;
  if (cast && tensor.dtype !== "string" && isNumbers(data)) {
    if (dtype === "float32") return { dtype, dims, data: Float32Array.from(data) };
    if (dtype === "int32") return { dtype, dims, data: Int32Array.from(data) };
    if (dtype === "bool") return { dtype, dims, data: Uint8Array.from(data, (value) => Number(value !== 0)) };
  }
  throw new InferenceError(`input "${input.name}" must be ${describeValue(input)}; got ${describeValue(tensor)}`, {
    hint: "convert it first: tf.cast, or a typed array of that type",
  });
}

function isNumbers(data: Tensor["data"]): data is Float32Array | Int32Array | Uint8Array {
  return data instanceof Float32Array || data instanceof Int32Array || data instanceof Uint8Array;
}

/** What of TF.js's engine makes tensors. All copies of TF.js on a page share one engine. Source: tfjs-core, engine.ts. */
interface TfjsEngine {
  makeTensor(values: tfjs.DataTypeMap[tfjs.DataType], shape: number[], dtype: tfjs.DataType): tfjs.Tensor;
}

/** TF.js's engine, where TF.js has been loaded; nothing is imported for it. */
export function tfjsEngine(): TfjsEngine | null {
  const engine: unknown = Reflect.get(globalThis, "_tfengine");
  return isEngine(engine) ? engine : null;
}

function isEngine(value: unknown): value is TfjsEngine {
  return typeof value === "object" && value !== null && "makeTensor" in value && typeof value.makeTensor === "function";
}

/** A new `tf.Tensor` on TF.js's current backend, for the caller to dispose. */
export function toTfjs(engine: TfjsEngine, tensor: Tensor, name: string): tfjs.Tensor {
  const shape = [...tensor.dims];
  switch (tensor.dtype) {
    case "float32":
    case "int32":
    case "bool":
      return engine.makeTensor(tensor.data, shape, tensor.dtype);
    case "string":
      return engine.makeTensor([...tensor.data], shape, "string");
    case "float64":
    case "float16":
    case "int8":
    case "uint8":
    case "int16":
    case "uint16":
    case "uint32":
    case "int64":
    case "uint64":
      throw new InferenceError(`output "${name}" is ${tensor.dtype}, which TF.js does not have`);
    default:
      return tensor satisfies never;
  }
}

export function toPlain(tensor: Tensor, name: string): PlainTensor {
  const shape = [...tensor.dims];
  const { dtype } = tensor;
  if (tensor.dtype === "string") return { dtype, shape, data: tensor.data };
  if (isNumbers(tensor.data)) return { dtype, shape, data: tensor.data };
  throw new InferenceError(`output "${name}" is ${dtype}; expected float32, int32, bool or string`);
}
