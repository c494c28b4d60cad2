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

/**
 * Runs a function while the gradients of relu, tanh and sigmoid are TensorFlow's own kernels instead of TF.js's two to
 * four operations; the same numbers up to the last bit.
 */
export function withNativeGradients<T>(tf: TensorFlow, backend: NativeBackend, run: () => T): T {
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
    return run();
  } finally {
    originals.forEach(replace);
  }
}
