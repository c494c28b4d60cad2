import $protobuf from "./protobuf-writer.js";

import { isComputed, partsOf, type Float32Tensor } from "../computed-tensor.ts";
import { ExportError, InternalError } from "../errors.ts";
import { sizeOf, type Tensor } from "../tensor.ts";

import { ELEMENT_BYTES, ELEMENT_TYPE, INT4 } from "./element-type.ts";
import { onnx } from "./generated/encode.js";
import type { Attribute, OnnxGraph, OnnxModel, OnnxNode, OnnxValueInfo, PackedTensor } from "./model.ts";

/** Bytes of weights from this length on are not copied while a message is written. */
const LARGE = 4096;
/** No protocol buffer may be larger: https://protobuf.dev/programming-guides/proto-limits */
const MOST_BYTES = 2 ** 31 - 1;

const { AttributeType } = onnx.AttributeProto;

/** A file that is still in pieces. */
export interface Chunks {
  /**
   * In the order of the file. Large weights are views of the tensors they were written from. What is computed is computed again
   * each time the pieces are gone through.
   */
  readonly chunks: Iterable<Uint8Array>;
  /** Of all chunks together. */
  readonly byteLength: number;
}

/**
 * The ONNX file of a model.
 *
 * @throws {ExportError} when it would be larger than a protocol buffer may be, 2 GiB
 * @throws {InternalError} when an integer attribute is not an exact integer, or a tensor's elements do not fill its shape
 */
export function writeOnnx(model: OnnxModel): Chunks {
  const file = encodeModel(toModel(model));
  if (file.byteLength > MOST_BYTES) {
    throw new ExportError(
      `the ONNX file would have ${file.byteLength} bytes; a protocol buffer, which it is, holds at most ${MOST_BYTES}`,
      { hint: "export a part of the model (outputs), or a model with smaller weights" },
    );
  }
  return file;
}

/** The chunks one behind the other. */
export function concatenate({ chunks, byteLength }: Chunks): Uint8Array {
  const whole = new Uint8Array(byteLength);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}

/** Bytes that are computed when they are needed. */
interface LateBytes {
  readonly byteLength: number;
  /** A part at a time; a part may be overwritten by the next. */
  readonly parts: () => Iterable<Float32Array>;
}

/** What the empty arrays that stand for late bytes in a message stand for. */
const late = new WeakMap<Uint8Array, LateBytes>();

/** Pieces of a file as bytes. */
class Pieces implements Iterable<Uint8Array> {
  readonly #pieces: readonly (Uint8Array | LateBytes)[];

  constructor(pieces: readonly (Uint8Array | LateBytes)[]) {
    this.#pieces = pieces;
  }

  *[Symbol.iterator](): Generator<Uint8Array> {
    for (const piece of this.#pieces) {
      if (piece instanceof Uint8Array) yield piece;
      else yield* blocksOf(piece.parts());
    }
  }
}

/** Bytes that are written at once. */
const BLOCK = 2 ** 22;

/** Parts put together to blocks of about {@link BLOCK} bytes. */
function* blocksOf(parts: Iterable<Float32Array>): Generator<Uint8Array> {
  let block = new Uint8Array(BLOCK);
  let filled = 0;
  for (const part of parts) {
    const bytes = bytesOf(part);
    if (filled + bytes.length > block.length) {
      yield block.subarray(0, filled);
      block = new Uint8Array(Math.max(BLOCK, bytes.length));
      filled = 0;
    }
    block.set(bytes, filled);
    filled += bytes.length;
  }
  yield block.subarray(0, filled);
}

/** Write a message of the schema. */
export function encodeModel(message: onnx.ModelProto.$Properties): Chunks {
  const writer = new ChunkWriter();
  onnx.ModelProto.encode(message, writer);
  const { pieces, byteLength } = writer.take();
  return { chunks: new Pieces(pieces), byteLength };
}

/**
 * protobufjs's writer, except that it keeps large byte fields as views instead of copying them into its buffer. A nested message
 * is written by a writer of its own, so that its length is known before it is put into the outer message.
 */
class ChunkWriter extends $protobuf.Writer {
  readonly #outer: ChunkWriter | null;
  /** For nested messages, one after the other. */
  #inner: ChunkWriter | null = null;
  #pieces: (Uint8Array | LateBytes)[] = [];
  #pieceBytes = 0;

  constructor(outer: ChunkWriter | null = null) {
    super();
    this.#outer = outer;
  }

  override bytes(value: Uint8Array | string): this {
    const piece = typeof value === "string" ? undefined : (late.get(value) ?? value);
    if (piece === undefined || piece.byteLength < LARGE) {
      super.bytes(value);
      return this;
    }
    this.uint32(piece.byteLength);
    this.#append([piece], piece.byteLength);
    return this;
  }

  /** Unpaired surrogates have no UTF-8; as in `TextEncoder`, U+FFFD takes their place. */
  override string(value: string): this {
    super.string(value.replaceAll(/\p{Surrogate}/gu, "\uFFFD"));
    return this;
  }

  override fork(): ChunkWriter {
    this.#inner ??= new ChunkWriter(this);
    return this.#inner;
  }

  override ldelim(): ChunkWriter {
    const outer = this.#outer;
    if (outer === null) throw new InternalError("the end of a message that was not begun");
    outer.uint32(this.#pieceBytes + this.pos);
    if (this.#pieces.length === 0) {
      outer.raw(this.finish(true));
      this.reset();
    } else {
      const { pieces, byteLength } = this.take();
      outer.#append(pieces, byteLength);
    }
    return outer;
  }

  /** All that was written. The writer is empty afterwards. */
  take(): { readonly pieces: readonly (Uint8Array | LateBytes)[]; readonly byteLength: number } {
    this.#flush();
    const written = { pieces: this.#pieces, byteLength: this.#pieceBytes };
    this.#pieces = [];
    this.#pieceBytes = 0;
    return written;
  }

  #append(pieces: readonly (Uint8Array | LateBytes)[], byteLength: number): void {
    this.#flush();
    for (const piece of pieces) this.#pieces.push(piece);
    this.#pieceBytes += byteLength;
  }

  #flush(): void {
    if (this.pos === 0) return;
    this.#pieceBytes += this.pos;
    this.#pieces.push(this.finish());
    this.reset();
  }
}

function toModel(model: OnnxModel): onnx.ModelProto.$Properties {
  return {
    irVersion: model.irVersion,
    producerName: model.producerName,
    producerVersion: model.producerVersion,
    graph: toGraph(model.graph),
    opsetImport: opsetsOf(model),
    metadataProps: Array.from(model.metadata, ([key, value]) => ({ key, value })),
  };
}

/** The standard operator set, then every other that a node names (version 1). */
function opsetsOf(model: OnnxModel): onnx.OperatorSetIdProto.$Properties[] {
  const others = new Set<string>();
  const visit = (graph: OnnxGraph): void => {
    for (const node of graph.nodes) {
      if (node.domain !== "") others.add(node.domain);
      for (const attribute of Object.values(node.attributes)) if (attribute.type === "graph") visit(attribute.value);
    }
  };
  visit(model.graph);
  return [
    { domain: "", version: model.opset },
    ...Array.from(others, (domain) => ({ domain, version: domain === "ai.onnx.ml" ? 2 : 1 })),
  ];
}

function toGraph(graph: OnnxGraph): onnx.GraphProto.$Properties {
  return {
    node: graph.nodes.map(toNode),
    name: graph.name,
    initializer: [
      ...Array.from(graph.initializers, ([name, tensor]) => toTensor(name, tensor)),
      ...Array.from(graph.packed ?? [], ([name, tensor]) => toPackedTensor(name, tensor)),
    ],
    input: graph.inputs.map(toValueInfo),
    output: graph.outputs.map(toValueInfo),
    valueInfo: (graph.valueInfo ?? []).map(toValueInfo),
  };
}

function toNode(node: OnnxNode): onnx.NodeProto.$Properties {
  return {
    input: [...node.inputs],
    output: [...node.outputs],
    name: node.name,
    opType: node.opType,
    attribute: Object.entries(node.attributes).map(([name, attribute]) => ({ name, ...toAttribute(name, attribute) })),
    ...(node.domain === "" ? {} : { domain: node.domain }),
  };
}

function toAttribute(name: string, attribute: Attribute): onnx.AttributeProto.$Properties {
  switch (attribute.type) {
    case "float":
      return { f: attribute.value, type: AttributeType.FLOAT };
    case "int":
      return { i: exact(name, attribute.value), type: AttributeType.INT };
    case "string":
      return { s: utf8.encode(attribute.value), type: AttributeType.STRING };
    case "tensor":
      return { t: toTensor("", attribute.value), type: AttributeType.TENSOR };
    case "graph":
      return { g: toGraph(attribute.value), type: AttributeType.GRAPH };
    case "floats":
      return { floats: [...attribute.value], type: AttributeType.FLOATS };
    case "ints":
      return { ints: attribute.value.map((value) => exact(name, value)), type: AttributeType.INTS };
    case "strings":
      return { strings: attribute.value.map((value) => utf8.encode(value)), type: AttributeType.STRINGS };
    default:
      return attribute satisfies never;
  }
}

const utf8 = new TextEncoder();

function exact(name: string, value: number): number {
  if (Number.isSafeInteger(value)) return value;
  throw new InternalError(`the attribute ${name} must be an integer of at most 53 bits; got ${value}`);
}

function toTensor(name: string, tensor: Tensor): onnx.TensorProto.$Properties {
  const { dims } = tensor;
  if (tensor.dtype === "float32" && isComputed(tensor))
    return { ...tensorHeader(name, tensor), rawData: lateBytes(tensor) };
  if (tensor.data.length !== sizeOf(dims)) {
    throw new InternalError(`the tensor ${name} of shape [${dims.join(", ")}] has ${tensor.data.length} elements`);
  }
  const header = tensorHeader(name, tensor);
  if (tensor.dtype === "string") return { ...header, stringData: tensor.data.map((text) => utf8.encode(text)) };
  return { ...header, rawData: bytesOf(tensor.data) };
}

function toPackedTensor(name: string, { dims, data }: PackedTensor): onnx.TensorProto.$Properties {
  if (data.length !== Math.ceil(sizeOf(dims) / 2)) {
    throw new InternalError(`the int4 tensor ${name} of shape [${dims.join(", ")}] has ${data.length} bytes`);
  }
  return { dims: [...dims], dataType: INT4, name, rawData: data };
}

function tensorHeader(name: string, { dims, dtype }: Tensor): onnx.TensorProto.$Properties {
  return { dims: [...dims], dataType: ELEMENT_TYPE[dtype], name };
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** An empty array that stands for the bytes of a computed tensor. */
function lateBytes(tensor: Float32Tensor): Uint8Array {
  const byteLength = sizeOf(tensor.dims) * ELEMENT_BYTES.float32;
  if (byteLength < LARGE) return bytesOf(tensor.data);
  const marker = new Uint8Array();
  late.set(marker, { byteLength, parts: () => partsOf(tensor) });
  return marker;
}

function toValueInfo({ name, dtype, dims, isSequence }: OnnxValueInfo): onnx.ValueInfoProto.$Properties {
  const shape = dims === null ? {} : { shape: { dim: dims.map(toDimension) } };
  const type = { tensorType: { elemType: ELEMENT_TYPE[dtype], ...shape } };
  return { name, type: isSequence === true ? { sequenceType: { elemType: type } } : type };
}

function toDimension(dim: number | string): onnx.TensorShapeProto.Dimension.$Properties {
  return typeof dim === "number" ? { dimValue: dim } : { dimParam: dim };
}
