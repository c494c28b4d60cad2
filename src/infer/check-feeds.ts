import { InferenceError } from "../errors.ts";
import type { DType, Tensor } from "../tensor.ts";

import type { ValueInfo } from "./runtime.ts";
import { isOnDevice, type DeviceTensor, type MixedTensors } from "./device-tensor.ts";

/**
 * Refuse feeds that do not fit a model's inputs, before a runtime sees them.
 *
 * @throws {InferenceError} naming the input, what was found and what was expected.
 */
export function checkFeeds(inputs: readonly ValueInfo[], feeds: MixedTensors): void {
  let found = 0;
  for (const input of inputs) {
    const tensor = Object.hasOwn(feeds, input.name) ? feeds[input.name] : undefined;
    if (tensor === undefined) throw missing(input, inputs, Object.keys(feeds));
    checkTensor(input, tensor);
    found++;
  }
  if (Object.keys(feeds).length !== found) throw unknown(inputs, Object.keys(feeds));
}

/**
 * Refuse names that are not those of a model's inputs, before their values are read.
 *
 * @throws {InferenceError} when one is missing, or one is given that the model does not have
 */
export function checkNames(inputs: readonly ValueInfo[], given: readonly string[]): void {
  const absent = inputs.find(({ name }) => !given.includes(name));
  if (absent !== undefined) throw missing(absent, inputs, given);
  if (given.length !== inputs.length) throw unknown(inputs, given);
}

/** `float32 [batch, 28, 28, 1]`; a free dimension without a name is `?`. */
export function describeValue({ dtype, dims, anyRank }: Omit<ValueInfo, "name">): string {
  if (anyRank === true) return `${dtype} of any shape`;
  return `${dtype} [${dims.map((dim) => dim ?? "?").join(", ")}]`;
}

/** Whether `data` is the array that holds elements of `dtype` (see TensorData). */
export function holds(dtype: DType, data: unknown): boolean {
  switch (dtype) {
    case "float32":
      return data instanceof Float32Array;
    case "float64":
      return data instanceof Float64Array;
    case "int8":
      return data instanceof Int8Array;
    case "uint8":
    case "bool":
      return data instanceof Uint8Array;
    case "int16":
      return data instanceof Int16Array;
    case "uint16":
    case "float16":
      return data instanceof Uint16Array;
    case "int32":
      return data instanceof Int32Array;
    case "uint32":
      return data instanceof Uint32Array;
    case "int64":
      return data instanceof BigInt64Array;
    case "uint64":
      return data instanceof BigUint64Array;
    case "string":
      return Array.isArray(data) && data.every((item) => typeof item === "string");
    default:
      return false;
  }
}

function checkTensor(input: ValueInfo, tensor: Tensor | DeviceTensor): void {
  if (tensor.dtype !== input.dtype) throw misfit(input, tensor, `dtype ${input.dtype}`);
  if (input.anyRank !== true && !fits(tensor.dims, input.dims)) {
    throw misfit(input, tensor, `shape [${describeDims(input)}]`);
  }
  if (!tensor.dims.every(isSize)) throw misfit(input, tensor, "whole numbers from 0 as sizes");
  // How large a buffer is, ONNX Runtime checks.
  if (isOnDevice(tensor)) return;
  let size = 1;
  for (const dim of tensor.dims) size *= dim;
  if (tensor.data.length !== size || !holds(tensor.dtype, tensor.data)) {
    throw new InferenceError(
      `input "${input.name}": a tensor ${describeValue(tensor)} holds ${size} elements; ` +
        `got ${tensor.data.length} in a ${tensor.data.constructor.name}`,
    );
  }
}

function isSize(dim: number): boolean {
  return Number.isSafeInteger(dim) && dim >= 0;
}

function fits(dims: readonly number[], expected: ValueInfo["dims"]): boolean {
  if (dims.length !== expected.length) return false;
  for (let axis = 0; axis < dims.length; axis++) {
    const dim = dims[axis];
    const want = expected[axis];
    if (dim === undefined || !isSize(dim)) return false;
    if (typeof want === "number" && want !== dim) return false;
  }
  return true;
}

function describeDims({ dims }: ValueInfo): string {
  return dims.map((dim) => dim ?? "?").join(", ");
}

function misfit(input: ValueInfo, tensor: Tensor | DeviceTensor, expected: string): InferenceError {
  return new InferenceError(`input "${input.name}": expected ${expected}; got ${describeValue(tensor)}`, {
    hint: `the model takes ${input.name}: ${describeValue(input)}`,
  });
}

function missing(input: ValueInfo, inputs: readonly ValueInfo[], given: readonly string[]): InferenceError {
  return new InferenceError(
    `input "${input.name}" is missing; got ${given.length === 0 ? "none" : given.map(quote).join(", ")}`,
    { hint: takes(inputs) },
  );
}

function unknown(inputs: readonly ValueInfo[], given: readonly string[]): InferenceError {
  const names = given.filter((name) => inputs.every((input) => input.name !== name));
  return new InferenceError(`the model has no input ${names.map(quote).join(", ")}`, { hint: takes(inputs) });
}

function takes(inputs: readonly ValueInfo[]): string {
  return `the model takes ${inputs.map((input) => `${input.name}: ${describeValue(input)}`).join("; ")}`;
}

function quote(name: string): string {
  return `"${name}"`;
}
