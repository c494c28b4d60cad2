import { ExportError } from "../../errors.ts";
import { defineConverter, only, type LayerConverter } from "../converter.ts";
import { asNumber, dim } from "../../onnx/dim.ts";
import { dimOf } from "../ir/value.ts";

import { resizeImage } from "../build/resize.ts";
import { expectRank, spatialAxes } from "../build/windows.ts";

const NHWC = spatialAxes("channels_last", 2);

/**
 * A random height or width, for training. TF.js draws it when it predicts as well; what Keras and its own documentation
 * say, nothing in inference, is what is exported, unless the range is a single factor: then that is what TF.js computes.
 */
function randomResizing(className: "RandomHeight" | "RandomWidth", axis: 1 | 2): LayerConverter {
  return defineConverter({
    className,
    ops: ["Resize", "Gather"],
    takes: "any",
    parse(config, { rules }) {
      const [lower = 0, upper = -lower] = config.numbers("factor", null);
      return {
        factor: lower === upper && rules.randomSizes !== true ? lower : null,
        method: config.oneOf("interpolation", ["bilinear", "nearest"], "bilinear"),
      };
    },
    emit({ graph }, { factor, method }, inputs) {
      const input = only(inputs);
      if (factor === null) return input;
      expectRank(input, 4);
      const before = asNumber(dimOf(input, axis));
      if (factor === 0) return method === "bilinear" ? graph.cast(input, "float32") : input;
      if (before === null) throw new ExportError(`axis ${axis} of its input must have a fixed size`);
      const after = Math.round(Math.fround(1 + factor) * before);
      const size = [dimOf(input, 1), dimOf(input, 2)].with(axis - 1, dim(after));
      return resizeImage(graph, input, NHWC, { size }, { method, coordinates: "asymmetric" });
    },
  });
}

export const randomResizings: readonly LayerConverter[] = [
  randomResizing("RandomHeight", 1),
  randomResizing("RandomWidth", 2),
];
