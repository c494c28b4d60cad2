import { expect } from "vitest";

import type { Runtime, Tensors } from "../../src/infer/runtime.ts";
import { float32, sizeOf, type Tensor } from "../../src/tensor.ts";

import { tinyOnnx, type TinyModel } from "./tiny-onnx.ts";

function numbers(dims: readonly number[]): Extract<Tensor, { dtype: "float32" }> {
  return float32(
    Float32Array.from({ length: sizeOf(dims) }, (_, index) => 1.5 + Math.sin(3 * index + dims.length)),
    dims,
  );
}

const feeds = { x: numbers([1, 6, 4, 4]), exponents: numbers([6, 1, 1]) };

/** What ONNX Runtime's WebGPU gets wrong or refuses in files of other programs: nodes without names, weights that are computed. */
const model: TinyModel = {
  inputs: Object.entries(feeds).map(([name, { dims }]) => ({ name, dtype: "float32", dims })),
  outputs: ["threes", "padded", "grown", "power"].map((name) => ({ name, dtype: "float32" })),
  nodes: [
    { op: "Transpose", inputs: ["W"], outputs: ["V"], ints: { perm: [3, 2, 0, 1] }, name: "" },
    { op: "Conv", inputs: ["x", "V"], outputs: ["threes"], name: "" },
    { op: "Conv", inputs: ["x", "pointwise"], outputs: ["padded"], ints: { pads: [0, 0, 1, 1] }, name: "" },
    { op: "ConvTranspose", inputs: ["x", "grouped"], outputs: ["grown"], int: { group: 3 }, name: "" },
    { op: "Pow", inputs: ["x", "exponents"], outputs: ["power"], name: "" },
  ],
  weights: { W: numbers([2, 2, 6, 4]), pointwise: numbers([2, 6, 1, 1]), grouped: numbers([6, 1, 2, 2]) },
};

/** On WebGPU those nodes are left to the CPU and named, and the numbers are the CPU's. */
export async function expectForeignRight(runtime: Runtime, plain: "cpu" | "wasm"): Promise<void> {
  const bytes = tinyOnnx(model);
  const run = async (provider: "cpu" | "wasm" | "webgpu"): Promise<[readonly string[], Tensors]> => {
    const session = await runtime.load(bytes, { provider });
    const outputs = await session.run(feeds);
    await session.dispose();
    return [session.elsewhere, outputs];
  };
  const [, right] = await run(plain);
  const [elsewhere, found] = await run("webgpu");
  expect(new Set(elsewhere)).toEqual(
    new Set([
      "unnamed_0 (Transpose)",
      "unnamed_1 (Conv)",
      "unnamed_2 (Conv)",
      "unnamed_3 (ConvTranspose)",
      "unnamed_4 (Pow)",
    ]),
  );
  for (const [name, { dims, data }] of Object.entries(right)) {
    expect([name, found[name]?.dims]).toEqual([name, dims]);
    const off = Array.from({ length: data.length }, (_, at) =>
      Math.abs(Number(data[at]) - Number(found[name]?.data[at])),
    );
    expect(Math.max(...off)).toBeLessThan(1e-4);
  }
}

/** A product along no elements, which ends the process in onnxruntime-node, is refused; none of many is computed. */
export async function expectNothingRefused(runtime: Runtime): Promise<void> {
  const square = { dtype: "float32", dims: ["n", "k"] } as const;
  const bytes = tinyOnnx({
    inputs: [
      { name: "a", ...square },
      { name: "b", ...square },
    ],
    outputs: [{ name: "y", ...square }],
    nodes: [{ op: "MatMul", inputs: ["a", "b"], outputs: ["y"] }],
  });
  const session = await runtime.load(bytes, { provider: "webgpu" });
  await expect(session.run({ a: numbers([3, 0]), b: numbers([0, 2]) })).rejects.toThrow(
    'input "a" has a last size of 0: float32 [3, 0]',
  );
  await expect(session.run({ a: numbers([2, 3]), b: numbers([2, 3]) })).rejects.toMatchObject({
    name: "InferenceError",
    hint: "the graphics device or its provider may lack what the model needs: run it on the provider cpu or wasm",
  });
  const { y } = await session.run({ a: numbers([0, 3]), b: numbers([3, 2]) });
  expect(y?.dims).toEqual([0, 2]);
  await session.dispose();
}
