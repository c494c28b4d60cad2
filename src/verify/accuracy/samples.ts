import { Random } from "../../data/random.ts";
import { InternalError } from "../../errors.ts";
import type { Session, Tensors } from "../../infer/runtime.ts";
import { randomFeeds, type FeedSpec } from "../feeds.ts";
import type { InputDomain } from "../input-domains.ts";

/** What files are run on to measure them. */
export interface Samples {
  /** `random`: normal numbers, or token ids; `calibration`: data of the user; `labelled`: a test set whose answers are known. */
  readonly kind: "random" | "calibration" | "labelled";
  /** Where they come from, for people. */
  readonly source: string;
  /** How many there are. */
  readonly count: number;
  /** The class of each sample; null where it is not known. */
  readonly labels: ArrayLike<number> | null;
  /** The inputs, batch by batch, from the first sample on. */
  batches(): Iterable<Tensors>;
}

const RANDOM_BATCHES = 4;
const RANDOM_SIZE = 4;
/** Given to other free dimensions. */
const FREE_SIZE = 32;

/** Random inputs, for a model that nobody gives data for. They say little of pictures or texts. */
export function randomSamples(
  { inputs }: Pick<Session, "inputs">,
  domains: ReadonlyMap<string, InputDomain>,
  sizes: ReadonlyMap<string, number> = new Map(),
  seed = 1,
): Samples {
  const specs: FeedSpec[] = inputs.map(({ name, dtype, dims }) => ({
    name,
    dtype,
    dims,
    domain: domains.get(name) ?? { kind: "normal" },
  }));
  const free = specs.flatMap(({ dims }) => dims.filter((dim) => typeof dim === "string"));
  const given = new Map(free.map((name) => [name, sizes.get(name) ?? (name === "batch" ? RANDOM_SIZE : FREE_SIZE)]));
  const batch = given.get("batch") ?? 1;
  return {
    kind: "random",
    source: "random inputs",
    count: RANDOM_BATCHES * batch,
    labels: null,
    batches: () =>
      Array.from({ length: RANDOM_BATCHES }, (_, index) => randomFeeds(specs, given, new Random(seed + index))),
  };
}

/** The first batch of samples. */
export function firstBatch(samples: Samples): Tensors {
  for (const feeds of samples.batches()) return feeds;
  throw new InternalError("there are no samples");
}

/** The first batches alone, as many as hold about `count` samples. */
export function fewSamples(samples: Samples, count: number): Samples {
  return { ...samples, labels: null, batches: () => upTo(samples.batches(), count) };
}

function* upTo(batches: Iterable<Tensors>, count: number): Generator<Tensors> {
  let taken = 0;
  for (const feeds of batches) {
    yield feeds;
    taken += Object.values(feeds)[0]?.dims[0] ?? 1;
    if (taken >= count) return;
  }
}
