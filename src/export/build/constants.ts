import { elementAt } from "../../computed-tensor.ts";
import { wordAt } from "../../require.ts";
import { sizeOf, type Tensor } from "../../tensor.ts";

/** Constants of more elements than this are hashed by this many evenly spaced elements, and compared in full on a match. */
const SAMPLED = 64;

/** The constants of a model. Those with equal contents share one initializer. */
export class Constants {
  readonly initializers: Map<string, Tensor> = new Map();
  readonly #names = new Map<string, string[]>();

  /** The name of a constant with these contents; `makeName` is called for a new one. */
  add(tensor: Tensor, makeName: () => string): string {
    const key = constantKey(tensor);
    const alike = this.#names.get(key);
    const known = alike?.find((name) => sameData(this.initializers.get(name), tensor));
    if (known !== undefined) return known;
    const name = makeName();
    this.initializers.set(name, tensor);
    if (alike === undefined) this.#names.set(key, [name]);
    else alike.push(name);
    return name;
  }
}

/** Type, shape, and a hash of some elements. */
function constantKey(tensor: Tensor): string {
  const { dtype, dims } = tensor;
  const size = sizeOf(dims);
  const step = Math.max(1, Math.floor(size / SAMPLED));
  let hash = FNV_OFFSET;
  for (let index = 0; index < size; index += step) hash = mixed(hash, elementAt(tensor, index));
  return `${dtype}[${dims.join()}]${hash}`;
}

// FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const number = new Float64Array(1);
const words = new Uint32Array(number.buffer);

function mixed(hash: number, element: unknown): number {
  if (typeof element === "string") {
    return Array.from(element).reduce((sum, letter) => mixed(sum, letter.codePointAt(0)), mixed(hash, element.length));
  }
  number[0] = Number(element);
  const low = Math.imul(hash ^ wordAt(words, 0), FNV_PRIME);
  return Math.imul(low ^ (low >>> 15) ^ wordAt(words, 1), FNV_PRIME);
}

/** The very same elements: of numbers, the same bits. */
function sameData(a: Tensor | undefined, b: Tensor): boolean {
  if (a === undefined || a.dtype !== b.dtype) return false;
  const [one, other]: readonly Tensor["data"][] = [a.data, b.data];
  if (one === undefined || other === undefined || one.length !== other.length) return false;
  if (!ArrayBuffer.isView(one)) return one.every((element, index) => element === other[index]);
  if (!ArrayBuffer.isView(other)) return false;
  const [bits, others] = [bytesOf(one), bytesOf(other)];
  return bits.every((byte, index) => byte === others[index]);
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
