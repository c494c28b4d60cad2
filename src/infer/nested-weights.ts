import { InferenceError } from "../errors.ts";

import { bytesField, concat, readFields, rewriteFields } from "./protobuf-fields.ts";

/** Field numbers of onnx.proto (onnx 1.16). */
const MODEL = { graph: 7, functions: 25 };
const FUNCTION = { node: 7 };
const GRAPH = { node: 1, initializer: 5 };
const NODE = { attribute: 5 };
const ATTRIBUTE = { tensor: 5, graph: 6, tensors: 10, graphs: 11 };
const TENSOR = { raw: 9, externalData: 13, dataLocation: 14 };
const ENTRY = { key: 1, value: 2 };
const EXTERNAL = 1;
/** `data_location` of a tensor that holds its own elements. */
const OWN_DATA = Uint8Array.of(TENSOR.dataLocation * 8, 0);

/** Locations of the weight files that tensors within nodes name: constants, and what bodies of loops and branches start with. */
export function nestedLocations(model: Uint8Array): string[] {
  const locations: string[] = [];
  rewriteNested(model, (tensor) => {
    const place = placeOf(tensor);
    if (place !== null) locations.push(place.location);
    return tensor;
  });
  return locations;
}

/**
 * The model with those tensors' elements in it. ONNX Runtime takes given files for the outermost weights only, and looks for
 * all others in the folder that the process happens to be in.
 *
 * @throws {InferenceError} when a file ends before a tensor's last element
 */
export function embedNested(model: Uint8Array, files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  return rewriteNested(model, (tensor) => {
    const place = placeOf(tensor);
    const file = place === null ? undefined : files.get(place.location);
    if (place === null || file === undefined) return tensor;
    const kept = rewriteFields(tensor, { [TENSOR.externalData]: () => null });
    return concat([kept, OWN_DATA, bytesField(TENSOR.raw, cut(file, place))]);
  });
}

interface Place {
  readonly location: string;
  readonly offset: number;
  /** To the file's end when null. */
  readonly length: number | null;
}

function cut(file: Uint8Array, { location, offset, length }: Place): Uint8Array {
  const end = length === null ? file.length : offset + length;
  if (offset >= 0 && end >= offset && end <= file.length) return file.subarray(offset, end);
  throw new InferenceError(
    `the weights ${location} beside the model have ${file.length} bytes; a tensor is said to be in ${offset} to ${end}`,
    { hint: "it was cut short, or is of another model: save both again" },
  );
}

/** Where a tensor's elements are; null when it holds them itself. */
function placeOf(tensor: Uint8Array): Place | null {
  let dataLocation = 0;
  const entries = new Map<string, string>();
  readFields(tensor, {
    [TENSOR.dataLocation]: (reader) => (dataLocation = reader.uint32()),
    [TENSOR.externalData]: (reader) => {
      let [key, value] = ["", ""];
      readFields(reader.bytes(), {
        [ENTRY.key]: (inner) => (key = inner.string()),
        [ENTRY.value]: (inner) => (value = inner.string()),
      });
      entries.set(key, value);
    },
  });
  const location = entries.get("location");
  if (dataLocation !== EXTERNAL || location === undefined) return null;
  const length = entries.get("length");
  return { location, offset: Number(entries.get("offset") ?? 0), length: length === undefined ? null : Number(length) };
}

function rewriteNested(model: Uint8Array, rewriteTensor: (tensor: Uint8Array) => Uint8Array): Uint8Array {
  const rewriteNode = (node: Uint8Array): Uint8Array =>
    rewriteFields(node, {
      [NODE.attribute]: (attribute) =>
        rewriteFields(attribute, {
          [ATTRIBUTE.tensor]: rewriteTensor,
          [ATTRIBUTE.tensors]: rewriteTensor,
          [ATTRIBUTE.graph]: rewriteBody,
          [ATTRIBUTE.graphs]: rewriteBody,
        }),
    });
  const rewriteBody = (graph: Uint8Array): Uint8Array =>
    rewriteFields(graph, { [GRAPH.node]: rewriteNode, [GRAPH.initializer]: rewriteTensor });
  return rewriteFields(model, {
    [MODEL.graph]: (graph) => rewriteFields(graph, { [GRAPH.node]: rewriteNode }),
    [MODEL.functions]: (body) => rewriteFields(body, { [FUNCTION.node]: rewriteNode }),
  });
}
