// A process that runs models with loops for its parent: a loop that does not end blocks this process alone.
import { Worker } from "node:worker_threads";

import { createServer } from "../../infer/remote/serve.ts";
import { encodeMessage } from "../../infer/remote/wire.ts";
import type { RuntimeName } from "../../infer/runtime.ts";
import { runtimeOf } from "../place.ts";

/** While a model runs, this process hears nothing: a thread watches whether its parent still lives. */
const WATCH = `
const { workerData: parent } = require("node:worker_threads");
setInterval(() => {
  try {
    process.kill(parent, 0);
    if (process.platform === "win32" || process.ppid === parent) return;
  } catch {}
  process.kill(process.pid, "SIGKILL");
}, 250);
`;

function isRuntime(name: string | undefined): name is RuntimeName {
  return name === "node" || name === "web" || name === "tfjs";
}

const [, , name] = process.argv;
if (!isRuntime(name)) throw new Error("this is a part of tfjs-to-onnx and is not started by hand");
new Worker(WATCH, { eval: true, workerData: process.ppid }).unref();
// Ctrl-C reaches every process of a terminal; what it means is for the parent to say.
process.on("SIGINT", () => undefined);
process.once("disconnect", () => process.exit(0));
const serve = createServer(await runtimeOf({ runtime: name }));
process.on("message", (command) => {
  if (!(command instanceof Uint8Array)) return;
  void serve(command).then((answer) => process.send?.(answer));
});
process.send?.(encodeMessage({ kind: "ready", place: name }));
