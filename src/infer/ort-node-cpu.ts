/** onnxruntime-node's CPU without a reader of ONNX files, which an optimised graph does not need. */
import type { InferenceSession } from "onnxruntime-common";

import { SetupError } from "../errors.ts";

import { checkSessionOptions } from "./check-options.ts";
import { notLoaded } from "./import-package.ts";
import type { OptimizedModel, SessionHeader } from "./optimized-model.ts";
import { ortOptions } from "./ort-options.ts";
import { createOrtSession, wrapOrtSession, type Ort } from "./ort-session.ts";
import type { Session, SessionOptions } from "./runtime.ts";

/** Version of onnxruntime-node. @throws {SetupError} when it is not installed */
export async function ortNodeVersion(): Promise<string> {
  const { node } = (await importOrt()).env.versions;
  if (node === undefined) throw new SetupError("onnxruntime-node does not say its version", { hint: "update it" });
  return node;
}

/**
 * Load a graph of `loadAndOptimize` in ort-node.ts onto the CPU. Nothing is optimised again.
 *
 * @throws {InferenceError} when ONNX Runtime refuses it
 */
export async function loadOptimized({ bytes, header }: OptimizedModel, options: SessionOptions): Promise<Session> {
  checkSessionOptions(options);
  const ort = await importOrt();
  return loadCpu(ort, bytes, header, { ...baseOptions(options), graphOptimizationLevel: "disabled" });
}

export function baseOptions(options: SessionOptions): InferenceSession.SessionOptions {
  return {
    ...withPrefixes(ortOptions(options)),
    ...(options.threads === undefined ? {} : { intraOpNumThreads: options.threads }),
  };
}

/** onnxruntime-node takes a leading `./` off the paths it is given, but not off those that the model gives. */
function withPrefixes({ externalData, ...rest }: InferenceSession.SessionOptions): InferenceSession.SessionOptions {
  if (externalData === undefined) return rest;
  return {
    ...rest,
    externalData: externalData.map((file) => (typeof file === "string" ? file : { ...file, path: `./${file.path}` })),
  };
}

/**
 * Turns telemetry off, unless the user has set it. ONNX Runtime's official builds for Linux and macOS send events to Microsoft since 1.29.
 * The events hold the model's name and hash, and an identifier of the machine is kept. The variable must be set before ONNX Runtime starts.
 */
function refuseTelemetry(): void {
  process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
}

export async function loadCpu(
  ort: Ort,
  bytes: Uint8Array,
  header: SessionHeader,
  base: InferenceSession.SessionOptions,
): Promise<Session> {
  const session = await createOrtSession(ort, bytes, { ...base, executionProviders: ["cpu"] });
  return wrapOrtSession(ort, session, header, { runtime: "node", provider: "cpu", elsewhere: [] });
}

/** Bundlers leave this import as it is: browsers never reach it, and no bundler takes the package's native files. */
export async function importOrt(): Promise<typeof import("onnxruntime-node")> {
  refuseTelemetry();
  try {
    return await import(/* webpackIgnore: true */ /* @vite-ignore */ "onnxruntime-node");
  } catch (cause) {
    throw notLoaded("onnxruntime-node", cause);
  }
}
