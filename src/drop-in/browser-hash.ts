import type { Hash } from "./surroundings.ts";

/** The browser's own SHA-256; null on pages that came over http, which may not use it. */
export const browserHash: Hash | null =
  globalThis.crypto?.subtle === undefined
    ? null
    : async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", ofOwnMemory(bytes)));

/** `crypto.subtle` takes no shared memory. */
function ofOwnMemory({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array<ArrayBuffer> {
  if (buffer instanceof ArrayBuffer) return new Uint8Array(buffer, byteOffset, byteLength);
  return new Uint8Array(new Uint8Array(buffer, byteOffset, byteLength));
}
