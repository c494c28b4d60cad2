import { at } from "../../../require.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import { dimOf, viewOf, type Value } from "../../ir/value.ts";
import {
  axisByAxis,
  channelsFirst,
  expectRank,
  fitWindow,
  spatialAxes,
  windowNode,
  type Window,
} from "../../build/windows.ts";
import { ExportError } from "../../../errors.ts";
import type { GraphOpConverter } from "../converter.ts";
import type { AttributeReader } from "../source/attributes.ts";

import { readPadding } from "./convolution.ts";
import { defineOp } from "./define.ts";
import { number } from "./operands.ts";

/** TF.js takes the data for N H W C whatever the data format is, and knows no explicit padding here. */
function readWindow(attributes: AttributeReader, rank: number): Window {
  const padding = readPadding(attributes);
  if (padding === "explicit") throw new ExportError("TF.js has no pooling with explicit paddings");
  return {
    kernel: attributes.ints("ksize").slice(1, rank + 1),
    strides: attributes.ints("strides").slice(1, rank + 1),
    dilations: Array.from({ length: rank }, () => 1),
    padding,
  };
}

function pool(graph: GraphBuilder, opType: "MaxPool" | "AveragePool", input: Value, window: Window): Value {
  const rank = window.kernel.length;
  expectRank(input, rank + 2);
  if ([...window.kernel, ...window.strides].every((size) => size === 1)) return input;
  const axes = spatialAxes("channels_last", rank);
  const sizes = axes.spatial.map((axis) => dimOf(input, axis));
  return axisByAxis(window, sizes).reduce((value, part) => {
    const fit = fitWindow(
      part,
      axes.spatial.map((axis) => dimOf(value, axis)),
    );
    return windowNode(graph, opType, [channelsFirst(graph, value, axes)], fit.attributes, axes);
  }, input);
}

/** ONNX Runtime has no pool of int32; a float64 holds every one. */
function maxPool(rank: number): GraphOpConverter {
  return defineOp([rank === 2 ? "MaxPool" : "MaxPool3D"], ["MaxPool"], (context, { attributes }) => {
    const { graph } = context;
    const input = context.tensor(0);
    const window = readWindow(attributes, rank);
    if (input.dtype !== "int32") return pool(graph, "MaxPool", input, window);
    return graph.cast(pool(graph, "MaxPool", graph.cast(input, "float64"), window), "int32");
  });
}

function averagePool(rank: number): GraphOpConverter {
  return defineOp([rank === 2 ? "AvgPool" : "AvgPool3D"], ["AveragePool"], (context, { attributes }) =>
    pool(context.graph, "AveragePool", context.tensor(0), readWindow(attributes, rank)),
  );
}

/**
 * Places are counted over the elements of an image as it lies in memory, N H W C, or of the whole batch. ONNX counts them
 * over N C H W.
 */
const maxPoolWithArgmax = defineOp(
  ["MaxPoolWithArgmax"],
  ["MaxPool", "Mod", "Mul", "Add", "Cast"],
  (context, { attributes }) => {
    const { graph } = context;
    const input = context.tensor(0);
    expectRank(input, 4);
    const axes = spatialAxes("channels_last", 2);
    const window = readWindow(attributes, 2);
    const [height, width, channels] = [dimOf(input, 1), dimOf(input, 2), dimOf(input, 3)];
    const fit = fitWindow(window, [height, width]);
    const order = [0, axes.channels, ...axes.spatial];
    const made = graph.node("MaxPool", [channelsFirst(graph, input, axes)], fit.attributes, 2);
    const product = (...sizes: (typeof height)[]): ReturnType<GraphBuilder["op"]> =>
      sizes.map((size) => graph.runtimeDim(size)).reduce((a, b) => graph.op("Mul", [a, b]));
    const pixels = graph.op("Mod", [at(made, 1), product(height, width)]);
    const scaled = graph.op("Mul", [pixels, graph.runtimeDim(channels)]);
    const range = (size: typeof height, places: readonly number[]): ReturnType<GraphBuilder["op"]> => {
      const scalar = graph.op("Squeeze", [graph.runtimeDim(size), graph.int64s([0])]);
      const all = graph.op("Range", [number(graph, 0, "int64"), scalar, number(graph, 1, "int64")]);
      return graph.op("Unsqueeze", [all, graph.int64s(places)]);
    };
    const placed = graph.op("Add", [scaled, range(channels, [1, 2])]);
    const whole = attributes.bool("include_batch_in_index", false)
      ? graph.op("Add", [
          placed,
          graph.op("Mul", [range(dimOf(input, 0), [1, 2, 3]), product(height, width, channels)]),
        ])
      : placed;
    return [viewOf(at(made, 0), order), graph.cast(viewOf(whole, order), "int32")];
  },
);

export const poolings: readonly GraphOpConverter[] = [
  maxPool(2),
  maxPool(3),
  averagePool(2),
  averagePool(3),
  maxPoolWithArgmax,
];
