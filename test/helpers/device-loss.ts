import { expect } from "vitest";

import type { Runtime } from "../../src/infer/runtime.ts";
import { float32 } from "../../src/tensor.ts";

import { smallDense } from "./tiny-onnx.ts";

/** When the graphics device goes, runs under way and later ones end with a typed error, sessions can be disposed; what is loaded afterwards runs. */
export async function expectDeviceLossIsTold(runtime: Runtime): Promise<void> {
  const { env } = await import("onnxruntime-web/webgpu");
  const load = () => runtime.load(smallDense(), { provider: "webgpu" });
  const x = float32(new Float32Array(4), [1, 4]);
  const session = await load();
  const other = await load();
  const answer = await session.run({ x });
  const underWay = [session.run({ x }), session.run({ x })];
  (await env.webgpu.device).destroy();
  const told = { name: "InferenceError", message: /^the graphics device was lost: ./, hint: /^dispose every session/ };
  for (const run of underWay) await expect(run).rejects.toMatchObject(told);
  await expect(session.run({ x })).rejects.toMatchObject(told);
  await session.dispose();
  await other.dispose();
  const anew = await load();
  expect(await anew.run({ x })).toEqual(answer);
  await anew.dispose();
}
