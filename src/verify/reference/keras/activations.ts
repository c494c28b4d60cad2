import type * as tfjs from "@tensorflow/tfjs";

import { isTfjsActivation, type Activation } from "../../../export/activation.ts";
import type { KerasActivation } from "../../../export/keras-activations.ts";
import type { Tfjs } from "../../../infer/tfjs-backend.ts";

/** An activation computed with TF.js's operations, after tfjs-layers/src/activations.ts and keras/src/ops/nn.py. */
export function activate(tf: Tfjs, activation: Activation, x: tfjs.Tensor): tfjs.Tensor {
  if (!isTfjsActivation(activation)) return kerasActivation(tf, activation, x);
  switch (activation) {
    case "linear":
      return x;
    case "relu":
      return x.relu();
    case "relu6":
      return tf.clipByValue(x, 0, 6);
    case "elu":
      return x.elu();
    case "selu":
      return x.selu();
    case "sigmoid":
      return x.sigmoid();
    case "hard_sigmoid":
      return tf.clipByValue(x.mul(0.2).add(0.5), 0, 1);
    case "softplus":
      return x.softplus();
    case "softsign":
      return x.div(x.abs().add(1));
    case "tanh":
      return x.tanh();
    case "softmax":
      return tf.softmax(x);
    case "log_softmax":
      return tf.logSoftmax(x);
    case "gelu":
      return x.mul(tf.erf(x.div(Math.SQRT2)).add(1)).mul(0.5);
    case "gelu_new":
      return x.mul(tf.tanh(x.add(x.pow(3).mul(0.044715)).mul(Math.sqrt(2 / Math.PI))).add(1)).mul(0.5);
    case "mish":
      return x.mul(x.softplus().tanh());
    case "swish":
      return x.mul(x.sigmoid());
    default:
      activation satisfies never;
      throw new TypeError("unreachable");
  }
}

function kerasActivation(tf: Tfjs, activation: KerasActivation, x: tfjs.Tensor): tfjs.Tensor {
  switch (activation.name) {
    case "relu": {
      const { slope, limit, threshold } = activation;
      const above = x.mul(x.greater(threshold).cast("float32"));
      const below = tf.relu(tf.sub(threshold, x)).mul(slope);
      return (limit === null ? above : tf.clipByValue(above, 0, limit)).sub(below);
    }
    case "leaky_relu":
      return tf.where(x.greater(0), x, x.mul(activation.slope));
    case "elu":
      return tf.where(x.greater(0), x, x.expm1().mul(activation.alpha));
    case "celu":
      return x.relu().add(x.div(activation.alpha).expm1().mul(activation.alpha).minimum(0));
    case "exponential":
      return x.exp();
    case "glu": {
      const [value = x, gate = x] = tf.split(x, 2, -1);
      return value.mul(gate.sigmoid());
    }
    case "hard_shrink":
      return tf.where(x.abs().greater(activation.threshold), x, tf.zerosLike(x));
    case "soft_shrink": {
      const { threshold } = activation;
      const below = tf.where(x.less(-threshold), x.add(threshold), tf.zerosLike(x));
      return tf.where(x.greater(threshold), x.sub(threshold), below);
    }
    case "threshold":
      return tf.where(x.greater(activation.threshold), x, tf.fill(x.shape, activation.otherwise));
    case "hard_sigmoid":
      return tf.clipByValue(x.div(6).add(0.5), 0, 1);
    case "hard_silu":
      return x.mul(tf.clipByValue(x.div(6).add(0.5), 0, 1));
    case "hard_tanh":
      return tf.clipByValue(x, -1, 1);
    case "log_sigmoid":
      return tf.logSigmoid(x);
    case "sparse_plus": {
      const curve = x.add(1).square().mul(0.25);
      return tf.where(x.lessEqual(-1), tf.zerosLike(x), tf.where(x.less(1), curve, x));
    }
    case "sparse_sigmoid":
      return tf.where(x.lessEqual(-1), tf.zerosLike(x), tf.where(x.less(1), x.add(1).mul(0.5), tf.onesLike(x)));
    case "sparsemax":
      return sparsemax(tf, x);
    case "squareplus":
      return x.add(x.square().add(activation.b).sqrt()).div(2);
    case "tanh_shrink":
      return x.sub(x.tanh());
    case "softmax":
    case "log_softmax":
      return alongAxis(tf, activation.name, x, activation.axis);
    default:
      activation satisfies never;
      throw new TypeError("unreachable");
  }
}

/** TF.js takes softmaxes along the last axis only. */
function alongAxis(tf: Tfjs, name: "softmax" | "log_softmax", x: tfjs.Tensor, axis: number): tfjs.Tensor {
  const at = axis < 0 ? x.rank + axis : axis;
  const perm = Array.from({ length: x.rank }, (_, index) =>
    index === at ? x.rank - 1 : index === x.rank - 1 ? at : index,
  );
  const last = x.transpose(perm);
  return (name === "softmax" ? tf.softmax(last) : tf.logSoftmax(last)).transpose(perm);
}

/** keras/src/backend/tensorflow/nn.py, sparsemax; in JavaScript, since TF.js's WASM backend has no dependable sort. */
function sparsemax(tf: Tfjs, x: tfjs.Tensor): tfjs.Tensor {
  const size = x.shape.at(-1) ?? 1;
  const data = Float32Array.from(x.dataSync());
  for (let start = 0; start < data.length; start += size) {
    const row = data.subarray(start, start + size);
    let sum = 0;
    let total = 0;
    let count = 0;
    for (const [index, value] of row.toSorted().toReversed().entries()) {
      sum += value;
      if (value - (sum - 1) / (index + 1) <= 0) continue;
      total += sum;
      count++;
    }
    row.set(row.map((value) => Math.max(value - (total - 1) / count, 0)));
  }
  return tf.tensor(data, x.shape);
}
