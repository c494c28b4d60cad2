import type { NativeBackend } from "../compile/native.ts";
import { FLOAT, INT32, INT64 } from "../compile/native.ts";
import type { Tensor, TensorFlow } from "../compile/types.ts";
import { InternalError } from "../../errors.ts";

import type { CtcResult } from "./ctc-portable.ts";

/** TensorFlow's DataType number of bool. */
const BOOL = 10;

/**
 * Loss [N] and gradient [N, T, C] by TensorFlow's CTCLoss kernel, which a compiled step keeps as one node. Labels that do
 * not fit into their steps get the loss 0 and no gradient. The kernel refuses empty labels, whose only path is all blanks:
 * it is given another label for them, and their loss and gradient are computed beside it.
 *
 * @param logits float32 [N, T, C]; the blank is the last class
 * @param labels int32 [N, K], padded at the end with -1
 * @param steps int32 [N], at most T
 */
export function nativeCtc(
  tf: TensorFlow,
  backend: NativeBackend,
  logits: Tensor,
  labels: Tensor,
  steps: Tensor,
): CtcResult {
  const { binding } = backend;
  const type = (name: string, value: number): { name: string; type: number; value: unknown } => ({
    name,
    type: binding.TF_ATTR_TYPE,
    value,
  });
  const flag = (name: string, value: boolean): { name: string; type: number; value: unknown } => ({
    name,
    type: binding.TF_ATTR_BOOL,
    value,
  });
  const idOf = (tensor: Tensor): number => {
    const [id] = backend.getInputTensorIds([tensor]);
    if (id === undefined) throw new InternalError("TensorFlow has no tensor for an input of CTCLoss");
    return id;
  };
  const [count = 0, time = 0, classes = 0] = logits.shape;
  const isEmpty = tf.max(labels, 1).less(tf.scalar(0, "int32"));
  const filled = tf.maximum(labels, tf.cast(isEmpty, "int32").sub(tf.scalar(1, "int32")).reshape([count, 1]));
  const present = filled.greaterEqual(tf.scalar(0, "int32"));
  const timeMajor = logits.transpose([1, 0, 2]);
  // int64 tensors stay handles of the addon: TF.js has no such type.
  const [where] = binding.executeOp("Where", [type("T", BOOL)], [idOf(present)], 1);
  if (where === undefined) throw new InternalError("TensorFlow's Where gave no output");
  const [values] = binding.executeOp(
    "GatherNd",
    [type("Tparams", INT32), type("Tindices", INT64)],
    [idOf(filled), where.id],
    1,
  );
  if (values === undefined) throw new InternalError("TensorFlow's GatherNd gave no output");
  const attributes = [
    flag("preprocess_collapse_repeated", false),
    flag("ctc_merge_repeated", true),
    flag("ignore_longer_outputs_than_inputs", true),
    type("T", FLOAT),
  ];
  const inputs = [idOf(timeMajor), where.id, values.id, idOf(steps)];
  const [loss, gradient] = binding.executeOp("CTCLoss", attributes, inputs, 2);
  binding.deleteTensor(where.id);
  binding.deleteTensor(values.id);
  if (loss === undefined || gradient === undefined) throw new InternalError("TensorFlow's CTCLoss gave no gradient");
  const inside = tf
    .range(0, time, 1, "int32")
    .reshape([1, time])
    .less(steps.reshape([count, 1]));
  const counts = tf.cast(inside, "float32");
  const log = tf.logSoftmax(logits);
  const blank = log.slice([0, 0, classes - 1], [count, time, 1]).reshape([count, time]);
  const ofBlanks = log
    .exp()
    .sub(tf.oneHot(tf.tensor1d([classes - 1], "int32"), classes).reshape([1, 1, classes]))
    .mul(counts.reshape([count, time, 1]));
  return {
    loss: tf.where(isEmpty, blank.mul(counts).sum(1).neg(), backend.createOutputTensor(loss)),
    gradient: tf.where(
      tf.broadcastTo(isEmpty.reshape([count, 1, 1]), logits.shape),
      ofBlanks,
      backend.createOutputTensor(gradient).transpose([1, 0, 2]),
    ),
  };
}
