import { describe, expect, test } from "vitest";

import { divide, product, type Dim } from "../../src/export/onnx/dims.ts";

describe("a quotient of sizes", () => {
  test.each<[Dim, Dim, Dim]>([
    [20, 4, 5],
    ["20*batch", "4*batch", 5],
    ["4*batch*time", "3*batch", "4*time/3"],
    ["batch*time", "batch", "time"],
    ["8*time", 4, "2*time"],
    [product(["batch", "time+1"]), "batch", "time+1"],
    ["time+1", 2, "(time+1)/2"],
    ["2*floor((ceil(height/3)+1)/2)", 2, "(2*floor((ceil(height/3)+1)/2))/2"],
  ])("%s by %s", (a, b, expected) => {
    expect(divide(a, b)).toBe(expected);
  });
});
