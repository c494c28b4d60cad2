import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { GraphBuilder } from "../../../src/export/build/builder.ts";
import {
  commonFactors,
  insertAxis,
  newAxis,
  permuteAxes,
  regroup,
  removeAxis,
  sizeOfAxis,
  splitFactor,
  Value,
  viewOf,
} from "../../../src/export/ir/value.ts";
import { asNumber, dim, evaluate, multiply, type Dim } from "../../../src/onnx/dim.ts";
import { at } from "../../../src/require.ts";
import { float32, sizeOf } from "../../../src/tensor.ts";

/** The plain reference: the shape, and all elements in row-major order. */
interface Plain {
  readonly dims: readonly number[];
  readonly data: readonly number[];
}

/** The elements in another order of axes, one index after the other. */
function permuted({ dims, data }: Plain, perm: readonly number[]): Plain {
  const out = perm.map((axis) => at(dims, axis));
  const result = Array.from({ length: data.length }, (_, place) => {
    let rest = place;
    const index = dims.map(() => 0);
    for (let position = out.length - 1; position >= 0; position--) {
      index[at(perm, position)] = rest % at(out, position);
      rest = Math.floor(rest / at(out, position));
    }
    return at(
      data,
      index.reduce((sum, each, axis) => sum * at(dims, axis) + each, 0),
    );
  });
  return { dims: out, data: result };
}

/** What is done to a value: numbers are taken modulo what there is to choose from. */
type Step =
  | { readonly kind: "permute"; readonly seed: readonly number[] }
  | { readonly kind: "insert" | "remove" | "merge" | "split" | "store"; readonly seed: readonly number[] };

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom("permute", "insert", "remove", "merge", "split", "store"),
    seed: fc.array(fc.nat(1000), { minLength: 8, maxLength: 8 }),
  }),
  { maxLength: 10 },
);

function permutationOf(rank: number, seed: readonly number[]): readonly number[] {
  const left = Array.from({ length: rank }, (_, axis) => axis);
  return Array.from({ length: rank }, (_, position) => {
    const [taken] = left.splice(at(seed, position % seed.length) % left.length, 1);
    if (taken === undefined) throw new RangeError("no axis is left");
    return taken;
  });
}

/** The shape after a merge of two neighbours, or after the split of one axis in two; null where there is nothing to do. */
function reshapedDims(
  dims: readonly Dim[],
  { kind, seed }: Step,
  bindings: ReadonlyMap<string, number>,
): readonly Dim[] | null {
  if (dims.length === 0 || dims.length > 7) return null;
  const place = at(seed, 0) % dims.length;
  if (kind === "merge") {
    const next = dims[place + 1];
    return next === undefined ? null : dims.toSpliced(place, 2, multiply(at(dims, place), next));
  }
  const size = asNumber(at(dims, place));
  if (size === null || size !== evaluate(size, bindings)) return null;
  const divisors = Array.from({ length: size }, (_, index) => index + 1).filter((each) => size % each === 0);
  const first = at(divisors, at(seed, 1) % divisors.length);
  return dims.toSpliced(place, 1, dim(first), dim(size / first));
}

/** The value and the reference after a step; null where the step cannot be done without a node. */
function after(
  graph: GraphBuilder,
  value: Value,
  plain: Plain,
  step: Step,
  bindings: ReadonlyMap<string, number>,
): { readonly value: Value; readonly plain: Plain } | null {
  const { kind, seed } = step;
  const { rank } = value;
  const numbers = (dims: readonly Dim[]): number[] => dims.map((size) => evaluate(size, bindings));
  if (kind === "permute") {
    const perm = permutationOf(rank, seed);
    return { value: permuteAxes(value, perm), plain: permuted(plain, perm) };
  }
  if (kind === "insert") {
    const axis = at(seed, 0) % (rank + 1);
    return rank > 7
      ? null
      : { value: insertAxis(value, axis), plain: { ...plain, dims: plain.dims.toSpliced(axis, 0, 1) } };
  }
  if (kind === "remove") {
    const axis = value.axes.findIndex((each) => each.length === 0);
    return axis === -1
      ? null
      : { value: removeAxis(value, axis), plain: { ...plain, dims: plain.dims.toSpliced(axis, 1) } };
  }
  if (kind === "store") {
    const perm = permutationOf(rank, seed);
    const tensor = graph.inOrder(value, perm);
    const axes = perm.map((axis) => at(value.axes, axis));
    return { value: new Value(tensor, value.axes, axes), plain };
  }
  const dims = reshapedDims(value.dims, step, bindings);
  // One size may be left open: it takes what is left, and those behind it are cut off from the end.
  const open = dims === null ? 0 : at(seed, 2) % (2 * dims.length);
  const view =
    dims === null
      ? null
      : regroup(
          value,
          dims.map((size, axis) => (axis === open ? null : size)),
        );
  return dims === null || view === null ? null : { value: view, plain: { ...plain, dims: numbers(dims) } };
}

const shapes = fc.array(fc.constantFrom(1, 2, 3, 4, 6), { maxLength: 4 });

describe("views of tensors", () => {
  test("of constants hold the elements that the same steps give one index after the other", () => {
    let [done, skipped] = [0, 0];
    fc.assert(
      fc.property(shapes, steps, (dims, list) => {
        const graph = new GraphBuilder(17);
        const data = Float32Array.from({ length: sizeOf(dims) }, (_, index) => index);
        let value = graph.constantValue("c", float32(data, dims));
        let plain: Plain = { dims, data: [...data] };
        for (const step of list) {
          const next = after(graph, value, plain, step, new Map());
          if (next === null) {
            skipped++;
            continue;
          }
          done++;
          ({ value, plain } = next);
          expect(value.dims.map(asNumber)).toEqual(plain.dims);
          const { constant } = graph.plain(value);
          expect(constant?.dims).toEqual(plain.dims);
          expect([...(constant?.data ?? [])]).toEqual(plain.data);
        }
        expect(graph.nodes).toEqual([]);
      }),
      { numRuns: 400 },
    );
    expect(done).toBeGreaterThan(2 * skipped);
  });

  test("of inputs with free sizes have the sizes that the same steps give, and cost no node until they are stored", () => {
    const bindings = new Map([
      ["n", 5],
      ["m", 7],
    ]);
    fc.assert(
      fc.property(fc.shuffledSubarray<number | string>(["n", "m", 4, 3, 1], { minLength: 2 }), steps, (sizes, list) => {
        const graph = new GraphBuilder(17);
        let value = graph.input("x", "float32", sizes);
        let dims = sizes.map((size) => evaluate(dim(size), bindings));
        for (const step of list) {
          const next =
            step.kind === "store"
              ? null
              : after(graph, value, { dims, data: Array.from({ length: sizeOf(dims) }, () => 0) }, step, bindings);
          if (next === null) continue;
          value = next.value;
          dims = [...next.plain.dims];
          expect(value.dims.map((size) => evaluate(size, bindings))).toEqual(dims);
        }
        expect(graph.nodes).toEqual([]);
        const cost = graph.storeCost(value, value.axes);
        const stored = graph.plain(value);
        expect(stored.shape?.map((size) => evaluate(size, bindings))).toEqual(dims);
        const { length } = graph.nodes;
        expect(length > 0).toBe(cost > 0);
        expect(graph.plain(value)).toBe(stored);
        expect(graph.nodes).toHaveLength(length);
      }),
      { numRuns: 200 },
    );
  });

  test("take a reshape back that merged and split axes", () => {
    const graph = new GraphBuilder(17);
    const value = permuteAxes(graph.input("x", "float32", ["n", 6, "m"]), [2, 0, 1]);
    const merged = regroup(value, [multiply("m", "n", 6)]);
    const parted = merged === null ? null : regroup(merged, [dim("m"), null, dim(2)]);
    expect(parted?.dims).toEqual([dim("m"), multiply("n", 3), dim(2)]);
    expect(parted === null ? null : regroup(parted, value.dims)?.dims).toEqual(value.dims);
    // 4 is no part of m n 6 that begins or ends at a whole factor.
    expect(regroup(value, [null, dim(4)])).toBe(null);
    // Without an open size, nothing may be left over.
    expect(regroup(value, [dim("m"), dim("n")])).toBe(null);
  });
});

test("a tensor whose dimensions of size 1 stand where others have sizes is broadcast as it is", () => {
  const graph = new GraphBuilder(17);
  const [image, gate] = [
    [1, 8, 5, 4],
    [1, 8, 1, 1],
  ].map((sizes, index) => viewOf(graph.input(`x${index}`, "float32", sizes).tensor, [0, 3, 1, 2]));
  if (image === undefined || gate === undefined) throw new TypeError("two inputs were made");
  const product = graph.binary("Mul", gate, image);
  expect(product.dims.map((size) => asNumber(size))).toEqual([1, 5, 4, 8]);
  expect(graph.nodes.map(({ opType, inputs }) => [opType, ...inputs])).toEqual([["Mul", "x1", "x0"]]);
});

test("an axis of several stored dimensions, one after the other, is isolated by a Reshape alone", () => {
  const graph = new GraphBuilder(17);
  const image = viewOf(graph.input("x", "float32", [1, 8, 5, 4]).tensor, [0, 3, 1, 2]);
  const rows = regroup(image, [dim(20), dim(8)]);
  if (rows === null) throw new TypeError("height and width are one axis");
  const { value, dim: place } = graph.isolate(rows, 0);
  expect({ place, shape: value.tensor.shape?.map((size) => asNumber(size)) }).toEqual({ place: 1, shape: [8, 20] });
  expect(value.dims.map((size) => asNumber(size))).toEqual([20, 8]);
  expect(graph.nodes.map(({ opType }) => opType)).toEqual(["Reshape"]);
});

test("two cuts of one size have the cuts of both, where they fit into one another", () => {
  const factors = (...sizes: (number | string)[]): { readonly size: Dim }[] =>
    sizes.map((size) => ({ size: dim(size) }));
  const common = (a: (number | string)[], b: (number | string)[]): unknown =>
    commonFactors(factors(...a), factors(...b))?.map((size) => asNumber(size) ?? size.key) ?? null;
  expect(common([6, 4], [2, 12])).toEqual([2, 3, 4]);
  expect(common(["n", 6], ["n", 2, 3])).toEqual(["n", 2, 3]);
  expect(common([4, 6], [6, 4])).toBe(null);
  expect(common(["n", 2], [2, "n"])).toBe(null);
  expect(common([2], [2, 3])).toBe(null);
});

test("a factor is cut everywhere in a value, and sizes that do not fit the tensor are refused", () => {
  const graph = new GraphBuilder(17);
  const value = permuteAxes(graph.input("x", "float32", ["n", 6]), [1, 0]);
  const [factor] = at(value.axes, 0);
  if (factor === undefined) throw new TypeError("an axis of 6 has a factor");
  const cut = splitFactor(value, factor, [{ size: dim(2) }, { size: dim(3) }]);
  expect(cut.axes.map((axis) => axis.map(({ size }) => asNumber(size)))).toEqual([[2, 3], [null]]);
  expect(cut.stored.at(-1)).toEqual(cut.axes[0]);
  expect(cut.dims.map((size) => size.key)).toEqual(["6", "n"]);
  expect(sizeOfAxis([])).toBe(dim(1));
  expect(newAxis(1)).toEqual([]);
  expect(() => new Value(value.tensor, [newAxis("n"), newAxis(5)], [newAxis("n"), newAxis(5)])).toThrow(
    "tensor x is [n, 6], not [n, 5] as its layout says",
  );
});
