import { describe, test } from "vitest";

import { getRuntime } from "../../src/infer/runtimes.ts";
import { gpuHooks } from "../../src/node/gpu/index.ts";
import { hasWebGpu } from "../helpers/has-webgpu.ts";
import { expectHonestPlacement, expectManyNamed } from "../helpers/placement.ts";
import { expectSessionContract } from "../helpers/session-contract.ts";
import {
  convolutions,
  expectAllOnCpuTold,
  expectKnownFaults,
  expectRightConvolutions,
  feeds,
} from "../helpers/webgpu-convolutions.ts";
import { expectForeignRight, expectNothingRefused } from "../helpers/webgpu-foreign.ts";

const plain = await getRuntime("node");
const runtime = await getRuntime("node", gpuHooks);

describe.skipIf(!(await hasWebGpu()))("session on node, webgpu", () => {
  expectSessionContract((model, options) => plain.load(model, { ...options, provider: "webgpu" }));

  test("names the nodes that WebGPU does not take", () => expectHonestPlacement(runtime));

  test("names all nodes where it takes none", () => expectAllOnCpuTold(runtime));

  test("names each of many nodes", () => expectManyNamed(runtime));

  test("computes convolutions that WebGPU gets wrong", () => expectRightConvolutions(runtime));

  test("computes what it gets wrong in files of other programs", () => expectForeignRight(runtime, "cpu"));

  test("refuses products along no elements", () => expectNothingRefused(runtime));

  test("ONNX Runtime by itself gets those convolutions wrong", async () => {
    const ort = await import("onnxruntime-node");
    const session = await ort.InferenceSession.create(convolutions, { executionProviders: ["webgpu"] });
    const tensors = Object.entries(feeds).map(([name, { data, dims }]) => [
      name,
      new ort.Tensor("float32", data, dims),
    ]);
    expectKnownFaults(await session.run(Object.fromEntries(tensors)));
    await session.release();
  });
});
