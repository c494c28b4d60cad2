import { describe, test } from "vitest";

import { getRuntime } from "../../src/infer/runtimes.ts";
import { gpuHooks } from "../../src/node/gpu/index.ts";
import { hasWebGpu } from "../helpers/has-webgpu.ts";
import { expectHonestPlacement } from "../helpers/placement.ts";
import { expectSessionContract } from "../helpers/session-contract.ts";

const plain = await getRuntime("node");
const runtime = await getRuntime("node", gpuHooks);

describe.skipIf(!(await hasWebGpu()))("session on node, webgpu", () => {
  expectSessionContract((model, options) => plain.load(model, { ...options, provider: "webgpu" }));

  test("names the nodes that WebGPU does not take", () => expectHonestPlacement(runtime));
});
