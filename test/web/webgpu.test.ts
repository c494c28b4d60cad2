import { describe, test } from "vitest";

import { getRuntime } from "../../src/infer/runtimes.ts";
import { expectDeviceLossIsTold } from "../helpers/device-loss.ts";
import { expectAutoAvoidsSoftware, expectHonestPlacement, expectManyNamed } from "../helpers/placement.ts";
import { expectSessionContract } from "../helpers/session-contract.ts";
import { expectAllOnCpuTold, expectRightConvolutions } from "../helpers/webgpu-convolutions.ts";
import { expectForeignRight } from "../helpers/webgpu-foreign.ts";

const web = await getRuntime("web");

// First, for a session that others left open would hold the device that is lost.
test("says that the graphics device was lost, and loads anew", () => expectDeviceLossIsTold(web));

describe("session in Chromium on webgpu", () => {
  expectSessionContract((model, options) => web.load(model, { ...options, provider: "webgpu" }));

  test("names the nodes that WebGPU does not take", () => expectHonestPlacement(web));

  test("names all nodes where it takes none", () => expectAllOnCpuTold(web));

  test("names each of many nodes", () => expectManyNamed(web));

  test("computes convolutions that WebGPU gets wrong", () => expectRightConvolutions(web));

  test("computes what it gets wrong in files of other programs", () => expectForeignRight(web, "wasm"));

  test("is not what auto takes on a software adapter", () => expectAutoAvoidsSoftware(web));
});
