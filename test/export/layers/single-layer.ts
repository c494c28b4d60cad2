import * as tf from "@tensorflow/tfjs";

import { expectParity, randomizeWeights, type ParityOptions, type ParityResult } from "../../helpers/layer-parity.ts";

export interface SingleLayerOptions extends ParityOptions {
  /** Sizes at which to run free dimensions, in the order they come; 7, 5, 6 without it. */
  readonly free?: readonly number[];
  readonly batch?: number;
  /** Smallest and largest element of the input; -2 and 2 without it. */
  readonly range?: readonly [number, number];
}

type Shape = readonly (number | null)[];

/** A model of some layers one after the other, with random weights, gives the same numbers on every runtime. */
export async function expectLayers(
  layers: readonly tf.layers.Layer[],
  shape: Shape,
  options: SingleLayerOptions = {},
): Promise<ParityResult> {
  const model = chain(layers, shape);
  randomizeWeights(model);
  const { free = [7, 5, 6], batch = 3, range = [-2, 2] } = options;
  const sizes = [...free];
  const dims = [batch, ...shape.map((size) => size ?? sizes.shift() ?? 4)];
  return expectParity(model, tf.randomUniform(dims, range[0], range[1], "float32", 42), options);
}

export async function expectLayer(
  layer: tf.layers.Layer,
  shape: Shape,
  options: SingleLayerOptions = {},
): Promise<ParityResult> {
  return expectLayers([layer], shape, options);
}

/** The layers one after the other, on one input. */
export function chain(layers: readonly tf.layers.Layer[], shape: Shape): tf.LayersModel {
  const input = tf.input({ shape: [...shape] });
  let output: tf.SymbolicTensor = input;
  for (const layer of layers) {
    const applied = layer.apply(output);
    if (!(applied instanceof tf.SymbolicTensor)) throw new TypeError("the layer has several outputs");
    output = applied;
  }
  return tf.model({ inputs: input, outputs: output });
}
