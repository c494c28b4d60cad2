import { ExportError } from "../../errors.ts";
import { dim } from "../../onnx/dim.ts";
import { defineConverter, only, type LayerConverter } from "../converter.ts";

import { resizeImage } from "../build/resize.ts";
import { expectRank, spatialAxes } from "../build/windows.ts";

/**
 * Images [N, H, W, C] to a fixed height and width. TF.js takes `crop_to_aspect_ratio` for the opposite of its operators'
 * `alignCorners`, and crops nothing; Keras 3 has pixels' centres at halves.
 */
export const resizing: LayerConverter = defineConverter({
  className: "Resizing",
  ops: ["Resize", "Gather"],
  takes: "any",
  parse(config, { rules }) {
    const crop = config.boolean("crop_to_aspect_ratio", false);
    const halves = rules.halfPixels === true;
    if (halves && crop) throw new ExportError("crop_to_aspect_ratio is not supported in models of Keras 3");
    return {
      size: [dim(config.positive("height")), dim(config.positive("width"))],
      method: config.oneOf("interpolation", ["bilinear", "nearest"], "bilinear"),
      coordinates: halves ? "half_pixel" : crop ? "asymmetric" : "align_corners",
    } as const;
  },
  emit({ graph }, { size, method, coordinates }, inputs) {
    const input = only(inputs);
    expectRank(input, 4);
    return resizeImage(graph, input, spatialAxes("channels_last", 2), { size }, { method, coordinates });
  },
});
