import type { KernelBackend } from "@tensorflow/tfjs";

import type { Tensor, TensorFlow } from "./types.ts";

/** What the addon says of a tensor it made. */
export interface TensorMetadata {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

export interface OpAttribute {
  readonly name: string;
  /** One of the addon's TF_ATTR_ numbers. */
  readonly type: number;
  readonly value: unknown;
}

export type RawValues = Float32Array | Int32Array | Uint8Array | Uint8Array[];

/** The C++ addon of tfjs-node 4.22, as far as it is used here (its own types: dist/tfjs_binding.d.ts). */
export interface Binding {
  createTensor(shape: number[], dtype: number, values: RawValues): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array | BigInt64Array;
  executeOp(name: string, attributes: OpAttribute[], inputs: number[], outputs: number): TensorMetadata[];
  loadSavedModel(folder: string, tags: string): number;
  runSavedModel(session: number, inputs: number[], inputNames: string, outputNames: string): TensorMetadata[];
  deleteSavedModel(session: number): void;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_SHAPE: number;
}

/** What tfjs-node keeps of a tensor. */
export interface TensorRecord {
  readonly shape: number[];
  readonly dtype: number;
  readonly id: number;
  /** Not yet handed to TensorFlow. */
  readonly values: RawValues | null;
}

export interface TensorLike {
  readonly dataId: object;
  readonly shape?: readonly number[];
}

/** The insides of tfjs-node's backend that recording leans on; pinned to 4.22 and checked before every use. */
export interface NativeBackend {
  binding: Binding;
  readonly tensorMap: { get(dataId: object): TensorRecord; has(dataId: object): boolean };
  getInputTensorIds(tensors: readonly TensorLike[]): number[];
  readSync(dataId: object): RawValues;
  getDTypeInteger(dtype: string): number;
  createOutputTensor(metadata: TensorMetadata): Tensor;
  executeSingleOutput(name: string, attributes: OpAttribute[], inputs: readonly TensorLike[]): Tensor;
  executeMultipleOutputs(
    name: string,
    attributes: OpAttribute[],
    inputs: readonly TensorLike[],
    outputs: number,
  ): Tensor[];
}

/** TensorFlow's DataType numbers (tensorflow/core/framework/types.proto). */
export const FLOAT = 1;
export const INT32 = 3;
export const STRING = 7;
export const INT64 = 9;

const METHODS = [
  "getInputTensorIds",
  "readSync",
  "getDTypeInteger",
  "createOutputTensor",
  "executeSingleOutput",
  "executeMultipleOutputs",
];

/** tfjs-node's backend if that is the one in use, else why nothing can be recorded. */
export function nativeBackendOf(tf: TensorFlow): NativeBackend | string {
  const backend = tf.backend();
  if (isNative(backend)) return backend;
  const name = tf.getBackend();
  if (name !== "tensorflow") return `the backend is "${name}", and only tfjs-node's can be recorded`;
  return "this version of tfjs-node has other insides than 4.22";
}

function isNative(backend: KernelBackend): backend is KernelBackend & NativeBackend {
  if (!hasMethods(backend, METHODS) || !("binding" in backend) || !("tensorMap" in backend)) return false;
  return isBinding(backend.binding);
}

export function isBinding(value: unknown): value is Binding {
  const methods = ["createTensor", "deleteTensor", "tensorDataSync", "executeOp", "loadSavedModel", "runSavedModel"];
  return hasMethods(value, methods);
}

function hasMethods(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== "object" || value === null) return false;
  return names.every((name) => typeof Reflect.get(value, name) === "function");
}
