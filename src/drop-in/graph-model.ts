import type * as tfjs from "@tensorflow/tfjs/dist/index.js";

import { InferenceError, ToolError } from "../errors.ts";
import { parseOutput } from "../export/graph/source/node-output.ts";
import { isObject } from "../export/source/json.ts";
import type { Provider, RuntimeName, ValueInfo } from "../infer/runtime.ts";
import { at, first } from "../require.ts";

import type { Port } from "./facts.ts";
import { beginRun } from "./begin-run.ts";
import type { LoadedParts } from "./parts.ts";
import {
  sortInputs,
  type AnyInputs,
  type Given,
  type PlainInput,
  type PlainInputs,
  type PlainTensor,
  type Result,
} from "./results.ts";
import { noSaving, noWeights } from "./unsupported.ts";

/** An input or output: its node, shape (-1 where free) and element type. */
export interface TensorInfo {
  name: string;
  shape?: number[];
  dtype: tfjs.DataType;
}

/**
 * A `tf.GraphModel` that runs on ONNX Runtime. It has TF.js's names for running a model; what TF.js gives at once, this gives as a
 * promise. Tensors of TF.js are answered with tensors of TF.js, which the caller disposes; plain ones with plain ones.
 */
export class GraphModel {
  readonly #parts: LoadedParts;

  /** @internal */
  constructor(parts: LoadedParts) {
    this.#parts = parts;
  }

  /** The runtime that computes: `node` is onnxruntime-node, `web` onnxruntime-web. */
  get runtime(): RuntimeName {
    return this.#parts.runtime;
  }

  /** Where it computes. */
  get provider(): Provider {
    return this.#parts.provider;
  }

  /** Nodes that the provider left to another, as `name (Operator)`. */
  get elsewhere(): readonly string[] {
    return this.#parts.elsewhere;
  }

  /** Whether a kept ONNX file was used, so that nothing was converted. */
  get fromCache(): boolean {
    return this.#parts.fromCache;
  }

  /** Version of TensorFlow's graphs that the model was written for, `n/a` where it does not say. */
  get modelVersion(): string {
    const topology = part(this.#parts.manifest, "modelTopology");
    const versions = part(topology, "versions");
    if (!isObject(versions)) return "n/a";
    return `${String(versions["producer"])}.${String(versions["minConsumer"])}`;
  }

  /** Names of the inputs, by the model's signature where it has one. */
  get inputNodes(): string[] {
    return this.#parts.facts.inputs.map(({ key }) => key);
  }

  /** Names of the outputs, by the model's signature where it has one. */
  get outputNodes(): string[] {
    return this.#parts.facts.outputs.map(({ key }) => key);
  }

  /** The inputs' nodes, shapes and element types. */
  get inputs(): TensorInfo[] {
    return this.#parts.facts.inputs.map(infoOf);
  }

  /** The outputs' nodes, shapes and element types. */
  get outputs(): TensorInfo[] {
    return this.#parts.facts.outputs.map(infoOf);
  }

  /** `userDefinedMetadata` of the model.json. */
  get metadata(): Record<string, unknown> {
    return objectOf(part(this.#parts.manifest, "userDefinedMetadata"));
  }

  /** The model's signature: its inputs and outputs by the names that its author gave them. */
  get modelSignature(): Record<string, unknown> {
    return objectOf(part(this.metadata, "signature") ?? part(this.#parts.manifest, "signature"));
  }

  /** Names of the outputs of a model that returns a dictionary, by their order. */
  get modelStructuredOutputKeys(): Record<string, unknown> | undefined {
    const keys = part(this.metadata, "structuredOutputKeys");
    return typeof keys === "object" && keys !== null ? { ...keys } : undefined;
  }

  /** @throws {UnsupportedMethodError} always */
  get weights(): never {
    throw noWeights("weights");
  }

  /**
   * Run the model on one tensor, a list in the order of `inputNodes`, or tensors by name. The answer is one tensor, a list in the order
   * of `outputNodes`, or tensors by name for a model that returns a dictionary.
   *
   * @param _config Accepted for TF.js's sake.
   * @throws {InferenceError} when an input is missing or of another shape or element type, or ONNX Runtime fails
   */
  predict(
    inputs: tfjs.Tensor | tfjs.Tensor[] | tfjs.NamedTensorMap,
    _config?: tfjs.ModelPredictConfig,
  ): Promise<tfjs.Tensor | tfjs.Tensor[] | tfjs.NamedTensorMap>;
  predict(
    inputs: PlainInput | readonly PlainInput[] | PlainInputs,
    _config?: tfjs.ModelPredictConfig,
  ): Promise<PlainTensor | PlainTensor[] | Record<string, PlainTensor>>;
  async predict(inputs: AnyInputs, _config?: tfjs.ModelPredictConfig): Promise<unknown> {
    const results = await this.#run(inputs, null);
    const keys = this.modelStructuredOutputKeys;
    if (keys === undefined) return results.length === 1 ? first(results) : results;
    return Object.fromEntries(results.map((tensor, index) => [String(keys[String(index)]), tensor]));
  }

  /** As {@link GraphModel.predict}. */
  predictAsync(
    inputs: tfjs.Tensor | tfjs.Tensor[] | tfjs.NamedTensorMap,
    config?: tfjs.ModelPredictConfig,
  ): Promise<tfjs.Tensor | tfjs.Tensor[] | tfjs.NamedTensorMap>;
  predictAsync(
    inputs: PlainInput | readonly PlainInput[] | PlainInputs,
    config?: tfjs.ModelPredictConfig,
  ): Promise<PlainTensor | PlainTensor[] | Record<string, PlainTensor>>;
  predictAsync(inputs: never, config?: tfjs.ModelPredictConfig): Promise<unknown> {
    return this.predict(inputs, config);
  }

  /**
   * Run the model and give the outputs named: of the signature, of nodes (`node`, `node:1`), inner ones too. Without names, the model's own
   * outputs. Tensors by name may leave out inputs that these outputs do not need. For inner outputs, and where inputs are left out, the model
   * is converted once more at the first call.
   *
   * @throws {InferenceError} when an input is missing or of another shape or element type, or ONNX Runtime fails
   * @throws {ExportError} when a name is none of the model's, or an inner tensor cannot be an output
   */
  execute(
    inputs: tfjs.Tensor | tfjs.Tensor[] | tfjs.NamedTensorMap,
    outputs?: string | string[],
  ): Promise<tfjs.Tensor | tfjs.Tensor[]>;
  execute(
    inputs: PlainInput | readonly PlainInput[] | PlainInputs,
    outputs?: string | readonly string[],
  ): Promise<PlainTensor | PlainTensor[]>;
  async execute(inputs: AnyInputs, outputs?: string | readonly string[]): Promise<unknown> {
    const names = typeof outputs === "string" ? [outputs] : (outputs ?? null);
    const results = await this.#run(inputs, names !== null && names.length > 0 ? names : null);
    return results.length > 1 ? results : first(results);
  }

  /** As {@link GraphModel.execute}. */
  executeAsync(
    inputs: tfjs.Tensor | tfjs.Tensor[] | tfjs.NamedTensorMap,
    outputs?: string | string[],
  ): Promise<tfjs.Tensor | tfjs.Tensor[]>;
  executeAsync(
    inputs: PlainInput | readonly PlainInput[] | PlainInputs,
    outputs?: string | readonly string[],
  ): Promise<PlainTensor | PlainTensor[]>;
  executeAsync(inputs: never, outputs?: string[]): Promise<unknown> {
    return this.execute(inputs, outputs);
  }

  /** Free the model, after the runs under way. */
  dispose(): Promise<void> {
    return this.#parts.dispose();
  }

  /** Does nothing: no tensors of TF.js are kept between runs. */
  disposeIntermediateTensors(): void {
    this.#parts.assertUsable();
  }

  /** @throws {UnsupportedMethodError} always */
  getIntermediateTensors(): never {
    throw noWeights("getIntermediateTensors");
  }

  /** @throws {UnsupportedMethodError} always */
  async save(..._args: readonly unknown[]): Promise<never> {
    throw noSaving();
  }

  /** Reading the inputs begins before this returns. */
  async #run(inputs: AnyInputs, names: readonly string[] | null): Promise<Result[]> {
    const { whole, facts } = this.#parts;
    const given = this.#given(inputs, whole.session.inputs);
    const run = beginRun(given, false, whole.session.onDevice);
    const chosen = (names ?? this.outputNodes).map((name) => ownOutput(facts.outputs, name));
    const own = chosen.flatMap((port) => (port?.onnx === null || port === null ? [] : [port.onnx]));
    // An input that was left out may be one that only other outputs need: the file of these outputs has no such input.
    const isComplete = whole.session.inputs.length === 1 || whole.session.inputs.length === given.length;
    const isOwn = own.length === chosen.length && isComplete;
    // Names of the signature are those of nodes to the converter.
    const wanted = chosen.map((port, index) => (port === null ? at(names ?? [], index) : `${port.node}:${port.index}`));
    const opening = isOwn ? null : this.#parts.inner([...new Set(wanted)]);
    const inner = await opening;
    const used = inner === null ? { ...whole, outputs: own } : { ...inner, outputs: inPlaces(inner.outputs, wanted) };
    return run(used, names ?? this.outputNodes);
  }

  /** The values of the ONNX file's inputs, by every name that TF.js takes for them. */
  #given(inputs: AnyInputs, wanted: readonly ValueInfo[]): Given[] {
    const { list, named } = sortInputs(inputs);
    const ports = this.#parts.facts.inputs;
    const infos = new Map(wanted.map((input) => [input.name, input]));
    const values: (readonly [Port, unknown])[] = [];
    if (list !== null) {
      const open = ports.filter((port) => !isResource(this.modelSignature, port));
      if (list.length !== open.length) {
        throw new InferenceError(
          `the model takes ${open.length} tensors (${open.map(({ key }) => key).join(", ")}); got ${list.length}`,
        );
      }
      for (const [index, port] of open.entries()) values.push([port, list[index]]);
    }
    for (const [name, value] of named ?? []) {
      const port = ports.find(({ key, node }) => name === key || name === node || name === `${node}:0`);
      if (port !== undefined) values.push([port, value]);
      else if (infos.has(name))
        values.push([{ key: name, node: name, index: 0, onnx: name, dtype: "float32", shape: [] }, value]);
      else {
        throw new InferenceError(`the model has no input "${name}"`, {
          hint: `inputs: ${ports.map(({ key }) => key).join(", ")}; a tensor inside the model cannot be fed`,
        });
      }
    }
    return values.flatMap(([{ onnx }, value]) => {
      const input = onnx === null ? undefined : infos.get(onnx);
      return input === undefined ? [] : [{ input, value }];
    });
  }
}

/** The output for each name, where names may be there twice. */
function inPlaces(outputs: readonly string[], names: readonly string[]): readonly string[] {
  const distinct = [...new Set(names)];
  return names.map((name) => at(outputs, distinct.indexOf(name)));
}

/** One of the model's own outputs, by its key, `node` or `node:1`; null for others. */
function ownOutput(outputs: readonly Port[], name: string): Port | null {
  const byKey = outputs.find(({ key }) => key === name);
  if (byKey !== undefined) return byKey;
  const { node, output } = parsed(name);
  return outputs.find((port) => port.node === node && port.index === output) ?? null;
}

function parsed(name: string): { readonly node: string; readonly output: number } {
  try {
    return parseOutput(name);
  } catch (error) {
    if (error instanceof ToolError) return { node: name, output: 0 };
    throw error;
  }
}

function isResource(signature: Record<string, unknown>, { key }: Port): boolean {
  const entry = part(part(signature, "inputs"), key);
  return isObject(entry) && entry["resourceId"] !== undefined && entry["resourceId"] !== null;
}

function infoOf({ node, shape, dtype }: Port): TensorInfo {
  const type = dtype === "int32" || dtype === "bool" || dtype === "string" ? dtype : "float32";
  return { name: node, shape: shape.map((size) => size ?? -1), dtype: type };
}

function part(object: unknown, key: string): unknown {
  return isObject(object) && Object.hasOwn(object, key) ? object[key] : undefined;
}

function objectOf(value: unknown): Record<string, unknown> {
  return isObject(value) ? { ...value } : {};
}
