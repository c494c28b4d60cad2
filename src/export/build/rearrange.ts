import { sameAxes, sameFactors, sizeOfAxis, type Axis, type Factor } from "../ir/value.ts";
import { asNumber } from "../../onnx/dim.ts";
import { at } from "../../require.ts";

/** One Transpose between two ways to cut the dimensions. */
export interface Transposition {
  readonly from: readonly Axis[];
  readonly to: readonly Axis[];
  readonly perm: readonly number[];
}

/** `perm` that takes dimensions `from` to `to` when they are the same dimensions in another order; else null. */
export function permutation(from: readonly Axis[], to: readonly Axis[]): readonly number[] | null {
  if (from.length !== to.length) return null;
  const used = new Set<number>();
  const perm: number[] = [];
  for (const axis of to) {
    const index = from.findIndex((each, position) => !used.has(position) && sameFactors(each, axis));
    if (index === -1) return null;
    used.add(index);
    perm.push(index);
  }
  return perm;
}

/** A Reshape's shape that makes `to` out of `from`: 0 for a size that stays in its place, -1 for others that are free. */
export function openSizes(from: readonly Axis[], to: readonly Axis[]): readonly number[] {
  return to.map((axis, index) => {
    const size = sizeOfAxis(axis);
    const known = asNumber(size);
    if (known !== null) return known;
    const source = from[index];
    return source !== undefined && sizeOfAxis(source) === size ? 0 : -1;
  });
}

/** Number of nodes that cut dimensions differently: none, a Reshape, or a Reshape to a shape computed at run time. */
export function resizeCost(from: readonly Axis[], to: readonly Axis[]): number {
  if (sameAxes(from, to)) return 0;
  const open = openSizes(from, to).filter((size) => size === -1).length;
  return open <= 1 || insertedOnes(to, from) !== null || insertedOnes(from, to) !== null ? 1 : open + 2;
}

/** The ways to rearrange `stored` into `dims`, with the number of nodes each takes, the shortest first. */
export function plans(
  stored: readonly Axis[],
  dims: readonly Axis[],
): readonly (Transposition & { readonly cost: number })[] {
  return transpositions(stored, dims)
    .map((plan) => ({ ...plan, cost: 1 + resizeCost(stored, plan.from) + resizeCost(plan.to, dims) }))
    .toSorted((a, b) => a.cost - b.cost);
}

/**
 * The ways to bring the factors of `stored` into the order of `dims` with one Transpose between two Reshapes, of which
 * either may not be needed: cut as the target is, cut as the source is, or only where the orders differ.
 */
function transpositions(stored: readonly Axis[], dims: readonly Axis[]): readonly Transposition[] {
  const source = stored.flat();
  const target = dims.flat();
  const runs = commonRuns(source, target);
  const candidates = [
    { from: inOrderOf(dims, source), to: dims },
    { from: stored, to: inOrderOf(stored, target) },
    { from: runs, to: inOrderOf(runs, target) },
  ];
  return candidates.flatMap(({ from, to }) => {
    const perm = permutation(from, to);
    const possible = perm !== null && sameFactors(from.flat(), source) && sameFactors(to.flat(), target);
    return possible ? [{ from, to, perm }] : [];
  });
}

/** The factors cut only where two that are side by side in `source` are not in `target`. */
function commonRuns(source: readonly Factor[], target: readonly Factor[]): readonly Axis[] {
  const follows = new Map<Factor, Factor | undefined>(target.map((factor, index) => [factor, target[index + 1]]));
  const runs: Factor[][] = [];
  let previous: Factor | null = null;
  for (const factor of source) {
    if (previous !== null && follows.get(previous) === factor) runs.at(-1)?.push(factor);
    else runs.push([factor]);
    previous = factor;
  }
  return runs;
}

/** The dimensions in the order that their factors have; those of size 1 stay behind the one they are after. */
function inOrderOf(dims: readonly Axis[], order: readonly Factor[]): readonly Axis[] {
  let place = -1;
  const placed = dims.map((axis) => {
    const [first] = axis;
    if (first !== undefined) place = order.indexOf(first);
    return { axis, place };
  });
  return placed.toSorted((a, b) => a.place - b.place).map(({ axis }) => axis);
}

/** Positions in `to` of the size 1 dimensions that make `to` out of `from`, or null. */
export function insertedOnes(from: readonly Axis[], to: readonly Axis[]): readonly number[] | null {
  const ones: number[] = [];
  let next = 0;
  for (const [index, axis] of to.entries()) {
    const expected = from[next];
    if (expected !== undefined && sameFactors(expected, axis)) next++;
    else if (axis.length === 0) ones.push(index);
    else return null;
  }
  return next === from.length ? ones : null;
}

/** A dimension cut wherever factors of `apart` meet others. */
export function splitRuns(axis: Axis, apart: ReadonlySet<Factor>): readonly Axis[] {
  const runs: Factor[][] = [];
  let previous: boolean | null = null;
  for (const factor of axis) {
    const now = apart.has(factor);
    if (now === previous) at(runs, runs.length - 1).push(factor);
    else runs.push([factor]);
    previous = now;
  }
  return runs.length === 0 ? [axis] : runs;
}

/** The dimensions with the one that holds `factors` side by side cut around them; null when none does. */
export function cutOut(
  stored: readonly Axis[],
  factors: readonly Factor[],
): { readonly dims: readonly Axis[]; readonly at: number } | null {
  const [first] = factors;
  if (first === undefined) return null;
  const index = stored.findIndex((axis) => axis.includes(first));
  if (index === -1) return null;
  const axis = at(stored, index);
  const start = axis.indexOf(first);
  const end = start + factors.length;
  if (!sameFactors(axis.slice(start, end), factors)) return null;
  const before = start > 0 ? [axis.slice(0, start)] : [];
  const after = end < axis.length ? [axis.slice(end)] : [];
  return { dims: stored.toSpliced(index, 1, ...before, factors, ...after), at: index + before.length };
}

/**
 * The dimensions that have factors, with those that hold `factors` one after the other, and nothing else, made one; null when
 * none do.
 */
export function joined(
  stored: readonly Axis[],
  factors: readonly Factor[],
): { readonly dims: readonly Axis[]; readonly at: number } | null {
  const [first] = factors;
  if (first === undefined) return null;
  const start = stored.findIndex((axis) => axis[0] === first);
  if (start === -1) return null;
  for (let end = start + 1; end <= stored.length; end++) {
    const merged = stored.slice(start, end).flat();
    if (merged.length < factors.length) continue;
    if (!sameFactors(merged, factors)) return null;
    const before = stored.slice(0, start).filter(({ length }) => length > 0);
    const after = stored.slice(end).filter(({ length }) => length > 0);
    return { dims: [...before, factors, ...after], at: before.length };
  }
  return null;
}
