import type * as tfjs from "@tensorflow/tfjs";

import { InternalError } from "../../errors.ts";
import { executionOrder } from "../../export/execution-order.ts";
import { LAYER_CLASSES } from "../../export/source/layer-classes.ts";
import type { LayerSpec, ModelSpec, TensorRef } from "../../export/source/model.ts";
import type { Tfjs } from "../../infer/tfjs-backend.ts";
import { sizeOf } from "../../tensor.ts";

import type { Examination, InputShapes } from "./reference.ts";

type Shape = readonly (number | null)[];

/** Why a model does not take its inputs. */
class ShapeFault extends Error {}

/**
 * Follows shapes through a loaded model by the layers' own `computeOutputShape`, without computing anything. No size may
 * become negative, or 0 where the inputs have none that is.
 */
export function examineLayers(tf: Tfjs, model: tfjs.LayersModel, spec: ModelSpec, shapes: InputShapes): Examination {
  const least = [...shapes.values()].some((shape) => shape.includes(0)) ? 0 : 1;
  const walk = new ShapeWalk(tf, least);
  const inputs = spec.inputs.map(({ layer }) => {
    const shape = shapes.get(layer);
    if (shape === undefined) throw new InternalError(`no shape is given for input ${layer}`);
    return shape;
  });
  try {
    walk.model(model, spec, "", inputs);
    return { fault: null, work: walk.work, ones: walk.ones };
  } catch (error) {
    // TF.js's layers throw errors of several kinds; all of them speak of shapes here.
    if (error instanceof InternalError || !(error instanceof Error)) throw error;
    return { fault: error.message, work: null, ones: 0 };
  }
}

class ShapeWalk {
  readonly #tf: Tfjs;
  readonly #least: number;
  /** Multiplications and additions so far. */
  work = 0;
  /** Axes of size 1 so far. */
  ones = 0;

  constructor(tf: Tfjs, least: number) {
    this.#tf = tf;
    this.#least = least;
  }

  model(model: tfjs.LayersModel, spec: ModelSpec, prefix: string, inputs: readonly Shape[]): readonly Shape[] {
    const layers = new Map(spec.layers.map((layer) => [layer.name, layer]));
    const results = new Map<string, readonly Shape[]>();
    spec.inputs.forEach((ref, index) => {
      const shape = inputs[index];
      if (shape !== undefined) results.set(callKey(ref), [shape]);
    });
    for (const ref of executionOrder(spec, spec.outputs)) {
      const layer = layers.get(ref.layer);
      const call = layer?.calls[ref.call];
      if (layer === undefined || call === undefined || results.has(callKey(ref))) continue;
      const given = call.inputs.map((each) => pick(results, each));
      results.set(callKey(ref), this.#layer(model.getLayer(layer.name), layer, `${prefix}${layer.name}`, given));
    }
    return spec.outputs.map((ref) => pick(results, ref));
  }

  #layer(layer: tfjs.layers.Layer, spec: LayerSpec, path: string, inputs: readonly Shape[]): readonly Shape[] {
    if (spec.model !== null && layer instanceof this.#tf.LayersModel) {
      return this.model(layer, spec.model, `${path}/`, inputs);
    }
    expectSpecs(layer, path, inputs);
    if (spec.className === "Concatenate") expectJoinable(spec, path, inputs);
    this.#wrapped(layer, spec, path, inputs);
    const outputs = outputShapes(layer, inputs);
    for (const shape of outputs) {
      if (shape.some((size) => size !== null && !(size >= this.#least && Number.isInteger(size)))) {
        throw new ShapeFault(
          `layer ${path} (${spec.className}) would make a tensor of shape [${shape.join(", ")}] from ${inputs.map((input) => `[${input.join(", ")}]`).join(", ")}`,
        );
      }
    }
    this.ones += outputs.flat().filter((size) => size === 1).length;
    this.work += workOf(layer, spec, inputs, outputs);
    return outputs;
  }

  /** A wrapped model runs once for each time step, and its layers' shapes show in no output of the wrapper. */
  #wrapped(layer: tfjs.layers.Layer, { className, wrapped }: LayerSpec, path: string, [input]: readonly Shape[]): void {
    if (className !== "TimeDistributed" || wrapped?.model === null || wrapped?.model === undefined) return;
    const inner: unknown = "layer" in layer ? layer.layer : null;
    if (!(inner instanceof this.#tf.LayersModel) || input === undefined) return;
    this.model(inner, wrapped.model, `${path}/${wrapped.name}/`, [[input[0] ?? null, ...input.slice(2)]]);
  }
}

function outputShapes(layer: tfjs.layers.Layer, inputs: readonly Shape[]): readonly Shape[] {
  const copies = inputs.map((shape) => [...shape]);
  const [only] = copies;
  const output = layer.computeOutputShape(copies.length === 1 && only !== undefined ? only : copies);
  return isShapeList(output) ? output : [output];
}

function isShapeList(output: tfjs.Shape | tfjs.Shape[]): output is tfjs.Shape[] {
  return Array.isArray(output[0]);
}

/** Ranks and sizes that a layer was built for. */
function expectSpecs(layer: tfjs.layers.Layer, path: string, inputs: readonly Shape[]): void {
  const specs = layer.inputSpec ?? [];
  for (const [index, spec] of specs.entries()) {
    const shape = inputs[index];
    if (shape === undefined) continue;
    const fits =
      (spec.ndim ?? shape.length) === shape.length &&
      (spec.minNDim ?? 0) <= shape.length &&
      Object.entries(spec.axes ?? {}).every(([axis, size]) => {
        const found = shape.at(Number(axis));
        return found === null || found === undefined || found === size;
      });
    if (fits) continue;
    const axes = Object.entries(spec.axes ?? {}).map(([axis, size]) => `${size} on axis ${axis}`);
    throw new ShapeFault(
      `layer ${path} expects ${[`rank ${spec.ndim ?? spec.minNDim ?? "any"}`, ...axes].join(", ")}; it is given [${shape.join(", ")}]`,
    );
  }
}

/** `computeOutputShape` of Concatenate does not compare its inputs. */
function expectJoinable({ config }: LayerSpec, path: string, inputs: readonly Shape[]): void {
  const [first] = inputs;
  if (first === undefined) return;
  const given = config["axis"];
  const axis = typeof given === "number" ? given : -1;
  const joined = axis < 0 ? axis + first.length : axis;
  const rest = (shape: Shape): string => shape.toSpliced(joined, 1).join();
  if (inputs.some((shape) => rest(shape) !== rest(first))) {
    throw new ShapeFault(`layer ${path} cannot join ${inputs.map((shape) => `[${shape.join(", ")}]`).join(" and ")}`);
  }
}

/** Layers that use their weights at every position of their input, not of their output. */
const BY_INPUT = /RNN|LSTM|GRU|Bidirectional|TimeDistributed|Transpose/;

/** TF.js has no fast kernels for volumes: a multiplication takes about ten times as long. */
const SLOW = /3D/;
const SLOWNESS = 10;

/** Multiplications and additions, roughly: every weight is used once at each position, every output element is written. */
function workOf(
  layer: tfjs.layers.Layer,
  { className, config }: LayerSpec,
  inputs: readonly Shape[],
  outputs: readonly Shape[],
): number {
  const weights = layer.weights.reduce((sum, { shape }) => sum + elements(shape), 0);
  const [source] = BY_INPUT.test(className) ? inputs : outputs;
  const written = outputs.reduce((sum, shape) => sum + elements(shape), 0);
  if (source === undefined || weights === 0 || LAYER_CLASSES.get(className)?.ids !== undefined) return written;
  const channels = source.at(config["data_format"] === "channels_first" ? 1 : -1);
  const positions = elements(source) / Math.max(channels ?? 1, 1);
  return written + positions * weights * (SLOW.test(className) ? SLOWNESS : 1);
}

function elements(shape: Shape): number {
  return sizeOf(shape.map((size) => size ?? 1));
}

function callKey({ layer, call }: TensorRef): string {
  return `${call}:${layer}`;
}

function pick(results: ReadonlyMap<string, readonly Shape[]>, ref: TensorRef): Shape {
  const found = results.get(callKey(ref))?.[ref.tensor];
  if (found !== undefined) return found;
  throw new InternalError(`layer ${ref.layer} has no output ${ref.tensor} of its call ${ref.call}`);
}
