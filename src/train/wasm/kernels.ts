import type { KernelConfig, NamedAttrMap, NamedTensorInfoMap, Tensor, Tensor4D, TensorInfo } from "@tensorflow/tfjs";

import { TrainError } from "../../errors.ts";
import type { Tf } from "../networks.ts";

type Kernel = (tf: Tf, inputs: Inputs, attributes: Attributes) => Tensor;

/**
 * The gradients of convolutions and of gathering that TF.js's WebAssembly backend 4.22 lacks, composed of kernels it
 * has. All of them for NHWC, undilated, as TF.js's own gradients ask for them.
 */
const MISSING: Readonly<Record<string, Kernel>> = {
  Conv2DBackpropFilter: filterGradient,
  DepthwiseConv2dNativeBackpropFilter: depthwiseFilterGradient,
  DepthwiseConv2dNativeBackpropInput: depthwiseInputGradient,
  UnsortedSegmentSum: segmentSum,
};

/** The backend's own drops the gradient of most windows that hold no number above 0. */
const WRONG: Readonly<Record<string, Kernel>> = { MaxPoolGrad: maxPoolGradient };

/** Adds to the backend what it lacks, unless a version has it, and puts right what it computes wrongly. */
export function completeKernels(tf: Tf, backendName: string): void {
  const present = new Set(tf.getKernelsForBackend(backendName).map(({ kernelName }) => kernelName));
  for (const [kernelName, kernel] of Object.entries(MISSING)) {
    if (!present.has(kernelName)) tf.registerKernel(configOf(tf, backendName, kernelName, kernel));
  }
  for (const [kernelName, kernel] of Object.entries(WRONG)) {
    if (present.has(kernelName)) tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel(configOf(tf, backendName, kernelName, kernel));
  }
}

function configOf(tf: Tf, backendName: string, kernelName: string, kernel: Kernel): KernelConfig {
  return {
    kernelName,
    backendName,
    kernelFunc({ inputs, attrs }) {
      return tf.tidy(() => kernel(tf, new Inputs(tf, kernelName, inputs), new Attributes(kernelName, attrs ?? {})));
    },
  };
}

/** What a kernel was given, as tensors. */
class Inputs {
  readonly #tf: Tf;
  readonly #kernel: string;
  readonly #inputs: NamedTensorInfoMap;

  constructor(tf: Tf, kernel: string, inputs: NamedTensorInfoMap) {
    this.#tf = tf;
    this.#kernel = kernel;
    this.#inputs = inputs;
  }

  get(name: string): Tensor {
    const info: TensorInfo | undefined = this.#inputs[name];
    if (info === undefined) throw new TrainError(`${this.#kernel}: there is no input ${name}`);
    if (isTensor(info)) return info;
    // The new tensor is disposed of with the scope, the values are not.
    this.#tf.backend().incRef(info.dataId);
    return this.#tf.engine().makeTensorFromTensorInfo(info);
  }

  image(name: string): Tensor4D {
    return this.get(name).as4D(...fourOf(this.#kernel, this.get(name).shape));
  }
}

function isTensor(info: TensorInfo): info is Tensor {
  return "rank" in info;
}

class Attributes {
  readonly #kernel: string;
  readonly #attributes: ReadonlyMap<string, unknown>;

  constructor(kernel: string, attributes: NamedAttrMap) {
    this.#kernel = kernel;
    this.#attributes = new Map(Object.entries(attributes));
  }

  shape(name: string): Four {
    return fourOf(this.#kernel, this.#attributes.get(name));
  }

  count(name: string): number {
    return Number(this.#attributes.get(name));
  }

  pair(name: string): [number, number] {
    const value = this.#attributes.get(name);
    const [first = Number.NaN, second = first] = (Array.isArray(value) ? value : [value]).map(Number);
    return [first, second];
  }

  padding(): "same" | "valid" | number {
    const pad = this.#attributes.get("pad");
    if (pad === "same" || pad === "valid" || typeof pad === "number") return pad;
    throw new TrainError(
      `${this.#kernel}: the WebAssembly backend has no gradient for padding ${JSON.stringify(pad)}`,
      {
        hint: 'use padding "same" or "valid", or native TensorFlow',
      },
    );
  }
}

type Four = [number, number, number, number];

function fourOf(kernel: string, shape: unknown): Four {
  const [a, b, c, d, ...more] = Array.isArray(shape) ? shape.map(Number) : [];
  if (a !== undefined && b !== undefined && c !== undefined && d !== undefined && more.length === 0)
    return [a, b, c, d];
  throw new TrainError(`${kernel}: expected 4 dimensions; got ${JSON.stringify(shape)}`);
}

/** Where the taps of a filter lie. Heights and widths in pixels. */
interface Geometry {
  readonly strides: readonly [number, number];
  readonly filter: readonly [number, number];
  readonly output: readonly [number, number];
  readonly padding: { readonly top: number; readonly bottom: number; readonly left: number; readonly right: number };
}

function geometryOf(tf: Tf, input: Four, filter: Four, attributes: Attributes, depthwise: boolean): Geometry {
  const strides = attributes.pair("strides");
  const info = tf.backend_util.computeConv2DInfo(input, filter, strides, 1, attributes.padding(), undefined, depthwise);
  return {
    strides,
    filter: [filter[0], filter[1]],
    output: [info.outHeight, info.outWidth],
    padding: info.padInfo,
  };
}

function poolGeometryOf(tf: Tf, input: Four, attributes: Attributes): Geometry {
  const [filter, strides] = [attributes.pair("filterSize"), attributes.pair("strides")];
  const info = tf.backend_util.computePool2DInfo(input, filter, strides, 1, attributes.padding());
  return { strides, filter, output: [info.outHeight, info.outWidth], padding: info.padInfo };
}

function padded(tf: Tf, image: Tensor4D, { padding }: Geometry, value = 0): Tensor4D {
  const widths: [number, number][] = [
    [0, 0],
    [padding.top, padding.bottom],
    [padding.left, padding.right],
    [0, 0],
  ];
  return tf.pad(image, widths, value);
}

/** What the filter's tap (row, column) sees of the padded image: [N, OH, OW, C]. */
function seenBy(tf: Tf, image: Tensor4D, { strides, output }: Geometry, row: number, column: number): Tensor4D {
  const [count, , , channels] = image.shape;
  const size: [number, number] = [(output[0] - 1) * strides[0] + 1, (output[1] - 1) * strides[1] + 1];
  const end = [count, row + size[0], column + size[1], channels];
  const seen = tf.stridedSlice(image, [0, row, column, 0], end, [1, ...strides, 1]);
  return seen.as4D(count, output[0], output[1], channels);
}

/** One tensor for each tap, stacked to [KH, KW, ...]. */
function overTaps(tf: Tf, { filter: [height, width] }: Geometry, tap: (row: number, column: number) => Tensor): Tensor {
  const rows = Array.from({ length: height }, (_, row) =>
    tf.stack(Array.from({ length: width }, (__, column) => tf.tidy(() => tap(row, column)))),
  );
  return tf.stack(rows);
}

/** dF[i, j] = X[i, j]' dY, with X[i, j] [N OH OW, C] what the tap sees and dY [N OH OW, M]. */
function filterGradient(tf: Tf, inputs: Inputs, attributes: Attributes): Tensor {
  const [x, dy] = [inputs.image("x"), inputs.image("dy")];
  const geometry = geometryOf(tf, x.shape, attributes.shape("filterShape"), attributes, false);
  const image = padded(tf, x, geometry);
  const gradient = dy.reshape([-1, dy.shape[3]]);
  return overTaps(tf, geometry, (row, column) =>
    tf.matMul(seenBy(tf, image, geometry, row, column).reshape([-1, x.shape[3]]), gradient, true),
  );
}

/** dF[i, j, c, m] = sum over N, OH, OW of X[i, j, c] dY[c, m]. */
function depthwiseFilterGradient(tf: Tf, inputs: Inputs, attributes: Attributes): Tensor {
  const [x, dy] = [inputs.image("x"), inputs.image("dy")];
  const shape = attributes.shape("filterShape");
  const [, , channels, multiplier] = shape;
  const geometry = geometryOf(tf, x.shape, shape, attributes, true);
  const image = padded(tf, x, geometry);
  const gradient = dy.reshape([-1, channels, multiplier]);
  return overTaps(tf, geometry, (row, column) =>
    seenBy(tf, image, geometry, row, column).reshape([-1, channels, 1]).mul(gradient).sum(0),
  );
}

/** dX = sum over the taps of (sum over m of dY[c, m] F[i, j, c, m]), put where the tap saw it. */
function depthwiseInputGradient(tf: Tf, inputs: Inputs, attributes: Attributes): Tensor {
  const [dy, filter] = [inputs.image("dy"), inputs.image("filter")];
  const [height, width, channels, multiplier] = filter.shape;
  const shape = attributes.shape("inputShape");
  const geometry = geometryOf(tf, shape, filter.shape, attributes, true);
  const gradient = dy.reshape([...dy.shape.slice(0, 3), channels, multiplier]);
  const taps = tf.unstack(filter.reshape([height * width, channels, multiplier]));
  const parts = taps.map((tap, index) =>
    tf.tidy(() => {
      const part = gradient.mul(tap).sum<Tensor4D>(-1);
      return placed(tf, part, geometry, shape, Math.floor(index / width), index % width);
    }),
  );
  return tf.addN(parts);
}

/** dX = dY where the first tap, row by row, lies that saw the window's maximum Y. */
function maxPoolGradient(tf: Tf, inputs: Inputs, attributes: Attributes): Tensor {
  const [dy, x, y] = [inputs.image("dy"), inputs.image("input"), inputs.image("output")];
  const geometry = poolGeometryOf(tf, x.shape, attributes);
  const image = padded(tf, x, geometry, Number.NEGATIVE_INFINITY);
  const [height, width] = geometry.filter;
  let remaining = dy;
  const parts = Array.from({ length: height * width }, (_, tap) => {
    const [row, column] = [Math.floor(tap / width), tap % width];
    const share = remaining.mul<Tensor4D>(seenBy(tf, image, geometry, row, column).equal(y).toFloat());
    remaining = remaining.sub(share);
    return placed(tf, share, geometry, x.shape, row, column);
  });
  return tf.addN(parts);
}

/** The values of one tap, spread by the strides and moved to the pixels [N, H, W, C] that the tap saw. */
function placed(tf: Tf, part: Tensor4D, geometry: Geometry, shape: Four, row: number, column: number): Tensor4D {
  const { strides, padding } = geometry;
  const spread = spreadBy(tf, part, strides);
  const [count, inHeight, inWidth, channels] = shape;
  const [height, width] = [inHeight + padding.top + padding.bottom, inWidth + padding.left + padding.right];
  const moved = tf.pad4d(spread, [
    [0, 0],
    [row, Math.max(0, height - row - spread.shape[1])],
    [column, Math.max(0, width - column - spread.shape[2])],
    [0, 0],
  ]);
  return moved.slice([0, padding.top, padding.left, 0], [count, inHeight, inWidth, channels]);
}

/** Zeros between neighbours: [N, OH, OW, C] to [N, (OH - 1) SH + 1, (OW - 1) SW + 1, C]. */
function spreadBy(tf: Tf, part: Tensor4D, [down, across]: readonly [number, number]): Tensor4D {
  if (down === 1 && across === 1) return part;
  const [count, height, width, channels] = part.shape;
  const apart = tf.pad(part.reshape([count, height, 1, width, 1, channels]), [
    [0, 0],
    [0, 0],
    [0, down - 1],
    [0, 0],
    [0, across - 1],
    [0, 0],
  ]);
  const whole = apart.as4D(count, height * down, width * across, channels);
  return whole.slice([0, 0, 0, 0], [count, (height - 1) * down + 1, (width - 1) * across + 1, channels]);
}

/** Rows of x [N, ...] added up by the segment that each belongs to: [segments, ...]. */
function segmentSum(tf: Tf, inputs: Inputs, attributes: Attributes): Tensor {
  const [x, ids] = [inputs.get("x"), inputs.get("segmentIds")];
  const segments = attributes.count("numSegments");
  const [count = 0, ...rest] = x.shape;
  const members = tf.oneHot(ids.reshape([count]).toInt(), segments).toFloat();
  return tf.matMul(members, x.reshape([count, -1]), true).reshape([segments, ...rest]);
}
