import { describe, expect, test } from "vitest";

import type { Runtime } from "../../src/infer/runtime.ts";
import { getRuntime } from "../../src/infer/runtimes.ts";
import type { Tensor } from "../../src/tensor.ts";
import { expectSessionContract } from "../helpers/session-contract.ts";
import { smallDense } from "../helpers/tiny-onnx.ts";

const runtimes: readonly Runtime[] = [await getRuntime("node"), await getRuntime("web")];
const good: Tensor = { dtype: "float32", dims: [1, 4], data: new Float32Array(4) };

describe.each(runtimes)("session on $name", (runtime) => {
  expectSessionContract((model, options) => runtime.load(model, options));

  test("a thousand loads and disposals do not grow the process", async () => {
    const bytes = smallDense();
    const cycle = async (times: number): Promise<void> => {
      for (let turn = 0; turn < times; turn++) {
        const session = await runtime.load(bytes, { threads: 1 });
        await session.run({ x: good });
        await session.dispose();
      }
    };
    await cycle(200);
    const before = process.memoryUsage.rss();
    await cycle(1000);
    expect(process.memoryUsage.rss() - before).toBeLessThan(40 * 2 ** 20);
  });
});
