import { getRuntime } from "../../src/infer/runtimes.ts";
import { expectParityMatrix } from "../parity/matrix.ts";

const web = await getRuntime("web");

expectParityMatrix({
  name: "web in Chromium, wasm, 2 threads",
  load: ({ onnx }) => web.load(onnx, { threads: 2 }),
  ran: ["web", "wasm"],
});
