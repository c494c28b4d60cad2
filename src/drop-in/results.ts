import type * as tfjs from "@tensorflow/tfjs/dist/index.js";

import { InferenceError } from "../errors.ts";
import type { ValueInfo } from "../infer/runtime.ts";
import type { Tensor } from "../tensor.ts";

import {
  isTfjsTensor,
  tfjsEngine,
  toPlain,
  toTensor,
  toTfjs,
  type AnyInput,
  type PlainInput,
  type PlainInputs,
  type PlainTensor,
} from "./tensors.ts";

/** What a model is given: one input, several in the model's order, or several by name. */
export type AnyInputs = AnyInput | readonly AnyInput[] | Readonly<Record<string, AnyInput>>;

/** One of a model's inputs, and the value that a caller gave for it. */
export interface Given {
  readonly input: ValueInfo;
  readonly value: unknown;
}

/** Tensors as the caller has them: those of TF.js, or plain ones. */
export type Result = tfjs.Tensor | PlainTensor;

/** How results are given to the caller, decided by what the inputs are: TF.js's tensors for TF.js's tensors. */
export type Present = (tensors: readonly Tensor[], names: readonly string[]) => Result[];

/**
 * Whether the caller gave one value, a list or values by name.
 *
 * @throws {InferenceError} for neither
 */
export function sortInputs(inputs: unknown): {
  readonly list: readonly unknown[] | null;
  readonly named: ReadonlyMap<string, unknown> | null;
} {
  if (typeof inputs !== "object" || inputs === null) {
    throw new InferenceError(`the model is given ${inputs === null ? "null" : typeof inputs}; expected a tensor`, {
      hint: "give a tf.Tensor, a typed array, { data, shape }, a list of them, or an object of them by name",
    });
  }
  if (isTfjsTensor(inputs) || ArrayBuffer.isView(inputs)) return { list: [inputs], named: null };
  if (Array.isArray(inputs)) {
    const strings = inputs.length > 0 && inputs.every((item) => typeof item === "string");
    return { list: strings ? [inputs] : inputs, named: null };
  }
  if ("data" in inputs && "shape" in inputs && Array.isArray(inputs.shape)) return { list: [inputs], named: null };
  return { list: null, named: new Map(Object.entries(inputs)) };
}

/** Begin to read all inputs; see {@link toTensor}. */
export async function readInputs(given: readonly Given[], cast: boolean): Promise<ReadonlyMap<string, Tensor>> {
  const tensors = await Promise.all(
    given.map(async ({ input, value }) => [input.name, await toTensor(value, input, cast)] as const),
  );
  return new Map(tensors);
}

/** TF.js's tensors are given back for TF.js's tensors; for a model without inputs, where TF.js has been loaded. */
export function presenter(given: readonly Given[]): Present {
  const wantsTfjs = given.length === 0 ? tfjsEngine() !== null : given.some(({ value }) => isTfjsTensor(value));
  if (!wantsTfjs) return (tensors, names) => tensors.map((tensor, index) => toPlain(tensor, names[index] ?? "?"));
  const engine = tfjsEngine();
  if (engine === null) {
    throw new InferenceError("the tensor is of a TF.js whose engine is not on this page or in this process", {
      hint: "give a typed array instead",
    });
  }
  return (tensors, names) => tensors.map((tensor, index) => toTfjs(engine, tensor, names[index] ?? "?"));
}

export type { AnyInput, PlainInput, PlainInputs, PlainTensor };
