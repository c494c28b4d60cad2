import { getRuntime } from "../../src/infer/runtimes.ts";

import { expectParityMatrix } from "./matrix.ts";

const node = await getRuntime("node");

expectParityMatrix({ name: "node, cpu", load: ({ onnx }) => node.load(onnx), ran: ["node", "cpu"] });
