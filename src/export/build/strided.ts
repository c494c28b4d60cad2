import { at, wordAt } from "../../require.ts";
import { sizeOf, type Tensor } from "../../tensor.ts";

/** Elements along both sides of the squares in which a matrix is transposed, so that what a square reads stays in the cache. */
const SQUARE = 32;

/** Some elements of an array: `sizes` of them along each axis, each axis with the distance from one to the next. */
export interface Strided {
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
  /** Place of the first one. */
  readonly offset: number;
}

/** Bits of elements of 4 or 8 bytes. A view: nothing is copied. */
export function wordsOf(data: Exclude<Tensor["data"], readonly string[]>): Uint32Array {
  return new Uint32Array(data.buffer, data.byteOffset, data.byteLength / 4);
}

/**
 * Copy elements that lie strided in `source`, in row-major order, to `target` from `start` on. Bits are copied, whatever
 * they stand for; arrays of one kind make this several times faster.
 */
export function copyStrided(source: Uint32Array, from: Strided, target: Uint32Array, start = 0): void {
  const { sizes, strides } = merged(from);
  const outer = sizes.slice(0, -2);
  const [rows = 1, columns = 1] = sizes.length === 1 ? [1, sizes[0]] : sizes.slice(-2);
  const [rowStride = 0, columnStride = 0] = sizes.length === 1 ? [0, strides[0]] : strides.slice(-2);
  const counter = outer.map(() => 0);
  const planes = sizeOf(outer);
  const plane = rows * columns;
  let offset = from.offset;
  for (let index = 0; index < planes; index++) {
    copyPlane(source, offset, rowStride, columnStride, target, start + index * plane, rows, columns);
    for (let axis = outer.length - 1; axis >= 0; axis--) {
      const count = at(counter, axis) + 1;
      const stride = at(strides, axis);
      offset += stride;
      if (count < at(outer, axis)) {
        counter[axis] = count;
        break;
      }
      counter[axis] = 0;
      offset -= count * stride;
    }
  }
}

function copyPlane(
  source: Uint32Array,
  offset: number,
  rowStride: number,
  columnStride: number,
  target: Uint32Array,
  start: number,
  rows: number,
  columns: number,
): void {
  for (let top = 0; top < rows; top += SQUARE) {
    const bottom = Math.min(rows, top + SQUARE);
    for (let left = 0; left < columns; left += SQUARE) {
      const right = Math.min(columns, left + SQUARE);
      for (let row = top; row < bottom; row++) {
        let from = offset + row * rowStride + left * columnStride;
        const end = start + row * columns + right;
        for (let to = start + row * columns + left; to < end; to++, from += columnStride) {
          target[to] = wordAt(source, from);
        }
      }
    }
  }
}

/** The same elements with fewer axes: those of size 1 go, and two become one where the outer one goes on where the inner one ends. */
function merged({ sizes, strides }: Strided): Omit<Strided, "offset"> {
  const kept: { size: number; stride: number }[] = [];
  for (const [axis, size] of sizes.entries()) {
    if (size === 1) continue;
    const stride = at(strides, axis);
    const outer = kept.at(-1);
    if (outer !== undefined && outer.stride === size * stride) {
      outer.size *= size;
      outer.stride = stride;
    } else kept.push({ size, stride });
  }
  return { sizes: kept.map(({ size }) => size), strides: kept.map(({ stride }) => stride) };
}

/** Distances between neighbours along each axis of a dense array. */
export function stridesOf(sizes: readonly number[]): readonly number[] {
  const strides: number[] = [];
  let stride = 1;
  for (const size of sizes.toReversed()) {
    strides.unshift(stride);
    stride *= size;
  }
  return strides;
}
