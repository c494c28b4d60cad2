import { partsOf, type Float32Tensor } from "../../computed-tensor.ts";
import { ELEMENT_TYPE } from "../../onnx/element-type.ts";
import { int } from "../../onnx/model.ts";
import { first } from "../../require.ts";
import { sizeOf } from "../../tensor.ts";
import { halfToNumber } from "../source/half.ts";

import { Loss } from "./loss.ts";
import type { WeightForm } from "./weight-form.ts";

const float = new Float32Array(1);
const floatBits = new Uint32Array(float.buffer);

/** Bits of the IEEE 754 binary16 number next to a number, to even on a tie; an infinity from 65520 on. */
export function numberToHalf(value: number): number {
  float[0] = value;
  const bits = first(floatBits);
  const sign = (bits >>> 16) & 0x8000;
  const rest = bits & 0x7fffffff;
  if (rest > 0x7f800000) return sign | 0x7e00;
  if (rest >= 0x47800000) return sign | 0x7c00;
  if (rest < 0x38800000) return sign | roundedToEven(Math.abs(value) * 2 ** 24);
  const rebased = rest - 0x38000000;
  return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
}

function roundedToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest === 0.5) return below + (below & 1);
  return rest > 0.5 ? below + 1 : below;
}

/** A weight as float16, which ONNX Runtime widens when it loads the file; null when an element would become infinite. */
export function halfForm(weight: Float32Tensor): WeightForm | null {
  const data = new Uint16Array(sizeOf(weight.dims));
  const loss = new Loss();
  let index = 0;
  for (const part of partsOf(weight)) {
    for (const value of part) {
      const bits = numberToHalf(value);
      const rounded = halfToNumber(bits);
      if (!Number.isFinite(rounded) && Number.isFinite(value)) return null;
      loss.add(value, rounded);
      data[index++] = bits;
    }
  }
  return halfOf(weight.dims, data, loss.relative);
}

/** Bits of float16 numbers as a form. */
export function halfOf(dims: readonly number[], data: Uint16Array, loss: number): WeightForm {
  return {
    type: "float16",
    constants: { float16: { dtype: "float16", dims, data } },
    steps: [{ opType: "Cast", inputs: ["float16"], attributes: { to: int(ELEMENT_TYPE.float32) } }],
    loss,
  };
}
