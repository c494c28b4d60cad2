import { ExportError } from "../../errors.ts";
import { defineConverter, only, type LayerConverter } from "../converter.ts";
import { add, asNumber } from "../../onnx/dim.ts";
import { at } from "../../require.ts";
import { dimOf } from "../ir/value.ts";

import { channelsFirst, expectRank, spatialAxes, windowNode } from "../build/windows.ts";

function pairsOf(rank: number, each: number): readonly (readonly [number, number])[] {
  return Array.from({ length: rank }, () => [each, each] as const);
}

function zeroPadding(rank: number): LayerConverter {
  return defineConverter({
    className: `ZeroPadding${rank}D`,
    ops: ["Pad"],
    integers: "kept",
    parse: (config) => ({ padding: config.pairs("padding", rank, pairsOf(rank, 1)), format: config.dataFormat() }),
    emit({ graph }, { padding, format }, inputs) {
      const input = only(inputs);
      expectRank(input, rank + 2);
      const axes = spatialAxes(format, rank);
      const pads = [0, 0, ...padding.map(([low]) => low), 0, 0, ...padding.map(([, high]) => high)];
      return windowNode(graph, "Pad", [channelsFirst(graph, input, axes), graph.int64s(pads)], {}, axes);
    },
  });
}

/** Keras crops one element at each end of a sequence or volume where nothing is said; TF.js nothing of an image. */
function cropping(rank: number): LayerConverter {
  return defineConverter({
    className: `Cropping${rank}D`,
    ops: ["Slice"],
    integers: "kept",
    parse: (config) => ({
      cropped: config.pairs("cropping", rank, pairsOf(rank, rank === 2 ? 0 : 1)),
      format: config.dataFormat(),
    }),
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
