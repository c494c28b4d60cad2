import type { Tensor } from "../tensor.ts";

/** Softmax of a float32 tensor over one axis, which may count from the end; other tensors are given back as they are. */
export function softmax(tensor: Tensor, axis: number): Tensor {
  if (tensor.dtype !== "float32") return tensor;
  const at = axis < 0 ? axis + tensor.dims.length : axis;
  const size = tensor.dims[at] ?? 1;
  const stride = tensor.dims.slice(at + 1).reduce((product, each) => product * each, 1);
  const data = new Float32Array(tensor.data.length);
  for (let start = 0; start < data.length; start += size * stride) {
    for (let offset = start; offset < start + stride; offset++) {
      const logits = Array.from({ length: size }, (_, index) => tensor.data[offset + index * stride] ?? Number.NaN);
      const highest = Math.max(...logits);
      const powers = logits.map((logit) => Math.exp(logit - highest));
      const sum = powers.reduce((total, power) => total + power, 0);
      powers.forEach((power, index) => (data[offset + index * stride] = power / sum));
    }
  }
  return { dtype: "float32", dims: tensor.dims, data };
}
