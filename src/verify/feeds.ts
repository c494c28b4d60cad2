import type { Random } from "../data/random.ts";
import { sizeOf, type DType, type Tensor } from "../tensor.ts";

import type { InputDomain } from "./input-domains.ts";

/** An input to make random values for; free dimensions are named. */
export interface FeedSpec {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly (number | string | null)[];
  readonly domain: InputDomain;
}

/** One choice of sizes for all free dimensions, by name. */
export type Sizes = ReadonlyMap<string, number>;

const SMALL_BOUND = 8;

/**
 * Random tensors for every input; the same for the same stream of random numbers.
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
    const dims = spec.dims.map((dim) => (typeof dim === "number" ? dim : (sizes.get(dim ?? "") ?? 1)));
    return [spec.name, randomTensor(spec, dims, random, scale)];
  });
  return Object.fromEntries(feeds);
}

function randomTensor({ dtype, domain }: FeedSpec, dims: readonly number[], random: Random, scale: number): Tensor {
  const size = sizeOf(dims);
  const below = domain.kind === "integers" ? domain.below : SMALL_BOUND;
  const integer = (): number => random.integer(below);
  switch (dtype) {
    case "int32":
      return { dtype, dims, data: Int32Array.from({ length: size }, integer) };
    case "int64":
      return { dtype, dims, data: BigInt64Array.from({ length: size }, () => BigInt(integer())) };
    case "uint8":
      return { dtype, dims, data: Uint8Array.from({ length: size }, () => random.integer(256)) };
    case "bool":
      return { dtype, dims, data: Uint8Array.from({ length: size }, () => random.integer(2)) };
    case "float32": {
      const next = domain.kind === "integers" ? integer : (): number => scale * random.normal();
      return { dtype, dims, data: Float32Array.from({ length: size }, next) };
    }
    case "float16":
    case "float64":
    case "int8":
    case "int16":
    case "uint16":
    case "uint32":
    case "uint64":
    case "string":
      break;
  }
  throw new TypeError(`no random values for inputs of type ${dtype}`);
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
