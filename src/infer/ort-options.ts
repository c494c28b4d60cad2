import type { InferenceSession } from "onnxruntime-common";

import type { SessionOptions } from "./runtime.ts";

/** Options that onnxruntime-node and onnxruntime-web share: faults are thrown, so nothing is logged as well. */
export function ortOptions(options: SessionOptions): InferenceSession.SessionOptions {
  const files = [...(options.externalData ?? [])].map(([path, data]) => ({ path, data }));
  return { logSeverityLevel: 4, ...(files.length === 0 ? {} : { externalData: files }) };
}
