import { floatAt } from "../../require.ts";

import type { Plane } from "./image.ts";
import type { Box } from "./resize.ts";

/** The smallest box around all ink stronger than `least`, or null when there is none. */
export function extentOf({ width, height, data }: Plane, least: number): Box | null {
  let [left, right, top, bottom] = [width, -1, height, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (floatAt(data, y * width + x) <= least) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      bottom = y;
    }
  }
  return right < 0 ? null : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

/** The drawing with a margin of a pixel. */
export function cropped(ink: Plane): Plane {
  const extent = extentOf(ink, 0);
  if (extent === null) return ink;
  const width = extent.width + 2;
  const height = extent.height + 2;
  const data = new Float32Array(width * height);
  for (let y = 0; y < extent.height; y++) {
    const start = (extent.top + y) * ink.width + extent.left;
    data.set(ink.data.subarray(start, start + extent.width), (y + 1) * width + 1);
  }
  return { width, height, data };
}
