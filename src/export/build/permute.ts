import { computedTensor } from "../../computed-tensor.ts";
import { InternalError } from "../../errors.ts";
import { asNumber, show } from "../../onnx/dim.ts";
import { at, first, floatAt } from "../../require.ts";
import { sizeOf, type Tensor } from "../../tensor.ts";
import { sameFactors, type Factor } from "../ir/value.ts";

import { copyStrided, stridesOf, wordsOf, type Strided } from "./strided.ts";

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
  const data: Tensor["data"] = tensor.data;
  return { ...tensor, data: permuted(data, sizes, perm) };
}

function permuted(data: Tensor["data"], sizes: readonly number[], perm: readonly number[]): Tensor["data"] {
  if (!ArrayBuffer.isView(data)) {
    const places = Uint32Array.from(data.keys());
    return Array.from(permutedWords(places, sizes, perm), (place) => at(data, place));
  }
  const { buffer, byteOffset, length } = data;
  const width = data.BYTES_PER_ELEMENT;
  const moved = data.slice();
  if (width >= 4) {
    const words = width / 4;
    wordsOf(moved).set(permutedWords(wordsOf(data), [...sizes, words], [...perm, sizes.length]));
  } else if (width === 2) {
    const bits = new Uint32Array(new Uint16Array(buffer, byteOffset, length));
    new Uint16Array(moved.buffer).set(permutedWords(bits, sizes, perm));
  } else {
    const bits = new Uint32Array(new Uint8Array(buffer, byteOffset, length));
    new Uint8Array(moved.buffer).set(permutedWords(bits, sizes, perm));
  }
  return moved;
}

function permutedWords(words: Uint32Array, sizes: readonly number[], perm: readonly number[]): Uint32Array {
  const moved = new Uint32Array(words.length);
  copyStrided(words, transposedBy(sizes, perm), moved);
  return moved;
}

/** The elements of a dense array of shape `sizes` in the order of its axes that `perm` says. */
function transposedBy(sizes: readonly number[], perm: readonly number[]): Strided {
  const strides = stridesOf(sizes);
  return { sizes: perm.map((axis) => at(sizes, axis)), strides: perm.map((axis) => at(strides, axis)), offset: 0 };
}

/** A constant transposed: `[I, O]` by `[1, 0]` is `[O, I]`. */
export function transposed<T extends Tensor>(tensor: T, perm: readonly number[]): T {
  const moved = permuteData(tensor, tensor.dims, perm);
  return { ...moved, dims: perm.map((axis) => at(tensor.dims, axis)) };
}

/** Elements from which on a kernel is transposed when it is written, and not kept. */
const LARGE = 2 ** 18;
/** Elements of a part of such a kernel at least. Neighbours in the source lie in different rows of the result: several go at once. */
const PART = 2 ** 16;

/**
 * As {@link transposed}, for what goes into a file as it is. A large one is computed whenever its `data` is read: read it once, not
 * in a loop.
 */
export function transposedWhenWritten(tensor: Tensor, perm: readonly number[]): Tensor {
  if (tensor.dtype !== "float32" || sizeOf(tensor.dims) < LARGE) return transposed(tensor, perm);
  const { data } = tensor;
  const whole = transposedBy(tensor.dims, perm);
  const { sizes: dims, strides } = whole;
  const rowSize = sizeOf(dims.slice(1));
  const rowsAtOnce = Math.ceil(PART / rowSize);
  return computedTensor(dims, {
    *parts() {
      const part = new Float32Array(Math.min(rowsAtOnce, first(dims)) * rowSize);
      for (let row = 0; row < first(dims); row += rowsAtOnce) {
        const rows = Math.min(rowsAtOnce, first(dims) - row);
        const sizes = [rows, ...dims.slice(1)];
        copyStrided(wordsOf(data), { sizes, strides, offset: row * first(strides) }, wordsOf(part));
        yield part.subarray(0, rows * rowSize);
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
