import { ExportError } from "../../../errors.ts";
import { int, ints, strings } from "../../../onnx/model.ts";
import { first } from "../../../require.ts";
import type { Tensor } from "../../../tensor.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import { cast } from "../../build/ops/elementwise.ts";
import { concat, gather, unsqueeze } from "../../build/ops/shape.ts";
import type { GraphTensor } from "../../ir/graph-tensor.ts";
import { viewOf } from "../../ir/value.ts";
import { inputAt, isTable, type GraphOpConverter, type OpContext, type TableValue } from "../converter.ts";

// A hash table that the model's initializer fills never changes: it becomes a LabelEncoder, which gives the place of a key,
// and the values in that order. TF.js: executor/hash_table.js.

function tableOf(context: OpContext): TableValue {
  const value = inputAt(context.inputs, 0);
  if (isTable(value)) return value;
  throw new ExportError("input 0 must be a hash table that the model's initializer fills");
}

const table: GraphOpConverter = {
  tfOps: ["HashTable", "HashTableV2"],
  ops: [],
  convert: (_, { name }): TableValue => ({ kind: "table", node: name }),
};

/** TF.js flattens the keys, whatever their shape. */
const find: GraphOpConverter = {
  tfOps: ["LookupTableFind", "LookupTableFindV2"],
  ops: ["ai.onnx.ml.LabelEncoder", "Reshape", "Cast", "Unsqueeze", "Concat", "Gather"],
  convert(context) {
    const { graph } = context;
    const { keys, values } = context.contents(tableOf(context));
    const wanted = graph.plain(graph.reshape(context.tensor(1), [null]));
    const places = placesOf(graph, wanted, keys);
    const rows = graph.constant("values", values);
    const fallback = unsqueeze(graph, graph.plain(context.tensor(2)), [0]);
    if (fallback.dtype !== rows.dtype) {
      throw new ExportError(`its default is ${fallback.dtype}, and the table's values are ${rows.dtype}`);
    }
    return viewOf(gather(graph, concat(graph, [rows, fallback], 0), places));
  },
};

/** The place of each key, or the number of keys for one that is not there. A key that is there twice has its last place. */
function placesOf(graph: GraphBuilder, wanted: GraphTensor, keys: Tensor): GraphTensor {
  const places = new Map<unknown, number>();
  keys.data.forEach((key: unknown, place: number) => places.set(key, place));
  const count = keys.data.length;
  const shared = { values_int64s: ints([...places.values()]), default_int64: int(count) };
  const output = [{ dtype: "int64" as const, dims: wanted.shape ?? [graph.unknownSize("keys")] }];
  if (keys.dtype === "string") {
    const attributes = { keys_strings: strings([...places.keys()].map(String)), ...shared };
    return first(graph.declare("LabelEncoder", [wanted], attributes, output, "ai.onnx.ml"));
  }
  if (keys.dtype !== "int32") throw new ExportError(`hash tables with ${keys.dtype} keys cannot be converted`);
  const attributes = { keys_int64s: ints([...places.keys()].map(Number)), ...shared };
  return first(graph.declare("LabelEncoder", [cast(graph, wanted, "int64")], attributes, output, "ai.onnx.ml"));
}

const size: GraphOpConverter = {
  tfOps: ["LookupTableSize", "LookupTableSizeV2"],
  ops: [],
  convert(context) {
    const { keys } = context.contents(tableOf(context));
    const data = Int32Array.of(new Set<unknown>(keys.data).size);
    return context.graph.constantValue("size", { dtype: "int32", dims: [], data });
  },
};

export const tableOps: readonly GraphOpConverter[] = [table, find, size];
