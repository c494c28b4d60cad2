import { describe, expect, test } from "vitest";

import { InferenceError } from "../../../src/errors.ts";
import type { Session } from "../../../src/infer/runtime.ts";
import { getRuntime } from "../../../src/infer/runtimes.ts";
import { growthOver, SETTLING } from "../../helpers/growth.ts";
import { hasWebGpu } from "../../helpers/has-webgpu.ts";
import { index, weighty } from "../../helpers/loads.ts";
import { unary } from "../../helpers/tiny-onnx.ts";

const runtime = await getRuntime("node");
const load = (model = weighty): Promise<Session> => runtime.load(model, { provider: "webgpu" });

describe.skipIf(!(await hasWebGpu()))("many loads on node, webgpu", () => {
  test("dispose of the last session gives back all", async () => {
    expect(await growthOver(60, load, index)).toBeLessThan(SETTLING);
  });

  test("dispose gives back the weights while another session keeps the device", async () => {
    const other = await load();
    expect(await growthOver(100, load, index)).toBeLessThan(SETTLING);
    await other.dispose();
  });

  test("dispose gives back the weights after a model was refused, which keeps the device", async () => {
    await expect(load(unary("Frobnicate"))).rejects.toThrow(InferenceError);
    expect(await growthOver(100, load, index)).toBeLessThan(SETTLING);
  });
});
