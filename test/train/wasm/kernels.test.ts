import * as tfjs from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import { beforeAll, describe, expect, test } from "vitest";

import { completeKernels } from "../../../src/train/wasm/kernels.ts";

type Gradients = () => tfjs.Tensor[];

beforeAll(async () => {
  tfjs.env().set("PROD", true);
  await tfjs.setBackend("wasm");
  completeKernels(tfjs, "wasm");
});

function numbers(shape: readonly number[], seed: number): tfjs.Tensor {
  const size = shape.reduce((product, dim) => product * dim, 1);
  return tfjs.tensor(
    Float32Array.from({ length: size }, (_, index) => Math.sin(12.9898 * (index + seed)) * 1.7),
    [...shape],
  );
}

function image(shape: [number, number, number, number], seed: number): tfjs.Tensor4D {
  return numbers(shape, seed).as4D(...shape);
}

/** Values of what `make` computes on a backend. */
async function on(backend: string, make: Gradients): Promise<Float32Array[]> {
  await tfjs.setBackend(backend);
  const tensors = tfjs.tidy(make);
  return tensors.map((tensor) => {
    const values = tensor.dataSync<"float32">().slice();
    tensor.dispose();
    return values;
  });
}

async function expectSame(make: Gradients): Promise<void> {
  const [expected, found] = [await on("cpu", make), await on("wasm", make)];
  expect(found.length).toBe(expected.length);
  for (const [index, values] of expected.entries()) {
    const others = found[index] ?? new Float32Array();
    expect(others.length).toBe(values.length);
    expect(values.length).toBeGreaterThan(0);
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (const [at, value] of values.entries()) {
      expect(Math.abs(value - (others[at] ?? Number.NaN))).toBeLessThan(1e-5 * (1 + largest));
    }
  }
}

describe.each(["same", "valid"] as const)("on the WebAssembly backend, padding %s", (padding) => {
  test.each([
    [1, 1],
    [2, 2],
    [2, 1],
    [3, 2],
  ] as const)("convolutions with strides %i, %i have the gradients of the plain backend", async (down, across) => {
    await expectSame(() => {
      const [x, filter] = [image([2, 7, 6, 3], 1), image([3, 2, 3, 4], 2)];
      return tfjs.grads((a, b) =>
        tfjs.conv2d(a.as4D(2, 7, 6, 3), b.as4D(3, 2, 3, 4), [down, across], padding).square(),
      )([x, filter]);
    });
  });

  test.each([1, 2])("depthwise convolutions with stride %i, too", async (stride) => {
    await expectSame(() => {
      const [x, filter] = [image([2, 7, 6, 3], 3), image([3, 3, 3, 2], 4)];
      return tfjs.grads((a, b) =>
        tfjs.depthwiseConv2d(a.as4D(2, 7, 6, 3), b.as4D(3, 3, 3, 2), stride, padding).square(),
      )([x, filter]);
    });
  });
});

describe.each(["same", "valid"] as const)("the largest of each window, padding %s", (padding) => {
  test.each([
    { window: [2, 2], strides: [2, 2] },
    { window: [3, 2], strides: [2, 1] },
    { window: [2, 1], strides: [3, 2] },
  ] satisfies { window: [number, number]; strides: [number, number] }[])(
    "$window by $strides passes the gradient on as on the plain backend, whatever its sign, and to the first of equals",
    async ({ window, strides }) => {
      for (const shift of [-3, 0, 3]) {
        await expectSame(() => {
          const x = image([2, 7, 6, 3], 6).mul(2).round().add(shift);
          const pool = tfjs.grad((a: tfjs.Tensor) =>
            tfjs
              .maxPool(a.as4D(2, 7, 6, 3), window, strides, padding)
              .mul(3)
              .sin(),
          );
          return [pool(x)];
        });
      }
    },
  );
});

test("gathering rows, some of them twice, has the gradient of the plain backend", async () => {
  await expectSame(() => {
    const gather = tfjs.grad((table: tfjs.Tensor) => tfjs.gather(table, tfjs.tensor1d([4, 0, 4, 2], "int32")).square());
    return [gather(numbers([5, 2, 3], 5))];
  });
});
