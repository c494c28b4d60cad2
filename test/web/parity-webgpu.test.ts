import { getRuntime } from "../../src/infer/runtimes.ts";
import { expectParityMatrix } from "../parity/matrix.ts";

const web = await getRuntime("web");

expectParityMatrix({
  name: "web in Chromium, webgpu",
  load: ({ onnx }) => web.load(onnx, { provider: "webgpu" }),
  ran: ["web", "webgpu"],
  slow: { leaveOut: [] },
});
