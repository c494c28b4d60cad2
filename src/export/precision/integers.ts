import { partsOf, type Float32Tensor } from "../../computed-tensor.ts";
import { ELEMENT_TYPE } from "../../onnx/element-type.ts";
import { int, type Attributes, type PackedTensor } from "../../onnx/model.ts";
import { at, last } from "../../require.ts";
import { sizeOf, type Tensor } from "../../tensor.ts";

import { Loss } from "./loss.ts";
import { blocksOf, scaleShape, type WeightUse } from "./uses.ts";
import type { FormStep, WeightForm } from "./weight-form.ts";

/** How a weight that a product of matrices reads becomes float32 again: by DequantizeLinear, or by nodes that are folded at load. */
export type MatrixForm = "dequantize" | "folded";

/** Products with smaller weights gain nothing by MatMulNBits. */
const LEAST_DEQUANTIZED = 2 ** 14;
/** Of the lengths that MatMulNBits takes, the one that all of its kernels have. */
const MATRIX_BLOCK = 32;

/**
 * A weight as int8: `q * scale` with a scale for each output channel, symmetric (no zero point), q from -127 to 127. Null when an
 * element is not finite.
 */
export function int8Form(weight: Float32Tensor, use: WeightUse, form: MatrixForm): WeightForm | null {
  const { dims } = weight;
  const shape = scaleShape(dims, use);
  const rounded = roundBlocks(weight, { dims, scales: shape }, { least: -127, most: 127, divisors: [127] });
  if (rounded === null) return null;
  const int8: Tensor = { dtype: "int8", dims, data: rounded.codes };
  if (use.isMatrix && form === "dequantize" && sizeOf(dims) >= LEAST_DEQUANTIZED) {
    const scale: Tensor = { dtype: "float32", dims: [last(dims)], data: rounded.scales };
    return dequantized("int8", int8, scale, { axis: int(1) }, rounded.loss);
  }
  const scale: Tensor = { dtype: "float32", dims: shape, data: rounded.scales };
  return { type: "int8", constants: { int8, scale }, steps: scaled("int8"), loss: rounded.loss };
}

/**
 * A weight as int4: `q * scale` with a scale for each block of elements of a channel, symmetric, q from -8 to 7. Of several scales
 * the one with the least error is taken. Null when an element is not finite, or the weight cannot be cut into blocks.
 */
export function int4Form(weight: Float32Tensor, use: WeightUse, form: MatrixForm): WeightForm | null {
  const { dims } = weight;
  const grid = { least: -8, most: 7, divisors: [7, 7.5, 8, 8.5, 9] };
  if (use.isMatrix && form === "dequantize" && sizeOf(dims) >= LEAST_DEQUANTIZED && at(dims, 0) % MATRIX_BLOCK === 0) {
    const [rows, columns] = [at(dims, 0), at(dims, 1)];
    const blocks = rows / MATRIX_BLOCK;
    const view = { dims: [blocks, MATRIX_BLOCK, columns], scales: [blocks, 1, columns] };
    const rounded = roundBlocks(weight, view, grid);
    if (rounded === null) return null;
    const scale: Tensor = { dtype: "float32", dims: [blocks, columns], data: rounded.scales };
    const attributes = { axis: int(0), block_size: int(MATRIX_BLOCK) };
    return dequantized("int4", packed(dims, rounded.codes), scale, attributes, rounded.loss);
  }
  const view = blocksOf(dims, use);
  const rounded = view === null ? null : roundBlocks(weight, view, grid);
  if (view === null || rounded === null) return null;
  return {
    type: "int4",
    constants: {
      int4: packed(view.dims, rounded.codes),
      scale: { dtype: "float32", dims: view.scales, data: rounded.scales },
      dims: { dtype: "int64", dims: [dims.length], data: BigInt64Array.from(dims, BigInt) },
    },
    steps: [...scaled("int4"), { opType: "Reshape", inputs: ["", "dims"], attributes: {} }],
    loss: rounded.loss,
  };
}

/** The codes of a weight, from -most to most, with a scale for each output channel. Null when an element is not finite. */
export function roundChannels(weight: Float32Tensor, use: WeightUse, most: number): Rounded | null {
  const view = { dims: weight.dims, scales: scaleShape(weight.dims, use) };
  return roundBlocks(weight, view, { least: -most, most, divisors: [most] });
}

/** Nodes that ONNX Runtime runs when it loads the file. */
function scaled(type: "int8" | "int4"): FormStep[] {
  return [
    { opType: "Cast", inputs: [type], attributes: { to: int(ELEMENT_TYPE.float32) } },
    { opType: "Mul", inputs: ["", "scale"], attributes: {} },
  ];
}

/** ONNX Runtime turns this node and the MatMul or Gemm behind it into MatMulNBits. */
function dequantized(
  type: "int8" | "int4",
  codes: Tensor | PackedTensor,
  scale: Tensor,
  attributes: Attributes,
  loss: number,
): WeightForm {
  return {
    type,
    constants: { [type]: codes, scale },
    steps: [{ opType: "DequantizeLinear", inputs: [type, "scale"], attributes }],
    loss,
  };
}

/** Two elements to a byte, the first in the low half: https://onnx.ai/onnx/technical/int4.html */
function packed(dims: readonly number[], codes: Int8Array): PackedTensor {
  const data = new Uint8Array(Math.ceil(codes.length / 2));
  for (let index = 0; index < codes.length; index++) {
    const half = at(codes, index) & 0xf;
    const place = index >> 1;
    data[place] = at(data, place) | (index % 2 === 0 ? half : half << 4);
  }
  return { dtype: "int4", dims, data };
}

/** A weight seen as `dims`, with scales of the same rank that have size 1 along the axes they are shared on. */
interface ScaledView {
  readonly dims: readonly number[];
  readonly scales: readonly number[];
}

/** Whole numbers to round to. A scale is the largest magnitude that it is for, divided by one of `divisors`. */
interface Grid {
  readonly least: number;
  readonly most: number;
  readonly divisors: readonly number[];
}

export interface Rounded {
  readonly codes: Int8Array;
  readonly scales: Float32Array;
  readonly loss: number;
}

function roundBlocks(weight: Float32Tensor, { dims, scales: shape }: ScaledView, grid: Grid): Rounded | null {
  const count = sizeOf(shape);
  const walk = new ScaleWalk(dims, shape);
  const largest = new Float32Array(count);
  for (const [value, scale] of walk.over(weight)) {
    if (!Number.isFinite(value)) return null;
    largest[scale] = Math.max(at(largest, scale), Math.abs(value));
  }
  const scales = bestScales(weight, walk, largest, grid);
  const codes = new Int8Array(sizeOf(dims));
  const loss = new Loss();
  let index = 0;
  for (const [value, scale] of walk.over(weight)) {
    const step = at(scales, scale);
    const code = codeOf(value, step, grid);
    loss.add(value, Math.fround(code * step));
    codes[index++] = code;
  }
  return { codes, scales, loss: loss.relative };
}

function codeOf(value: number, step: number, { least, most }: Grid): number {
  return Math.max(least, Math.min(most, Math.round(value / step)));
}

/** For each block the scale with the least squared error. A block of zeros has the scale 1. */
function bestScales(weight: Float32Tensor, walk: ScaleWalk, largest: Float32Array, grid: Grid): Float32Array {
  const candidates = grid.divisors.map((divisor) => largest.map((value) => (value === 0 ? 1 : value / divisor)));
  const [only] = candidates;
  if (only !== undefined && candidates.length === 1) return only.map(nonZero);
  const errors = candidates.map(() => new Float64Array(largest.length));
  for (const [value, scale] of walk.over(weight)) {
    for (const [index, steps] of candidates.entries()) {
      const step = nonZero(at(steps, scale));
      const own = at(errors, index);
      own[scale] = at(own, scale) + (value - codeOf(value, step, grid) * step) ** 2;
    }
  }
  return largest.map((_, scale) => {
    let best = 0;
    for (const index of candidates.keys()) if (at(at(errors, index), scale) < at(at(errors, best), scale)) best = index;
    return nonZero(at(at(candidates, best), scale));
  });
}

/** Magnitudes of the smallest numbers of float32 divide to 0. */
function nonZero(step: number): number {
  return step === 0 ? 1 : step;
}

/** Goes through the elements of a tensor with the index of the scale of each. */
class ScaleWalk {
  readonly #dims: readonly number[];
  /** How far the index of the scale moves with a step along each axis. */
  readonly #strides: readonly number[];

  constructor(dims: readonly number[], scales: readonly number[]) {
    this.#dims = dims;
    this.#strides = scales.map((size, axis) => (size === 1 ? 0 : sizeOf(scales.slice(axis + 1))));
  }

  /** The pair is the same object every time. */
  *over(weight: Float32Tensor): Generator<readonly [number, number]> {
    const counter = this.#dims.map(() => 0);
    const pair: [number, number] = [0, 0];
    let scale = 0;
    for (const part of partsOf(weight)) {
      for (const value of part) {
        pair[0] = value;
        pair[1] = scale;
        yield pair;
        for (let axis = counter.length - 1; axis >= 0; axis--) {
          const count = at(counter, axis) + 1;
          const stride = at(this.#strides, axis);
          scale += stride;
          if (count < at(this.#dims, axis)) {
            counter[axis] = count;
            break;
          }
          counter[axis] = 0;
          scale -= count * stride;
        }
      }
    }
  }
}
