import { describe, expect, test } from "vitest";

import { InferenceError } from "../../src/errors.ts";
import { getRuntime } from "../../src/infer/runtimes.ts";
import { float32 } from "../../src/tensor.ts";
import { expectSessionContract } from "../helpers/session-contract.ts";
import { smallDense } from "../helpers/tiny-onnx.ts";
import { watchMemories } from "../helpers/wasm-memories.ts";

const memories = watchMemories();
const web = await getRuntime("web");

test("the page is cross-origin isolated", () => {
  expect(globalThis.crossOriginIsolated).toBe(true);
});

describe("session in Chromium on wasm, one thread", () => {
  expectSessionContract((model, options) => web.load(model, options));

  test("refuses to change its number of threads", async () => {
    await expect(web.load(smallDense(), { threads: 2 })).rejects.toThrow(InferenceError);
    await expect(web.load(smallDense(), { threads: 2 })).rejects.toThrow("cannot change to 2");
  });

  test("a thousand loads and disposals do not grow the module's memory", async () => {
    const x = float32(new Float32Array(4), [1, 4]);
    const cycle = async (times: number): Promise<void> => {
      for (let turn = 0; turn < times; turn++) {
        const session = await web.load(smallDense());
        await session.run({ x });
        await session.dispose();
      }
    };
    await cycle(20);
    expect(memories).toHaveLength(1);
    const before = memories[0]?.buffer.byteLength;
    await cycle(1000);
    expect(memories[0]?.buffer.byteLength).toBe(before);
  });
});
