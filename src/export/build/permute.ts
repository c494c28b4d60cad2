import { computedTensor } from "../../computed-tensor.ts";
import { InternalError } from "../../errors.ts";
import { asNumber, show } from "../../onnx/dim.ts";
import { at, first, floatAt } from "../../require.ts";
import { sizeOf, type Tensor } from "../../tensor.ts";
import { sameFactors, type Factor } from "../ir/value.ts";

/** Reorder the data of a constant whose elements run over the factors `from` so that they run over `to`. */
export function permuteFactors<T extends Tensor>(tensor: T, from: readonly Factor[], to: readonly Factor[]): T {
  if (sameFactors(from, to)) return tensor;
  return permuteData(
    tensor,
    from.map(knownSize),
    to.map((factor) => from.indexOf(factor)),
  );
}

/** Size of a factor of a constant. */
export function knownSize({ size }: Factor): number {
  const known = asNumber(size);
  if (known === null) throw new InternalError(`a constant has an axis of unknown size ${show(size)}`);
  return known;
}

/** The data of a constant seen as [...sizes], transposed by `perm`; `dims` are left as they were. */
export function permuteData<T extends Tensor>(tensor: T, sizes: readonly number[], perm: readonly number[]): T {
  const strides = sizes.map((_, index) => sizeOf(sizes.slice(index + 1)));
  const outSizes = perm.map((axis) => at(sizes, axis));
  const outStrides = perm.map((axis) => at(strides, axis));
  const { data: source } = tensor;
  if (source instanceof Float32Array) {
    const data = new Float32Array(source.length);
    eachRow(outSizes, outStrides, (from, to, length, stride) => {
      for (let index = 0, place = from; index < length; index++, place += stride)
        data[to + index] = floatAt(source, place);
    });
    return { ...tensor, data };
  }
  const data = source.slice();
  eachRow(outSizes, outStrides, (from, to, length, stride) => {
    for (let index = 0; index < length; index++) Reflect.set(data, to + index, source[from + index * stride]);
  });
  return { ...tensor, data };
}

/** A constant transposed: `[I, O]` by `[1, 0]` is `[O, I]`. */
export function transposed<T extends Tensor>(tensor: T, perm: readonly number[]): T {
  const moved = permuteData(tensor, tensor.dims, perm);
  return { ...moved, dims: perm.map((axis) => at(tensor.dims, axis)) };
}

/** Elements from which on a kernel is transposed when it is written, and not kept. */
const LARGE = 2 ** 18;

/**
 * As {@link transposed}, for what goes into a file as it is. A large one is computed whenever its `data` is read: read it once, not
 * in a loop.
 */
export function transposedWhenWritten(tensor: Tensor, perm: readonly number[]): Tensor {
  const { dims: from } = tensor;
  const dims = perm.map((axis) => at(from, axis));
  if (tensor.dtype !== "float32" || sizeOf(dims) < LARGE) return transposed(tensor, perm);
  const strides = perm.map((axis) => sizeOf(from.slice(axis + 1)));
  const { data } = tensor;
  return computedTensor(dims, {
    *parts() {
      const part = new Float32Array(sizeOf(dims.slice(1)));
      for (let start = 0; start < first(dims); start++) {
        const offset = start * first(strides);
        eachRow(dims.slice(1), strides.slice(1), (row, to, length, stride) => {
          for (let index = 0, place = offset + row; index < length; index++, place += stride) {
            part[to + index] = floatAt(data, place);
          }
        });
        yield part;
      }
    },
    element: (index) => {
      let [rest, place] = [index, 0];
      for (let axis = dims.length - 1; axis >= 0; axis--) {
        const size = at(dims, axis);
        place += (rest % size) * at(strides, axis);
        rest = Math.floor(rest / size);
      }
      return floatAt(data, place);
    },
  });
}

/** Visit the rows along the last axis of a strided tensor, in row-major order of `sizes`. */
function eachRow(
  sizes: readonly number[],
  strides: readonly number[],
  visit: (from: number, to: number, length: number, stride: number) => void,
): void {
  const length = sizes.at(-1) ?? 1;
  const stride = strides.at(-1) ?? 1;
  const total = sizeOf(sizes);
  const counter = sizes.map(() => 0);
  let from = 0;
  for (let to = 0; to < total; to += length) {
    visit(from, to, length, stride);
    for (let axis = sizes.length - 2; axis >= 0; axis--) {
      const count = at(counter, axis) + 1;
      const step = at(strides, axis);
      from += step;
      if (count < at(sizes, axis)) {
        counter[axis] = count;
        break;
      }
      counter[axis] = 0;
      from -= count * step;
    }
  }
}
