import { ModelFormatError } from "../../errors.ts";

/** Weight data in one buffer. A single part is returned without a copy. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return first;
  const whole = allocated(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
}

/** @throws {ModelFormatError} when there is not that much memory. */
export function allocated(byteLength: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(byteLength);
  } catch (cause) {
    throw new ModelFormatError(`the weights of ${byteLength} bytes do not fit into memory`, { cause });
  }
}
