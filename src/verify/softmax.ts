import { InternalError } from "../errors.ts";
import { at } from "../require.ts";
import { softmax } from "../softmax.ts";
import type { Tensor } from "../tensor.ts";

/** Softmax of a float32 tensor over one axis, which may count from the end; other tensors are given back as they are. */
export function softmaxOver(tensor: Tensor, axis: number): Tensor {
  if (tensor.dtype !== "float32") return tensor;
  const size = tensor.dims.at(axis);
  if (size === undefined) throw new InternalError(`a tensor of rank ${tensor.dims.length} has no axis ${axis}`);
  const place = axis < 0 ? axis + tensor.dims.length : axis;
  const stride = tensor.dims.slice(place + 1).reduce((product, each) => product * each, 1);
  const data = Float32Array.from(tensor.data);
  for (let start = 0; start < data.length; start += size * stride) {
    for (let offset = start; offset < start + stride; offset++) {
      const along = softmax(Float32Array.from({ length: size }, (_, index) => at(data, offset + index * stride)));
      along.forEach((probability, index) => (data[offset + index * stride] = probability));
    }
  }
  return { dtype: "float32", dims: tensor.dims, data };
}
