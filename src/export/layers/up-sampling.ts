import { multiply } from "../../onnx/dim.ts";
import { at } from "../../require.ts";
import { defineConverter, only, type LayerConverter } from "../converter.ts";
import { dimOf } from "../ir/value.ts";

import { resizeImage } from "../build/resize.ts";
import { expectRank, spatialAxes } from "../build/windows.ts";

/** Each step or voxel several times over. */
function repeating(rank: 1 | 3): LayerConverter {
  return defineConverter({
    className: `UpSampling${rank}D`,
    takes: "any",
    ops: ["Resize"],
    parse: (config) => ({
      scales: config.positives(
        "size",
        rank,
        Array.from({ length: rank }, () => 2),
      ),
      format: config.dataFormat(),
    }),
    emit({ graph }, { scales, format }, inputs) {
      const input = only(inputs);
      expectRank(input, rank + 2);
      const axes = spatialAxes(format, rank);
      const size = axes.spatial.map((axis, index) => multiply(dimOf(input, axis), at(scales, index)));
      return resizeImage(graph, input, axes, { size, scales }, { method: "nearest", coordinates: "asymmetric" });
    },
  });
}

/** TF.js resizes without half-pixel centres; Keras 3 with them. */
const upSampling2D: LayerConverter = defineConverter({
  className: "UpSampling2D",
  takes: "any",
  ops: ["Resize"],
  parse: (config, { rules }) => {
    const method = config.oneOf("interpolation", ["nearest", "bilinear"], "nearest");
    const coordinates = rules.halfPixels === true && method === "bilinear" ? "half_pixel" : "asymmetric";
    return {
      scales: config.positives("size", 2, [2, 2]),
      format: config.dataFormat(),
      how: { method, coordinates },
    } as const;
  },
  emit({ graph }, { scales, format, how }, inputs) {
    const input = only(inputs);
    expectRank(input, 4);
    const axes = spatialAxes(format, 2);
    const size = axes.spatial.map((axis, index) => multiply(dimOf(input, axis), at(scales, index)));
    return resizeImage(graph, input, axes, { size, scales }, how);
  },
});

export const upSamplings: readonly LayerConverter[] = [repeating(1), upSampling2D, repeating(3)];
