import { InferenceError, SetupError } from "../../errors.ts";
import { tensorOver, type DType, type Tensor } from "../../tensor.ts";
import type { Provider, Tensors, ValueInfo } from "../runtime.ts";

/**
 * What goes between a program and the place that runs its models, e.g. a page in a browser: a JSON head and parts of
 * raw bytes that it counts on.
 */
export interface Message<Head> {
  readonly head: Head;
  readonly parts: readonly Uint8Array<ArrayBuffer>[];
}

export type Command =
  | {
      readonly kind: "load";
      readonly provider: Provider | "auto" | null;
      readonly threads: number | null;
      /** `onnx`: the first part is the file. `tfjs`: the first part is the model.json, the second its weights if it has any. */
      readonly form: "onnx" | "tfjs";
      /** Locations of the weight files of an ONNX file; they are the parts that follow it. */
      readonly externalData: readonly string[];
    }
  /** Parts: elements of the feeds, but of those of strings. */
  | { readonly kind: "run"; readonly session: number; readonly feeds: readonly TensorHead[] }
  | { readonly kind: "dispose"; readonly session: number };

export type Answer =
  /** The place is ready for its first command. */
  | { readonly kind: "ready"; readonly place: string }
  | {
      readonly kind: "loaded";
      readonly session: number;
      readonly provider: Provider;
      readonly elsewhere: readonly string[];
      readonly inputs: readonly ValueInfo[];
      readonly outputs: readonly ValueInfo[];
      readonly notes: readonly string[];
    }
  | { readonly kind: "ran"; readonly outputs: readonly TensorHead[] }
  | { readonly kind: "disposed" }
  | { readonly kind: "failed"; readonly error: string; readonly message: string; readonly hint: string | null };

/** A tensor without its elements; strings have theirs with them. */
export interface TensorHead {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly strings: readonly string[] | null;
}

const LITTLE_ENDIAN = true;
const LENGTH_BYTES = 4;

/** u32 length of the head, the head, then each part after its u32 length. */
export function encodeMessage(head: Command | Answer, parts: readonly Uint8Array[] = []): Uint8Array<ArrayBuffer> {
  const all = [new TextEncoder().encode(JSON.stringify(head)), ...parts];
  const size = all.reduce((sum, { byteLength }) => sum + LENGTH_BYTES + byteLength, 0);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  let offset = 0;
  for (const part of all) {
    view.setUint32(offset, part.byteLength, LITTLE_ENDIAN);
    bytes.set(part, offset + LENGTH_BYTES);
    offset += LENGTH_BYTES + part.byteLength;
  }
  return bytes;
}

/** @throws {InferenceError} when the bytes are not a whole message */
export function decodeCommand(bytes: Uint8Array): Message<Command> {
  return decodeMessage(bytes, isCommand);
}

/** @throws {InferenceError} when the bytes are not a whole message */
export function decodeAnswer(bytes: Uint8Array): Message<Answer> {
  return decodeMessage(bytes, isAnswer);
}

function decodeMessage<Head>(bytes: Uint8Array, isHead: (value: unknown) => value is Head): Message<Head> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (let offset = 0; offset < bytes.byteLength;) {
    const start = offset + LENGTH_BYTES;
    const end = start > bytes.byteLength ? start : start + view.getUint32(offset, LITTLE_ENDIAN);
    if (end > bytes.byteLength) throw new InferenceError("a message was cut short on its way");
    // A copy, so that elements wider than a byte are aligned.
    parts.push(new Uint8Array(bytes.subarray(start, end)));
    offset = end;
  }
  const [first, ...rest] = parts;
  const head: unknown = first === undefined ? null : JSON.parse(new TextDecoder().decode(first));
  if (!isHead(head)) throw new InferenceError("a message of an unknown kind came");
  return { head, parts: rest };
}

const COMMANDS: ReadonlySet<unknown> = new Set<Command["kind"]>(["load", "run", "dispose"]);
const ANSWERS: ReadonlySet<unknown> = new Set<Answer["kind"]>(["ready", "loaded", "ran", "disposed", "failed"]);

function isCommand(value: unknown): value is Command {
  return isKind(value, COMMANDS);
}

function isAnswer(value: unknown): value is Answer {
  return isKind(value, ANSWERS);
}

/** Both ends are of this package, so its kind says all of a head's form. */
function isKind(value: unknown, kinds: ReadonlySet<unknown>): boolean {
  return typeof value === "object" && value !== null && "kind" in value && kinds.has(value.kind);
}

/** Tensors as heads and parts. */
export function packTensors(tensors: Tensors): { heads: TensorHead[]; parts: Uint8Array[] } {
  const heads: TensorHead[] = [];
  const parts: Uint8Array[] = [];
  for (const [name, tensor] of Object.entries(tensors)) {
    const { dtype, dims } = tensor;
    if (tensor.dtype === "string") {
      heads.push({ name, dtype, dims, strings: tensor.data });
    } else {
      heads.push({ name, dtype, dims, strings: null });
      parts.push(new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength));
    }
  }
  return { heads, parts };
}

/** The tensors of {@link packTensors}; they share memory with the parts. */
export function unpackTensors(heads: readonly TensorHead[], parts: readonly Uint8Array<ArrayBuffer>[]): Tensors {
  const rest = [...parts];
  return Object.fromEntries(
    heads.map((head) => [
      head.name,
      head.strings === null
        ? tensorOf(head, rest.shift()?.buffer ?? new ArrayBuffer(0))
        : { dtype: "string", dims: head.dims, data: head.strings },
    ]),
  );
}

function tensorOf({ dtype, dims }: TensorHead, buffer: ArrayBuffer): Tensor {
  if (dtype === "string") throw new InferenceError("a tensor of strings came without its strings");
  return tensorOver(dtype, dims, buffer);
}

/** A fault as an answer; what is none of ours stays what it says. */
export function packError(error: unknown): Answer {
  const known = error instanceof InferenceError || error instanceof SetupError;
  const message = error instanceof Error ? error.message : String(error);
  return { kind: "failed", error: known ? error.name : "Error", message, hint: known ? (error.hint ?? null) : null };
}

/** The fault that an answer tells of, as it was thrown there. */
export function unpackError({ error, message, hint }: Extract<Answer, { kind: "failed" }>): Error {
  const options = hint === null ? {} : { hint };
  if (error === "SetupError") return new SetupError(message, options);
  if (error === "InferenceError") return new InferenceError(message, options);
  return new Error(message);
}
