import { getRuntime } from "../../src/infer/runtimes.ts";

import { expectParityMatrix } from "./matrix.ts";

const web = await getRuntime("web");

expectParityMatrix({
  name: "web in Node, wasm, 2 threads",
  load: ({ onnx }) => web.load(onnx, { threads: 2 }),
  ran: ["web", "wasm"],
});
