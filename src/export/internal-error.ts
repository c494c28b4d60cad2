import { InternalError, ToolError } from "../errors.ts";

/** What was thrown, if it is one of ours; else an error that says so. */
export function internalError(cause: unknown, where = ""): ToolError {
  if (cause instanceof ToolError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new InternalError(`${where}the exporter failed: ${message}`, {
    hint: "this is a fault of tfjs-to-onnx, or of a converter of your own; please report it with the model.json",
    cause,
  });
}
