import { queryObjects } from "node:v8";

import { describe, expect, test } from "vitest";

import { InferenceError } from "../../../src/errors.ts";
import type { Session } from "../../../src/infer/runtime.ts";
import { getRuntime } from "../../../src/infer/runtimes.ts";
import { gpuHooks } from "../../../src/node/gpu/index.ts";
import { growthOver, SETTLING } from "../../helpers/growth.ts";
import { hasWebGpu } from "../../helpers/has-webgpu.ts";
import { cycle, index, weighty } from "../../helpers/loads.ts";
import { unary } from "../../helpers/tiny-onnx.ts";

const runtime = await getRuntime("web", gpuHooks);
const load = (model = weighty): Promise<Session> => runtime.load(model, { provider: "webgpu" });

/** The class of onnxruntime-web's own sessions. */
const { InferenceSession: OrtSession }: { readonly InferenceSession: unknown } = await import("onnxruntime-web/webgpu");

/** Objects of a class that this process has, after a collection. */
function count(constructor: unknown): number {
  if (typeof constructor !== "function") throw new TypeError("not a class");
  return queryObjects(constructor, { format: "count" });
}

/** How many more there are after so many loads. */
async function leftOver(loads: number): Promise<{ readonly buffers: number; readonly sessions: number }> {
  await cycle(load, index, 5);
  const [buffers, sessions] = [count(GPUBuffer), count(OrtSession)];
  await cycle(load, index, loads);
  return { buffers: count(GPUBuffer) - buffers, sessions: count(OrtSession) - sessions };
}

async function expectNothingLeft(): Promise<void> {
  const { buffers, sessions } = await leftOver(20);
  expect(buffers).toBeLessThanOrEqual(2);
  expect(sessions).toBeLessThanOrEqual(2);
}

describe.skipIf(!(await hasWebGpu()))("many loads on web in Node, webgpu", () => {
  test("dispose of the last session gives back all, the device too", async () => {
    expect(await growthOver(100, load, index)).toBeLessThan(SETTLING);
    // onnxruntime-web has the last one in `env`; another may be on its way.
    await expect.poll(() => count(GPUDevice)).toBeLessThanOrEqual(3);
  });

  test("dispose gives back the weights while another session keeps the device", async () => {
    const other = await load();
    await expectNothingLeft();
    expect(await growthOver(100, load, index)).toBeLessThan(SETTLING);
    await other.dispose();
  });

  test("dispose gives back the weights after a model was refused, which keeps the device", async () => {
    await expect(load(unary("Frobnicate"))).rejects.toThrow(InferenceError);
    await expectNothingLeft();
  });
});
