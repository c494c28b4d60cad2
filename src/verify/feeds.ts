import type { Random } from "../data/random.ts";
import { InferenceError, InternalError } from "../errors.ts";
import { numberToHalf } from "../half.ts";
import { sizeOf, type DType, type Tensor } from "../tensor.ts";

import type { InputDomain } from "./input-domains.ts";

/** An input to make random values for; free dimensions are named. */
export interface FeedSpec {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly (number | string | null)[];
  readonly domain: InputDomain;
}

/** A size for every free dimension, by name. */
export type Sizes = ReadonlyMap<string, number>;

/** Integers that no layer bounds are below this. */
const SMALL_BOUND = 8;

/**
 * Random tensors for every input; the same for the same stream of random numbers. Dimensions without a name are 1.
 *
 * @param scale What normal numbers are multiplied by.
 */
export function randomFeeds(
  specs: readonly FeedSpec[],
  sizes: Sizes,
  random: Random,
  scale = 1,
): Record<string, Tensor> {
  const feeds: [string, Tensor][] = specs.map((spec) => {
    return [spec.name, randomTensor(spec, shapeOf(spec, sizes), random, scale)];
  });
  return Object.fromEntries(feeds);
}

/** The shape of an input when its free dimensions have these sizes. */
export function shapeOf({ name, dims }: Pick<FeedSpec, "name" | "dims">, sizes: Sizes): readonly number[] {
  return dims.map((dim) => {
    if (typeof dim === "number") return dim;
    const size = dim === null ? 1 : sizes.get(dim);
    if (size === undefined) throw new InternalError(`input ${name} has no size for its dimension ${dim}`);
    return size;
  });
}

/** The free dimension that counts samples: the one named so, or the one that all of several inputs begin with. */
export function batchDimension(specs: readonly FeedSpec[]): string | null {
  const first = specs.flatMap(({ dims }) => dims.slice(0, 1));
  if (first.includes("batch")) return "batch";
  const [name] = first;
  return typeof name === "string" && first.length > 1 && first.every((each) => each === name) ? name : null;
}

function randomTensor(
  { name, dtype, domain }: FeedSpec,
  dims: readonly number[],
  random: Random,
  scale: number,
): Tensor {
  const size = sizeOf(dims);
  const below = domain.kind === "integers" ? domain.below : SMALL_BOUND;
  const integer = (): number => random.integer(below);
  const real = domain.kind === "integers" ? integer : (): number => scale * random.normal();
  switch (dtype) {
    case "int32":
      return { dtype, dims, data: Int32Array.from({ length: size }, integer) };
    case "int64":
      return { dtype, dims, data: BigInt64Array.from({ length: size }, () => BigInt(integer())) };
    case "uint8":
      return { dtype, dims, data: Uint8Array.from({ length: size }, () => random.integer(256)) };
    case "bool":
      return { dtype, dims, data: Uint8Array.from({ length: size }, () => random.integer(2)) };
    case "float32":
      return { dtype, dims, data: Float32Array.from({ length: size }, real) };
    case "float64":
      return { dtype, dims, data: Float64Array.from({ length: size }, real) };
    case "float16":
      return { dtype, dims, data: Uint16Array.from({ length: size }, () => numberToHalf(real())) };
    case "int8":
      return { dtype, dims, data: Int8Array.from({ length: size }, integer) };
    case "int16":
      return { dtype, dims, data: Int16Array.from({ length: size }, integer) };
    case "uint16":
      return { dtype, dims, data: Uint16Array.from({ length: size }, integer) };
    case "uint32":
      return { dtype, dims, data: Uint32Array.from({ length: size }, integer) };
    case "uint64":
      return { dtype, dims, data: BigUint64Array.from({ length: size }, () => BigInt(integer())) };
    case "string":
      throw new InferenceError(`there are no random values for input "${name}", which is of strings`);
    default:
      return dtype satisfies never;
  }
}

/** Names of the free dimensions of some inputs, each once, batch first. */
export function freeDimensions(specs: readonly FeedSpec[]): string[] {
  return [...new Set(specs.flatMap(({ dims }) => dims.filter((dim) => typeof dim === "string")))];
}

/** The same inputs, every real number off by about a millionth of it; null when there are no real numbers. */
export function nudged(feeds: Readonly<Record<string, Tensor>>): Readonly<Record<string, Tensor>> | null {
  if (!Object.values(feeds).some(({ dtype }) => dtype === "float32")) return null;
  const changed = Object.entries(feeds).map(([name, tensor]): [string, Tensor] => {
    if (tensor.dtype !== "float32") return [name, tensor];
    const data = tensor.data.map((value, index) => value * (index % 2 === 0 ? 1 + NUDGE : 1 - NUDGE));
    return [name, { dtype: "float32", dims: tensor.dims, data }];
  });
  return Object.fromEntries(changed);
}

/** Eight times what a float32 tells apart. */
const NUDGE = 2 ** -20;
