import { describe, test } from "vitest";

import { getRuntime } from "../../src/infer/runtimes.ts";
import { gpuHooks } from "../../src/node/gpu/index.ts";
import { hasWebGpu } from "../helpers/has-webgpu.ts";
import { expectDeviceLossIsTold } from "../helpers/device-loss.ts";
import { expectAutoAvoidsSoftware, expectHonestPlacement, expectManyNamed } from "../helpers/placement.ts";
import { expectSessionContract } from "../helpers/session-contract.ts";
import { expectAllOnCpuTold, expectRightConvolutions } from "../helpers/webgpu-convolutions.ts";
import { expectForeignRight, expectNothingRefused } from "../helpers/webgpu-foreign.ts";

const runtime = await getRuntime("web", gpuHooks);

const without = !(await hasWebGpu());

// First, for a session that others left open would hold the device that is lost.
test.skipIf(without)("says that the graphics device was lost, and loads anew", () => expectDeviceLossIsTold(runtime));

describe.skipIf(without)("session on web in Node, webgpu", () => {
  expectSessionContract((model, options) => runtime.load(model, { ...options, provider: "webgpu" }));

  test("names the nodes that WebGPU does not take", () => expectHonestPlacement(runtime));

  test("names all nodes where it takes none", () => expectAllOnCpuTold(runtime));

  test("names each of many nodes", () => expectManyNamed(runtime));

  test("computes convolutions that WebGPU gets wrong", () => expectRightConvolutions(runtime));

  test("computes what it gets wrong in files of other programs", () => expectForeignRight(runtime, "wasm"));

  test("refuses products along no elements", () => expectNothingRefused(runtime));

  test("is not what auto takes on a software adapter", () => expectAutoAvoidsSoftware(runtime));
});
