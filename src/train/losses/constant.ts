import type { Tensor, TensorFlow } from "../compile/types.ts";

/** A tensor that holds one number everywhere. */
export function constant(
  tf: TensorFlow,
  shape: readonly number[],
  value: number,
  dtype: "float32" | "int32" = "float32",
): Tensor {
  const size = shape.reduce((product, dim) => product * dim, 1);
  const values = dtype === "int32" ? new Int32Array(size) : new Float32Array(size);
  return tf.tensor(values.fill(value), [...shape], dtype);
}
