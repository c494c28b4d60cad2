import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import {
  add,
  asNumber,
  broadcast,
  ceilDivide,
  dim,
  divideExactly,
  evaluate,
  floorDivide,
  lowerBound,
  max,
  min,
  multiply,
  show,
  substitute,
  subtract,
  symbolsOf,
  type Dim,
} from "../../src/onnx/dim.ts";

/** An expression, and its value computed with plain numbers. */
interface Checked {
  readonly size: Dim;
  readonly value: (at: ReadonlyMap<string, number>) => number;
}

const NAMES = ["a", "b", "c"] as const;

const leaf: fc.Arbitrary<Checked> = fc.oneof(
  fc.integer({ min: 0, max: 9 }).map((value): Checked => ({ size: dim(value), value: () => value })),
  fc.constantFrom(...NAMES).map((name): Checked => ({ size: dim(name), value: (at) => at.get(name) ?? Number.NaN })),
);

const expression: fc.Arbitrary<Checked> = fc.letrec<{ node: Checked }>((tie) => {
  const two = fc.tuple(tie("node"), tie("node"));
  return {
    node: fc.oneof(
      { maxDepth: 4, depthSize: "small" },
      leaf,
      two.map(([x, y]): Checked => ({ size: add(x.size, y.size), value: (at) => x.value(at) + y.value(at) })),
      two.map(([x, y]): Checked => ({ size: subtract(x.size, y.size), value: (at) => x.value(at) - y.value(at) })),
      two.map(([x, y]): Checked => ({ size: multiply(x.size, y.size), value: (at) => x.value(at) * y.value(at) })),
      two.map(([x, y]): Checked => ({ size: max(x.size, y.size), value: (at) => Math.max(x.value(at), y.value(at)) })),
      fc
        .tuple(tie("node"), fc.integer({ min: 1, max: 5 }))
        .map(([x, by]): Checked => ({ size: floorDivide(x.size, by), value: (at) => Math.floor(x.value(at) / by) })),
      fc
        .tuple(tie("node"), fc.integer({ min: 1, max: 5 }))
        .map(([x, by]): Checked => ({ size: ceilDivide(x.size, by), value: (at) => Math.ceil(x.value(at) / by) })),
    ),
  };
}).node;

const bindings = fc
  .tuple(...NAMES.map(() => fc.integer({ min: 0, max: 12 })))
  .map((values) => new Map(NAMES.map((name, index) => [name, values[index] ?? 0])));

describe("canonical expressions", () => {
  test("have the value of the arithmetic they stand for", () => {
    fc.assert(
      fc.property(expression, bindings, ({ size, value }, at) => {
        expect(evaluate(size, at)).toBe(value(at) + 0);
      }),
      { numRuns: 1000 },
    );
  });

  test("are the same object when sums and products are written otherwise", () => {
    fc.assert(
      fc.property(expression, expression, expression, ({ size: x }, { size: y }, { size: z }) => {
        expect(add(x, y)).toBe(add(y, x));
        expect(multiply(x, y)).toBe(multiply(y, x));
        expect(add(add(x, y), z)).toBe(add(x, add(y, z)));
        expect(multiply(multiply(x, y), z)).toBe(multiply(x, multiply(y, z)));
        expect(multiply(x, add(y, z))).toBe(add(multiply(x, y), multiply(x, z)));
        expect(subtract(add(x, y), y)).toBe(x);
        expect(max(x, y)).toBe(max(y, x));
      }),
    );
  });

  test("have a minimum that is the smaller value for every binding", () => {
    fc.assert(
      fc.property(expression, expression, bindings, (x, y, at) => {
        const least = min(x.size, max(x.size, y.size));
        expect(least).toBe(x.size);
        const smaller = min(x.size, y.size);
        const expected = Math.min(x.value(at), y.value(at)) + 0;
        expect(smaller === null ? expected : evaluate(smaller, at)).toBe(expected);
      }),
    );
  });

  test("divide exactly what was multiplied", () => {
    fc.assert(
      fc.property(expression, fc.integer({ min: 1, max: 9 }), fc.constantFrom(...NAMES), ({ size }, count, name) => {
        expect(divideExactly(multiply(size, count), count)).toBe(size);
        expect(divideExactly(multiply(size, count, name), multiply(count, name))).toBe(size);
      }),
    );
  });

  test("give a quotient only when it is whole for every binding", () => {
    fc.assert(
      fc.property(expression, expression, bindings, (x, y, at) => {
        const quotient = divideExactly(x.size, y.size);
        fc.pre(quotient !== null);
        expect(evaluate(multiply(quotient, y.size), at)).toBe(x.value(at) + 0);
      }),
      { numRuns: 300 },
    );
  });

  test("are never below their lower bound", () => {
    fc.assert(
      fc.property(expression, bindings, ({ size, value }, at) => {
        expect(value(at)).toBeGreaterThanOrEqual(lowerBound(size));
      }),
      { numRuns: 1000 },
    );
  });

  test("keep their value when symbols are replaced", () => {
    fc.assert(
      fc.property(expression, expression, bindings, ({ size }, other, at) => {
        // Math.ceil gives -0 for numbers between -1 and 0.
        const inner = other.value(at) + 0;
        fc.pre(inner >= 0);
        const replaced = substitute(size, new Map([["a", other.size]]));
        expect(evaluate(replaced, at)).toBe(evaluate(size, new Map([...at, ["a", inner]])));
      }),
    );
  });
});

test("the product of a sum is divided as in 2*(a+1)/2", () => {
  expect(divideExactly(multiply(2, add("a", 1)), 2)).toBe(add("a", 1));
  expect(floorDivide(add(multiply(2, "a"), 3), 2)).toBe(add("a", 1));
  expect(divideExactly(multiply(add("a", 1), add("b", 2)), add("a", 1))).toBe(add("b", 2));
  expect(divideExactly("a", 2)).toBeNull();
  expect(divideExactly(0, 0)).toBeNull();
});

test("floors of floors become one", () => {
  expect(floorDivide(floorDivide("h", 2), 3)).toBe(floorDivide("h", 6));
  expect(floorDivide(multiply(2, "h"), 4)).toBe(floorDivide("h", 2));
  expect(ceilDivide(ceilDivide("h", 2), 2)).toBe(ceilDivide("h", 4));
});

describe("broadcast", () => {
  test("takes the size that is known, or is not 1", () => {
    expect(broadcast("a", 1)).toBe(dim("a"));
    expect(broadcast("a", "a")).toBe(dim("a"));
    expect(asNumber(broadcast("a", 5))).toBe(5);
    expect(broadcast("a", broadcast("b", "a"))).toBe(broadcast("b", "a"));
    expect(() => broadcast(2, 3)).toThrow("sizes 2 and 3 cannot be broadcast");
  });

  test("is the larger of 1 and n when it runs", () => {
    const size = broadcast("a", "b");
    expect(
      evaluate(
        size,
        new Map([
          ["a", 1],
          ["b", 5],
        ]),
      ),
    ).toBe(5);
    expect(
      evaluate(
        size,
        new Map([
          ["a", 1],
          ["b", 0],
        ]),
      ),
    ).toBe(0);
    expect(() =>
      evaluate(
        size,
        new Map([
          ["a", 2],
          ["b", 5],
        ]),
      ),
    ).toThrow("sizes 2 and 5");
  });
});

test("sizes are shown as a file has them", () => {
  expect(show(dim(7))).toBe(7);
  expect(show(dim("my-input"))).toBe("my-input");
  expect(show(multiply("batch", 4))).toBe("4*batch");
  expect(show(ceilDivide("h", 2))).toBe("floor((h+1)/2)");
  const long = ["first", "second", "third", "fourth"].reduce(
    (sum: Dim, name) => max(sum, add(name.repeat(9), 1)),
    dim(0),
  );
  expect(show(long)).toMatch(/^size_[0-9a-f]{16}$/);
  expect(show(add(long, 1))).not.toBe(show(long));
  expect(show(subtract("h", 2))).toBe("h-2");
});

test("a symbol is never taken for the expression that its name looks like", () => {
  expect(dim("a*b")).not.toBe(multiply("a", "b"));
  expect(dim("a-b")).not.toBe(subtract("a", "b"));
  expect(symbolsOf(multiply("a*b", 2))).toEqual(["a*b"]);
});

test("a symbol without a value is an error that names it", () => {
  expect(() => evaluate("h", new Map())).toThrow("no value is given for the size h");
});
