// Inputs of the published Graph models that the benches measure.
import * as ort from "onnxruntime-node";

/**
 * Shapes of the inputs whose sizes are free, beyond a batch of 1.
 *
 * @type {Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>}
 */
export const SHAPES = {
  "bodypix-050-float-s16": { sub_2: [1, 240, 320, 3] },
  "bodypix-050-quant1-s16": { sub_2: [1, 240, 320, 3] },
  "fluid-encoder": { input_1: [1, 128, 128, 2], input_2: [1, 128, 128, 1] },
  handtrack: { input_tensor: [1, 240, 320, 3] },
  "style-transformer-separable": { Placeholder: [1, 256, 256, 3] },
};

/** Integer inputs of these models are pixels. Those of the others are indices, small enough for every table. */
const PIXELS = new Set(["handtrack"]);
const SMALL = 8;

/**
 * The same pseudorandom inputs for every file of a model. tf2onnx adds ":0" to some names.
 *
 * @param {string} model
 * @param {readonly ort.InferenceSession.ValueMetadata[]} inputs
 * @returns {Record<string, ort.Tensor>}
 */
export function feedsFor(model, inputs) {
  let state = 1;
  const random = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  const bound = PIXELS.has(model) ? 256 : SMALL;
  /** @type {Record<string, ort.Tensor>} */
  const feeds = {};
  for (const input of inputs) {
    if (!input.isTensor) throw new TypeError(`${model}: ${input.name} is no tensor`);
    const fixed = SHAPES[model]?.[input.name.replace(/:0$/u, "")];
    const dims = fixed ?? input.shape.map((size) => (typeof size === "number" && size > 0 ? size : 1));
    const size = dims.reduce((product, dim) => product * dim, 1);
    const integer = () => Math.floor(random() * bound);
    if (input.type === "float32") {
      feeds[input.name] = new ort.Tensor("float32", Float32Array.from({ length: size }, random), dims);
    } else if (input.type === "int32") {
      feeds[input.name] = new ort.Tensor("int32", Int32Array.from({ length: size }, integer), dims);
    } else if (input.type === "int64") {
      const data = BigInt64Array.from({ length: size }, () => BigInt(integer()));
      feeds[input.name] = new ort.Tensor("int64", data, dims);
    } else throw new TypeError(`${model}: ${input.name} has type ${input.type}`);
  }
  return feeds;
}
