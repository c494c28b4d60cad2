import { expect } from "vitest";

import type { Runtime } from "../../src/infer/runtime.ts";
import { float32 } from "../../src/tensor.ts";

import { smallDense, tinyOnnx } from "./tiny-onnx.ts";

/** `z = exp(hardmax(y))`, `y = relu(x) + det(relu(x))`: WebGPU has no Det and no Hardmax. */
function mixed(): Uint8Array {
  const square = { dtype: "float32", dims: ["n", "n"] } as const;
  return tinyOnnx({
    inputs: [{ name: "x", ...square }],
    outputs: [
      { name: "y", ...square },
      { name: "z", ...square },
    ],
    nodes: [
      { op: "Relu", inputs: ["x"], outputs: ["a"] },
      { op: "Det", inputs: ["a"], outputs: ["b"] },
      { op: "Add", inputs: ["a", "b"], outputs: ["y"] },
      { op: "Hardmax", inputs: ["y"], outputs: ["h"] },
      { op: "Exp", inputs: ["h"], outputs: ["z"] },
    ],
  });
}

/** A model that WebGPU runs wholly says so; of another, every node that it leaves to the CPU is named. */
export async function expectHonestPlacement(runtime: Runtime): Promise<void> {
  const notes: string[] = [];
  const options = { provider: "webgpu", onNote: (note: string) => notes.push(note) } as const;
  const whole = await runtime.load(smallDense(), options);
  expect([whole.provider, whole.elsewhere]).toEqual(["webgpu", []]);
  await whole.dispose();
  expect(notes.filter((note) => note.startsWith("not on webgpu"))).toEqual([]);
  const session = await runtime.load(mixed(), options);
  expect([session.provider, session.elsewhere]).toEqual(["webgpu", ["Det_b (Det)", "Hardmax_h (Hardmax)"]]);
  expect(notes.at(-1)).toBe("not on webgpu but on the CPU: Det_b (Det), Hardmax_h (Hardmax)");
  const x = float32(Float32Array.of(1, 2, -3, 5), [2, 2]);
  const { y, z } = await session.run({ x });
  // relu(x) is [1 2; 0 5], whose determinant is 5.
  expect(y).toEqual(float32(Float32Array.of(6, 7, 5, 10), [2, 2]));
  expect(Array.from({ length: 4 }, (_, index) => Number(z?.data[index]).toFixed(5))).toEqual([
    "1.00000",
    "2.71828",
    "1.00000",
    "2.71828",
  ]);
  await session.dispose();
}

/** ONNX Runtime's log of many nodes is long: those at its beginning are named, too. */
export async function expectManyNamed(runtime: Runtime): Promise<void> {
  const MANY = 300;
  const square = { dtype: "float32", dims: [2, 2] } as const;
  const steps = Array.from({ length: MANY }, (_, step) => [
    { op: "Det", inputs: [`x${step}`], outputs: [`d${step}`] },
    { op: "Add", inputs: [`x${step}`, `d${step}`], outputs: [`x${step + 1}`] },
  ]);
  const model = {
    inputs: [{ name: "x0", ...square }],
    outputs: [{ name: `x${MANY}`, ...square }],
    nodes: steps.flat(),
  };
  const session = await runtime.load(tinyOnnx(model), { provider: "webgpu" });
  expect(session.elsewhere).toEqual(Array.from({ length: MANY }, (_, step) => `Det_d${step} (Det)`));
  await session.dispose();
}

/** Software that plays a GPU is slower than WebAssembly: `auto` does not take it, and says so. */
export async function expectAutoAvoidsSoftware(runtime: Runtime): Promise<void> {
  const notes: string[] = [];
  const session = await runtime.load(smallDense(), { provider: "auto", onNote: (note) => notes.push(note) });
  const adapter = await navigator.gpu.requestAdapter();
  const software = adapter?.info.architecture === "swiftshader";
  const expected = software ? "running on wasm: WebGPU's only adapter here is software on the CPU: " : undefined;
  expect(session.provider).toBe(software ? "wasm" : "webgpu");
  expect(notes.at(-1)?.slice(0, expected?.length)).toBe(expected);
  await session.dispose();
}
