import type * as tfjs from "@tensorflow/tfjs/dist/index.js";

import { InferenceError } from "../errors.ts";
import { isObject } from "../export/source/json.ts";
import type { Provider, RuntimeName, Tensors, ValueInfo } from "../infer/runtime.ts";
import { at, first } from "../require.ts";
import type { DType, Tensor } from "../tensor.ts";

import { concatenateBatches, sliceBatch } from "./batches.ts";
import { beginRun } from "./begin-run.ts";
import type { LayerFacts, Port, Shape } from "./facts.ts";
import { print } from "./notes.ts";
import { runPart, type LoadedParts, type Part } from "./parts.ts";
import {
  sortInputs,
  type AnyInputs,
  type Given,
  type PlainInput,
  type PlainInputs,
  type PlainTensor,
  type Result,
} from "./results.ts";
import { summaryOf } from "./summary.ts";
import { isTfjsTensor } from "./tensors.ts";
import { noGraph, noSaving, noTraining, noWeights } from "./unsupported.ts";

const DEFAULT_BATCH = 32;

/** An input, an output or the output of a layer: its name, its shape (null where free) and its element type. */
export interface SymbolicTensor {
  readonly name: string;
  readonly shape: (number | null)[];
  readonly dtype: DType;
}

/** A layer of a converted model, as far as it can be asked after. */
export class LayerInfo {
  readonly name: string;
  /** In TF.js's terms: null where free, and a list of shapes for a layer with several outputs. */
  readonly outputShape: (number | null)[] | (number | null)[][];
  /** The shape of the model's input that an InputLayer, or the first layer of a Sequential, states. */
  readonly batchInputShape: (number | null)[] | undefined;
  readonly #facts: LayerFacts;

  /** @internal */
  constructor(facts: LayerFacts) {
    this.#facts = facts;
    this.name = facts.name;
    const shapes = facts.outputShapes.map((shape) => [...shape]);
    const [only] = shapes;
    this.outputShape = shapes.length === 1 && only !== undefined ? only : shapes;
    this.batchInputShape = facts.batchInputShape === null ? undefined : [...facts.batchInputShape];
  }

  /** TF.js's name of the class: `Dense`. */
  getClassName(): string {
    return this.#facts.className;
  }

  /** Number of weights, those of layers within this one included. */
  countParams(): number {
    return this.#facts.parameters;
  }

  /**
   * The name and shape of what the layer gives, to ask for it by `model.execute(x, layer.output.name)`. It is no tensor from which
   * another model could be made.
   */
  get output(): Omit<SymbolicTensor, "dtype"> {
    return { name: this.name, shape: [...first(this.#facts.outputShapes)] };
  }

  /** @throws {UnsupportedMethodError} always */
  getWeights(): never {
    throw noWeights("getWeights");
  }

  /** @throws {UnsupportedMethodError} always */
  setWeights(..._args: readonly unknown[]): never {
    throw noWeights("setWeights");
  }

  /** @throws {UnsupportedMethodError} always */
  apply(..._args: readonly unknown[]): never {
    throw noGraph("apply", "ask for the layer's output: model.execute(x, layer.name)");
  }
}

/**
 * A `tf.LayersModel` that runs on ONNX Runtime. It has TF.js's names for running a model; what TF.js gives at once, this gives as a
 * promise. Tensors of TF.js are answered with tensors of TF.js, which the caller disposes; plain ones with plain ones.
 */
export class LayersModel {
  readonly #parts: LoadedParts;
  /** The layers of the outermost model, in TF.js's order. */
  readonly layers: LayerInfo[];

  /** @internal */
  constructor(parts: LoadedParts) {
    this.#parts = parts;
    this.layers = parts.facts.layers.map((layer) => new LayerInfo(layer));
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

  /** The model's name. */
  get name(): string {
    return this.#parts.facts.name;
  }

  /** `Sequential`, `Functional` or `Model`, as the model.json says. */
  getClassName(): string {
    return this.#parts.facts.className;
  }

  /** The inputs' names, shapes and element types. */
  get inputs(): SymbolicTensor[] {
    return this.#parts.facts.inputs.map(symbolOf);
  }

  /** The outputs' names, shapes and element types. */
  get outputs(): SymbolicTensor[] {
    return this.#parts.facts.outputs.map(symbolOf);
  }

  /** Names of the layers that are the inputs. */
  get inputNames(): string[] {
    return this.#parts.facts.inputs.map(({ key }) => key);
  }

  /** Names of the layers that give the outputs. */
  get outputNames(): string[] {
    return this.#parts.facts.outputs.map(({ key }) => key);
  }

  /** Shape of the input; a list of shapes for several. */
  get inputShape(): (number | null)[] | (number | null)[][] {
    return oneOrAll(this.#parts.facts.inputs);
  }

  /** Shape of the output; a list of shapes for several. */
  get outputShape(): (number | null)[] | (number | null)[][] {
    return oneOrAll(this.#parts.facts.outputs);
  }

  /** A layer by its name, or by its place. @throws {InferenceError} when there is none */
  getLayer(nameOrIndex: string | number): LayerInfo;
  getLayer(name: string | undefined | null, index: number): LayerInfo;
  getLayer(nameOrIndex: string | number | undefined | null, index?: number): LayerInfo {
    const place = index ?? (typeof nameOrIndex === "number" ? nameOrIndex : null);
    const layer = place === null ? this.layers.find(({ name }) => name === nameOrIndex) : this.layers[place];
    if (layer !== undefined) return layer;
    throw new InferenceError(
      place === null
        ? `the model has no layer ${JSON.stringify(nameOrIndex)}`
        : `the model has ${this.layers.length} layers; there is none at ${place}`,
      { hint: `layers: ${this.layers.map(({ name }) => name).join(", ")}` },
    );
  }

  /** Number of weights. */
  countParams(): number {
    return this.#parts.facts.parameters;
  }

  /** `userDefinedMetadata` of the model.json. */
  getUserDefinedMetadata(): Record<string, unknown> {
    const { manifest } = this.#parts;
    const metadata = isObject(manifest) ? manifest["userDefinedMetadata"] : undefined;
    return isObject(metadata) ? { ...metadata } : {};
  }

  /**
   * Print the layers with their output shapes and numbers of weights.
   *
   * @param lineLength Characters of a line, 65 without it.
   * @param positions Where the columns end, as parts of a line (at most 1) or in characters.
   * @param printFn Takes each line; without it, the console does.
   */
  summary(lineLength?: number, positions?: number[], printFn: (line: string) => void = print): void {
    for (const line of summaryOf(this.#parts.facts, lineLength, positions)) printFn(line);
  }

  /**
   * Run the model on any number of samples, `batchSize` (32) at a time: one tensor, a list in the order of `inputs`, or tensors by name.
   * The answer is one tensor, or a list in the order of `outputs`.
   *
   * @throws {InferenceError} when an input is missing or of another shape, or ONNX Runtime fails
   */
  predict(
    x: tfjs.Tensor | tfjs.Tensor[] | tfjs.NamedTensorMap,
    args?: tfjs.ModelPredictConfig,
  ): Promise<tfjs.Tensor | tfjs.Tensor[]>;
  predict(
    x: PlainInput | readonly PlainInput[] | PlainInputs,
    args?: tfjs.ModelPredictConfig,
  ): Promise<PlainTensor | PlainTensor[]>;
  async predict(x: AnyInputs, args: tfjs.ModelPredictConfig = {}): Promise<unknown> {
    const { batchSize = DEFAULT_BATCH } = args;
    if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
      throw new InferenceError(`batchSize takes a whole number from 1; got ${String(batchSize)}`);
    }
    const results = await this.#run(x, null, batchSize);
    return results.length === 1 ? first(results) : results;
  }

  /** As {@link LayersModel.predict}, all samples at once. */
  predictOnBatch(x: tfjs.Tensor | tfjs.Tensor[]): Promise<tfjs.Tensor | tfjs.Tensor[]>;
  predictOnBatch(x: PlainInput | readonly PlainInput[] | PlainInputs): Promise<PlainTensor | PlainTensor[]>;
  async predictOnBatch(x: AnyInputs): Promise<unknown> {
    const results = await this.#run(x, null, null);
    return results.length === 1 ? first(results) : results;
  }

  /**
   * Run the model once and give the outputs of the layers named. For others than the model's own outputs it is converted once more at the
   * first call.
   *
   * @throws {InferenceError} when an input is missing or of another shape, or ONNX Runtime fails
   * @throws {ExportError} when there is no such layer
   */
  execute(
    inputs: tfjs.Tensor | tfjs.Tensor[] | tfjs.NamedTensorMap,
    outputs: string | string[],
  ): Promise<tfjs.Tensor | tfjs.Tensor[]>;
  execute(
    inputs: PlainInput | readonly PlainInput[] | PlainInputs,
    outputs: string | readonly string[],
  ): Promise<PlainTensor | PlainTensor[]>;
  async execute(inputs: AnyInputs, outputs: string | readonly string[]): Promise<unknown> {
    const names = typeof outputs === "string" ? [outputs] : outputs;
    if (names.length === 0) throw new InferenceError("execute is given no names of outputs");
    const results = await this.#run(inputs, names, null);
    return typeof outputs === "string" ? first(results) : results;
  }

  /** Free the model, after the runs under way. */
  dispose(): Promise<void> {
    return this.#parts.dispose();
  }

  /** @throws {UnsupportedMethodError} always */
  compile(..._args: readonly unknown[]): never {
    throw noTraining("compile");
  }

  /** @throws {UnsupportedMethodError} always */
  async fit(..._args: readonly unknown[]): Promise<never> {
    throw noTraining("fit");
  }

  /** @throws {UnsupportedMethodError} always */
  async fitDataset(..._args: readonly unknown[]): Promise<never> {
    throw noTraining("fitDataset");
  }

  /** @throws {UnsupportedMethodError} always */
  async trainOnBatch(..._args: readonly unknown[]): Promise<never> {
    throw noTraining("trainOnBatch");
  }

  /** @throws {UnsupportedMethodError} always */
  evaluate(..._args: readonly unknown[]): never {
    throw noTraining("evaluate");
  }

  /** @throws {UnsupportedMethodError} always */
  async evaluateDataset(..._args: readonly unknown[]): Promise<never> {
    throw noTraining("evaluateDataset");
  }

  /** @throws {UnsupportedMethodError} always */
  getWeights(..._args: readonly unknown[]): never {
    throw noWeights("getWeights");
  }

  /** @throws {UnsupportedMethodError} always */
  setWeights(..._args: readonly unknown[]): never {
    throw noWeights("setWeights");
  }

  /** @throws {UnsupportedMethodError} always */
  loadWeights(..._args: readonly unknown[]): never {
    throw noWeights("loadWeights");
  }

  /** @throws {UnsupportedMethodError} always */
  get weights(): never {
    throw noWeights("weights");
  }

  /** @throws {UnsupportedMethodError} always */
  get trainableWeights(): never {
    throw noWeights("trainableWeights");
  }

  /** @throws {UnsupportedMethodError} always */
  apply(..._args: readonly unknown[]): never {
    throw noGraph("apply", "call predict or execute");
  }

  /** @throws {UnsupportedMethodError} always */
  call(..._args: readonly unknown[]): never {
    throw noGraph("call", "call predict or execute");
  }

  /** @throws {UnsupportedMethodError} always */
  async save(..._args: readonly unknown[]): Promise<never> {
    throw noSaving();
  }

  /** @throws {UnsupportedMethodError} always */
  toJSON(..._args: readonly unknown[]): never {
    throw noSaving();
  }

  /** Reading the inputs begins before this returns. @param batchSize Null: all samples at once. */
  async #run(inputs: AnyInputs, names: readonly string[] | null, batchSize: number | null): Promise<Result[]> {
    const { whole, facts } = this.#parts;
    const given = this.#given(inputs, whole.session.inputs);
    const runs = isOneRun(given, batchSize) ? whole.session.onDevice : undefined;
    const run = beginRun(given, true, runs, (part, feeds) => runBatches(part, feeds, batchSize));
    const layers = names?.map((name) => layerOf(name, this.layers)) ?? facts.outputs.map(({ key }) => key);
    const own = layers.flatMap(
      (layer) => facts.outputs.find(({ key, index }) => key === layer && index === 0)?.onnx ?? [],
    );
    const opening = names === null || own.length === layers.length ? null : this.#parts.inner([...new Set(layers)]);
    const inner = await opening;
    const distinct = [...new Set(layers)];
    let part: Part = whole;
    if (inner !== null) part = { ...inner, outputs: layers.map((layer) => at(inner.outputs, distinct.indexOf(layer))) };
    else if (names !== null) part = { ...whole, outputs: own };
    return run(part, layers);
  }

  #given(inputs: AnyInputs, wanted: readonly ValueInfo[]): Given[] {
    const { list, named } = sortInputs(inputs);
    const ports = this.#parts.facts.inputs;
    if (list !== null && list.length !== ports.length) {
      throw new InferenceError(
        `the model takes ${ports.length} tensors (${this.inputNames.join(", ")}); got ${list.length}`,
      );
    }
    const unknown = [...(named?.keys() ?? [])].find((name) => ports.every(({ key }) => key !== name));
    if (unknown !== undefined) {
      throw new InferenceError(`the model has no input "${unknown}"`, {
        hint: `inputs: ${this.inputNames.join(", ")}`,
      });
    }
    return ports.flatMap((port, index) => {
      const value = list === null ? named?.get(port.key) : list[index];
      if (value === undefined) throw new InferenceError(`input "${port.key}" is missing`);
      const input = wanted.find(({ name }) => name === port.onnx);
      return input === undefined ? [] : [{ input, value }];
    });
  }
}

/** Whether the inputs are as the model takes them, and few enough samples for one run. */
function isOneRun(given: readonly Given[], batchSize: number | null): boolean {
  return given.every(({ input, value }) => {
    if (!isTfjsTensor(value) || value.shape.length !== input.dims.length) return false;
    const [own] = input.dims;
    const size = typeof own === "number" ? own : batchSize;
    return batchSize === null || size === null || (value.shape[0] ?? 1) <= size;
  });
}

/** Run a part on slices of all inputs along the first axis; on the model's own batch where it fixes one. */
async function runBatches(part: Part, given: Tensors, batchSize: number | null): Promise<readonly Tensor[]> {
  const feeds = batchSize === null ? given : withFeatures(given, part.session.inputs);
  const fixed = part.session.inputs.map(({ dims }) => dims[0]).find((size) => typeof size === "number");
  const size = fixed ?? batchSize;
  const samples = Object.values(feeds)[0]?.dims[0];
  if (batchSize === null || size === null || samples === undefined || samples <= size) return runPart(part, feeds);
  const several = Object.entries(feeds).find(([, { dims }]) => dims[0] !== samples);
  if (several !== undefined) {
    throw new InferenceError(
      `all inputs must have the same number of samples; got ${samples} and, for "${several[0]}", ${several[1].dims[0]}`,
    );
  }
  const batches: (readonly Tensor[])[] = [];
  for (let start = 0; start < samples; start += size) {
    const end = Math.min(start + size, samples);
    const slices = Object.entries(feeds).map(([name, tensor]) => [name, sliceBatch(tensor, start, end)] as const);
    batches.push(await runPart(part, Object.fromEntries(slices)));
  }
  return first(batches).map((_, output) => concatenateBatches(batches.map((batch) => at(batch, output))));
}

/** TF.js takes a list of numbers for samples of one number each. Source: tfjs-layers, engine/training_tensors.ts. */
function withFeatures(feeds: Tensors, inputs: readonly ValueInfo[]): Tensors {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, tensor]) => {
      const input = inputs.find((each) => each.name === name);
      const isList = tensor.dims.length === 1 && input?.dims.length === 2;
      return [name, isList ? { ...tensor, dims: [first(tensor.dims), 1] } : tensor];
    }),
  );
}

/** The layer that a name of TF.js's tensors stands for: `dense`, `dense/dense`, `dense/dense_3`. */
function layerOf(name: string, layers: readonly LayerInfo[]): string {
  if (layers.some((layer) => layer.name === name)) return name;
  const [, layer, again] = /^(.+)\/(.+?)(?:_\d+)?$/u.exec(name) ?? [];
  return layer !== undefined && layer === again && layers.some((each) => each.name === layer) ? layer : name;
}

function symbolOf({ key, dtype, shape }: Port): SymbolicTensor {
  return { name: key, shape: [...shape], dtype };
}

function oneOrAll(ports: readonly { readonly shape: Shape }[]): (number | null)[] | (number | null)[][] {
  const shapes = ports.map(({ shape }) => [...shape]);
  return shapes.length === 1 ? first(shapes) : shapes;
}
