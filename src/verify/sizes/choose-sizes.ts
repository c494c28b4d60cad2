import { at, valueOf } from "../../require.ts";
import { batchDimension, freeDimensions, type FeedSpec, type Sizes } from "../feeds.ts";

/** Judges sizes: why the model does not take them, or null. */
export type FindFault = (sizes: Sizes) => string | null;

/** What is known of a model's shapes. */
export interface ShapeKnowledge {
  readonly fault: FindFault;
  /** How many axes of inner tensors have the size 1. */
  readonly ones: (sizes: Sizes) => number;
  /** Sizes are multiples of it. */
  readonly unit: number;
  /** Dimensions at the same place of their inputs are alike, e.g. the batch of the inputs and that of the states. */
  readonly together: boolean;
}

/** Sizes of the free dimensions, the batch aside, that a model accepts. */
export interface SizeChoices {
  /** One small choice and one larger; one alone where no larger one is accepted. Empty when there is nothing to choose. */
  readonly ordinary: readonly Sizes[];
  /** Sizes of 1 beside larger ones, where several inputs have free dimensions: what is broadcast in one order or the other. */
  readonly ones: readonly Sizes[];
  /** Sizes of 0 beside sizes of 1. TF.js need not accept them. */
  readonly zeros: readonly Sizes[];
}

/** What a search that finds nothing has to say. */
export interface NothingFits {
  /** The last sizes tried, and what is wrong with them. */
  readonly sizes: Sizes;
  readonly fault: string;
}

/** Sizes in the order in which they are tried: from 5 on, then the few below, then ever longer steps. */
const LADDER: readonly number[] = [
  ...range(5, 64, 1),
  ...range(1, 4, 1).toReversed(),
  ...range(66, 128, 2),
  ...range(136, 512, 8),
  ...range(544, 2048, 32),
  ...range(2304, 8192, 256),
  ...range(9216, 65_536, 1024),
];

/** The same in multiples of a unit, where TF.js refuses others: a small one first, for they are large soon. */
function ladder(unit: number): readonly number[] {
  return unit === 1 ? LADDER : [...range(2, 64, 1), 1].map((size) => size * unit);
}

/** Sizes so large that hardly an axis is reduced to 1. */
const ROOMY: readonly number[] = [512, 640, 1024, 384, 256, 2048, 8192, 65_536];

/** How much a dimension has more than the one before it, tried in this order, so that the axes can be told apart. */
const STEPS: readonly number[] = [1, 2, 4, 8, 16, 32];

/** At most this many combinations are tried where the dimensions can neither be alike nor a step apart. */
const MOST_COMBINATIONS = 20_000;

function range(from: number, to: number, step: number): number[] {
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);
}

/**
 * Choose sizes for the free dimensions of a model from what is known of its shapes.
 *
 * @param batch The size of the batch while the others are chosen.
 */
export function chooseSizes(
  specs: readonly FeedSpec[],
  batch: number,
  knowledge: ShapeKnowledge,
): SizeChoices | NothingFits {
  const batchName = batchDimension(specs);
  const names = freeDimensions(specs).filter((name) => name !== batchName);
  const withBatch = (sizes: Sizes): Sizes => (batchName === null ? sizes : new Map([[batchName, batch], ...sizes]));
  const faultOf: FindFault = (sizes) => knowledge.fault(withBatch(sizes));
  const onesOf = (sizes: Sizes): number => knowledge.ones(withBatch(sizes));
  if (names.length === 0) {
    const fault = faultOf(new Map());
    return fault === null ? { ordinary: [new Map()], ones: [], zeros: [] } : { sizes: withBatch(new Map()), fault };
  }
  const ordinary = ordinarySizes(orders(specs, names), { ...knowledge, fault: faultOf, ones: onesOf });
  const [small] = ordinary;
  if (small === undefined) {
    const sizes = new Map(names.map((name) => [name, 64 * knowledge.unit]));
    return { sizes: withBatch(sizes), fault: faultOf(sizes) ?? "the sizes do not fit each other" };
  }
  if (knowledge.together) return { ordinary, ones: [], zeros: [] };
  const larger = ordinary.at(-1) ?? small;
  return { ordinary, ...edges(specs, batchName, larger, faultOf) };
}

/** A place in the order of sizes for every free dimension: those of the same place have the same size. */
type Order = ReadonlyMap<string, number>;

/** All dimensions apart; those of one input apart, and like those of the others; all alike. */
function orders(specs: readonly FeedSpec[], names: readonly string[]): readonly [Order, Order, Order] {
  const within = new Map<string, number>();
  for (const { dims } of specs) {
    const own = [...new Set(dims)].filter((dim) => typeof dim === "string" && names.includes(dim));
    own.forEach((name, place) => typeof name === "string" && within.set(name, within.get(name) ?? place));
  }
  return [
    new Map(names.map((name, place) => [name, place])),
    within,
    new Map(names.map((name): [string, number] => [name, 0])),
  ];
}

function ordinarySizes(
  [apart, byInput, alike]: readonly [Order, Order, Order],
  { fault: faultOf, ones, unit, together }: ShapeKnowledge,
): readonly Sizes[] {
  const tried = ladder(unit);
  const accepts = (size: number, order: Order, step: number): boolean => faultOf(spread(order, size, step)) === null;
  const least = tried.find((size) => accepts(size, alike, 0));
  if (least === undefined) return searched([...alike.keys()], tried, faultOf);
  // Sizes that differ, so that an axis mistaken for another shows.
  const candidates = (together ? [byInput] : [apart, byInput]).flatMap((each) =>
    STEPS.map((step) => ({ order: each, step: step * unit })),
  );
  const { order, step } = candidates.find((each) => accepts(least, each.order, each.step)) ?? { order: alike, step: 0 };
  const above = tried.filter((size) => size >= 1.5 * least);
  // In the larger run no axis has the size 1 that would have another in a large one: 1 hides axes that are mistaken for others.
  const large = ROOMY.find((size) => size > least && size % unit === 0 && accepts(size, order, step));
  const fewest = large === undefined ? Infinity : ones(spread(order, large, step));
  const larger =
    above.find((size) => accepts(size, order, step) && ones(spread(order, size, step)) <= fewest) ??
    above.find((size) => accepts(size, order, step));
  return [least, ...(larger === undefined ? [] : [larger])].map((size) => spread(order, size, step));
}

function spread(order: Order, size: number, step: number): Sizes {
  return new Map([...order].map(([name, place]) => [name, size + place * step]));
}

/** Any combination that is accepted, of dimensions that depend on each other in another way. */
function searched(names: readonly string[], sizes: readonly number[], faultOf: FindFault): readonly Sizes[] {
  const each = Math.floor(MOST_COMBINATIONS ** (1 / names.length));
  const candidates = sizes.slice(0, Math.max(each, 2)).toSorted((a, b) => a - b);
  const found: Sizes[] = [];
  for (let index = 0; index < Math.min(candidates.length ** names.length, MOST_COMBINATIONS); index++) {
    let rest = index;
    const combination = new Map<string, number>();
    for (const name of names) {
      combination.set(name, at(candidates, rest % candidates.length));
      rest = Math.floor(rest / candidates.length);
    }
    if (faultOf(combination) === null) found.push(combination);
    if (found.length === 2) break;
  }
  return found;
}

/**
 * Sizes of 1 and of 0 for each free dimension, and for all of an input, beside larger ones: every pair of inputs is fed 1
 * against n in both orders.
 */
function edges(
  specs: readonly FeedSpec[],
  batchName: string | null,
  larger: Sizes,
  faultOf: FindFault,
): Pick<SizeChoices, "ones" | "zeros"> {
  const byInput = specs
    .map(({ dims }) => dims.filter((dim) => typeof dim === "string" && dim !== batchName))
    .map((dims) => [...new Set(dims)].filter((dim) => typeof dim === "string"))
    .filter((dims) => dims.length > 0);
  if (byInput.length < 2) return { ones: [], zeros: [] };
  const groups = new Map<string, readonly string[]>();
  for (const group of [...byInput.flat().map((name) => [name]), ...byInput]) groups.set(group.join(), group);
  const beside = (size: number, group: readonly string[], others: (name: string) => number): Sizes =>
    new Map([...larger.keys()].map((name) => [name, group.includes(name) ? size : others(name)]));
  const accepted = (sizes: readonly Sizes[]): readonly Sizes[] => sizes.filter((each) => faultOf(each) === null);
  const all = [...groups.values()];
  return {
    ones: accepted(all.map((group) => beside(1, group, (name) => valueOf(larger, name)))),
    zeros: accepted([...all, byInput.flat()].map((group) => beside(0, group, () => 1))),
  };
}
