import { InferenceError } from "../errors.ts";

import type { SessionOptions } from "./runtime.ts";

/** ONNX Runtime tries to start any number, and where it cannot the process ends. */
const MOST_THREADS = 1024;

/** @throws {InferenceError} for a number of threads that none can have */
export function checkThreads({ threads }: SessionOptions): void {
  if (threads === undefined) return;
  if (Number.isInteger(threads) && threads >= 1 && threads <= MOST_THREADS) return;
  throw new InferenceError(`threads takes a whole number from 1 to ${MOST_THREADS}; got ${String(threads)}`);
}

/** For a provider that TypeScript would not let through. */
export function unknownProvider(runtime: string, providers: string, provider: unknown): InferenceError {
  return new InferenceError(`${runtime} has the providers ${providers}; got ${JSON.stringify(provider)}`);
}
