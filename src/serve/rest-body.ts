import { ModelFormatError } from "../errors.ts";
import { parseJson } from "../export/source/json.ts";

import { RequestFault } from "./fault.ts";
import type { ServedModel } from "./served-model.ts";
import { DATATYPE, dtypeNamed, type TensorBytes } from "./tensor-bytes.ts";
import { fromJson, toJson } from "./tensor-json.ts";

/** An output that a request asks for. */
interface AskedOutput {
  readonly name: string;
  readonly isBinary: boolean;
}

/** An inference request over HTTP: JSON, and in the binary form the bytes of tensors behind it. */
export interface InferBody {
  readonly id: string | null;
  readonly inputs: readonly TensorBytes[];
  /** None for all. */
  readonly outputs: readonly AskedOutput[];
  /** Of outputs that are not named. */
  readonly isBinary: boolean;
  /** Milliseconds; null when the request names none. */
  readonly timeout: number | null;
}

/**
 * @param headerLength the header Inference-Header-Content-Length, which says where the JSON ends; 0: the body is a tensor's bytes alone
 * @param rawInput makes an input of the bytes
 * @throws {RequestFault} invalid
 */
export function decodeInferBody(
  body: Uint8Array,
  headerLength: string | undefined,
  rawInput: (bytes: Uint8Array) => TensorBytes,
): InferBody {
  const end = headerLength === undefined ? body.length : /^\d+$/u.test(headerLength) ? Number(headerLength) : -1;
  if (end < 0 || end > body.length) {
    throw invalid(`Inference-Header-Content-Length is ${headerLength ?? ""}, but the body has ${body.length} bytes`);
  }
  // Triton answers such a request in the binary form.
  if (headerLength !== undefined && end === 0) {
    return { id: null, inputs: [rawInput(body)], outputs: [], isBinary: true, timeout: null };
  }
  const request = objectOf(parseBody(body.subarray(0, end)), "the request");
  const binary = body.subarray(end);
  let offset = 0;
  const take = (name: string, length: number): Uint8Array => {
    if (offset + length > binary.length) {
      const left = binary.length - offset;
      throw invalid(`input "${name}" has ${length} bytes by its binary_data_size, but ${left} are left`);
    }
    offset += length;
    return binary.subarray(offset - length, offset);
  };
  const inputs = listOf(request["inputs"], "inputs").map((input) => decodeInput(input, take));
  if (offset < binary.length) throw invalid(`${binary.length - offset} bytes are left behind the last input`);
  const parameters = optionalObject(request["parameters"], "parameters");
  refuseSequences(parameters);
  const isBinary = parameters["binary_data_output"] === true;
  const asked = request["outputs"] === undefined ? [] : listOf(request["outputs"], "outputs");
  return {
    id: typeof request["id"] === "string" ? request["id"] : null,
    inputs,
    outputs: asked.map((output) => decodeOutput(output, isBinary)),
    isBinary,
    timeout: timeoutOf(parameters["timeout"]),
  };
}

/** What a body of JSON holds. @throws {RequestFault} invalid, also for lists nested so deep that reading them would take minutes */
export function parseBody(bytes: Uint8Array): unknown {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString("utf8")
    .replace(/^\uFEFF/u, "");
  try {
    return parseJson(text, "the body");
  } catch (cause) {
    if (cause instanceof ModelFormatError) throw invalid(cause.message);
    throw invalid(`the body is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

function decodeInput(value: unknown, take: (name: string, length: number) => Uint8Array): TensorBytes {
  const input = objectOf(value, "an input");
  const { name, datatype, shape } = { name: input["name"], datatype: input["datatype"], shape: input["shape"] };
  if (typeof name !== "string") throw invalid(`an input has no "name"`);
  if (typeof datatype !== "string") throw invalid(`input "${name}" has no "datatype"`);
  const dims = shapeOf(name, shape);
  const dtype = dtypeNamed(name, datatype);
  const parameters = optionalObject(input["parameters"], `parameters of "${name}"`);
  if (parameters["shared_memory_region"] !== undefined) throw sharedMemory();
  const length = parameters["binary_data_size"];
  if (length === undefined) return fromJson(name, dtype, dims, input["data"]);
  if (typeof length !== "number" || !Number.isSafeInteger(length) || length < 0) {
    throw invalid(`input "${name}": binary_data_size is a whole number of bytes`);
  }
  return { name, dtype, dims, bytes: take(name, length) };
}

function shapeOf(name: string, shape: unknown): number[] {
  const dims: unknown[] = Array.isArray(shape) ? shape : [null];
  return dims.map((dim) => {
    if (typeof dim === "number" && Number.isSafeInteger(dim) && dim >= 0) return dim;
    throw invalid(
      `input "${name}": "shape" is a list of whole numbers from 0; got ${JSON.stringify(shape).slice(0, 80)}`,
    );
  });
}

function decodeOutput(value: unknown, isBinary: boolean): AskedOutput {
  const output = objectOf(value, "an output");
  const { name } = { name: output["name"] };
  if (typeof name !== "string") throw invalid(`an output has no "name"`);
  const parameters = optionalObject(output["parameters"], `parameters of "${name}"`);
  if (parameters["shared_memory_region"] !== undefined) throw sharedMemory();
  if (parameters["classification"] !== undefined) throw classification();
  const own = parameters["binary_data"];
  return { name, isBinary: typeof own === "boolean" ? own : isBinary };
}

/** Microseconds, as Triton has them, in milliseconds. */
export function timeoutOf(value: unknown): number | null {
  if (value === undefined || value === 0) return null;
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value / 1000;
  throw invalid(`"timeout" is a whole number of microseconds`);
}

/** Models here keep nothing between requests. @throws {RequestFault} unimplemented */
export function refuseSequences(parameters: Readonly<Record<string, unknown>>): void {
  const id = parameters["sequence_id"];
  if (id === undefined || id === 0 || id === "") return;
  throw new RequestFault("unimplemented", "sequences are not supported: every request is answered by itself");
}

export function sharedMemory(): RequestFault {
  return new RequestFault("unimplemented", "shared memory is not supported; send the tensor in the request");
}

export function classification(): RequestFault {
  return new RequestFault(
    "unimplemented",
    "the classification extension is not supported; ask for the scores themselves",
  );
}

function objectOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (isObject(value)) return value;
  throw invalid(`${what} must be an object`);
}

function optionalObject(value: unknown, what: string): Readonly<Record<string, unknown>> {
  return value === undefined || value === null ? {} : objectOf(value, what);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listOf(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw invalid(`"${what}" must be a list`);
}

function invalid(message: string): RequestFault {
  return new RequestFault("invalid", message);
}

/** The answer, and where its JSON ends if bytes of tensors follow. */
export interface EncodedAnswer {
  readonly body: Uint8Array;
  readonly headerLength: number | null;
}

/** @throws {RequestFault} notAcceptable for what JSON cannot hold */
export function encodeInferAnswer(model: ServedModel, body: InferBody, outputs: readonly TensorBytes[]): EncodedAnswer {
  const pieces: Uint8Array[] = [];
  const described = outputs.map((output, index) => {
    const { name, dtype, dims, bytes } = output;
    const head = `"name":${JSON.stringify(name)},"datatype":"${DATATYPE[dtype]}","shape":[${dims.join(",")}]`;
    if (!(body.outputs[index]?.isBinary ?? body.isBinary)) return `{${head},"data":${toJson(output)}}`;
    pieces.push(bytes);
    return `{${head},"parameters":{"binary_data_size":${bytes.length}}}`;
  });
  const id = body.id === null ? "" : `,"id":${JSON.stringify(body.id)}`;
  const json = Buffer.from(
    `{"model_name":${JSON.stringify(model.name)},"model_version":"${model.version}"${id},"outputs":[${described.join(",")}]}`,
  );
  if (pieces.length === 0) return { body: json, headerLength: null };
  return { body: Buffer.concat([json, ...pieces]), headerLength: json.length };
}
