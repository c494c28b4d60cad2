import { describe, expect, test } from "vitest";

import { GraphBuilder } from "../../src/export/build/builder.ts";
import { branch, loop } from "../../src/export/build/regions.ts";
import { show } from "../../src/onnx/dim.ts";
import { first } from "../../src/require.ts";

const shown = (tensor: { readonly shape: readonly { readonly key: string }[] | null }): readonly string[] | null =>
  tensor.shape?.map(({ key }) => key) ?? null;

describe("a loop", () => {
  test("keeps the sizes that an iteration keeps, and frees those that it changes", () => {
    const graph = new GraphBuilder(17);
    const x = graph.input("x", "float32", ["batch", 4]);
    const count = graph.constant("count", { dtype: "int64", dims: [], data: BigInt64Array.of(3n) });
    const start = { count, condition: null, carried: [x.tensor, x.tensor] };
    const { carried, scanned } = loop(graph, start, (body, _, [kept, grown]) => ({
      condition: null,
      carried: [body.op("Add", [kept ?? null, kept ?? null]), body.op("Concat", [grown ?? null, x.tensor], AXIS_0)],
      scanned: [kept ?? x.tensor],
    }));
    expect(shown(first(carried))).toEqual(["batch", "4"]);
    expect(shown(first(scanned))).toEqual(["iterations", "batch", "4"]);
    const [growing] = carried.slice(1);
    expect(growing?.shape?.map(show)).toEqual([expect.stringContaining("size"), 4]);
  });

  test("settles where a free size is broadcast with another one in each iteration, in any scope", () => {
    const graph = new GraphBuilder(17);
    const [a, b] = [graph.input("a", "float32", ["n"]), graph.input("b", "float32", ["m"])];
    const { carried } = graph.within("scope", () =>
      loop(graph, { count: null, condition: null, carried: [a.tensor] }, (body, _, carriedIn) => ({
        condition: null,
        carried: [body.op("Add", [first(carriedIn), b.tensor])],
      })),
    );
    expect(first(carried).shape).toHaveLength(1);
  });

  test("gives no tensor of its body to the graph around it", () => {
    const graph = new GraphBuilder(17);
    const x = graph.input("x", "float32", [2]);
    let inner = x.tensor;
    loop(graph, { count: null, condition: null, carried: [x.tensor] }, (body, _, carried) => {
      inner = body.op("Neg", [first(carried)]);
      return { condition: null, carried: [inner] };
    });
    expect(() => graph.op("Neg", [inner])).toThrow("belongs to a body that it is not in");
  });
});

const AXIS_0 = { axis: { type: "int", value: 0 } } as const;

describe("a branch", () => {
  test("has the types that both sides have", () => {
    const graph = new GraphBuilder(17);
    const condition = graph.input("condition", "bool", []);
    const [a, b] = [graph.input("a", "float32", ["n", 3]), graph.input("b", "float32", ["m", 3])];
    const [result] = branch(
      graph,
      condition.tensor,
      () => [a.tensor],
      () => [b.tensor],
    );
    expect(result?.shape?.map(show)).toEqual([expect.stringContaining("size"), 3]);
  });

  test("refuses sides of two types, or of different numbers of tensors", () => {
    const graph = new GraphBuilder(17);
    const condition = graph.input("condition", "bool", []);
    const [a, b] = [graph.input("a", "float32", [2]), graph.input("b", "int32", [2])];
    const two = (): unknown =>
      branch(
        graph,
        condition.tensor,
        () => [a.tensor],
        () => [b.tensor],
      );
    expect(two).toThrow("must have one type; found float32 and int32");
    const more = (): unknown =>
      branch(
        graph,
        condition.tensor,
        () => [a.tensor],
        () => [],
      );
    expect(more).toThrow("branches give 1 and 0 tensors");
  });
});
