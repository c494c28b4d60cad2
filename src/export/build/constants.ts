import { elementAt } from "../../computed-tensor.ts";
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

/** Type, shape and some elements. */
function constantKey(tensor: Tensor): string {
  const { dtype, dims } = tensor;
  const size = sizeOf(dims);
  const step = Math.max(1, Math.floor(size / SAMPLED));
  const sample: string[] = [];
  for (let index = 0; index < size; index += step) sample.push(exactly(elementAt(tensor, index)));
  return `${dtype}[${dims.join()}]${sample.join()}`;
}

function sameData(a: Tensor | undefined, { data }: Tensor): boolean {
  if (a === undefined) return false;
  const known = a.data;
  if (known.length !== data.length) return false;
  for (let index = 0; index < data.length; index++) if (!Object.is(known[index], data[index])) return false;
  return true;
}

function exactly(element: unknown): string {
  return Object.is(element, -0) ? "-0" : String(element);
}
