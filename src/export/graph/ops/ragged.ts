import { ExportError } from "../../../errors.ts";
import { asNumber } from "../../../onnx/dim.ts";
import { int, ints, string } from "../../../onnx/model.ts";
import { at } from "../../../require.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import { add, and, cast, ceil, div, less, max, mul, sub } from "../../build/ops/elementwise.ts";
import { reduceTensor } from "../../build/ops/reduction.ts";
import {
  concat,
  cumSum,
  expand,
  expectOpset,
  gather,
  nonZero,
  range,
  scatterNd,
  shapeOf,
  slice,
  squeeze,
  unsqueeze,
} from "../../build/ops/shape.ts";
import type { GraphTensor } from "../../ir/graph-tensor.ts";
import { viewOf, type Value } from "../../ir/value.ts";
import type { GraphOpConverter, OpContext } from "../converter.ts";

import { countsOf } from "./counts.ts";
import { defineOp } from "./define.ts";
import { number } from "./operands.ts";

// TF.js: operations/executors/ragged_executor.js, backend-cpu kernels/Ragged*_impl.js. A ragged axis is given by its splits,
// int64 [rows + 1]: row i has the values from splits[i] up to splits[i + 1].

const SEGMENTS = ["Add", "Sub", "Gather", "CumSum", "ScatterND", "Range", "Concat", "Slice"];

function wide(context: OpContext, index: number): GraphTensor {
  return cast(context.graph, context.graph.plain(context.tensor(index)), "int64");
}

function narrow(graph: GraphBuilder, tensor: GraphTensor): Value {
  return viewOf(cast(graph, tensor, "int32"));
}

function zero(graph: GraphBuilder): GraphTensor {
  return number(graph, 0, "int64");
}

function countUp(graph: GraphBuilder, count: GraphTensor): GraphTensor {
  return range(graph, zero(graph), squeeze(graph, count, [0]), number(graph, 1, "int64"));
}

/** Splits of rows with these lengths. */
function splitsOf(graph: GraphBuilder, lengths: GraphTensor): GraphTensor {
  return concat(graph, [graph.int64s([0]), cumSum(graph, lengths, 0)], 0);
}

function starts(graph: GraphBuilder, splits: GraphTensor): GraphTensor {
  return slice(graph, splits, { axes: [0], starts: [0], ends: [-1] });
}

function ends(graph: GraphBuilder, splits: GraphTensor): GraphTensor {
  return slice(graph, splits, { axes: [0], starts: [1], ends: [2 ** 31 - 1] });
}

interface Places {
  /** Row of each value: int64 [values]. */
  readonly rows: GraphTensor;
  /** Place of each value in its row: int64 [values]. */
  readonly columns: GraphTensor;
}

/** Where the values of rows with these splits are: the row of a value is the number of rows that end before it. */
function placesOf(graph: GraphBuilder, splits: GraphTensor): Places {
  const count = slice(graph, splits, { axes: [0], starts: [-1], ends: [2 ** 31 - 1] });
  const ended = countsOf(graph, ends(graph, splits), add(graph, count, graph.int64s([1])));
  const rows = starts(graph, cumSum(graph, ended, 0));
  return { rows, columns: sub(graph, countUp(graph, count), gather(graph, splits, rows)) };
}

/** Rows of the ragged axis `splits`: the splits of the rows picked, and the place of each of their values. */
function pickRows(
  graph: GraphBuilder,
  splits: GraphTensor,
  rows: GraphTensor,
): { readonly splits: GraphTensor; readonly values: GraphTensor } {
  const from = gather(graph, splits, rows);
  const picked = splitsOf(graph, sub(graph, gather(graph, ends(graph, splits), rows), from));
  const places = placesOf(graph, picked);
  return { splits: picked, values: add(graph, gather(graph, from, places.rows), places.columns) };
}

const gathered = defineOp(["RaggedGather"], SEGMENTS, (context) => {
  const { graph, inputs } = context;
  const levels = inputs.length - 2;
  if (levels < 1) throw new ExportError(`it needs at least 3 inputs; it has ${inputs.length}`);
  const indices = context.tensor(-1);
  const outer = indices.dims.slice(1).map((_, axis): Value => {
    const count = graph.shapeTensor(indices.dims.slice(0, axis + 1));
    const rows = reduceTensor(graph, "ReduceProd", count, [0], true);
    const all = countUp(graph, add(graph, rows, graph.int64s([1])));
    return narrow(graph, mul(graph, all, graph.runtimeDim(at(indices.dims, axis + 1))));
  });
  let rows = graph.plain(graph.cast(graph.reshape(indices, [null]), "int64"));
  const inner: Value[] = [];
  for (let level = 0; level < levels; level++) {
    const { splits, values } = pickRows(graph, wide(context, level), rows);
    inner.push(narrow(graph, splits));
    rows = values;
  }
  // One row alone has no outer axis.
  const nested = indices.rank === 0 ? inner.slice(1) : [...outer, ...inner];
  return [...nested, viewOf(gather(graph, graph.plain(context.tensor(-2)), rows))];
});

/** Sizes are computed in float64, as TF.js does. */
const ranged = defineOp(["RaggedRange"], [...SEGMENTS, "Div", "Ceil", "Max", "Mul"], (context) => {
  const { graph } = context;
  const [from, to, by] = [0, 1, 2].map((index) => {
    const value = context.tensor(index);
    const row = value.rank === 0 ? graph.reshape(value, [1]) : value;
    return cast(graph, graph.plain(row), "float64");
  });
  if (from === undefined || to === undefined || by === undefined) throw new ExportError("it needs 3 inputs");
  const sizes = ceil(graph, div(graph, sub(graph, to, from), by));
  const lengths = cast(graph, max(graph, sizes, number(graph, 0, "float64")), "int64");
  const splits = splitsOf(graph, lengths);
  const { rows, columns } = placesOf(graph, splits);
  const count = shapeOf(graph, lengths);
  const perValue = (tensor: GraphTensor): GraphTensor => gather(graph, expand(graph, tensor, count), rows);
  const steps = mul(graph, cast(graph, columns, "float64"), perValue(by));
  const values = add(graph, perValue(from), steps);
  return [narrow(graph, splits), graph.cast(viewOf(values), context.tensor(0).dtype)];
});

/** What a row partition says: ROW_SPLITS as they are, VALUE_ROWIDS as the splits of `rows` rows (int64 [1]). */
function partition(context: OpContext, type: string, index: number, rows: GraphTensor): GraphTensor {
  const { graph } = context;
  const given = wide(context, index);
  if (type === "ROW_SPLITS") return given;
  if (type === "VALUE_ROWIDS") return splitsOf(graph, countsOf(graph, given, rows));
  throw new ExportError(`row_partition_types: expected ROW_SPLITS or VALUE_ROWIDS, got ${type}`);
}

/** A dense tensor; what does not fit into the shape is left out. Coordinates of every value: one column a ragged axis. */
const dense = defineOp(
  ["RaggedTensorToTensor"],
  [...SEGMENTS, "Less", "And", "NonZero", "Expand", "ReduceMax", "Squeeze", "Unsqueeze"],
  (context, { attributes }) => {
    const { graph } = context;
    const types = attributes.strings("row_partition_types");
    const hasFirst = types[0] === "FIRST_DIM_SIZE";
    const levels = hasFirst ? types.slice(1) : types;
    if (levels.length === 0) throw new ExportError("row_partition_types names no ragged axis");
    const values = context.tensor(1);
    const wanted = context.tensor(0).rank === 0 ? null : context.integers(0, "the shape");
    if (wanted !== null && wanted.length !== levels.length + values.rank) {
      throw new ExportError(`the shape must have ${levels.length + values.rank} sizes; it has ${wanted.length}`);
    }
    const firstSize = hasFirst
      ? graph.plain(graph.reshape(graph.cast(context.tensor(3), "int64"), [1]))
      : sub(graph, shapeOf(graph, wide(context, 3)), graph.int64s([1]));
    const sizeOf = (axis: number, otherwise: () => GraphTensor): GraphTensor => {
      const size = wanted?.[axis];
      return size === undefined || size < 0 ? otherwise() : graph.int64s([size]);
    };
    const sizes = [sizeOf(0, () => firstSize)];
    let rows = firstSize;
    let coordinates = [countUp(graph, firstSize)];
    for (const [level, type] of levels.entries()) {
      const splits = partition(context, type, 3 + level + (hasFirst ? 1 : 0), rows);
      const longest = (): GraphTensor => {
        const lengths = sub(graph, ends(graph, splits), starts(graph, splits));
        return reduceTensor(graph, "ReduceMax", concat(graph, [graph.int64s([0]), lengths], 0), [0], true);
      };
      sizes.push(sizeOf(level + 1, longest));
      const places = placesOf(graph, splits);
      coordinates = [...coordinates.map((each) => gather(graph, each, places.rows)), places.columns];
      rows = shapeOf(graph, places.rows);
    }
    const fits = coordinates.map((each, axis) => less(graph, each, at(sizes, axis)));
    const kept = squeeze(
      graph,
      nonZero(
        graph,
        fits.reduce((a, b) => and(graph, a, b)),
      ),
      [0],
    );
    const columns = coordinates.map((each) => unsqueeze(graph, gather(graph, each, kept), [1]));
    const shape = concat(graph, [...sizes, graph.shapeTensor(values.dims.slice(1))], 0);
    const base = expand(graph, graph.plain(graph.cast(context.tensor(2), values.dtype)), shape);
    return viewOf(scatterNd(graph, base, concat(graph, columns, 1), gather(graph, graph.plain(values), kept)));
  },
);

/** Rows without a value get the default in their first column; rows are put in order, their values stay in theirs. */
const filled = defineOp(["SparseFillEmptyRows"], ["TopK", "NonZero", "Equal", "Pad", ...SEGMENTS], (context) => {
  const { graph } = context;
  const indices = wide(context, 0);
  const values = context.tensor(1);
  const known = context.sizes(2)?.[0];
  const height =
    known !== undefined && asNumber(known) !== null
      ? graph.shapeTensor([known])
      : slice(graph, wide(context, 2), { axes: [0], starts: [0], ends: [1] });
  const own = squeeze(graph, slice(graph, indices, { axes: [1], starts: [0], ends: [1] }), [1]);
  const isEmpty = graph.op("Equal", [countsOf(graph, own, height), zero(graph)]);
  const empty = squeeze(graph, nonZero(graph, isEmpty), [0]);
  const rows = concat(graph, [own, empty], 0);
  // Equal elements keep their order.
  const sorted = graph.node("TopK", [rows, shapeOf(graph, rows)], { axis: int(0), largest: int(0) }, 2);
  const order = at(sorted, 1);
  const rank = graph.runtimeDim(at(context.tensor(0).dims, 1));
  const rest = expand(
    graph,
    zero(graph),
    concat(graph, [shapeOf(graph, empty), sub(graph, rank, graph.int64s([1]))], 0),
  );
  const added = concat(graph, [unsqueeze(graph, empty, [1]), rest], 1);
  const fallback = graph.plain(graph.reshape(graph.cast(context.tensor(3), values.dtype), []));
  const fills = expand(graph, fallback, shapeOf(graph, empty));
  const places = scatterNd(graph, order, unsqueeze(graph, order, [1]), countUp(graph, shapeOf(graph, rows)));
  const count = shapeOf(graph, own);
  return [
    graph.cast(viewOf(gather(graph, concat(graph, [indices, added], 0), order)), "int32"),
    viewOf(gather(graph, concat(graph, [graph.plain(values), fills], 0), order)),
    viewOf(isEmpty),
    narrow(graph, graph.op("Slice", [places, graph.int64s([0]), count, graph.int64s([0])])),
  ];
});

/**
 * The parts of strings as a sparse tensor: coordinates, parts, and its shape. ONNX's StringSplit pads rows to one length and
 * counts the parts. TF.js gives no part for an empty string.
 */
const split = defineOp(
  ["StringSplit"],
  ["StringSplit", "Less", "Equal", "Not", "And", "NonZero", "GatherND", "CumSum", "ReduceMax"],
  (context, { attributes }) => {
    const { graph } = context;
    expectOpset(graph, 20, "StringSplit");
    const delimiter = context.constant(1);
    if (delimiter?.dtype !== "string") {
      throw new ExportError("the delimiter (input 1) must be constant; it depends on the model's inputs");
    }
    const separator = String(delimiter.data[0]);
    if (new TextEncoder().encode(separator).length !== 1) {
      throw new ExportError(
        `it splits at ${separator === "" ? "every byte" : `each of the bytes of ${JSON.stringify(separator)}`}; ONNX splits at one string alone`,
      );
    }
    const texts = graph.plain(context.tensor(0));
    const [parts, counts] = graph.node("StringSplit", [texts], { delimiter: string(separator) }, 2);
    if (parts === undefined || counts === undefined) throw new ExportError("StringSplit gave too few outputs");
    const nothing = graph.constant("empty", { dtype: "string", dims: [], data: [""] });
    const hasText = graph.op("Not", [graph.op("Equal", [parts, nothing])]);
    const width = slice(graph, shapeOf(graph, parts), { axes: [0], starts: [1], ends: [2] });
    const isPart = less(graph, countUp(graph, width), unsqueeze(graph, counts, [1]));
    const fromText = graph.op("Not", [graph.op("Equal", [texts, nothing])]);
    const kept = attributes.bool("skip_empty", true)
      ? and(graph, isPart, hasText)
      : and(graph, isPart, unsqueeze(graph, fromText, [1]));
    const found = graph.op("Transpose", [nonZero(graph, kept)], { perm: ints([1, 0]) });
    const marks = cast(graph, kept, "int64");
    const columns = sub(graph, cumSum(graph, marks, 1), number(graph, 1, "int64"));
    const column = unsqueeze(graph, graph.op("GatherND", [columns, found]), [1]);
    const row = slice(graph, found, { axes: [1], starts: [0], ends: [1] });
    const totals = reduceTensor(graph, "ReduceSum", marks, [1], false);
    const most = reduceTensor(graph, "ReduceMax", concat(graph, [graph.int64s([0]), totals], 0), [0], true);
    return [
      narrow(graph, concat(graph, [row, column], 1)),
      viewOf(graph.op("GatherND", [parts, found])),
      narrow(graph, concat(graph, [shapeOf(graph, texts), most], 0)),
    ];
  },
);

export const raggedOps: readonly GraphOpConverter[] = [gathered, ranged, dense, filled, split];
