import { spawnSync } from "node:child_process";
import { join } from "node:path";

import { type Python, pythonWith } from "./python-package.ts";

/** TensorBoard; text that says why it is not available. */
export const tensorboard: Python | string = await pythonWith(
  "tensorboard==2.21.0",
  "tensorboard.backend.event_processing.event_accumulator",
);
if (typeof tensorboard === "string") process.stderr.write(`skipped: TensorBoard, for ${tensorboard}\n`);

/** What TensorBoard's own reader, which verifies every checksum, finds in a folder or file of events, as JSON. */
export function readByTensorBoard(path: string): unknown {
  if (typeof tensorboard === "string") throw new TypeError(tensorboard);
  const { stdout, stderr, status } = spawnSync(
    tensorboard.command,
    [join(import.meta.dirname, "read_events.py"), path],
    {
      env: tensorboard.env,
      encoding: "utf8",
    },
  );
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}
