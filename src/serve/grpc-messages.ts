import { integer, type Integer } from "../onnx/decode.ts";
import type { DType } from "../tensor.ts";

import { RequestFault } from "./fault.ts";
import type {
  ContentsMessage,
  InferInputMessage,
  InferRequestMessage,
  InferResponseMessage,
  ParameterMessage,
} from "./proto/messages.ts";
import { classification, refuseSequences, sharedMemory, timeoutOf } from "./rest-body.ts";
import type { InferAnswer } from "./service.ts";
import { DATATYPE, dtypeNamed, joinStrings, stringsOf, toTensor, type TensorBytes } from "./tensor-bytes.ts";

/** An inference request over gRPC. */
export interface GrpcInferRequest {
  readonly name: string;
  readonly version: string;
  readonly id: string;
  readonly inputs: readonly TensorBytes[];
  readonly outputs: readonly string[];
  /** Milliseconds; null when the request names none. */
  readonly timeout: number | null;
  /** Tensors came as bytes, and are wanted so. */
  readonly isRaw: boolean;
}

/** @throws {RequestFault} invalid */
export function decodeInferRequest(message: InferRequestMessage): GrpcInferRequest {
  const raw = message.rawInputContents ?? [];
  const given = message.inputs ?? [];
  if (raw.length > 0 && raw.length !== given.length) {
    throw invalid(`raw_input_contents has ${raw.length} entries for ${given.length} inputs`);
  }
  const parameters = valuesOf(message.parameters);
  refuseSequences(parameters);
  const outputs = (message.outputs ?? []).map((output) => {
    const own = valuesOf(output.parameters);
    if (own["shared_memory_region"] !== undefined) throw sharedMemory();
    if (own["classification"] !== undefined) throw classification();
    return output.name ?? "";
  });
  return {
    name: message.modelName ?? "",
    version: message.modelVersion ?? "",
    id: message.id ?? "",
    inputs: given.map((input, index) => decodeInput(input, raw[index])),
    outputs,
    timeout: timeoutOf(parameters["timeout"]),
    isRaw: raw.length > 0 || given.every(({ datatype }) => datatype === DATATYPE.float16),
  };
}

function decodeInput(input: InferInputMessage, raw: Uint8Array | undefined): TensorBytes {
  const name = input.name ?? "";
  if (valuesOf(input.parameters)["shared_memory_region"] !== undefined) throw sharedMemory();
  const dtype = dtypeNamed(name, input.datatype ?? "");
  const dims = (input.shape ?? []).map(integer);
  if (!dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) {
    throw invalid(`input "${name}": a shape is a list of whole numbers from 0; got [${dims.join(", ")}]`);
  }
  if (raw === undefined) return { name, dtype, dims, bytes: bytesOf(name, dtype, input.contents ?? {}) };
  if (input.contents != null) throw invalid(`input "${name}" has contents as well as raw_input_contents`);
  return { name, dtype, dims, bytes: raw };
}

/** The bytes of a tensor whose elements are in the message's list for its type. */
function bytesOf(name: string, dtype: DType, contents: ContentsMessage): Uint8Array {
  const over = (data: ArrayBufferView): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const whole = (values: readonly number[], data: ArrayLike<number> & ArrayBufferView): Uint8Array => {
    const wrong = values.findIndex((value, index) => data[index] !== value);
    if (wrong >= 0) throw invalid(`input "${name}": ${values[wrong]} is no ${DATATYPE[dtype]}`);
    return over(data);
  };
  const ints = contents.intContents ?? [];
  const uints = contents.uintContents ?? [];
  switch (dtype) {
    case "float32":
      return over(Float32Array.from(contents.fp32Contents ?? []));
    case "float64":
      return over(Float64Array.from(contents.fp64Contents ?? []));
    case "float16":
      throw invalid(`input "${name}": FP16 is sent in raw_input_contents`);
    case "int8":
      return whole(ints, Int8Array.from(ints));
    case "int16":
      return whole(ints, Int16Array.from(ints));
    case "int32":
      return whole(ints, Int32Array.from(ints));
    case "uint8":
      return whole(uints, Uint8Array.from(uints));
    case "uint16":
      return whole(uints, Uint16Array.from(uints));
    case "uint32":
      return whole(uints, Uint32Array.from(uints));
    case "int64":
      return over(BigInt64Array.from((contents.int64Contents ?? []).map(bigInteger)));
    case "uint64":
      return over(BigUint64Array.from((contents.uint64Contents ?? []).map(bigInteger)));
    case "bool":
      return Uint8Array.from(contents.boolContents ?? [], Number);
    case "string":
      return joinStrings(contents.bytesContents ?? []);
    default:
      return dtype satisfies never;
  }
}

export function encodeInferResponse(request: GrpcInferRequest, { model, outputs }: InferAnswer): InferResponseMessage {
  // The typed lists have no FP16.
  const isRaw = request.isRaw || outputs.some(({ dtype }) => dtype === "float16");
  return {
    modelName: model.name,
    modelVersion: model.version,
    id: request.id,
    outputs: outputs.map((output) => ({
      name: output.name,
      datatype: DATATYPE[output.dtype],
      shape: [...output.dims],
      ...(isRaw ? {} : { contents: contentsOf(output) }),
    })),
    ...(isRaw ? { rawOutputContents: outputs.map(({ bytes }) => bytes) } : {}),
  };
}

function contentsOf(output: TensorBytes): ContentsMessage {
  if (output.dtype === "string") return { bytesContents: stringsOf(output.name, output.bytes) };
  const { dtype, data } = toTensor(output);
  switch (dtype) {
    case "float32":
      return { fp32Contents: [...data] };
    case "float64":
      return { fp64Contents: [...data] };
    case "int8":
    case "int16":
    case "int32":
      return { intContents: [...data] };
    case "uint8":
    case "uint16":
    case "uint32":
      return { uintContents: [...data] };
    case "int64":
      return { int64Contents: Array.from(data, long) };
    case "uint64":
      return { uint64Contents: Array.from(data, long) };
    case "bool":
      return { boolContents: Array.from(data, Boolean) };
    case "float16":
    case "string":
      throw new RequestFault("internal", `an output of ${dtype} has no list of its type`);
    default:
      return dtype satisfies never;
  }
}

/** All 64 bits of an integer. */
function bigInteger(value: Integer): bigint {
  if (typeof value === "number") return BigInt(value);
  return (BigInt(value.unsigned ? value.high >>> 0 : value.high) << 32n) | BigInt(value.low >>> 0);
}

function long(value: bigint): { low: number; high: number; unsigned: boolean } {
  return {
    low: Number(BigInt.asIntN(32, value)),
    high: Number(BigInt.asIntN(32, value >> 32n)),
    unsigned: value >= 0n,
  };
}

/** Parameters as plain values. */
function valuesOf(parameters: Readonly<Record<string, ParameterMessage>> | null | undefined): Record<string, unknown> {
  const entries = Object.entries(parameters ?? {}).map(([name, value]): [string, unknown] => {
    const number = value.int64Param ?? value.uint64Param;
    const plain = value.boolParam ?? value.stringParam ?? value.doubleParam;
    return [name, number == null ? (plain ?? undefined) : integer(number)];
  });
  return Object.fromEntries(entries);
}

function invalid(message: string): RequestFault {
  return new RequestFault("invalid", message);
}
