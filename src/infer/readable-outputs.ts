import { InferenceError } from "../errors.ts";

import { readOnnxHeader, type OnnxHeader } from "./onnx-header.ts";
import { bytesField, readFields, readIntegers, rewriteFields, type FieldRewriters } from "./protobuf-fields.ts";

/** Field numbers of onnx.proto (onnx 1.16). */
const MODEL = { graph: 7 };
const GRAPH = { node: 1, output: 12 };
const NODE = { output: 2, opType: 4, attribute: 5, domain: 7 };
const ATTRIBUTE = { integers: 8, strings: 9 };
const VALUE_INFO = { name: 1, type: 2 };
const TYPE = { tensor: 1 };
/** TypeProto.Tensor: elem_type is 1, float32. */
const FLOAT32 = Uint8Array.of(8, 1);

/** A model whose outputs JavaScript can be given, and what was done to them, in sentences for people. */
export interface ReadableModel {
  readonly bytes: Uint8Array;
  readonly header: OnnxHeader;
  readonly notes: readonly string[];
}

/**
 * A model without the outputs that JavaScript cannot be given, which onnxruntime-node would not load. A sequence of maps that
 * ZipMap makes, as converters of scikit-learn do, is given as the tensor it was made of.
 *
 * @throws {InferenceError} when no output is left
 */
export function withReadableOutputs(model: Uint8Array, header: OnnxHeader): ReadableModel {
  if (header.leftOut.length === 0) return { bytes: model, header, notes: [] };
  const labels = new Map<string, readonly string[]>();
  const unzipped = unzipMaps(model, header, labels);
  const readable = readOnnxHeader(unzipped);
  assertAnyOutput(readable);
  const names = new Set(readable.leftOut.map(({ name }) => name));
  return {
    bytes: rewriteGraph(unzipped, { [GRAPH.output]: (output) => (names.has(nameOf(output)) ? null : output) }),
    header: readable,
    notes: [
      ...Array.from(
        labels,
        ([name, own]) => `output "${name}" is given as a tensor, a column for each of ${own.join(", ")}`,
      ),
      ...readable.leftOut.map(({ name, kind }) => `output "${name}" is left out: JavaScript cannot be given ${kind}`),
    ],
  };
}

function assertAnyOutput({ outputs, leftOut }: OnnxHeader): void {
  if (outputs.length > 0) return;
  const found = leftOut.map(({ name, kind }) => `"${name}" is ${kind}`).join(", ");
  throw new InferenceError(`the model has no output that JavaScript can be given: ${found}`, {
    hint: "convert an output to a tensor of numbers, booleans or strings inside the model",
  });
}

/** ZipMap nodes as Identity nodes. Adds the labels of each of their outputs. */
function unzipMaps(model: Uint8Array, { leftOut }: OnnxHeader, labels: Map<string, readonly string[]>): Uint8Array {
  const names = new Set(leftOut.map(({ name }) => name));
  const unzipped = rewriteGraph(model, {
    [GRAPH.node]: (node) => {
      const output = textOf(node, NODE.output);
      if (!names.has(output) || !isZipMap(node)) return node;
      labels.set(output, labelsOf(node));
      return rewriteFields(node, {
        [NODE.opType]: () => new TextEncoder().encode("Identity"),
        [NODE.attribute]: () => null,
        [NODE.domain]: () => null,
      });
    },
  });
  return rewriteGraph(unzipped, {
    [GRAPH.output]: (output) => (labels.has(nameOf(output)) ? asFloat32(output) : output),
  });
}

function isZipMap(node: Uint8Array): boolean {
  return textOf(node, NODE.opType) === "ZipMap" && textOf(node, NODE.domain) === "ai.onnx.ml";
}

/** `classlabels_int64s` or `classlabels_strings`: the node has no others. */
function labelsOf(node: Uint8Array): string[] {
  const labels: string[] = [];
  readFields(node, {
    [NODE.attribute]: (reader) =>
      readFields(reader.bytes(), {
        [ATTRIBUTE.integers]: (inner, wireType) => labels.push(...readIntegers(inner, wireType).map(String)),
        [ATTRIBUTE.strings]: (inner) => labels.push(inner.string()),
      }),
  });
  return labels;
}

function asFloat32(output: Uint8Array): Uint8Array {
  return rewriteFields(output, { [VALUE_INFO.type]: () => bytesField(TYPE.tensor, FLOAT32) });
}

function rewriteGraph(model: Uint8Array, rewriters: FieldRewriters): Uint8Array {
  return rewriteFields(model, { [MODEL.graph]: (graph) => rewriteFields(graph, rewriters) });
}

function nameOf(value: Uint8Array): string {
  return textOf(value, VALUE_INFO.name);
}

/** The last value of a field, as protobuf has it; a ZipMap has one output. */
function textOf(message: Uint8Array, field: number): string {
  let text = "";
  readFields(message, { [field]: (reader) => (text = reader.string()) });
  return text;
}
