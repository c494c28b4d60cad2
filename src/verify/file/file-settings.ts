import { ToolError } from "../../errors.ts";
import { outputNames } from "../../export/convert.ts";
import type { RecurrentForm } from "../../export/converter.ts";
import { exportSource, type ExportOptions } from "../../export/export-model.ts";
import { requestedLayers } from "../../export/requested-outputs.ts";
import { rulesOf } from "../../export/follows-keras.ts";
import { ConfigReader } from "../../export/source/config.ts";
import type { LayersSource, LayerSpec, ModelSpec, TensorRef } from "../../export/source/model.ts";
import { LAYER_CLASSES } from "../../export/source/layer-classes.ts";

import type { OnnxFile } from "./onnx-file.ts";

/** How a file was exported, as far as the file itself shows it. */
export interface FileSettings {
  readonly options: ExportOptions;
  /** For each output the axis of a final softmax that the model has and the file leaves out; null where there is none. */
  readonly leftOutSoftmax: readonly (number | null)[];
}

const OLDEST_OPSET = 13;
const NEWEST_OPSET = 21;

/**
 * Find out with which settings a file was exported from a Layers model: opset, fixed sizes, outputs of layers, a final
 * softmax that was left out, the form of recurrent layers.
 *
 * @param given Settings that are known; they go first.
 * @throws {ToolError} when the file's outputs are neither the model's nor those of its layers.
 */
export function settingsOf(file: OnnxFile, source: LayersSource, given: ExportOptions): FileSettings {
  const outputs = given.outputs ?? outputsOf(file, source, given);
  const softmax = outputs === null ? source.model.outputs.map((ref) => softmaxAxis(source, source.model, ref)) : [];
  const leftOutSoftmax = file.outputs.map(({ name }, index) =>
    isSoftmax(file, name) ? null : (softmax[index] ?? null),
  );
  const options: ExportOptions = {
    ...opsetAndSizes(file),
    recurrentForm: recurrentFormOf(file),
    ...(outputs === null ? {} : { outputs }),
    logits: softmax.length > 0 && leftOutSoftmax.some((axis) => axis !== null),
    ...given,
  };
  return { options, leftOutSoftmax };
}

/** What a file of either kind of model shows: the operator set, how weights are kept, and sizes that are fixed. */
export function opsetAndSizes(file: OnnxFile): ExportOptions {
  const { opset, precision } = file;
  const isKnown = opset !== null && opset >= OLDEST_OPSET && opset <= NEWEST_OPSET;
  return { ...(isKnown ? { opset } : {}), precision, ...fixedSizes(file) };
}

/** Operators that only move elements. */
const MOVING = new Set(["Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"]);

/** Whether a tensor is made by a softmax, moved elsewhere or not. */
function isSoftmax({ nodes }: Pick<OnnxFile, "nodes">, tensor: string): boolean {
  const producer = nodes.find(({ outputs }) => outputs.includes(tensor));
  if (producer === undefined || producer.opType === "Softmax") return producer !== undefined;
  const [first] = producer.inputs;
  return MOVING.has(producer.opType) && first !== undefined && isSoftmax({ nodes }, first);
}

const NATIVE = new Set(["LSTM", "GRU", "RNN"]);

function recurrentFormOf({ nodes }: OnnxFile): RecurrentForm {
  return nodes.some(({ opType }) => NATIVE.has(opType)) ? "native" : "portable";
}

/** The batch, where it alone is fixed; whole shapes of the inputs that have no free size. */
function fixedSizes({ inputs }: OnnxFile): Pick<ExportOptions, "batch" | "inputShapes"> {
  const fixed = inputs.flatMap(({ name, dims }): [string, number[]][] => {
    const sizes = dims.filter((size) => typeof size === "number");
    return sizes.length === dims.length ? [[name, sizes]] : [];
  });
  const batch = inputs[0]?.dims[0];
  return {
    ...(typeof batch === "number" ? { batch } : {}),
    ...(fixed.length === 0 ? {} : { inputShapes: Object.fromEntries(fixed) }),
  };
}

/** Layers whose outputs the file gives in place of the model's own; null when it gives the model's. */
function outputsOf(file: OnnxFile, source: LayersSource, given: ExportOptions): readonly string[] | null {
  const names = file.outputs.map(({ name }) => name);
  if (names.join("\n") === outputNames(source.model).join("\n")) return null;
  const layers = names.filter((name) => isLayer(source.model, name));
  // States of a recurrent layer are named after it: `lstm`, `lstm_1`, `lstm_2`.
  const stems = layers.filter((name) => !layers.includes(name.replace(/_\d+$/, "")));
  for (const outputs of [layers, stems]) {
    if (outputs.length > 0 && givenNames(source, { ...given, outputs }).join("\n") === names.join("\n")) return outputs;
  }
  throw new ToolError(
    `the file gives ${names.join(", ")}; the model gives ${outputNames(source.model).join(", ")}, and its layers are named otherwise`,
    { hint: "give the TF.js model that the file was exported from" },
  );
}

function isLayer(model: ModelSpec, name: string): boolean {
  try {
    requestedLayers(model, [name]);
    return true;
  } catch (error) {
    if (error instanceof ToolError) return false;
    throw error;
  }
}

function givenNames(source: LayersSource, options: ExportOptions): readonly string[] {
  return exportSource(source, { ...options, logits: false }).outputs.map(({ name }) => name);
}

/** Layers that give what they are given. */
const UNCHANGED = /^(Dropout|ActivityRegularization|Identity|Gaussian\w+|AlphaDropout|SpatialDropout\dD|Reshape)$/;

/** The axis of the softmax that an output of a model ends in; null when it ends in none. */
function softmaxAxis(source: LayersSource, model: ModelSpec, { layer: name, call, tensor }: TensorRef): number | null {
  const layer = model.layers.find((each) => each.name === name);
  if (layer === undefined) return null;
  if (layer.model !== null) {
    const inner = layer.model.outputs[tensor];
    return inner === undefined ? null : softmaxAxis(source, layer.model, inner);
  }
  const before = layer.calls[call]?.inputs[0];
  if (UNCHANGED.test(layer.className)) return before === undefined ? null : softmaxAxis(source, model, before);
  return softmaxOf(source, layer);
}

function softmaxOf(source: LayersSource, { className, config, wrapped }: LayerSpec): number | null {
  const { recurrent, holds } = LAYER_CLASSES.get(className) ?? {};
  if (holds === "layer" && wrapped !== null) {
    const axis = wrappedSoftmax(source, wrapped);
    return axis === null || axis < 0 ? axis : axis + 1;
  }
  const reader = new ConfigReader(config);
  if (className === "Softmax")
    return reader.integers("axis", null, [rulesOf(source).softmaxAxis === true ? -1 : 1])[0] ?? null;
  if (recurrent === true || holds === "directions" || config["activation"] === undefined) return null;
  if (reader.activation("activation", "linear").name !== "softmax") return null;
  return config["data_format"] === "channels_first" ? 1 : -1;
}

function wrappedSoftmax(source: LayersSource, wrapped: LayerSpec): number | null {
  if (wrapped.model === null) return softmaxOf(source, wrapped);
  const [output] = wrapped.model.outputs;
  return output === undefined ? null : softmaxAxis(source, wrapped.model, output);
}
