import { getRuntime } from "../../src/infer/runtimes.ts";
import { gpuHooks } from "../../src/node/gpu/index.ts";
import { hasWebGpu } from "../helpers/has-webgpu.ts";

import { expectParityMatrix } from "./matrix.ts";

const web = await getRuntime("web", gpuHooks);

expectParityMatrix({
  name: "web in Node, webgpu",
  load: ({ onnx }) => web.load(onnx, { provider: "webgpu" }),
  available: await hasWebGpu(),
  ran: ["web", "webgpu"],
  slow: { leaveOut: ["CRNN", "MobileNet-like", "the same, portable"] },
});
