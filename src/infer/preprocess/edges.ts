import { floatAt } from "../../require.ts";

import type { Plane } from "./image.ts";
import { quantile } from "./statistics.ts";

/** Added before the logarithm: differences between shades of black say nothing. */
export const BLACK = 0.06;
/** Edges up to this many times the median are noise. */
const NOISE = 1.5;
/** The largest edge that statistics tell apart, in nats: black next to white is about 2.9. */
export const STRONGEST = 4;

/**
 * How strong an edge runs through each pixel: the range of the logarithm of the light within 3 x 3 pixels, less noise. A
 * pen's edge is as strong in a shadow as beside it. [H, W]
 */
export function edgesOf(plane: Plane): Float32Array {
  const edges = rangeOfLogarithm(plane);
  const noise = NOISE * quantile(edges, 0.5, STRONGEST);
  for (let pixel = 0; pixel < edges.length; pixel++) edges[pixel] = Math.max(0, floatAt(edges, pixel) - noise);
  return edges;
}

function rangeOfLogarithm({ width, height, data }: Plane): Float32Array {
  const size = width * height;
  const [edges, low, high] = [new Float32Array(size), new Float32Array(size), new Float32Array(size)];
  for (let pixel = 0; pixel < size; pixel++) edges[pixel] = Math.log(floatAt(data, pixel) + BLACK);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const pixel = y * width + x;
      const left = floatAt(edges, x > 0 ? pixel - 1 : pixel);
      const own = floatAt(edges, pixel);
      const right = floatAt(edges, x < width - 1 ? pixel + 1 : pixel);
      low[pixel] = Math.min(left, own, right);
      high[pixel] = Math.max(left, own, right);
    }
  }
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const pixel = y * width + x;
      const up = y > 0 ? pixel - width : pixel;
      const down = y < height - 1 ? pixel + width : pixel;
      const most = Math.max(floatAt(high, up), floatAt(high, pixel), floatAt(high, down));
      edges[pixel] = most - Math.min(floatAt(low, up), floatAt(low, pixel), floatAt(low, down));
    }
  }
  return edges;
}
