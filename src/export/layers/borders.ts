import { ExportError, ModelFormatError } from "../../errors.ts";
import { defineConverter, only, type LayerConverter } from "../converter.ts";
import { add, asNumber } from "../../onnx/dim.ts";
import { at } from "../../require.ts";
import { dimOf } from "../ir/value.ts";

import { channelsFirst, expectRank, spatialAxes, windowNode } from "../build/windows.ts";

/** One element at each end of each axis. */
function oneEach(rank: number): readonly (readonly [number, number])[] {
  return Array.from({ length: rank }, () => [1, 1] as const);
}

function zeroPadding(rank: number): LayerConverter {
  return defineConverter({
    className: `ZeroPadding${rank}D`,
    ops: ["Pad"],
    integers: "kept",
    parse: (config) => ({ padding: config.pairs("padding", rank, oneEach(rank)), format: config.dataFormat() }),
    emit({ graph }, { padding, format }, inputs) {
      const input = only(inputs);
      expectRank(input, rank + 2);
      const axes = spatialAxes(format, rank);
      const pads = [0, 0, ...padding.map(([low]) => low), 0, 0, ...padding.map(([, high]) => high)];
      return windowNode(graph, "Pad", [channelsFirst(graph, input, axes), graph.int64s(pads)], {}, axes);
    },
  });
}

/**
 * Keras crops one element at each end of a sequence or a volume by default. TF.js refuses a Cropping2D without `cropping`, and takes
 * a `data_format` of null for channels first, which is refused here.
 */
function cropping(rank: number): LayerConverter {
  return defineConverter({
    className: `Cropping${rank}D`,
    ops: ["Slice"],
    integers: "kept",
    parse(config) {
      if (rank !== 2) return { cropped: config.pairs("cropping", rank, oneEach(rank)), format: config.dataFormat() };
      if (config.isNull("data_format")) throw new ModelFormatError("data_format must be a string; got null");
      return { cropped: config.pairs("cropping", rank), format: config.dataFormat() };
    },
    emit({ graph }, { cropped, format }, inputs) {
      const input = only(inputs);
      expectRank(input, rank + 2);
      const axes = spatialAxes(format, rank);
      axes.spatial.forEach((axis, index) => {
        const [low, high] = at(cropped, index);
        const left = asNumber(add(dimOf(input, axis), -low - high));
        if (left !== null && left < 1) throw new ExportError(`cropping leaves nothing of axis ${axis}`);
      });
      const starts = cropped.map(([low]) => low);
      const ends = cropped.map(([, high]) => (high === 0 ? Number.MAX_SAFE_INTEGER : -high));
      const places = cropped.map((_, index) => index + 2);
      const bounds = [starts, ends, places].map((each) => graph.int64s(each));
      return windowNode(graph, "Slice", [channelsFirst(graph, input, axes), ...bounds], {}, axes);
    },
  });
}

export const borders: readonly LayerConverter[] = [1, 2, 3].flatMap((rank) => [zeroPadding(rank), cropping(rank)]);
