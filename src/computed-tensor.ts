import { InternalError } from "./errors.ts";
import { sizeOf, type Tensor } from "./tensor.ts";

export type Float32Tensor = Extract<Tensor, { dtype: "float32" }>;

/** How the elements of a tensor are computed, in row-major order. */
export interface Computation {
  /** All elements, a part at a time; a part may be overwritten by the next. */
  readonly parts: () => Iterable<Float32Array>;
  /** One element; the same as in `parts`. */
  readonly element: (index: number) => number;
}

const computations = new WeakMap<Tensor, Computation>();

/**
 * A tensor whose elements are computed whenever `data` is read, and not kept. For large weights in another order or scale than in
 * their source: if every one of them was kept, an export would take twice the memory.
 */
export function computedTensor(dims: readonly number[], computation: Computation): Float32Tensor {
  const tensor: Float32Tensor = {
    dtype: "float32",
    dims,
    get data() {
      const data = new Float32Array(sizeOf(dims));
      let length = 0;
      for (const part of computation.parts()) {
        data.set(part, length);
        length += part.length;
      }
      if (length === data.length) return data;
      throw new InternalError(`a tensor of shape [${dims.join(", ")}] was computed to have ${length} elements`);
    },
  };
  computations.set(tensor, computation);
  return tensor;
}

/** Whether reading `data` computes all elements again. */
export function isComputed(tensor: Tensor): boolean {
  return computations.has(tensor);
}

/** The elements of a tensor a part at a time; a part may be overwritten by the next. */
export function partsOf(tensor: Float32Tensor): Iterable<Float32Array> {
  return computations.get(tensor)?.parts() ?? [tensor.data];
}

/** One element of a tensor, without computing the others. */
export function elementAt(tensor: Tensor, index: number): unknown {
  const computation = computations.get(tensor);
  return computation === undefined ? tensor.data[index] : computation.element(index);
}
