import type { GradConfig } from "@tensorflow/tfjs";

import { FLOAT, type NativeBackend } from "./native.ts";
import type { Tensor, TensorFlow } from "./types.ts";

/** The kernels whose gradient TensorFlow computes in one operation, from the gradient dy and the kernel's output y. */
const KERNELS: Readonly<Record<string, { readonly op: string; readonly order: (dy: Tensor, y: Tensor) => Tensor[] }>> =
  {
    Relu: { op: "ReluGrad", order: (dy, y) => [dy, y] },
    Tanh: { op: "TanhGrad", order: (dy, y) => [y, dy] },
    Sigmoid: { op: "SigmoidGrad", order: (dy, y) => [y, dy] },
  };

/** What the gradients ask of the recording. */
export interface GradientRecorder {
  /** Whether mean and variance were computed from x, over all axes but the last. */
  areMoments(x: Tensor, mean: Tensor, variance: Tensor): boolean;
  /** Zeros of the shape of `like`, which no pass will add to anything. */
  noGradient(like: Tensor): Tensor;
}

/**
 * Runs a function while the gradients of relu, tanh, sigmoid and of batch normalisation are TensorFlow's own kernels
 * instead of TF.js's many operations; the same numbers up to rounding.
 */
export function withNativeGradients<T>(
  tf: TensorFlow,
  backend: NativeBackend,
  recorder: GradientRecorder,
  run: () => T,
): T {
  const originals: GradConfig[] = [];
  const replace = (config: GradConfig): void => {
    tf.unregisterGradient(config.kernelName);
    tf.registerGradient(config);
  };
  try {
    for (const [kernelName, { op, order }] of Object.entries(KERNELS)) {
      originals.push(tf.getGradient(kernelName));
      const type = [{ name: "T", type: backend.binding.TF_ATTR_TYPE, value: FLOAT }];
      replace({
        kernelName,
        inputsToSave: [],
        outputsToSave: [true],
        gradFunc(dy, saved) {
          const [y] = saved;
          if (y === undefined || Array.isArray(dy)) throw new Error(`${op}: expected one output`);
          return { x: () => backend.executeSingleOutput(op, type, order(dy, y)) };
        },
      });
    }
    const batchNorm = tf.getGradient("FusedBatchNorm");
    originals.push(batchNorm);
    replace(batchNormGradient(tf, backend, recorder, batchNorm));
    return run();
  } finally {
    originals.forEach(replace);
  }
}

/**
 * With the batch's own statistics TensorFlow's kernel gives the whole gradient of x, the way through mean and variance
 * included: these then have none of their own.
 */
function batchNormGradient(
  tf: TensorFlow,
  backend: NativeBackend,
  recorder: GradientRecorder,
  original: GradConfig,
): GradConfig {
  const gradFunc: GradConfig["gradFunc"] = (dy, saved, attributes) => {
    const [x, mean, variance, scale] = saved;
    const epsilon = attributes["varianceEpsilon"];
    if (x === undefined || mean === undefined || variance === undefined || Array.isArray(dy))
      throw new Error("FusedBatchNorm: expected x, mean and variance");
    const fits = mean.rank === 1 && x.rank === 4 && x.dtype === "float32" && typeof epsilon === "number";
    if (!fits || !recorder.areMoments(x, mean, variance)) return original.gradFunc(dy, saved, attributes);
    // The tape disposes of what one of these makes before it asks for the next; recorded, they are one node.
    const output = (port: number) => (): Tensor =>
      at(fusedGradient(tf, backend, { dy, x, mean, variance, scale, epsilon }), port);
    return {
      x: output(0),
      scale: output(1),
      offset: output(2),
      mean: () => recorder.noGradient(mean),
      variance: () => recorder.noGradient(variance),
    };
  };
  return { ...original, gradFunc };
}

interface BatchNormStep {
  readonly dy: Tensor;
  readonly x: Tensor;
  readonly mean: Tensor;
  readonly variance: Tensor;
  readonly scale: Tensor | undefined;
  readonly epsilon: number;
}

function fusedGradient(
  tf: TensorFlow,
  backend: NativeBackend,
  { dy, x, mean, variance, scale, epsilon }: BatchNormStep,
): Tensor[] {
  const { binding } = backend;
  const attributes = [
    { name: "T", type: binding.TF_ATTR_TYPE, value: FLOAT },
    { name: "U", type: binding.TF_ATTR_TYPE, value: FLOAT },
    { name: "epsilon", type: binding.TF_ATTR_FLOAT, value: epsilon },
    { name: "data_format", type: binding.TF_ATTR_STRING, value: "NHWC" },
    { name: "is_training", type: binding.TF_ATTR_BOOL, value: true },
  ];
  const inputs = [dy, x, scale ?? tf.onesLike(mean), mean, variance, tf.tensor1d([], "float32")];
  return backend.executeMultipleOutputs("FusedBatchNormGradV3", attributes, inputs, 5);
}

function at<T>(values: readonly T[], index: number): T {
  const value = values[index];
  if (value === undefined) throw new RangeError(`no output ${index} of ${values.length}`);
  return value;
}
