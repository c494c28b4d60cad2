import { describe, expect, test } from "vitest";

import { exportAnySource } from "../../src/export/any-source.ts";
import { NotVerifiedError } from "../../src/errors.ts";
import type { Session } from "../../src/infer/runtime.ts";
import { fromArtifacts } from "../../src/export/source/artifacts.ts";
import type { RawModel } from "../../src/export/source/model.ts";
import { float32, type Tensor } from "../../src/tensor.ts";
import { readGraphModel } from "../../src/export/graph/source/graph-model.ts";
import { graphDomains } from "../../src/verify/graph-domains.ts";
import { graphModel } from "../../src/verify/reference/graph-model.ts";
import { openReference } from "../../src/verify/reference/tfjs-reference.ts";
import { verifyModel, type ModelVerification } from "../../src/verify/verify-model.ts";
import { attr, GraphMaker } from "../export/graph/graph-maker.ts";
import { tinyOnnx, type TinyModel } from "../helpers/tiny-onnx.ts";

interface Node {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr?: Readonly<Record<string, unknown>>;
}

function placeholder(name: string, dtype: string, ...dims: number[]): Node {
  const shape = { dim: dims.map((size) => ({ size: String(size) })) };
  return { name, op: "Placeholder", attr: { dtype: { type: dtype }, shape: { shape } } };
}

/** A Graph model with float32 weights, as the converter writes it. */
function graph(
  nodes: readonly Node[],
  weights: Readonly<Record<string, Extract<Tensor, { dtype: "float32" | "int32" }>>>,
): RawModel {
  const all = [
    ...nodes,
    ...Object.entries(weights).map(([name, { dtype }]) => ({
      name,
      op: "Const",
      attr: { dtype: { type: dtype === "int32" ? "DT_INT32" : "DT_FLOAT" } },
    })),
  ];
  const bytes = Object.values(weights).flatMap(({ data }) => [
    ...new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  ]);
  const specs = Object.entries(weights).map(([name, { dims, dtype }]) => ({ name, shape: dims, dtype }));
  return {
    manifest: {
      format: "graph-model",
      modelTopology: { node: all, versions: { producer: 1 } },
      weightsManifest: [{ paths: ["w.bin"], weights: specs }],
    },
    weights: Uint8Array.from(bytes),
  };
}

const kernel = float32(Float32Array.of(0.5, -1, 2, 1, 0.25, -0.5), [2, 3]);

/** relu(x · kernel), then tanh. */
function dense(): RawModel {
  return graph(
    [
      placeholder("x", "DT_FLOAT", -1, 2),
      { name: "product", op: "MatMul", input: ["x", "kernel"], attr: { T: { type: "DT_FLOAT" } } },
      { name: "positive", op: "Relu", input: ["product"], attr: { T: { type: "DT_FLOAT" } } },
      { name: "y", op: "Tanh", input: ["positive"], attr: { T: { type: "DT_FLOAT" } } },
    ],
    { kernel },
  );
}

function denseFile(second: string, weight = kernel): Uint8Array {
  const model: TinyModel = {
    inputs: [{ name: "x", dtype: "float32", dims: ["batch", 2] }],
    outputs: [{ name: "y", dtype: "float32", dims: ["batch", 3] }],
    nodes: [
      { op: "MatMul", inputs: ["x", "kernel"], outputs: ["product"] },
      { op: second, inputs: ["product"], outputs: ["positive"] },
      { op: "Tanh", inputs: ["positive"], outputs: ["y"] },
    ],
    weights: { kernel: weight },
  };
  return tinyOnnx(model);
}

function verified(raw: RawModel, onnx: Uint8Array): Promise<ModelVerification> {
  return verifyModel(raw, readGraphModel(raw), onnx, {
    targets: [{ runtime: "node" }],
    tolerance: { atol: 1e-5, rtol: 1e-4 },
    batches: [1, 3],
    seed: 1,
  });
}

/** A model whose second axis must be a multiple of `rows`, by a size that it computes in floats. */
function inRows(rows: number): RawModel {
  const T = { type: "DT_FLOAT" };
  return graph(
    [
      placeholder("x", "DT_FLOAT", -1, -1, 2),
      { name: "shape", op: "Shape", input: ["x"], attr: { T } },
      { name: "count", op: "Slice", input: ["shape", "one", "one"], attr: { T: { type: "DT_INT32" } } },
      { name: "float", op: "Cast", input: ["count"], attr: { SrcT: { type: "DT_INT32" }, DstT: T } },
      { name: "parts", op: "RealDiv", input: ["float", "rows"], attr: { T } },
      { name: "whole", op: "Floor", input: ["parts"], attr: { T } },
      { name: "groups", op: "Cast", input: ["whole"], attr: { SrcT: T, DstT: { type: "DT_INT32" } } },
      {
        name: "sizes",
        op: "ConcatV2",
        input: ["batch", "groups", "rest", "axis"],
        attr: { N: { i: "3" } },
      },
      { name: "split", op: "Reshape", input: ["x", "sizes"], attr: { T } },
      { name: "y", op: "Tanh", input: ["split"], attr: { T } },
    ],
    {
      batch: { dtype: "int32", dims: [1], data: Int32Array.of(-1) },
      one: { dtype: "int32", dims: [1], data: Int32Array.of(1) },
      rest: { dtype: "int32", dims: [2], data: Int32Array.of(rows, 2) },
      axis: { dtype: "int32", dims: [], data: Int32Array.of(0) },
      rows: float32(Float32Array.of(rows), [1]),
    },
  );
}

describe("a Graph model", () => {
  test("whose file does not end is given up when the time is over", async () => {
    const raw = dense();
    const onnx = denseFile("Relu");
    const endless: Session = {
      runtime: "node",
      provider: "cpu",
      elsewhere: [],
      inputs: [{ name: "x", dtype: "float32", dims: ["batch", 2] }],
      outputs: [{ name: "y", dtype: "float32", dims: ["batch", 3] }],
      run: async () => new Promise(() => {}),
      dispose: async () => Promise.reject(new Error("it is in use")),
    };
    const verification = verifyModel(raw, readGraphModel(raw), onnx, {
      targets: [{ runtime: "node", load: async () => Promise.resolve(endless) }],
      tolerance: { atol: 1e-5, rtol: 1e-4 },
      batches: [1],
      seed: 1,
      timeLimit: 0.2,
    });
    await expect(verification).rejects.toThrow(NotVerifiedError);
  });

  test.each([5, 1e9])(
    "with a loop of %d steps is compared, or given up when the time is over",
    async (steps) => {
      const maker = new GraphMaker()
        .placeholder("x", "DT_FLOAT", [null, 3])
        .const("i", "int32", [0])
        .const("n", "int32", [steps])
        .const("one", "int32", [1])
        .func({
          name: "cond",
          inputs: ["i:DT_INT32", "x", "n:DT_INT32", "one:DT_INT32"],
          returns: ["less:z:0"],
          nodes: [{ name: "less", op: "Less", input: ["i", "n"] }],
        })
        .func({
          name: "body",
          inputs: ["i:DT_INT32", "x", "n:DT_INT32", "one:DT_INT32"],
          returns: ["add:z:0", "neg:y:0", "n", "one"],
          nodes: [
            { name: "add", op: "AddV2", input: ["i", "one"] },
            { name: "neg", op: "Neg", input: ["x"] },
          ],
        })
        .node("loop", "StatelessWhile", ["i", "x", "n", "one"], { cond: attr.func("cond"), body: attr.func("body") })
        .node("y", "Identity", ["loop:1"], { T: attr.type("DT_FLOAT") });
      const raw = await fromArtifacts(maker.artifacts());
      const source = readGraphModel(raw);
      const { bytes } = await exportAnySource(source);
      const options = { tolerance: { atol: 1e-5, rtol: 1e-4 }, batches: [2], seed: 1, timeLimit: steps > 5 ? 1 : 60 };
      const result = await verifyModel(raw, source, bytes, { ...options, targets: [{ runtime: "node" }] }).then(
        ({ passed }) => String(passed),
        String,
      );
      expect(result).toContain(steps > 5 ? "could not be verified in 1 seconds" : "true");
    },
    20_000,
  );

  test("is compared with TF.js's plain backend where the WebAssembly one differs", async () => {
    const raw = graph(
      [
        placeholder("x", "DT_FLOAT", -1, 4),
        { name: "flags", op: "Cast", input: ["x"], attr: { SrcT: { type: "DT_FLOAT" }, DstT: { type: "DT_BOOL" } } },
        { name: "y", op: "Cast", input: ["flags"], attr: { SrcT: { type: "DT_BOOL" }, DstT: { type: "DT_FLOAT" } } },
      ],
      {},
    );
    const { bytes } = await exportAnySource(readGraphModel(raw));
    const verification = await verified(raw, bytes);
    expect(verification).toMatchObject({ passed: true, reference: "tfjs cpu" });
    expect(verification.note).toBe("tfjs wasm gives other numbers than tfjs cpu");
  });

  test("is compared on every batch size with what TF.js executes", async () => {
    const { passed, runs, reference } = await verified(dense(), denseFile("Relu"));
    expect([passed, reference, runs.map(({ batch }) => batch)]).toEqual([true, "tfjs wasm", [1, 3]]);
  });

  test("fails where its file is wrong", async () => {
    const { passed, runs } = await verified(dense(), denseFile("Sigmoid"));
    expect(passed).toBe(false);
    expect(runs[0]?.outputs[0]?.reason).toContain("out of tolerance");
  });

  test("gives every node's tensors", async () => {
    const reference = await openReference(graphModel(dense(), { inputs: new Map(), outputs: ["y"] }));
    const at = (path: string, tensor = 0, occurrence = 0): Parameters<typeof reference.trace>[1][number] => {
      return { path, tensor, occurrence };
    };
    const wanted = [at("positive"), at("product"), at("nowhere"), at("product", 1), at("product", 0, 1)];
    const tensors = await reference.trace({ x: float32(Float32Array.of(1, 2), [1, 2]) }, wanted);
    expect(tensors.map((tensor) => (tensor === null ? null : [...tensor.data].map(Number)))).toEqual([
      [2.5, 0, 1],
      [2.5, -0.5, 1],
      null,
      null,
      null,
    ]);
    reference.dispose();
  });

  test("with control flow runs with executeAsync", async () => {
    const raw = graph(
      [
        placeholder("x", "DT_FLOAT", -1, 2),
        {
          name: "sum",
          op: "Sum",
          input: ["x", "axes"],
          attr: { T: { type: "DT_FLOAT" }, Tidx: { type: "DT_INT32" }, keep_dims: { b: false } },
        },
        { name: "isPositive", op: "Greater", input: ["sum", "zero"], attr: { T: { type: "DT_FLOAT" } } },
        { name: "switch", op: "Switch", input: ["x", "isPositive"], attr: { T: { type: "DT_FLOAT" } } },
        { name: "negative", op: "Neg", input: ["switch:0"], attr: { T: { type: "DT_FLOAT" } } },
        { name: "same", op: "Identity", input: ["switch:1"], attr: { T: { type: "DT_FLOAT" } } },
        { name: "y", op: "Merge", input: ["negative", "same"], attr: { T: { type: "DT_FLOAT" }, N: { i: "2" } } },
      ],
      {
        axes: { dtype: "int32", dims: [2], data: Int32Array.of(0, 1) },
        zero: float32(Float32Array.of(0), []),
      },
    );
    const reference = await openReference(graphModel(raw, { inputs: new Map(), outputs: ["y"] }));
    const run = async (...values: number[]): Promise<number[]> => {
      const [y] = await reference.run({ x: float32(Float32Array.from(values), [1, 2]) });
      return Array.from(y?.data ?? [], Number);
    };
    expect(await run(3, -1)).toEqual([3, -1]);
    expect(await run(-3, 1)).toEqual([3, -1]);
    reference.dispose();
  });

  // The sizes that TF.js's ConcatV2 refuses ONNX Runtime refuses too; its MatMul broadcasts one row of a batch.
  test.each(["ConcatV2", "Einsum"])("that takes inputs of one size alone is run on such: %s", async (op) => {
    const T = attr.type("DT_FLOAT");
    const maker = new GraphMaker()
      .placeholder("a", "DT_FLOAT", [null, 2, 2])
      .placeholder("b", "DT_FLOAT", [null, 2, 2])
      .const("one", "int32", [1])
      .node("y", op, op === "Einsum" ? ["a", "b"] : ["a", "b", "one"], {
        T,
        N: attr.int(2),
        equation: attr.text("bij,bkj->bik"),
      });
    const raw = await fromArtifacts(maker.artifacts());
    const { bytes } = await exportAnySource(readGraphModel(raw));
    const { passed, note, runs } = await verified(raw, bytes);
    expect(note).toContain("refuses inputs of different sizes");
    expect([passed, runs.length]).toEqual([true, 2]);
  });

  test("that takes multiples of 16 alone is run on some", async () => {
    const raw = inRows(16);
    const { bytes } = await exportAnySource(readGraphModel(raw));
    const { passed, note } = await verified(raw, bytes);
    expect(passed).toBe(true);
    expect(note).toContain("no multiples of 16");
  });

  test("that TF.js refuses with all sizes tried is an error that says so", async () => {
    const raw = inRows(48);
    const { bytes } = await exportAnySource(readGraphModel(raw));
    await expect(verified(raw, bytes)).rejects.toThrow("TF.js does not run the model");
  });

  test("is fed indices in range where they look up rows of a weight", () => {
    const rows = float32(new Float32Array(10), [5, 2]);
    const raw = graph(
      [
        placeholder("ids", "DT_INT32", -1),
        placeholder("values", "DT_FLOAT", -1, 2),
        { name: "read", op: "Identity", input: ["rows"], attr: { T: { type: "DT_FLOAT" } } },
        { name: "row", op: "ExpandDims", input: ["ids", "axis"], attr: { T: { type: "DT_INT32" } } },
        { name: "found", op: "GatherV2", input: ["read", "row", "axis"], attr: { Tparams: { type: "DT_FLOAT" } } },
        { name: "y", op: "AddV2", input: ["found", "values"], attr: { T: { type: "DT_FLOAT" } } },
      ],
      { rows, axis: { dtype: "int32", dims: [], data: Int32Array.of(0) } },
    );
    expect(Object.fromEntries(graphDomains(readGraphModel(raw)))).toEqual({ ids: { kind: "integers", below: 5 } });
  });
});
