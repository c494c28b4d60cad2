import { getRuntime } from "../../src/infer/runtimes.ts";

import { expectParityMatrix } from "./matrix.ts";

const web = await getRuntime("web");

expectParityMatrix({
  name: "web in Node, wasm",
  load: ({ onnx }) => web.load(onnx, { threads: 1 }),
  ran: ["web", "wasm"],
});
