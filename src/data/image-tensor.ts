import { float32, type Tensor } from "../tensor.ts";

import type { ImageSet } from "./dataset.ts";

/** Images `start` to `start + count - 1` of a set as the networks are trained on them: [N, H, W, 1], 0 (paper) to 1 (ink). */
export function imageTensor(set: ImageSet, start: number, count: number): Tensor {
  const size = set.height * set.width;
  const data = new Float32Array(count * size);
  for (let row = 0; row < count; row++) {
    set.pixels(start + row).forEach((value, index) => (data[row * size + index] = value / 255));
  }
  return float32(data, [count, set.height, set.width, 1]);
}
