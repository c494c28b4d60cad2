import $protobuf from "protobufjs/minimal.js";

import { InferenceError } from "../errors.ts";
import { sizeOf, tensorOver, type DType } from "../tensor.ts";

import { decodeModel, exactInteger, integer, notOnnx } from "./decode.ts";
import { dtypeOf, ELEMENT_BYTES } from "./element-type.ts";
import type {
  ExternalPlace,
  FileAttribute,
  FileData,
  FileFunction,
  FileGraph,
  FileModel,
  FileNode,
  FileTensor,
  FileType,
  FileValue,
} from "./file-model.ts";
import { onnx } from "./generated/decode.js";

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Read an ONNX file. Weights are views of `bytes`, or places in files beside it.
 *
 * @throws {InferenceError} when the bytes are not an ONNX file, are cut short, or give a tensor an impossible size
 */
export function readOnnx(bytes: Uint8Array): FileModel {
  const model = decodeModel(bytes);
  return {
    irVersion: exactInteger(model.irVersion),
    producerName: model.producerName,
    producerVersion: model.producerVersion,
    opsets: readOpsets(model.opsetImport),
    metadata: readEntries(model.metadataProps),
    graph: readGraph(model.graph),
    functions: model.functions.map(readFunction),
  };
}

/** Operator sets by domain. The standard one has two names, "" and "ai.onnx". */
export function readOpsets(opsets: readonly onnx.OperatorSetIdProto.$Properties[]): Map<string, number> {
  return new Map(
    opsets.map(({ domain, version }) => [domain === "ai.onnx" ? "" : textOf(domain), exactInteger(version)]),
  );
}

export function readEntries(entries: readonly onnx.StringStringEntryProto.$Properties[]): Map<string, string> {
  return new Map(entries.map(({ key, value }) => [textOf(key), textOf(value)]));
}

/** The default of protocol buffers, "", stands for an absent field. */
export function textOf(value: string | null | undefined): string {
  return value ?? "";
}

function listOf<Value>(values: readonly Value[] | null | undefined): readonly Value[] {
  return values ?? [];
}

function readFunction(message: onnx.FunctionProto.$Properties): FileFunction {
  return {
    domain: textOf(message.domain),
    name: textOf(message.name),
    inputs: listOf(message.input),
    outputs: listOf(message.output),
    nodes: listOf(message.node).map(readNode),
  };
}

function readGraph(message: onnx.GraphProto.$Properties | null | undefined): FileGraph {
  return {
    name: textOf(message?.name),
    nodes: listOf(message?.node).map(readNode),
    initializers: listOf(message?.initializer).map(readTensor),
    sparseInitializers: listOf(message?.sparseInitializer).map(({ values }) => readTensor(values ?? {})),
    inputs: listOf(message?.input).map(readValue),
    outputs: listOf(message?.output).map(readValue),
    valueInfo: listOf(message?.valueInfo).map(readValue),
  };
}

export function readNode(message: onnx.NodeProto.$Properties): FileNode {
  return {
    opType: textOf(message.opType),
    domain: message.domain === "ai.onnx" ? "" : textOf(message.domain),
    name: textOf(message.name),
    inputs: listOf(message.input),
    outputs: listOf(message.output),
    attributes: new Map(
      listOf(message.attribute).map((attribute) => [textOf(attribute.name), readAttribute(attribute)]),
    ),
  };
}

function readAttribute(message: onnx.AttributeProto.$Properties): FileAttribute {
  if (textOf(message.refAttrName) !== "") return { type: "reference", value: textOf(message.refAttrName) };
  switch (typeOf(message)) {
    case "FLOAT":
      return { type: "float", value: message.f ?? 0 };
    case "INT":
      return { type: "int", value: integer(message.i) };
    case "STRING":
      return { type: "string", value: utf8.decode(message.s ?? new Uint8Array()) };
    case "TENSOR":
      return { type: "tensor", value: readTensor(message.t ?? {}) };
    case "GRAPH":
      return { type: "graph", value: readGraph(message.g) };
    case "FLOATS":
      return { type: "floats", value: listOf(message.floats) };
    case "INTS":
      return { type: "ints", value: listOf(message.ints).map(integer) };
    case "STRINGS":
      return { type: "strings", value: listOf(message.strings).map((value) => utf8.decode(value)) };
    case "TENSORS":
      return { type: "tensors", value: listOf(message.tensors).map(readTensor) };
    case "GRAPHS":
      return { type: "graphs", value: listOf(message.graphs).map(readGraph) };
    default:
      return { type: "other" };
  }
}

/** Name of an attribute's type. Files of IR version 1 leave it out: then it is that of the field that is there. */
function typeOf(message: onnx.AttributeProto.$Properties): string {
  const name = onnx.AttributeProto.AttributeType[message.type ?? 0];
  if (name !== undefined && name !== "UNDEFINED") return name;
  if (message.t != null) return "TENSOR";
  if (message.g != null) return "GRAPH";
  if (listOf(message.floats).length > 0) return "FLOATS";
  if (listOf(message.ints).length > 0) return "INTS";
  if (listOf(message.strings).length > 0) return "STRINGS";
  if (listOf(message.tensors).length > 0) return "TENSORS";
  if (listOf(message.graphs).length > 0) return "GRAPHS";
  if (Object.hasOwn(message, "f")) return "FLOAT";
  if (Object.hasOwn(message, "i")) return "INT";
  if (Object.hasOwn(message, "s")) return "STRING";
  return "UNDEFINED";
}

export function readValue({ name, type }: onnx.ValueInfoProto.$Properties): FileValue {
  return { name: textOf(name), type: readType(type) };
}

function readType(type: onnx.TypeProto.$Properties | null | undefined): FileType {
  if (type == null) return { kind: "none" };
  if (type.sequenceType != null) return { kind: "sequence" };
  if (type.mapType != null) return { kind: "map" };
  if (type.sparseTensorType != null) return { kind: "sparse tensor" };
  if (type.optionalType != null) return { kind: "optional value" };
  if (type.opaqueType != null) return { kind: "opaque value" };
  if (type.tensorType == null) return { kind: "unknown" };
  const { elemType, shape } = type.tensorType;
  return { kind: "tensor", elementType: elemType ?? 0, dims: shape == null ? null : listOf(shape.dim).map(readDim) };
}

/** Some exporters write -1 or "" for a free size without a name. */
function readDim(message: onnx.TensorShapeProto.Dimension.$Properties): number | string | null {
  if (Object.hasOwn(message, "dimParam")) return textOf(message.dimParam) === "" ? null : textOf(message.dimParam);
  if (!Object.hasOwn(message, "dimValue")) return null;
  const size = exactInteger(message.dimValue);
  return size < 0 ? null : size;
}

/** @throws {InferenceError} when a size of the tensor is negative or beyond 2^53 */
function readTensor(message: onnx.TensorProto.$Properties): FileTensor {
  const dims = listOf(message.dims).map(exactInteger);
  if (dims.some((dim) => dim < 0)) {
    throw new InferenceError(`the tensor "${textOf(message.name)}" has the shape [${dims.join(", ")}]`, {
      hint: "no size may be negative; save the model again",
    });
  }
  return { name: textOf(message.name), elementType: message.dataType ?? 0, dims, data: readData(message) };
}

const PACKED = [
  ["float", "floatData"],
  ["double", "doubleData"],
  ["int32", "int32Data"],
  ["int64", "int64Data"],
  ["uint64", "uint64Data"],
] as const;

function readData(message: onnx.TensorProto.$Properties): FileData {
  const place = externalPlace(message);
  if (place !== null) return { kind: "external", ...place };
  if (message.rawData != null && Object.hasOwn(message, "rawData")) return { kind: "raw", bytes: message.rawData };
  for (const [kind, field] of PACKED) {
    const parts = listOf(message[field]);
    if (parts.length > 0) return { kind, parts };
  }
  const values = listOf(message.stringData);
  return values.length > 0 ? { kind: "strings", values } : { kind: "raw", bytes: new Uint8Array() };
}

/** Where the elements of a tensor are, when they are in a file beside the model; else null. */
export function externalPlace(tensor: onnx.TensorProto.$Properties): ExternalPlace | null {
  if (onnx.TensorProto.DataLocation[tensor.dataLocation ?? 0] !== "EXTERNAL") return null;
  const entries = readEntries(listOf(tensor.externalData));
  const location = entries.get("location");
  if (location === undefined) return null;
  const length = entries.get("length");
  return { location, offset: Number(entries.get("offset") ?? 0), length: length === undefined ? null : Number(length) };
}

/**
 * The elements of a small constant as numbers; null when it has more than `most`, has an element type other than plain numbers and
 * booleans, has its elements in another file, or is cut short.
 */
export function smallNumbers({ elementType, dims, data }: FileTensor, most: number): readonly number[] | null {
  const size = sizeOf(dims);
  const dtype = dtypeOf(elementType);
  if (size > most || dtype === null || dtype === "string" || dtype === "float16") return null;
  const numbers = numbersOf(dtype, data, size);
  return numbers?.length === size ? numbers : null;
}

function numbersOf(dtype: Exclude<DType, "string">, data: FileData, size: number): number[] | null {
  switch (data.kind) {
    case "raw":
      if (data.bytes.length !== size * ELEMENT_BYTES[dtype]) return null;
      // A copy, because the view may begin at any byte.
      return Array.from(tensorOver(dtype, [size], new Uint8Array(data.bytes).buffer).data, Number);
    case "float":
      return packed(data.parts, (reader) => reader.float());
    case "double":
      return packed(data.parts, (reader) => reader.double());
    case "int32":
      return packed(data.parts, (reader) => reader.int32());
    case "int64":
      return packed(data.parts, (reader) => integer(reader.int64()));
    case "uint64":
      return packed(data.parts, (reader) => integer(reader.uint64()));
    case "strings":
    case "external":
      return null;
    default:
      return data satisfies never;
  }
}

/** Numbers of a packed field. @throws {InferenceError} when the last one is cut short */
function packed(parts: readonly Uint8Array[], read: (reader: $protobuf.Reader) => number): number[] {
  try {
    return parts.flatMap((part) => {
      const numbers: number[] = [];
      for (const reader = new $protobuf.Reader(part); reader.pos < reader.len;) numbers.push(read(reader));
      return numbers;
    });
  } catch (cause) {
    throw notOnnx("a constant ends within a number", cause);
  }
}
