import type * as tfjs from "@tensorflow/tfjs";

import { InferenceError } from "../../../errors.ts";
import { readActivation } from "../../../export/activation.ts";
import { KERAS3_RULES, TFJS_RULES } from "../../../export/rules.ts";
import { ConfigReader } from "../../../export/source/config.ts";
import type { LayerSpec, LayerWeights } from "../../../export/source/model.ts";
import { RANDOM_IN_TRAINING } from "../../../export/source/layer-classes.ts";
import { toTfjs } from "../../../infer/tfjs-session.ts";
import type { Tfjs } from "../../../infer/tfjs-backend.ts";

import { activate } from "./activations.ts";
import { cudnnGru, cudnnLstm } from "./cudnn.ts";

/** What a layer is computed with. */
export interface KerasContext {
  readonly tf: Tfjs;
  readonly config: LayerSpec["config"];
  readonly weights: LayerWeights;
  readonly keras3: boolean;
  /** Initial states of a recurrent layer. */
  readonly states: readonly tfjs.Tensor[];
}

/** A layer written with TF.js's operations; null where TF.js's own layer of that class computes the same. */
export type KerasLayer = (
  context: KerasContext,
  inputs: readonly tfjs.Tensor[],
  mask: tfjs.Tensor | null,
) => readonly tfjs.Tensor[] | null;

type OneToOne = (context: KerasContext, x: tfjs.Tensor, mask: tfjs.Tensor | null) => tfjs.Tensor | null;

function single(layer: OneToOne): KerasLayer {
  return (context, [x], mask) => {
    if (x === undefined) throw new InferenceError("a layer has no input");
    const output = layer(context, x, mask);
    return output === null ? null : [output];
  };
}

const unchanged: KerasLayer = single((_, x) => x);

/** Layers that TF.js lacks, or computes otherwise than Keras, by class. */
export const KERAS_LAYERS: ReadonlyMap<string, KerasLayer> = new Map<string, KerasLayer>([
  ["SpatialDropout2D", unchanged],
  ["SpatialDropout3D", unchanged],
  ["ActivityRegularization", unchanged],
  ["Identity", unchanged],
  ...RANDOM_IN_TRAINING.map((name): [string, KerasLayer] => [name, unchanged]),
  ["Subtract", subtract],
  ["Normalization", single(normalization)],
  ["GroupNormalization", single(groupNormalization)],
  ["CuDNNGRU", (context, [x]) => (x === undefined ? null : cudnnGru(context, x))],
  ["CuDNNLSTM", (context, [x]) => (x === undefined ? null : cudnnLstm(context, x))],
  ["ReLU", single(relu)],
  ["UpSampling2D", single(smoothUpSampling)],
  ["UpSampling1D", single(upSampling(1))],
  ["UpSampling3D", single(upSampling(3))],
  ["SeparableConv1D", single(separableConv1d)],
  ["DepthwiseConv1D", single(depthwiseConv1d)],
  ["Conv1DTranspose", single(conv1dTranspose)],
  ["GlobalAveragePooling1D", single(globalAveragePooling1D)],
  ...[1, 3].flatMap((rank): [string, KerasLayer][] => [
    [`ZeroPadding${rank}D`, single(zeroPadding(rank))],
    [`Cropping${rank}D`, single(cropping(rank))],
  ]),
  ...[1, 2, 3].map((rank): [string, KerasLayer] => [`GlobalMaxPooling${rank}D`, single(globalPooling(rank, "max"))]),
  ...[2, 3].map((rank): [string, KerasLayer] => [`GlobalAveragePooling${rank}D`, single(globalPooling(rank, "mean"))]),
]);

/** keras/src/layers/pooling/global_average_pooling1d.py: with a mask, the mean of what is not masked. */
function globalAveragePooling1D(
  { config, keras3 }: KerasContext,
  x: tfjs.Tensor,
  mask: tfjs.Tensor | null,
): tfjs.Tensor {
  const axis = keras3 && isFirst(config) ? 2 : 1;
  const keep = config["keepdims"] === true;
  if (mask === null) return x.mean(axis, keep);
  const weights = mask.cast("float32").expandDims(axis === 1 ? 2 : 1);
  return x.mul(weights).sum(axis, keep).div(weights.sum(axis, keep));
}

/** Null where TF.js has the layer and it computes the same. */
function globalPooling(rank: number, how: "max" | "mean"): OneToOne {
  return ({ config, keras3 }, x) => {
    const keep = config["keepdims"] === true;
    if (rank < 3 && !keras3 && !keep) return null;
    const axes = spatial(config, rank);
    return how === "max" ? x.max(axes, keep) : x.mean(axes, keep);
  };
}

function subtract(_: KerasContext, [a, b]: readonly tfjs.Tensor[]): readonly tfjs.Tensor[] {
  if (a === undefined || b === undefined) throw new InferenceError("Subtract takes two inputs");
  return [a.sub(b)];
}

/** keras/src/layers/preprocessing/normalization.py. */
function normalization({ tf, config, weights }: KerasContext, x: tfjs.Tensor): tfjs.Tensor {
  const read = (name: string): tfjs.Tensor => {
    const given: unknown = config[name];
    if (given === undefined || given === null) return toTfjs(tf, name, weights.get(name)).flatten();
    const numbers = (Array.isArray(given) ? given.flat(Infinity) : [given]).map(Number);
    return tf.tensor1d(numbers);
  };
  const deviation = read("variance").sqrt().maximum(1e-7);
  const mean = read("mean");
  return config["invert"] === true ? x.mul(deviation).add(mean) : x.sub(mean).div(deviation);
}

/** keras/src/layers/normalization/group_normalization.py. */
function groupNormalization({ tf, config, weights }: KerasContext, x: tfjs.Tensor): tfjs.Tensor {
  const reader = new ConfigReader(config);
  const axis = (reader.integer("axis", -1) + x.rank) % x.rank;
  const channels = x.shape[axis] ?? 1;
  const groups = reader.integer("groups", 32);
  const count = groups === -1 ? channels : groups;
  const grouped = x.reshape(x.shape.toSpliced(axis, 1, count, channels / count));
  const { mean, variance } = tf.moments(
    grouped,
    grouped.shape.map((_, at) => at).filter((at) => at !== 0 && at !== axis),
    true,
  );
  const normal = grouped
    .sub(mean)
    .div(variance.add(reader.number("epsilon", 1e-3)).sqrt())
    .reshape(x.shape);
  const own = x.shape.map((size, at) => (at === axis ? size : 1));
  const read = (name: string): tfjs.Tensor => toTfjs(tf, name, weights.get(name)).reshape(own);
  const scaled = config["scale"] === false ? normal : normal.mul(read("gamma"));
  return config["center"] === false ? scaled : scaled.add(read("beta"));
}

/** keras/src/layers/activations/relu.py; TF.js knows only `max_value`. */
function relu({ tf, config, keras3 }: KerasContext, x: tfjs.Tensor): tfjs.Tensor | null {
  if (!keras3) return null;
  const reader = new ConfigReader(config);
  return activate(
    tf,
    {
      name: "relu",
      slope: reader.number("negative_slope", 0),
      limit: reader.number("max_value", null),
      threshold: reader.number("threshold", 0),
    },
    x,
  );
}

/** Bilinear, with half-pixel centres. */
function smoothUpSampling({ tf, config, keras3 }: KerasContext, x: tfjs.Tensor): tfjs.Tensor | null {
  if (!keras3 || config["interpolation"] !== "bilinear" || isFirst(config)) return null;
  const [rows = 2, columns = 2] = new ConfigReader(config).positives("size", 2, [2, 2]);
  const [samples = 1, height = 1, width = 1, channels = 1] = x.shape;
  const image = x.as4D(samples, height, width, channels);
  return tf.image.resizeBilinear(image, [height * rows, width * columns], false, true);
}

function upSampling(rank: number): OneToOne {
  return ({ tf, config }, x) => {
    const sizes = new ConfigReader(config).positives(
      "size",
      rank,
      Array.from({ length: rank }, () => 2),
    );
    return spatial(config, rank).reduce((value, axis, index) => {
      const size = sizes[index] ?? 1;
      const places = Array.from({ length: (value.shape[axis] ?? 1) * size }, (_, at) => Math.floor(at / size));
      return tf.gather(value, tf.tensor1d(places, "int32"), axis);
    }, x);
  };
}

function zeroPadding(rank: number): OneToOne {
  return ({ config }, x) => {
    const pairs = new ConfigReader(config).pairs("padding", rank, []);
    const axes = spatial(config, rank);
    return x.pad(
      x.shape.map((_, axis): [number, number] => {
        const [low, high] = pairs[axes.indexOf(axis)] ?? (axes.includes(axis) ? [1, 1] : [0, 0]);
        return [low, high];
      }),
    );
  };
}

function cropping(rank: number): OneToOne {
  return ({ config }, x) => {
    const pairs = new ConfigReader(config).pairs("cropping", rank, []);
    const axes = spatial(config, rank);
    const cut = x.shape.map((_, axis) => pairs[axes.indexOf(axis)] ?? (axes.includes(axis) ? [1, 1] : [0, 0]));
    return x.slice(
      cut.map(([low]) => low ?? 0),
      x.shape.map((size, axis) => size - (cut[axis]?.[0] ?? 0) - (cut[axis]?.[1] ?? 0)),
    );
  };
}

/** Sequences as images of one row [N, 1, T, C], and back after. */
function overRows(context: KerasContext, x: tfjs.Tensor, compute: (rows: tfjs.Tensor4D) => tfjs.Tensor): tfjs.Tensor {
  const first = isFirst(context.config);
  const steps = first ? x.transpose([0, 2, 1]) : x;
  const [samples = 1, time = 1, channels = 1] = steps.shape;
  const output = activated(context, biased(context, compute(steps.as4D(samples, 1, time, channels)).squeeze([1])));
  return first ? output.transpose([0, 2, 1]) : output;
}

function biased({ tf, config, weights }: KerasContext, x: tfjs.Tensor): tfjs.Tensor {
  return config["use_bias"] === false ? x : x.add(toTfjs(tf, "bias", weights.get("bias")));
}

function activated({ tf, config, keras3 }: KerasContext, x: tfjs.Tensor): tfjs.Tensor {
  return activate(tf, readActivation(new ConfigReader(config), "activation", keras3 ? KERAS3_RULES : TFJS_RULES), x);
}

function kernel4d({ tf, weights }: KerasContext, name: string): tfjs.Tensor4D {
  const kernel = toTfjs(tf, name, weights.get(name));
  const [time = 1, from = 1, to = 1] = kernel.shape;
  return kernel.as4D(1, time, from, to);
}

function windowOf({ config }: KerasContext): {
  readonly stride: number;
  readonly dilation: number;
  readonly padding: "valid" | "same";
} {
  const reader = new ConfigReader(config);
  const [stride = 1] = reader.positives("strides", 1, [1]);
  const [dilation = 1] = reader.positives("dilation_rate", 1, [1]);
  return { stride, dilation, padding: reader.oneOf("padding", ["valid", "same"], "valid") };
}

function depthwiseConv1d(context: KerasContext, x: tfjs.Tensor): tfjs.Tensor {
  return overRows(context, x, (rows) => depthwise(context, rows));
}

/** Strides of both axes alike: TF.js takes no others here, and one row has no second. */
function depthwise(context: KerasContext, rows: tfjs.Tensor4D): tfjs.Tensor4D {
  const { stride, dilation, padding } = windowOf(context);
  const kernel = kernel4d(context, "depthwise_kernel");
  return context.tf.depthwiseConv2d(rows, kernel, [stride, stride], padding, "NHWC", [dilation, dilation]);
}

function separableConv1d(context: KerasContext, x: tfjs.Tensor): tfjs.Tensor {
  const pointwise = kernel4d(context, "pointwise_kernel");
  return overRows(context, x, (rows) => context.tf.conv2d(depthwise(context, rows), pointwise, 1, "valid"));
}

/** Each input step adds its kernel to the output; `same` keeps stride · steps, cut as the forward convolution pads. */
function conv1dTranspose(context: KerasContext, x: tfjs.Tensor): tfjs.Tensor {
  const { stride, padding } = windowOf(context);
  const kernel = kernel4d(context, "kernel");
  const [, reach, filters] = kernel.shape;
  return overRows(context, x, (rows) => {
    const [samples, , time] = rows.shape;
    const length = padding === "same" ? time * stride : time * stride + Math.max(reach - stride, 0);
    const shape: [number, number, number, number] = [samples, 1, length, filters];
    return context.tf.conv2dTranspose(rows, kernel, shape, [1, stride], padding);
  });
}

function isFirst(config: LayerSpec["config"]): boolean {
  return config["data_format"] === "channels_first";
}

function spatial(config: LayerSpec["config"], rank: number): number[] {
  const start = isFirst(config) ? 2 : 1;
  return Array.from({ length: rank }, (_, index) => start + index);
}
