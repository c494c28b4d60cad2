import { ExportError } from "../../../errors.ts";
import { asNumber, type Dim } from "../../../onnx/dim.ts";
import { string } from "../../../onnx/model.ts";
import type { Tensor } from "../../../tensor.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import { concat, gather, slice, squeeze, unsqueeze } from "../../build/ops/shape.ts";
import type { GraphTensor } from "../../ir/graph-tensor.ts";
import { dimOf, viewOf, type Value } from "../../ir/value.ts";
import { resizeImage, type Resampling } from "../../build/resize.ts";
import { channelsFirst, expectRank, spatialAxes } from "../../build/windows.ts";
import type { GraphOpConverter, OpContext } from "../converter.ts";
import type { AttributeReader } from "../source/attributes.ts";

import { defineOp } from "./define.ts";

const NHWC = spatialAxes("channels_last", 2);
const STORED = [0, NHWC.channels, ...NHWC.spatial];

function coordinates(attributes: AttributeReader): Resampling["coordinates"] {
  if (attributes.bool("align_corners", false)) return "align_corners";
  return attributes.bool("half_pixel_centers", false) ? "half_pixel" : "asymmetric";
}

function resize(tfOp: string, method: Resampling["method"]): GraphOpConverter {
  return defineOp([tfOp], ["Resize", "Gather"], (context, { attributes }) => {
    const { graph } = context;
    const input = context.tensor(0);
    expectRank(input, 4);
    const how = { method, coordinates: coordinates(attributes) };
    const target = context.tensor(1);
    const { elements } = graph.plain(target);
    if (elements !== null) return resizeImage(graph, input, NHWC, { size: elements.slice(0, 2) }, how);
    return resizeTo(graph, input, target, how);
  });
}

/** To a size that is only known when the model runs. */
function resizeTo(
  graph: GraphBuilder,
  image: Value,
  target: Value,
  { method, coordinates: places }: Resampling,
): Value {
  const input = method === "bilinear" ? graph.cast(image, "float32") : image;
  const outer = graph.shapeTensor([dimOf(input, 0), dimOf(input, 3)]);
  const sizes = concat(graph, [outer, graph.plain(graph.cast(target, "int64"))], 0);
  const rounding = places === "asymmetric" ? "floor" : "round_prefer_ceil";
  const made = graph.op("Resize", [channelsFirst(graph, input, NHWC), null, null, sizes], {
    mode: string(method === "bilinear" ? "linear" : "nearest"),
    coordinate_transformation_mode: string(places),
    ...(method === "nearest" ? { nearest_mode: string(rounding) } : {}),
  });
  return viewOf(made, STORED);
}

// Reading pixels at places that are computed. Places are float64, as in TF.js, so that both are on one side of a border.

const wide = (graph: GraphBuilder, value: number): GraphTensor =>
  graph.constant("place", { dtype: "float64", dims: [], data: Float64Array.of(value) });

/** 0, 1, ... along one of `rank` axes. */
function steps(graph: GraphBuilder, count: number, axis: number, rank: number): GraphTensor {
  const dims = Array.from({ length: rank }, (_, place) => (place === axis ? count : 1));
  const data = Float64Array.from({ length: count }, (_, index) => index);
  return graph.constant("steps", { dtype: "float64", dims, data });
}

/** A size as a float64 scalar. */
function wideSize(graph: GraphBuilder, size: Dim): GraphTensor {
  const known = asNumber(size);
  if (known !== null) return wide(graph, known);
  return graph.plain(graph.cast(viewOf(squeeze(graph, graph.runtimeDim(size), [0])), "float64"));
}

function toType(graph: GraphBuilder, tensor: GraphTensor, dtype: "float32" | "float64" | "int64"): GraphTensor {
  return graph.cast(viewOf(tensor), dtype).tensor;
}

/** Images [N, H, W, C] as rows of pixels. */
interface Pixels {
  readonly rows: GraphTensor;
  readonly height: GraphTensor;
  readonly width: GraphTensor;
}

function pixelsOf(graph: GraphBuilder, image: Value): Pixels {
  const rows = graph.op("Reshape", [
    graph.plain(image),
    concat(graph, [graph.int64s([-1]), graph.runtimeDim(dimOf(image, 3))], 0),
  ]);
  return { rows, height: wideSize(graph, dimOf(image, 1)), width: wideSize(graph, dimOf(image, 2)) };
}

/** Whole places brought within an axis. */
function within(graph: GraphBuilder, place: GraphTensor, size: GraphTensor): GraphTensor {
  const last = graph.op("Sub", [size, wide(graph, 1)]);
  return graph.op("Clip", [place, wide(graph, 0), last]);
}

/** Pixels of the images `batch` at whole places y and x, which are brought within the image: [..., C]. */
function pixelsAt(
  graph: GraphBuilder,
  pixels: Pixels,
  batch: GraphTensor,
  y: GraphTensor,
  x: GraphTensor,
): GraphTensor {
  const { rows, height, width } = pixels;
  const line = graph.op("Add", [graph.op("Mul", [batch, height]), within(graph, y, height)]);
  const index = graph.op("Add", [graph.op("Mul", [line, width]), within(graph, x, width)]);
  return gather(graph, rows, toType(graph, index, "int64"));
}

/** The nearest whole place, halves to the next. */
function rounded(graph: GraphBuilder, place: GraphTensor): GraphTensor {
  return graph.op("Floor", [graph.op("Add", [place, wide(graph, 0.5)])]);
}

function inside(graph: GraphBuilder, place: GraphTensor, last: GraphTensor): GraphTensor {
  return graph.op("And", [graph.op("GreaterOrEqual", [place, wide(graph, 0)]), graph.op("LessOrEqual", [place, last])]);
}

/** `a + (b - a) * share` */
function blend(graph: GraphBuilder, a: GraphTensor, b: GraphTensor, share: GraphTensor): GraphTensor {
  return graph.op("Add", [a, graph.op("Mul", [graph.op("Sub", [b, a]), share])]);
}

/** Column `index` of a tensor [B, n], as [B, 1, ...] with `rank` axes. */
function column(graph: GraphBuilder, table: GraphTensor, index: number, rank: number): GraphTensor {
  const part = slice(graph, table, { axes: [1], starts: [index], ends: [index + 1] });
  return unsqueeze(
    graph,
    part,
    Array.from({ length: rank - 2 }, (_, axis) => axis + 2),
  );
}

/** Where the rows or columns of crops lie: [B, count] along `axis` of 3 axes. */
function cropPlaces(
  graph: GraphBuilder,
  {
    from,
    to,
    size,
    count,
    axis,
  }: {
    readonly from: GraphTensor;
    readonly to: GraphTensor;
    readonly size: GraphTensor;
    readonly count: number;
    readonly axis: number;
  },
): GraphTensor {
  const last = graph.op("Sub", [size, wide(graph, 1)]);
  if (count <= 1) {
    return graph.op("Mul", [graph.op("Mul", [graph.op("Add", [from, to]), wide(graph, 0.5)]), last]);
  }
  const spread = graph.op("Mul", [graph.op("Sub", [to, from]), last]);
  const step = graph.op("Div", [spread, wide(graph, count - 1)]);
  const start = graph.op("Mul", [from, last]);
  return graph.op("Add", [start, graph.op("Mul", [steps(graph, count, axis, 3), step])]);
}

const cropAndResize = defineOp(
  ["CropAndResize"],
  ["Reshape", "Gather", "Floor", "Ceil", "Clip", "Where", "Cast"],
  (context, { attributes }) => {
    const { graph } = context;
    const image = graph.cast(context.tensor(0), "float32");
    expectRank(image, 4);
    const [height, width] = context.integers(3, "the size of the crops");
    const method = attributes.oneOf("method", ["bilinear", "nearest"], "bilinear");
    const pixels = pixelsOf(graph, image);
    const boxes = toType(graph, graph.plain(context.tensor(1)), "float64");
    const edge = (index: number): GraphTensor => column(graph, boxes, index, 3);
    const batch = unsqueeze(graph, toType(graph, graph.plain(context.tensor(2)), "float64"), [1, 2]);
    const y = cropPlaces(graph, { from: edge(0), to: edge(2), size: pixels.height, count: height ?? 0, axis: 1 });
    const x = cropPlaces(graph, { from: edge(1), to: edge(3), size: pixels.width, count: width ?? 0, axis: 2 });
    const covered = graph.op("And", [
      inside(graph, y, graph.op("Sub", [pixels.height, wide(graph, 1)])),
      inside(graph, x, graph.op("Sub", [pixels.width, wide(graph, 1)])),
    ]);
    const value =
      method === "nearest"
        ? pixelsAt(graph, pixels, batch, rounded(graph, y), rounded(graph, x))
        : between(graph, pixels, batch, y, x);
    const outside = graph.scalar(attributes.float("extrapolation_value", 0));
    return viewOf(graph.op("Where", [unsqueeze(graph, covered, [3]), value, outside]));
  },
);

function between(graph: GraphBuilder, pixels: Pixels, batch: GraphTensor, y: GraphTensor, x: GraphTensor): GraphTensor {
  const [top, bottom] = [graph.op("Floor", [y]), graph.op("Ceil", [y])];
  const [left, right] = [graph.op("Floor", [x]), graph.op("Ceil", [x])];
  const share = (place: GraphTensor, floor: GraphTensor): GraphTensor =>
    unsqueeze(graph, toType(graph, graph.op("Sub", [place, floor]), "float32"), [3]);
  const across = share(x, left);
  const row = (line: GraphTensor): GraphTensor =>
    blend(graph, pixelsAt(graph, pixels, batch, line, left), pixelsAt(graph, pixels, batch, line, right), across);
  return blend(graph, row(top), row(bottom), share(y, top));
}

type FillMode = "CONSTANT" | "REFLECT" | "WRAP" | "NEAREST";

/**
 * Images under projective maps: the pixel (x, y) is that at ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k) with
 * k = c0 x + c1 y + 1. TF.js's CPU kernel stops after the first image; its others, as TensorFlow, do not.
 */
const projective = defineOp(
  ["ImageProjectiveTransformV3"],
  ["Reshape", "Gather", "Floor", "Clip", "Where", "Cast"],
  (context, { attributes }) => {
    const { graph } = context;
    const image = graph.cast(context.tensor(0), "float32");
    expectRank(image, 4);
    const [height = 0, width = 0] = context.integers(2, "the size of the output");
    const fill = fillValue(context);
    const mode = attributes.oneOf("fill_mode", ["CONSTANT", "REFLECT", "WRAP", "NEAREST"], "CONSTANT");
    const interpolation = attributes.oneOf("interpolation", ["NEAREST", "BILINEAR"]);
    const pixels = pixelsOf(graph, image);
    const table = toType(graph, graph.plain(context.tensor(1)), "float64");
    const [rows, columns] = [steps(graph, height, 1, 3), steps(graph, width, 2, 3)];
    const combined = (index: number, shift: GraphTensor): GraphTensor =>
      graph.op("Add", [
        graph.op("Add", [
          graph.op("Mul", [column(graph, table, index, 3), columns]),
          graph.op("Mul", [column(graph, table, index + 1, 3), rows]),
        ]),
        shift,
      ]);
    const scale = combined(6, wide(graph, 1));
    const x = graph.op("Div", [combined(0, column(graph, table, 2, 3)), scale]);
    const y = graph.op("Div", [combined(3, column(graph, table, 5, 3)), scale]);
    const place = {
      x: mapped(graph, x, pixels.width, dimOf(image, 2), mode),
      y: mapped(graph, y, pixels.height, dimOf(image, 1), mode),
      batch: batchNumbers(graph, dimOf(image, 0)),
    };
    const read = (line: GraphTensor, at_: GraphTensor): GraphTensor => {
      const known = graph.op("And", [
        inside(graph, line, graph.op("Sub", [pixels.height, wide(graph, 1)])),
        inside(graph, at_, graph.op("Sub", [pixels.width, wide(graph, 1)])),
      ]);
      const found = pixelsAt(graph, pixels, place.batch, line, at_);
      return graph.op("Where", [unsqueeze(graph, known, [3]), found, fill]);
    };
    const value =
      interpolation === "NEAREST"
        ? read(rounded(graph, place.y), rounded(graph, place.x))
        : weighted(graph, place.y, place.x, read);
    const finite = unsqueeze(graph, graph.op("Not", [graph.op("Equal", [scale, wide(graph, 0)])]), [3]);
    const result = viewOf(graph.op("Where", [finite, value, fill]));
    return graph.cast(result, context.tensor(0).dtype);
  },
);

function fillValue(context: OpContext): GraphTensor {
  const { graph, inputs } = context;
  return inputs.length > 3 ? graph.plain(graph.reshape(graph.cast(context.tensor(3), "float32"), [])) : graph.scalar(0);
}

/** 0, 1, ... as [N, 1, 1]. */
function batchNumbers(graph: GraphBuilder, size: Dim): GraphTensor {
  const known = asNumber(size);
  if (known !== null) return steps(graph, known, 0, 3);
  const [zero, one] = [0n, 1n].map((value): Tensor => ({ dtype: "int64", dims: [], data: BigInt64Array.of(value) }));
  if (zero === undefined || one === undefined) throw new ExportError("there are no numbers");
  const count = squeeze(graph, graph.runtimeDim(size), [0]);
  const all = graph.op("Range", [graph.constant("zero", zero), count, graph.constant("one", one)]);
  return unsqueeze(graph, toType(graph, all, "float64"), [1, 2]);
}

/** A place beyond the image, as the fill mode has it. Source: tfjs-backend-cpu, kernels/Transform. */
function mapped(graph: GraphBuilder, place: GraphTensor, length: GraphTensor, size: Dim, mode: FillMode): GraphTensor {
  if (mode === "CONSTANT") return place;
  if (mode === "NEAREST" || asNumber(size) === 1) return within(graph, place, length);
  const op = (opType: string, ...inputs: readonly GraphTensor[]): GraphTensor => graph.op(opType, inputs);
  const last = op("Sub", length, wide(graph, 1));
  const below = op("Less", place, wide(graph, 0));
  const above = op("Greater", place, last);
  const whole = (value: GraphTensor): GraphTensor => op("Floor", value);
  const away = op("Neg", place);
  if (mode === "WRAP") {
    const up = op("Add", place, op("Mul", length, op("Add", whole(op("Div", away, last)), wide(graph, 1))));
    const down = op("Sub", place, op("Mul", length, whole(op("Div", place, last))));
    return within(graph, op("Where", below, up, op("Where", above, down, place)), length);
  }
  const twice = op("Mul", length, wide(graph, 2));
  const risen = op("Add", op("Mul", twice, whole(op("Div", away, twice))), place);
  const fromBelow = op(
    "Where",
    op("Less", risen, op("Neg", length)),
    op("Add", risen, twice),
    op("Sub", op("Neg", risen), wide(graph, 1)),
  );
  const fallen = op("Sub", place, op("Mul", twice, whole(op("Div", place, twice))));
  const fromAbove = op(
    "Where",
    op("GreaterOrEqual", fallen, length),
    op("Sub", op("Sub", twice, fallen), wide(graph, 1)),
    fallen,
  );
  return within(graph, op("Where", below, fromBelow, op("Where", above, fromAbove, place)), length);
}

/** The four pixels around a place by their distance. */
function weighted(
  graph: GraphBuilder,
  y: GraphTensor,
  x: GraphTensor,
  read: (y: GraphTensor, x: GraphTensor) => GraphTensor,
): GraphTensor {
  const [top, left] = [graph.op("Floor", [y]), graph.op("Floor", [x])];
  const next = (floor: GraphTensor): GraphTensor => graph.op("Add", [floor, wide(graph, 1)]);
  const share = (place: GraphTensor, floor: GraphTensor): GraphTensor =>
    unsqueeze(graph, toType(graph, graph.op("Sub", [place, floor]), "float32"), [3]);
  const mix = (a: GraphTensor, b: GraphTensor, part: GraphTensor): GraphTensor => {
    const rest = graph.op("Sub", [graph.scalar(1), part]);
    return graph.op("Add", [graph.op("Mul", [rest, a]), graph.op("Mul", [part, b])]);
  };
  const across = share(x, left);
  const row = (line: GraphTensor): GraphTensor => mix(read(line, left), read(line, next(left)), across);
  return mix(row(top), row(next(top)), share(y, top));
}

export const imageOps: readonly GraphOpConverter[] = [
  resize("ResizeBilinear", "bilinear"),
  resize("ResizeNearestNeighbor", "nearest"),
  cropAndResize,
  projective,
];
