import { describe, expect, test } from "vitest";

import { batchDimension, shapeOf, type FeedSpec, type Sizes } from "../../src/verify/feeds.ts";
import { chooseSizes, type FindFault, type SizeChoices } from "../../src/verify/sizes/choose-sizes.ts";
import { evaluateSize } from "../../src/verify/sizes/expression.ts";
import { faultOfShapes } from "../../src/verify/sizes/size-rules.ts";
import { broadcast, ceilDivide, evaluate, floorDivide, max, multiply, show, subtract } from "../../src/onnx/dim.ts";

function input(name: string, ...dims: FeedSpec["dims"]): FeedSpec {
  return { name, dtype: "float32", dims, domain: { kind: "normal" } };
}

function choose(specs: readonly FeedSpec[], fault: FindFault, ones: (sizes: Sizes) => number = () => 0): SizeChoices {
  const choices = chooseSizes(specs, 1, { fault, ones, unit: 1, together: false });
  if ("fault" in choices) throw new TypeError(choices.fault);
  return choices;
}

function listed(sizes: readonly Sizes[]): Record<string, number>[] {
  return sizes.map((each) => Object.fromEntries(each));
}

function sizeOf(sizes: Sizes, name: string): number {
  return sizes.get(name) ?? Number.NaN;
}

describe("sizes written as text", () => {
  const symbols = new Map([
    ["time", 9],
    ["batch", 2],
    ["a b", 5],
  ]);

  test.each([
    ["time", 9],
    ["12", 12],
    ["2*time+1", 19],
    ["time-4", 5],
    ["(time-1)*batch", 16],
    ["floor((time-4)/2)", 2],
    ["ceil(time/2)", 5],
    ["4*batch*time/3", 24],
    ["max(time, 4*batch, 1)", 9],
    ["broadcast(time, 1)", 9],
    ["broadcast(time, time)", 9],
    ["-time+10", 1],
    ["'a b'+1", 6],
    ["a b", 5],
  ])("%s", (text, expected) => {
    expect(evaluateSize(text, symbols)).toBe(expected);
  });

  test("that cannot be broadcast are NaN", () => {
    expect(evaluateSize("broadcast(time, batch)", symbols)).toBeNaN();
    expect(evaluateSize("broadcast(time, batch)+1", symbols)).toBeNaN();
  });

  test.each(["length", "time+", "(time", "time)", "sqrt(time)", "time time", "floor(time, 2)", "?", ""])(
    "%j cannot be told",
    (text) => {
      expect(evaluateSize(text, symbols)).toBeNull();
    },
  );

  test("are those that the exporter writes", () => {
    const sizes = [
      floorDivide(subtract("time", 4), 3),
      ceilDivide(multiply(5, "time"), "batch"),
      max("time", multiply("batch", "batch"), 7),
      subtract(multiply("time", "batch", 2), multiply(3, "a b")),
      broadcast("time", multiply("batch", 9)),
      floorDivide(subtract(floorDivide(subtract("time", 4), 2), 4), 5),
    ];
    const bindings = new Map([
      ["time", 18],
      ["batch", 2],
      ["a b", 5],
    ]);
    for (const size of sizes) expect(evaluateSize(String(show(size)), bindings)).toBe(evaluate(size, bindings));
  });
});

describe("shapes of inner tensors", () => {
  const tensors = [{ name: "conv", dims: ["batch", "floor((time-4)/2)", 3] }];

  test("refuse sizes that make one of them empty, negative or broken", () => {
    const fault = (time: number): string | null =>
      faultOfShapes(
        tensors,
        new Map([
          ["batch", 1],
          ["time", time],
        ]),
      );
    expect(fault(6)).toBeNull();
    expect(fault(5)).toBe("tensor conv of shape [batch, floor((time-4)/2), 3] would have an axis of size 0");
    expect(fault(0)).toContain("of size -2");
    expect(faultOfShapes([{ name: "r", dims: ["time/3"] }], new Map([["time", 4]]))).toContain("of size 1.33");
  });

  test("may be empty where a free size is 0", () => {
    expect(faultOfShapes([{ name: "x", dims: ["time"] }], new Map([["time", 0]]))).toBeNull();
    expect(faultOfShapes([{ name: "x", dims: ["time-1"] }], new Map([["time", 0]]))).toContain("of size -1");
  });
});

describe("the choice of sizes", () => {
  test("takes a small and a larger one, all axes different", () => {
    const { ordinary, ones, zeros } = choose([input("image", "batch", "height", "width", 3)], () => null);
    expect(listed(ordinary)).toEqual([
      { height: 5, width: 6 },
      { height: 8, width: 9 },
    ]);
    expect([ones, zeros]).toEqual([[], []]);
  });

  test("finds what stacked convolutions without padding need", () => {
    const stacked: FindFault = (sizes) => (sizeOf(sizes, "time") < 41 ? "too short" : null);
    expect(listed(choose([input("x", "batch", "time", 3)], stacked).ordinary)).toEqual([{ time: 41 }, { time: 62 }]);
    const long: FindFault = (sizes) => (sizeOf(sizes, "time") < 16_000 ? "too short" : null);
    expect(listed(choose([input("x", "batch", "time", 1)], long).ordinary)).toEqual([
      { time: 16_384 },
      { time: 24_576 },
    ]);
  });

  test("takes a larger size at which no axis is reduced to 1", () => {
    const pooled = (sizes: Sizes): number => (Math.ceil(sizeOf(sizes, "height") / 16) === 1 ? 2 : 1);
    const { ordinary } = choose([input("image", "batch", "height", "width", 3)], () => null, pooled);
    expect(listed(ordinary)).toEqual([
      { height: 5, width: 6 },
      { height: 17, width: 18 },
    ]);
  });

  test("finds multiples, and keeps axes apart by them", () => {
    const halving: FindFault = (sizes) =>
      [...sizes].some(([name, size]) => name !== "batch" && size % 8 > 0) ? "odd" : null;
    expect(listed(choose([input("x", "batch", "height", "width", 1)], halving).ordinary)).toEqual([
      { height: 8, width: 16 },
      { height: 16, width: 24 },
    ]);
  });

  test("finds sizes that may not be large", () => {
    const few: FindFault = (sizes) => (sizeOf(sizes, "time") > 3 ? "too long" : null);
    expect(listed(choose([input("x", "batch", "time")], few).ordinary)).toEqual([{ time: 3 }]);
  });

  test("finds sizes that depend on each other", () => {
    const twice: FindFault = (sizes) => (sizeOf(sizes, "long") === 2 * sizeOf(sizes, "short") ? null : "not twice");
    const { ordinary } = choose([input("a", "batch", "long"), input("b", "batch", "short")], twice);
    expect(ordinary).toHaveLength(2);
    for (const sizes of ordinary) expect(twice(sizes)).toBeNull();
  });

  test("feeds every pair of inputs 1 against n, in both orders, and 0", () => {
    const alike: FindFault = (sizes) => {
      const [a, b] = [sizeOf(sizes, "a"), sizeOf(sizes, "b")];
      return a === b || a === 1 || b === 1 ? null : "not alike";
    };
    const { ordinary, ones, zeros } = choose([input("x", "batch", "a", 3), input("y", "batch", "b", 3)], alike);
    expect(listed(ordinary)).toEqual([
      { a: 5, b: 5 },
      { a: 8, b: 8 },
    ]);
    expect(listed(ones)).toEqual([
      { a: 1, b: 8 },
      { a: 8, b: 1 },
    ]);
    expect(listed(zeros)).toEqual([
      { a: 0, b: 1 },
      { a: 1, b: 0 },
      { a: 0, b: 0 },
    ]);
  });

  test("keeps the axes of an input apart where those of several inputs must be alike", () => {
    const alike: FindFault = (sizes) =>
      sizeOf(sizes, "h") === sizeOf(sizes, "h2") && sizeOf(sizes, "w") === sizeOf(sizes, "w2") ? null : "not alike";
    const { ordinary } = choose([input("x", "batch", "h", "w"), input("y", "batch", "h2", "w2")], alike);
    expect(listed(ordinary)).toEqual([
      { h: 5, w: 6, h2: 5, w2: 6 },
      { h: 8, w: 9, h2: 8, w2: 9 },
    ]);
  });

  test("leaves out sizes of 1 and 0 that the model does not take", () => {
    const long: FindFault = (sizes) => (sizeOf(sizes, "a") < 3 ? "a is too short" : null);
    const { ones, zeros } = choose([input("x", "batch", "a", 3), input("y", "batch", "b", 3)], long);
    expect([listed(ones), zeros]).toEqual([[{ a: 8, b: 1 }], []]);
  });

  test("gives 1 to one axis, and to all axes of an input", () => {
    const { ones } = choose([input("x", "batch", "h", "w"), input("y", "batch", "h2", "w2")], () => null);
    expect(ones).toHaveLength(6);
    expect(listed(ones)).toContainEqual({ h: 1, w: 1, h2: 10, w2: 11 });
    expect(listed(ones)).toContainEqual({ h: 8, w: 1, h2: 10, w2: 11 });
  });

  test("says what is wrong where nothing fits", () => {
    expect(
      chooseSizes([input("x", "batch", "time")], 1, { fault: () => "never", ones: () => 0, unit: 1, together: false }),
    ).toEqual({
      sizes: new Map([
        ["batch", 1],
        ["time", 64],
      ]),
      fault: "never",
    });
    expect(
      chooseSizes([input("x", 4)], 1, { fault: () => "never", ones: () => 0, unit: 1, together: false }),
    ).toMatchObject({
      fault: "never",
    });
  });

  test("gives the batch to what judges the sizes", () => {
    const needsBatch: FindFault = (sizes) => (sizes.get("batch") === 1 ? null : "no batch");
    expect(listed(choose([input("x", "batch", "time")], needsBatch).ordinary)).toHaveLength(2);
  });
});

test("the batch is the dimension of that name, or the one that all inputs begin with", () => {
  expect(batchDimension([input("a", "batch", 3)])).toBe("batch");
  expect(batchDimension([input("a", 4), input("b", "batch")])).toBe("batch");
  expect(batchDimension([input("a", "n", 3), input("b", "n")])).toBe("n");
  expect(batchDimension([input("a", "n", 3), input("b", "m")])).toBeNull();
  expect(batchDimension([input("a", "time", 3)])).toBeNull();
  expect(batchDimension([])).toBeNull();
});

test("a free dimension without a size is a fault of this program", () => {
  expect(shapeOf(input("a", "batch", null, 3), new Map([["batch", 2]]))).toEqual([2, 1, 3]);
  expect(() => shapeOf(input("a", "batch"), new Map())).toThrow("no size for its dimension batch");
});
