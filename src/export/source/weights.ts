import { ModelFormatError } from "../../errors.ts";
import { halvesToFloats } from "../../half.ts";
import { wordAt } from "../../require.ts";
import { sizeOf } from "../../tensor.ts";

import { isJsonList, isJsonObject, quoted, shown, type Json, type JsonObject } from "./json.ts";
import type { ComplexWeight, GraphWeight, StringWeight, Weight } from "./model.ts";

/** One weight of the file. */
export interface StoredWeight<Read extends GraphWeight = Weight> {
  /** As the file has it, without TensorFlow's `:0`. */
  readonly name: string;
  readonly dims: readonly number[];
  readonly dtype: GraphWeight["dtype"];
  /** How the file stores it; null: as it is. */
  readonly quantization: Quantization | null;
  /** The values, dequantised on the first call. */
  read(): Read;
}

/** Weights of one group of shards. */
export interface WeightGroup {
  readonly paths: readonly string[];
  readonly specs: readonly WeightSpec[];
  /** Total bytes in the shards of the group; a lower bound when there are strings. */
  readonly byteLength: number;
  /** Whether there are strings. Their lengths are known only from the shards. */
  readonly hasStrings: boolean;
}

interface WeightSpec {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dtype: GraphWeight["dtype"];
  readonly quantization: Quantization | null;
  /** Lower bound of its bytes: each string is preceded by 4 bytes for its length. */
  readonly byteLength: number;
  /** A state of the optimizer, not of the model. */
  readonly optimizer: boolean;
}

/** `value = stored * scale + min`, computed in float64; float16 has neither. */
export type Quantization =
  | { readonly dtype: "float16" }
  | { readonly dtype: "uint8" | "uint16"; readonly scale: number; readonly min: number };

const DTYPE_BYTES = { float32: 4, int32: 4, bool: 1, complex64: 8, string: 4 } as const;
const QUANTIZED_BYTES = { uint8: 1, uint16: 2, float16: 2 } as const;
/** More bytes than any runtime accepts for one model, and few enough that sums stay exact. */
const MAX_BYTES = 2 ** 40;

/**
 * The `weightsManifest` of a model.json, checked; none for a model without one.
 *
 * @throws {ModelFormatError} for specifications that are not supported.
 */
export function readWeightsManifest(manifest: Json | undefined): readonly WeightGroup[] {
  if (manifest === undefined || manifest === null) return [];
  if (!isJsonList(manifest)) throw new ModelFormatError(`weightsManifest must be a list; got ${shown(manifest)}`);
  return manifest.map((group, index) => readGroup(group, `weightsManifest[${index}]`));
}

function readGroup(group: Json, where: string): WeightGroup {
  if (!isJsonObject(group)) throw new ModelFormatError(`${where} must be an object; got ${shown(group)}`);
  const weights = group["weights"];
  if (!isJsonList(weights)) throw new ModelFormatError(`${where}.weights must be a list; got ${shown(weights)}`);
  const specs = weights.map((spec, index) => readSpec(spec, `${where}.weights[${index}]`));
  const byteLength = specs.reduce((sum, spec) => sum + spec.byteLength, 0);
  if (byteLength > MAX_BYTES) throw new ModelFormatError(`${where} claims to hold ${byteLength} bytes of weights`);
  const hasStrings = specs.some(({ dtype }) => dtype === "string");
  return { paths: readPaths(group["paths"], where), specs, byteLength, hasStrings };
}

function readPaths(paths: Json | undefined, where: string): readonly string[] {
  const list = paths ?? [];
  if (!isJsonList(list) || !list.every(isPath)) {
    throw new ModelFormatError(`${where}.paths must be a list of file names; got ${shown(paths)}`);
  }
  return list;
}

function isPath(path: Json): path is string {
  return typeof path === "string" && path !== "";
}

function readSpec(spec: Json, where: string): WeightSpec {
  if (!isJsonObject(spec)) throw new ModelFormatError(`${where} must be an object; got ${shown(spec)}`);
  const given = spec["name"];
  if (typeof given !== "string" || given === "") {
    throw new ModelFormatError(`${where}.name must be a name; got ${shown(given)}`);
  }
  const name = given.replace(/:0$/, "");
  const dims = readDims(spec["shape"], name);
  const dtype = readDType(spec["dtype"], name);
  const quantization = readQuantization(spec["quantization"], dtype, name);
  const width = quantization === null ? DTYPE_BYTES[dtype] : QUANTIZED_BYTES[quantization.dtype];
  const byteLength = sizeOf(dims) * width;
  if (byteLength > MAX_BYTES) throw new ModelFormatError(`weight ${quoted(name)} claims ${byteLength} bytes`);
  return { name, dims, dtype, quantization, byteLength, optimizer: spec["group"] === "optimizer" };
}

function readDims(shape: Json | undefined, name: string): readonly number[] {
  if (isJsonList(shape) && shape.length <= 32 && shape.every(isDim)) return shape;
  throw new ModelFormatError(`weight ${quoted(name)}: shape must be a list of sizes; got ${shown(shape)}`);
}

function isDim(dim: Json): dim is number {
  return typeof dim === "number" && Number.isSafeInteger(dim) && dim >= 0;
}

function readDType(dtype: Json | undefined, name: string): GraphWeight["dtype"] {
  if (dtype === "float32" || dtype === "int32" || dtype === "bool") return dtype;
  if (dtype === "string" || dtype === "complex64") return dtype;
  throw new ModelFormatError(
    `weight ${quoted(name)}: dtype must be float32, int32, bool, string or complex64; got ${shown(dtype)}`,
  );
}

function readQuantization(value: Json | undefined, dtype: GraphWeight["dtype"], name: string): Quantization | null {
  if (value === undefined || value === null) return null;
  const fail = (what: string): ModelFormatError => new ModelFormatError(`weight ${quoted(name)}: ${what}`);
  if (!isJsonObject(value)) throw fail(`quantization must be an object; got ${shown(value)}`);
  const { dtype: stored, scale, min } = readFields(value);
  if (stored === "float16" && dtype === "float32") return { dtype: stored };
  if ((stored !== "uint8" && stored !== "uint16") || (dtype !== "float32" && dtype !== "int32")) {
    throw fail(
      `quantization of ${dtype} must be to uint8, uint16${dtype === "float32" ? " or float16" : ""}; got ${shown(stored)}`,
    );
  }
  if (typeof scale !== "number" || typeof min !== "number") {
    throw fail(`quantization needs a scale and a min; got ${shown(scale)} and ${shown(min)}`);
  }
  return { dtype: stored, scale, min };
}

function readFields(value: JsonObject): { dtype: Json | undefined; scale: Json | undefined; min: Json | undefined } {
  return { dtype: value["dtype"], scale: value["scale"], min: value["min"] };
}

/**
 * The weights of a Layers model (not of its optimizer), as views into `bytes`.
 *
 * @throws {ModelFormatError} when there are more or fewer bytes than the specifications add up to, or when a weight has an
 *   element type that layers do not have.
 */
export function readWeights(groups: readonly WeightGroup[], bytes: Uint8Array): readonly StoredWeight[] {
  for (const spec of groups.flatMap((group) => group.specs)) layerType(spec);
  return sliced(groups, bytes).map(({ spec, stored }) => {
    const dtype = layerType(spec);
    return lazy(spec, () => decode(spec, dtype, stored));
  });
}

function layerType({ name, dtype }: WeightSpec): Weight["dtype"] {
  if (dtype !== "string" && dtype !== "complex64") return dtype;
  throw new ModelFormatError(
    `weight ${quoted(name)}: dtype must be float32, int32 or bool, which TF.js layers have; got ${quoted(dtype)}`,
  );
}

/**
 * The weights of a Graph model, strings and complex numbers included.
 *
 * @throws {ModelFormatError} when there are more or fewer bytes than the specifications add up to.
 */
export function readGraphWeights(
  groups: readonly WeightGroup[],
  bytes: Uint8Array,
): readonly StoredWeight<GraphWeight>[] {
  return sliced(groups, bytes).map(({ spec, stored }) =>
    lazy(spec, (): GraphWeight => {
      const { dtype } = spec;
      if (dtype === "string") return decodeStrings(spec, stored);
      return dtype === "complex64" ? decodeComplex(spec, stored) : decode(spec, dtype, stored);
    }),
  );
}

/** The bytes of each weight of the model. */
function sliced(
  groups: readonly WeightGroup[],
  bytes: Uint8Array,
): readonly { readonly spec: WeightSpec; readonly stored: Uint8Array }[] {
  const expected = groups.reduce((sum, group) => sum + group.byteLength, 0);
  const isLonger = bytes.byteLength > expected && !groups.some(({ hasStrings }) => hasStrings);
  if (bytes.byteLength < expected || isLonger) throw wrongLength(bytes.byteLength, expected);
  const slices: { readonly spec: WeightSpec; readonly stored: Uint8Array }[] = [];
  let offset = 0;
  for (const spec of groups.flatMap((group) => group.specs)) {
    const byteLength = spec.dtype === "string" ? stringsLength(spec, bytes.subarray(offset)) : spec.byteLength;
    if (offset + byteLength > bytes.byteLength) throw wrongLength(bytes.byteLength, offset + byteLength);
    const stored = bytes.subarray(offset, offset + byteLength);
    offset += byteLength;
    if (!spec.optimizer) slices.push({ spec, stored });
  }
  if (offset !== bytes.byteLength) throw wrongLength(bytes.byteLength, offset);
  return slices;
}

function wrongLength(found: number, expected: number): ModelFormatError {
  const fault = found < expected ? "too short" : "too long";
  return new ModelFormatError(
    `the weight data is ${fault}: ${found} bytes, where weightsManifest adds up to ${expected}`,
    {
      hint: "the model.json and its weight files must come from the same export; copy or download all of them again",
    },
  );
}

function lazy<Read extends GraphWeight>(spec: WeightSpec, read: () => Read): StoredWeight<Read> {
  let weight: Read | null = null;
  const { name, dims, dtype, quantization } = spec;
  return { name, dims, dtype, quantization, read: () => (weight ??= read()) };
}

/** How many bytes the strings take: each is stored as its length (uint32, little endian) and its bytes. */
function stringsLength({ name, dims }: WeightSpec, bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;
  for (let left = sizeOf(dims); left > 0; left--) {
    if (offset + 4 > bytes.byteLength) throw new ModelFormatError(`weight ${quoted(name)}: its strings are cut off`);
    offset += 4 + view.getUint32(offset, true);
  }
  return offset;
}

function decodeStrings({ dims }: WeightSpec, bytes: Uint8Array): StringWeight {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder();
  let offset = 0;
  const data = Array.from({ length: sizeOf(dims) }, () => {
    const start = offset + 4;
    offset = start + view.getUint32(offset, true);
    return decoder.decode(bytes.subarray(start, offset));
  });
  return { dtype: "string", dims, data };
}

/** Real and imaginary parts alternate. */
function decodeComplex({ dims }: WeightSpec, bytes: Uint8Array): ComplexWeight {
  const { buffer, byteOffset } = aligned(bytes, 4);
  const parts = new Float32Array(buffer, byteOffset, bytes.byteLength / 4);
  return {
    dtype: "complex64",
    dims,
    real: parts.filter((_, index) => index % 2 === 0),
    imaginary: parts.filter((_, index) => index % 2 === 1),
  };
}

function decode({ dims, quantization }: WeightSpec, dtype: Weight["dtype"], bytes: Uint8Array): Weight {
  if (quantization?.dtype === "float16") {
    return { dtype: "float32", dims, data: halvesToFloats(shortsOf(bytes)) };
  }
  if (quantization !== null) {
    const stored = new Uint32Array(quantization.dtype === "uint8" ? bytes : shortsOf(bytes));
    const { scale, min } = quantization;
    if (dtype === "int32") {
      const data = new Int32Array(stored.length);
      for (let index = 0; index < data.length; index++) data[index] = Math.round(wordAt(stored, index) * scale + min);
      return { dtype, dims, data };
    }
    const data = new Float32Array(stored.length);
    for (let index = 0; index < data.length; index++) data[index] = wordAt(stored, index) * scale + min;
    return { dtype: "float32", dims, data };
  }
  if (dtype === "bool") return { dtype, dims, data: bytes };
  const { buffer, byteOffset } = aligned(bytes, 4);
  const length = bytes.byteLength / 4;
  return dtype === "int32"
    ? { dtype, dims, data: new Int32Array(buffer, byteOffset, length) }
    : { dtype, dims, data: new Float32Array(buffer, byteOffset, length) };
}

/** After quantised weights, the next weight may start at any offset. */
function aligned(bytes: Uint8Array, width: number): Uint8Array {
  return bytes.byteOffset % width === 0 ? bytes : bytes.slice();
}

function shortsOf(bytes: Uint8Array): Uint16Array {
  const { buffer, byteOffset } = aligned(bytes, 2);
  return new Uint16Array(buffer, byteOffset, bytes.byteLength / 2);
}

/** The distinct ways in which a model's float32 weights are quantised. */
export function quantizationsOf(weights: Iterable<StoredWeight<GraphWeight>>): readonly Quantization[] {
  const distinct = new Map<string, Quantization>();
  for (const { dtype, quantization } of weights) {
    if (dtype === "float32" && quantization !== null) distinct.set(JSON.stringify(quantization), quantization);
  }
  return [...distinct.values()];
}
