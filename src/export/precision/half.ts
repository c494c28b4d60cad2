import { partsOf, type Float32Tensor } from "../../computed-tensor.ts";
import { halfToNumber, numberToHalf } from "../../half.ts";
import { ELEMENT_TYPE } from "../../onnx/element-type.ts";
import { int } from "../../onnx/model.ts";
import { sizeOf } from "../../tensor.ts";

import { Loss } from "./loss.ts";
import type { WeightForm } from "./weight-form.ts";

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
