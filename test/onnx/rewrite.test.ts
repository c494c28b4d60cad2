import * as node from "onnxruntime-node";
import { describe, expect, test } from "vitest";

import { InferenceError } from "../../src/errors.ts";
import { ELEMENT_TYPE } from "../../src/onnx/element-type.ts";
import type { onnx } from "../../src/onnx/generated/encode.js";
import { readOnnxHeader } from "../../src/onnx/header.ts";
import { readOnnx } from "../../src/onnx/read.ts";
import { ModelEditor } from "../../src/onnx/rewrite.ts";
import { decodeOnnx, encodeOnnx } from "../helpers/onnx-proto.ts";
import { smallDense } from "../helpers/tiny-onnx.ts";

const { float32: FLOAT } = ELEMENT_TYPE;

function file(graph: onnx.GraphProto.$Properties, rest: onnx.ModelProto.$Properties = {}): Uint8Array {
  return encodeOnnx({ irVersion: 8, opsetImport: [{ domain: "", version: 17 }], graph, ...rest });
}

const float = { tensorType: { elemType: FLOAT, shape: { dim: [{ dimParam: "n" }] } } };

describe("an edited file", () => {
  test("is the same bytes when nothing was changed", () => {
    const bytes = smallDense();
    const editor = new ModelEditor(bytes)
      .dropOutputs(new Set(["none"]))
      .addOutputs([])
      .nameNodes();
    expect(editor.embedNestedWeights(new Map()).finish()).toBe(bytes);
  });

  test("keeps what this package does not know, and integers of 64 bits", () => {
    // Fields 6 (doc_string) and 5 (model_version) of the specification, which the schema here leaves out.
    const $unknowns = [Uint8Array.of(0x32, 1, 0x61), Uint8Array.of(0x28, 9)];
    const last = { low: -1, high: 0x7fffffff, unsigned: false };
    const attribute = [{ name: "ends", type: 7, ints: [last, { low: 0, high: -0x80000000, unsigned: false }] }];
    const nodes = [{ opType: "Op", attribute, input: ["x"], output: ["y"] }];
    const bytes = file({ node: nodes, output: [{ name: "y" }, { name: "z" }] }, { $unknowns });
    const edited = new ModelEditor(bytes).dropOutputs(new Set(["z"])).finish();
    expect(Buffer.from(edited)).toEqual(Buffer.from(file({ node: nodes, output: [{ name: "y" }] }, { $unknowns })));
  });

  test("has other outputs, which ONNX Runtime gives", async () => {
    const bytes = new ModelEditor(smallDense())
      .addOutputs([
        { name: "xW", elementType: FLOAT },
        { name: "y", elementType: FLOAT },
      ])
      .finish();
    const session = await node.InferenceSession.create(bytes);
    expect(session.outputNames).toEqual(["y", "xW"]);
    const x = new node.Tensor("float32", Float32Array.of(-1, 0, 0, 0), [1, 4]);
    const { y, xW } = await session.run({ x });
    expect([y?.data, xW?.data]).toEqual([Float32Array.of(1, 0.75, 0.5), Float32Array.of(1, 0.75, 0.5)]);
    expect(readOnnxHeader(new ModelEditor(bytes).dropOutputs(new Set(["y"])).finish()).outputs).toMatchObject([
      { name: "xW" },
    ]);
  });

  test("has a name for every node, in bodies too, and no name twice", () => {
    const g = { node: [{ opType: "Neg" }, { opType: "Abs", name: "unnamed_1" }] };
    const bytes = file({
      node: [
        { opType: "If", attribute: [{ name: "then_branch", type: 5, g }] },
        { opType: "Relu", name: "relu" },
      ],
    });
    const { graph } = decodeOnnx(new ModelEditor(bytes).nameNodes().finish());
    const body = graph?.node?.[0]?.attribute?.[0]?.g;
    const names = [...(body?.node ?? []), ...(graph?.node ?? [])].map(({ name }) => name);
    expect(names).toEqual(["unnamed_0", "unnamed_1", "unnamed_2", "relu"]);
  });

  test("gives the input of a replaced node in its place", () => {
    const zip = { opType: "ZipMap", domain: "ai.onnx.ml", input: ["x"], output: ["z"], attribute: [{ name: "a" }] };
    const bytes = file({ node: [zip, { opType: "Relu", input: ["x"], output: ["y"] }], output: [{ name: "z" }] });
    const { graph } = readOnnx(
      new ModelEditor(bytes).replaceByIdentity(({ opType }) => opType === "ZipMap", FLOAT).finish(),
    );
    expect(graph.nodes).toMatchObject([
      { opType: "Identity", domain: "", inputs: ["x"], outputs: ["z"], attributes: new Map() },
      { opType: "Relu" },
    ]);
    expect(graph.outputs).toEqual([{ name: "z", type: { kind: "tensor", elementType: FLOAT, dims: null } }]);
  });

  test("has the nested weights of the files that are given, and no others", () => {
    const entries = { location: "w.data", offset: "4", length: "8" };
    const externalData = Object.entries(entries).map(([key, value]) => ({ key, value }));
    const t = { name: "w", dims: [2], dataType: FLOAT, dataLocation: 1, externalData };
    const g = { initializer: [t], output: [{ name: "w", type: float }] };
    const bytes = file({
      node: [{ opType: "If", attribute: [{ name: "then_branch", type: 5, g }] }],
      initializer: [t],
    });
    const editor = new ModelEditor(bytes);
    expect(editor.embedNestedWeights(new Map([["other", new Uint8Array(99)]])).finish()).toBe(bytes);
    const edited = editor.embedNestedWeights(new Map([["w.data", Uint8Array.from({ length: 12 }, (_, at) => at)]]));
    const { graph } = readOnnx(edited.finish());
    const body = graph.nodes[0]?.attributes.get("then_branch");
    const inner = body?.type === "graph" ? body.value.initializers[0] : undefined;
    expect(inner?.data).toEqual({ kind: "raw", bytes: Uint8Array.of(4, 5, 6, 7, 8, 9, 10, 11) });
    expect(graph.initializers[0]?.data).toMatchObject({ kind: "external", location: "w.data" });
    expect(() => new ModelEditor(bytes).embedNestedWeights(new Map([["w.data", new Uint8Array(11)]]))).toThrow(
      InferenceError,
    );
  });
});
