import { getRuntime } from "../../src/infer/runtimes.ts";
import { gpuHooks } from "../../src/node/gpu/index.ts";
import { hasWebGpu } from "../helpers/has-webgpu.ts";

import { expectParityMatrix } from "./matrix.ts";

const node = await getRuntime("node", gpuHooks);

expectParityMatrix({
  name: "node, webgpu",
  load: ({ onnx }) => node.load(onnx, { provider: "webgpu" }),
  available: await hasWebGpu(),
  ran: ["node", "webgpu"],
  slow: { leaveOut: ["CRNN", "MobileNet-like"] },
});
