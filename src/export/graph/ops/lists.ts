import { ExportError } from "../../../errors.ts";
import { asNumber, dim, type Dim } from "../../../onnx/dim.ts";
import { int, type Attributes } from "../../../onnx/model.ts";
import { first } from "../../../require.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import { cast, less } from "../../build/ops/elementwise.ts";
import {
  concatFromSequence,
  sequenceAt,
  sequenceErase,
  sequenceInsert,
  sequenceLength,
} from "../../build/ops/sequence.ts";
import { concat, gather, reshape, shapeOf, slice, squeeze } from "../../build/ops/shape.ts";
import { branch } from "../../build/regions.ts";
import type { GraphTensor } from "../../ir/graph-tensor.ts";
import { dimOf, insertAxis, viewOf, type Value } from "../../ir/value.ts";
import { sequenceOf, writtenElements } from "../control-flow/pack.ts";
import { inputAt, isList, type GraphOpConverter, type ListValue, type OpContext } from "../converter.ts";
import type { AttributeShape } from "../source/attributes.ts";
import type { GraphNode } from "../source/node.ts";

// TF.js's executor is the reference: operations/executors/control_executor.js, executor/tensor_list.js, tensor_array.js.
// TensorArrays are followed by their flow, which every operator that changes one hands on.

/** A list input. Flows of TensorArrays are the last input. */
function listOf(context: OpContext, index: number): ListValue {
  const value = inputAt(context.inputs, index);
  if (isList(value)) return value;
  throw new ExportError(`input ${index} must be a list (a TensorList, or the flow of a TensorArray)`);
}

/** Sizes of an element as an input of the node gives them (free ones are null), when the rank is known. */
type Element = readonly (Dim | null)[] | null;

/** The shape that input `index` says elements have. */
function elementShape(context: OpContext, index: number): Element {
  const sizes = context.inputs[index] === undefined ? null : context.sizes(index);
  if (sizes === null) return null;
  // A scalar -1 says that nothing is known.
  const { rank } = context.tensor(index);
  if (rank === 0) return null;
  return sizes.map((size) => ((asNumber(size) ?? 0) < 0 ? null : size));
}

/** The elements along a new first axis. */
function stackedTensor({ graph }: OpContext, list: ListValue, element: Element): Value {
  switch (list.form) {
    case "stacked":
      return list.tensor;
    case "sequence":
      return viewOf(
        typed(
          graph,
          list.sequence,
          ["ConcatFromSequence", [list.sequence], { axis: int(0), new_axis: int(1) }],
          element,
          [null],
        ),
      );
    case "items": {
      const rows = writtenElements(list).map((item) => graph.plain(insertAxis(item, 0)));
      return viewOf(concat(graph, rows, 0));
    }
    case "empty":
      throw new ExportError("nothing has been written to the list that it reads");
    default:
      return list satisfies never;
  }
}

/** A node that reads a sequence. Where the sequence does not tell the shape of its elements, the model does. */
function typed(
  graph: GraphBuilder,
  from: GraphTensor,
  [opType, inputs, attributes]: readonly [string, readonly GraphTensor[], Attributes],
  element: Element,
  leading: readonly null[],
): GraphTensor {
  if (from.shape !== null || element === null) return graph.op(opType, inputs, attributes);
  const dims = [...leading, ...element].map((size) => size ?? graph.unknownSize("element"));
  return first(graph.declare(opType, inputs, attributes, [{ dtype: from.dtype, dims }]));
}

function attributeShape(shape: AttributeShape): Element {
  return shape?.map((size) => (size === null ? null : dim(size))) ?? null;
}

function stacked(tensor: Value): ListValue {
  return { kind: "list", form: "stacked", tensor };
}

function sequence(tensor: GraphTensor): ListValue {
  return { kind: "list", form: "sequence", sequence: tensor };
}

/** An integer scalar. TF.js takes the first element. */
function scalar(graph: GraphBuilder, value: Value): GraphTensor {
  const tensor = graph.plain(value);
  if (value.rank === 0) return tensor;
  return squeeze(
    graph,
    slice(graph, reshape(graph, tensor, graph.int64s([-1])), { axes: [0], starts: [0], ends: [1] }),
    [0],
  );
}

function elementAt(context: OpContext, list: ListValue, index: Value, element: Element): Value {
  const { graph } = context;
  const known = knownPlace(index);
  if (list.form === "items" && known !== null) {
    const item = list.elements[known] ?? null;
    if (item === null) throw new ExportError(`element ${known} of the list is read, and was never written`);
    return item;
  }
  const place = scalar(graph, index);
  if (list.form === "sequence") {
    return viewOf(typed(graph, list.sequence, ["SequenceAt", [list.sequence, place], {}], element, []));
  }
  return viewOf(gather(graph, graph.plain(stackedTensor(context, list, element)), place));
}

/** The list with an element at a place that is in it, or right behind its end. */
function written(context: OpContext, list: ListValue, index: Value | null, element: Value): ListValue {
  const { graph } = context;
  if (list.form === "empty" || list.form === "items") {
    const items = list.form === "empty" ? [] : list.elements;
    const at = index === null ? items.length : knownPlace(index);
    if (at !== null && at >= 0 && at < MAX_ITEMS) {
      const elements = Array.from({ length: Math.max(items.length, at + 1) }, (_, place) => items[place] ?? null);
      return { kind: "list", form: "items", elements: elements.with(at, element) };
    }
  }
  const before = sequenceOf(graph, list);
  const tensor = graph.plain(element);
  if (index === null) return sequence(sequenceInsert(graph, before, tensor));
  const place = cast(graph, scalar(graph, index), "int64");
  const after = branch(
    graph,
    less(graph, place, sequenceLength(graph, before)),
    (body) => [sequenceInsert(body, sequenceErase(body, before, place), tensor, place)],
    (body) => [sequenceInsert(body, before, tensor)],
  );
  return sequence(first(after));
}

/** Lists with more elements at known places are sequences. */
const MAX_ITEMS = 1024;

/** The place that an index says, when it is known. */
function knownPlace({ tensor }: Value): number | null {
  const [place] = tensor.elements ?? [];
  return place === undefined ? null : asNumber(place);
}

function emptyList(context: OpContext, { op, attributes }: GraphNode): ListValue {
  const isArray = op === "TensorArrayV3";
  const dtype = attributes.dtype(isArray ? "dtype" : "element_dtype");
  const given = isArray ? null : context.sizes(0);
  const element = isArray ? attributes.shape("element_shape", null) : (given?.map(asNumber) ?? null);
  const size = op === "EmptyTensorList" ? null : context.tensor(isArray ? 0 : 1);
  return { kind: "list", form: "empty", dtype, element, size };
}

const SEQUENCES = [
  "SequenceAt",
  "SequenceInsert",
  "SequenceErase",
  "SequenceLength",
  "SequenceEmpty",
  "ConcatFromSequence",
  "SplitToSequence",
];

const makers: GraphOpConverter = {
  tfOps: ["EmptyTensorList", "TensorListReserve"],
  ops: [],
  convert: emptyList,
};

/** A handle, and the flow. */
const array: GraphOpConverter = {
  tfOps: ["TensorArrayV3"],
  ops: [],
  convert(context, node) {
    const list = emptyList(context, node);
    return [list, list];
  },
};

const fromTensor: GraphOpConverter = {
  tfOps: ["TensorListFromTensor"],
  ops: [],
  convert: (context) => stacked(context.tensor(0)),
};

const stack: GraphOpConverter = {
  tfOps: ["TensorListStack"],
  ops: SEQUENCES,
  convert: (context) => stackedTensor(context, listOf(context, 0), elementShape(context, 1)),
};

const getItem: GraphOpConverter = {
  tfOps: ["TensorListGetItem"],
  ops: ["Gather", ...SEQUENCES],
  convert: (context) => elementAt(context, listOf(context, 0), context.tensor(1), elementShape(context, 2)),
};

const setItem: GraphOpConverter = {
  tfOps: ["TensorListSetItem"],
  ops: ["If", "Less", ...SEQUENCES],
  convert: (context) => written(context, listOf(context, 0), context.tensor(1), context.tensor(2)),
};

const pushBack: GraphOpConverter = {
  tfOps: ["TensorListPushBack"],
  ops: SEQUENCES,
  convert: (context) => written(context, listOf(context, 0), null, context.tensor(1)),
};

/** Rows of the stacked elements. */
const gathered: GraphOpConverter = {
  tfOps: ["TensorListGather", "TensorArrayGatherV3"],
  ops: ["Gather", ...SEQUENCES],
  convert(context, { op, attributes }) {
    const { graph } = context;
    const isArray = op === "TensorArrayGatherV3";
    const list = listOf(context, isArray ? 2 : 0);
    const element = isArray ? attributeShape(attributes.shape("element_shape", null)) : elementShape(context, 2);
    return viewOf(gather(graph, graph.plain(stackedTensor(context, list, element)), graph.plain(context.tensor(1))));
  },
};

const concatenated: GraphOpConverter = {
  tfOps: ["TensorListConcat", "TensorListConcatV2", "TensorArrayConcatV3"],
  ops: ["Reshape", ...SEQUENCES],
  convert(context, { op }) {
    const list = listOf(context, op === "TensorArrayConcatV3" ? 1 : 0);
    if (list.form === "sequence") return viewOf(concatFromSequence(context.graph, list.sequence, 0, false));
    if (list.form === "items") {
      return viewOf(
        concat(
          context.graph,
          writtenElements(list).map((item) => context.graph.plain(item)),
          0,
        ),
      );
    }
    const tensor = stackedTensor(context, list, null);
    return context.graph.reshape(tensor, [null, ...tensor.dims.slice(2)]);
  },
};

/** TF.js gives each part the shape of a row, so that all lengths must be 1. */
const splitRows: GraphOpConverter = {
  tfOps: ["TensorListSplit"],
  ops: [],
  convert: (context) => stacked(context.tensor(0)),
};

/** Parts of the lengths given, along the first axis. */
const split: GraphOpConverter = {
  tfOps: ["TensorArraySplitV3"],
  ops: ["SplitToSequence"],
  convert(context) {
    const { graph } = context;
    const tensor = graph.plain(context.tensor(1));
    const lengths = cast(graph, graph.plain(context.tensor(2)), "int64");
    return sequence(graph.op("SplitToSequence", [tensor, lengths]));
  },
};

const arrayWrite: GraphOpConverter = {
  tfOps: ["TensorArrayWriteV3"],
  ops: ["If", "Less", ...SEQUENCES],
  convert: (context) => written(context, listOf(context, 3), context.tensor(1), context.tensor(2)),
};

const arrayRead: GraphOpConverter = {
  tfOps: ["TensorArrayReadV3"],
  ops: ["Gather", ...SEQUENCES],
  convert: (context) => elementAt(context, listOf(context, 2), context.tensor(1), null),
};

/** Rows of a tensor as elements. TF.js writes them where the indices say; those that are not 0, 1, 2, ... are put in order. */
const scattered: GraphOpConverter = {
  tfOps: ["TensorListScatter", "TensorListScatterV2", "TensorArrayScatterV3"],
  ops: ["Gather", "TopK"],
  convert(context, { op }) {
    const isArray = op === "TensorArrayScatterV3";
    const tensor = context.tensor(isArray ? 2 : 0);
    const { graph } = context;
    const indices = context.tensor(1);
    const known = context.constant(1);
    if (known !== null && known.dtype !== "string" && Array.from(known.data, Number).every((each, at) => each === at)) {
      return stacked(tensor);
    }
    if (countsUp(graph, indices)) return stacked(tensor);
    // The place of each index among them, sorted: what an inverse permutation is.
    const places = graph.plain(indices);
    const count = shapeOf(graph, places);
    const [, order] = graph.node("TopK", [cast(graph, places, "float32"), count], { axis: int(0), largest: int(0) }, 2);
    if (order === undefined) throw new ExportError("TopK gave no indices");
    return stacked(viewOf(gather(graph, graph.plain(tensor), order)));
  },
};

/** Whether indices are 0, 1, 2, ... however many there are. */
function countsUp(graph: GraphBuilder, { tensor }: Value): boolean {
  const range = graph.producerOf(tensor);
  const [start, , step] = range?.opType === "Range" ? range.inputs : [];
  const isConstant = (given: GraphTensor | null | undefined, value: number): boolean =>
    given?.constant != null && Number(given.constant.data[0]) === value;
  return isConstant(start, 0) && isConstant(step, 1);
}

const length: GraphOpConverter = {
  tfOps: ["TensorListLength", "TensorArraySizeV3"],
  ops: ["Shape", "Cast", ...SEQUENCES],
  convert(context, { op }) {
    const { graph } = context;
    const list = listOf(context, op === "TensorListLength" ? 0 : 1);
    if (list.form === "sequence") return viewOf(cast(graph, sequenceLength(graph, list.sequence), "int32"));
    const size =
      list.form === "stacked" ? dimOf(list.tensor, 0) : dim(list.form === "items" ? list.elements.length : 0);
    return viewOf(cast(graph, squeeze(graph, graph.shapeTensor([size]), [0]), "int32"));
  },
};

const handedOn: GraphOpConverter = {
  tfOps: ["TensorArrayCloseV3"],
  ops: [],
  convert: (context) => inputAt(context.inputs, 0),
};

/** TF.js gives the last element first, and not the list without it. */
const popBack: GraphOpConverter = {
  tfOps: ["TensorListPopBack"],
  ops: SEQUENCES,
  convert(context) {
    const { graph } = context;
    const given = listOf(context, 0);
    const item = given.form === "items" ? (given.elements.at(-1) ?? null) : null;
    if (given.form === "items" && item !== null) return [item, { ...given, elements: given.elements.slice(0, -1) }];
    const list = sequenceOf(graph, given);
    const last = graph.constant("last", { dtype: "int64", dims: [], data: BigInt64Array.of(-1n) });
    return [viewOf(sequenceAt(graph, list, last)), sequence(sequenceErase(graph, list))];
  },
};

/** The first elements. TF.js leaves those beyond the end unset, which no ONNX value can be. */
const resized: GraphOpConverter = {
  tfOps: ["TensorListResize"],
  ops: ["Slice", ...SEQUENCES],
  convert(context) {
    const { graph } = context;
    const list = listOf(context, 0);
    if (list.form === "empty") return list;
    const tensor = graph.plain(stackedTensor(context, list, null));
    const size = reshape(graph, cast(graph, graph.plain(context.tensor(1)), "int64"), graph.int64s([1]));
    return stacked(viewOf(graph.op("Slice", [tensor, graph.int64s([0]), size, graph.int64s([0])])));
  },
};

export const listOps: readonly GraphOpConverter[] = [
  makers,
  array,
  fromTensor,
  stack,
  getItem,
  setItem,
  pushBack,
  popBack,
  gathered,
  concatenated,
  split,
  splitRows,
  arrayWrite,
  arrayRead,
  scattered,
  length,
  handedOn,
  resized,
];
