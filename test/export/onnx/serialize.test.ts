import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { exportRaw } from "../../../src/export/export-model.ts";
import { float, floats, int, ints, string, strings, subgraph, type OnnxGraph } from "../../../src/onnx/model.ts";
import { onnx } from "../../../src/export/onnx/proto.js";
import { serialize } from "../../../src/export/onnx/serialize.ts";
import { readModel } from "../../../src/node/read-model.ts";
import type { Tensor } from "../../../src/tensor.ts";

/** protobufjs reads the file, and writes the same bytes again. */
function expectSameBytes(bytes: Uint8Array): onnx.ModelProto {
  const message = onnx.ModelProto.decode(bytes);
  expect(Buffer.from(onnx.ModelProto.encode(message).finish()).equals(bytes)).toBe(true);
  return message;
}

function fileOf(graph: Partial<OnnxGraph>, metadata: readonly (readonly [string, string])[] = []): Uint8Array {
  return serialize({
    irVersion: 8,
    opset: 17,
    producerName: "test",
    producerVersion: "0",
    graph: { name: "graph", nodes: [], initializers: new Map(), inputs: [], outputs: [], ...graph },
    metadata: new Map(metadata),
  });
}

describe("an ONNX file", () => {
  test("of the shipped model is what protobufjs would write", async () => {
    const folder = resolve(import.meta.dirname, "../../../models/crnn-mnist");
    const { bytes } = exportRaw(await readModel(folder));
    const { graph } = expectSameBytes(bytes);
    expect(graph?.node?.length).toBeGreaterThan(10);
    expectSameBytes(readFileSync(resolve(folder, "model.onnx")));
  });

  test("has every kind of attribute", () => {
    const inner: OnnxGraph = {
      name: "body",
      nodes: [],
      initializers: new Map(),
      inputs: [{ name: "x", dtype: "bool", dims: null }],
      outputs: [{ name: "y", dtype: "float16", dims: [] }],
    };
    const tensor: Tensor = { dtype: "int64", dims: [2], data: BigInt64Array.of(-1n, 2n ** 62n) };
    const attributes = {
      a: int(-1),
      b: int(Number.MAX_SAFE_INTEGER),
      c: float(-0.1),
      d: string("grüße"),
      e: ints([0, 127, 128, -(2 ** 31), 2 ** 31]),
      f: floats([0, 1e-40, Number.POSITIVE_INFINITY]),
      g: strings(["", "x"]),
      h: subgraph(inner),
      i: { type: "tensor" as const, value: tensor },
    };
    const node = { opType: "Op", domain: "my", name: "n", inputs: ["", "x"], outputs: ["y", ""], attributes };
    const names: Tensor = { dtype: "string", dims: [2], data: ["ä", ""] };
    const { graph, opsetImport } = expectSameBytes(
      fileOf({ nodes: [node], initializers: new Map([["names", names]]) }),
    );
    expect(opsetImport?.map(({ domain, version }) => [domain, Number(version)])).toEqual([
      ["", 17],
      ["my", 1],
    ]);
    const [read] = graph?.node ?? [];
    expect([read?.input, read?.output, read?.domain]).toEqual([["", "x"], ["y", ""], "my"]);
    const [a, b, c, d, e, f, g, h, i] = read?.attribute ?? [];
    expect([Number(a?.i), Number(b?.i), c?.f]).toEqual([-1, Number.MAX_SAFE_INTEGER, Math.fround(-0.1)]);
    expect(new TextDecoder().decode(d?.s ?? undefined)).toBe("grüße");
    expect([e?.ints?.map(Number), f?.floats]).toEqual([
      [0, 127, 128, -(2 ** 31), 2 ** 31],
      [0, Math.fround(1e-40), Number.POSITIVE_INFINITY],
    ]);
    expect([g?.strings?.length, h?.g?.input?.[0]?.name, i?.t?.rawData?.length]).toEqual([2, "x", 16]);
  });

  test("has numbers and texts of any length", () => {
    fc.assert(
      fc.property(
        fc.array(fc.maxSafeInteger()),
        fc.array(fc.string({ unit: "grapheme", maxLength: 300 })),
        (numbers, texts) => {
          const attributes = { numbers: ints(numbers), texts: strings(texts) };
          const node = { opType: "Op", domain: "", name: "n", inputs: texts, outputs: [], attributes };
          const metadata = texts.map((text): [string, string] => [text, text]);
          const { graph } = expectSameBytes(fileOf({ nodes: [node] }, metadata));
          expect(graph?.node?.[0]?.attribute?.[0]?.ints?.map(Number)).toEqual(numbers);
        },
      ),
    );
  });
});
