import { expect } from "vitest";

import type { Runtime } from "../../src/infer/runtime.ts";
import { float32, type Tensor } from "../../src/tensor.ts";

import { tinyOnnx } from "./tiny-onnx.ts";

type Float32Tensor = Extract<Tensor, { dtype: "float32" }>;

const STEPS = 4;
const TAPS = 2;
/** Of the convolutions below. */
const BY_CPU = ["threes", "brokenGroups"] as const;

/** Convolutions over time; `weights` are [output, input / group, TAPS]. */
const CONVOLUTIONS = {
  fours: { input: "x4", group: 1, weights: numbers([4, 4, TAPS]) },
  threes: { input: "x6", group: 1, weights: numbers([4, 6, TAPS]) },
  wholeGroups: { input: "x4", group: 2, weights: numbers([8, 2, TAPS]) },
  brokenGroups: { input: "x4", group: 2, weights: numbers([10, 2, TAPS]) },
} as const;

/** [1, channel, step] */
export const feeds: Readonly<Record<"x4" | "x6", Float32Tensor>> = {
  x4: numbers([1, 4, STEPS]),
  x6: numbers([1, 6, STEPS]),
};

/** All of the convolutions, each an output. */
export const convolutions: Uint8Array = tinyOnnx({
  inputs: Object.entries(feeds).map(([name, { dims }]) => ({ name, dtype: "float32", dims })),
  outputs: Object.keys(CONVOLUTIONS).map((name) => ({ name, dtype: "float32" })),
  nodes: Object.entries(CONVOLUTIONS).map(([name, { input, group }]) => {
    return { op: "Conv", inputs: [input, `${name}W`], outputs: [name], int: { group } };
  }),
  weights: Object.fromEntries(Object.entries(CONVOLUTIONS).map(([name, { weights }]) => [`${name}W`, weights])),
});

function numbers(dims: readonly number[]): Float32Tensor {
  const size = dims.reduce((product, dim) => product * dim, 1);
  const data = Float32Array.from({ length: size }, (_, index) => Math.sin(3 * index + size));
  return { dtype: "float32", dims, data };
}

/** Y[o, t] = sum over i, k of W[o, i, k] X[first channel of o's group + i, t + k] */
function expected({ input, group, weights }: (typeof CONVOLUTIONS)[keyof typeof CONVOLUTIONS]): Float32Array {
  const [outputs = 0, inputs = 0] = weights.dims;
  const x = feeds[input].data;
  const steps = STEPS - TAPS + 1;
  return Float32Array.from({ length: outputs * steps }, (_, at) => {
    const [output, step] = [Math.floor(at / steps), at % steps];
    const first = Math.floor(output / (outputs / group)) * inputs;
    let sum = 0;
    for (let channel = 0; channel < inputs; channel++) {
      for (let tap = 0; tap < TAPS; tap++) {
        const weight = weights.data[(output * inputs + channel) * TAPS + tap] ?? Number.NaN;
        sum += weight * (x[(first + channel) * STEPS + step + tap] ?? Number.NaN);
      }
    }
    return sum;
  });
}

type Outputs = Readonly<Record<string, { readonly data: unknown } | undefined>>;

/** Names of the outputs that are not what the definition of a convolution gives. */
function wrongOnes(outputs: Outputs): string[] {
  const wrong = Object.entries(CONVOLUTIONS).filter(([name, convolution]) => {
    const data = outputs[name]?.data;
    if (!(data instanceof Float32Array)) throw new TypeError(`no output ${name}`);
    return !expected(convolution).every((value, index) => Math.abs(value - (data[index] ?? Number.NaN)) < 1e-5);
  });
  return wrong.map(([name]) => name);
}

/** A session on WebGPU computes all of them, those on the CPU that WebGPU's own kernels compute wrongly. */
export async function expectRightConvolutions(runtime: Runtime): Promise<void> {
  const session = await runtime.load(convolutions, { provider: "webgpu" });
  expect(session.elsewhere).toEqual(BY_CPU.map((name) => `Conv_${name} (Conv)`));
  expect(wrongOnes(await session.run(feeds))).toEqual([]);
  await session.dispose();
}

/** ONNX Runtime's own placement gives wrong numbers for just those. Once it does not, `webGpuGaps` may shrink. */
export function expectKnownFaults(outputs: Outputs): void {
  expect(wrongOnes(outputs)).toEqual([...BY_CPU]);
}

/** A model that no node of WebGPU's runs: named node by node all the same. */
export async function expectAllOnCpuTold(runtime: Runtime): Promise<void> {
  const model = tinyOnnx({
    inputs: [{ name: "x", dtype: "float32", dims: ["n", "n"] }],
    outputs: [{ name: "y", dtype: "float32" }],
    nodes: [{ op: "Det", inputs: ["x"], outputs: ["y"] }],
  });
  const notes: string[] = [];
  const session = await runtime.load(model, { provider: "webgpu", onNote: (note) => notes.push(note) });
  expect(session.elsewhere).toEqual(["Det_y (Det)"]);
  expect(notes.at(-1)).toBe("not on webgpu but on the CPU: Det_y (Det)");
  const { y } = await session.run({ x: float32(Float32Array.of(1, 2, 3, 5), [2, 2]) });
  expect(y?.data[0]).toBeCloseTo(-1, 5);
  await session.dispose();
}
