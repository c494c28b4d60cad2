import type { InferenceSession } from "onnxruntime-common";

import { InferenceError, SetupError } from "../errors.ts";

import { checkSessionOptions, unknownProvider } from "./check-options.ts";
import type { LogCreation } from "./hooks.ts";
import { notLoaded } from "./import-package.ts";
import { onnxBytes, openOnnxModel, ortOptions } from "./onnx-model.ts";
import type { OnnxHeader } from "../onnx/header.ts";
import { autoProvider, createWebGpuSession, noteElsewhere, type ReadLog } from "./ort-placement.ts";
import type { OptimizedModel, SessionHeader } from "./optimized-model.ts";
import { createOrtSession, wrapOrtSession, type Ort } from "./ort-session.ts";
import type { Runtime, Session, SessionOptions } from "./runtime.ts";
import { leaveOnRelease } from "./webgpu-device.ts";

/** onnxruntime-node: native code, on the CPU or on a GPU through WebGPU. */
export function createNodeRuntime(logCreation?: LogCreation): Runtime {
  return {
    name: "node",
    async load(model, options = {}) {
      checkSessionOptions(options);
      const { bytes, header } = openOnnxModel(onnxBytes(model, "node"), options);
      const ort = await importOrt();
      const base = baseOptions(options);
      const cpu = (): Promise<Session> => loadCpu(ort, bytes, header, base);
      const webgpu = async (): Promise<Session> => {
        assertWebGpu(ort.listSupportedBackends());
        return loadWebGpu(ort, bytes, header, base, options, logCreation);
      };
      switch (options.provider) {
        case "auto":
          return autoProvider(webgpu, cpu, "cpu", options);
        case "webgpu":
          return webgpu();
        case undefined:
        case "cpu":
          return cpu();
        case "wasm":
        case "tensorflow":
          throw new InferenceError(`onnxruntime-node has the providers cpu and webgpu; got ${options.provider}`, {
            hint: options.provider === "wasm" ? "wasm is of the runtime web" : "tensorflow is of the runtime tfjs",
          });
        default:
          throw unknownProvider("onnxruntime-node", "cpu and webgpu", options.provider satisfies never);
      }
    },
  };
}

/** Version of onnxruntime-node. @throws {SetupError} when it is not installed */
export async function ortNodeVersion(): Promise<string> {
  const { node } = (await importOrt()).env.versions;
  if (node === undefined) throw new SetupError("onnxruntime-node does not say its version", { hint: "update it" });
  return node;
}

/**
 * Load a file onto the CPU, and have ONNX Runtime write its optimised graph.
 *
 * @param path Where to write it. ONNX Runtime writes over what is there.
 * @throws as {@link createNodeRuntime}'s `load`
 */
export async function loadAndOptimize(
  onnx: Uint8Array,
  options: SessionOptions,
  path: string,
): Promise<{ readonly session: Session; readonly header: SessionHeader }> {
  checkSessionOptions(options);
  const { bytes, header } = openOnnxModel(onnx, options);
  const ort = await importOrt();
  const session = await loadCpu(ort, bytes, header, { ...baseOptions(options), optimizedModelFilePath: path });
  return { session, header };
}

/**
 * Load a graph of {@link loadAndOptimize} onto the CPU. Nothing is optimised again.
 *
 * @throws {InferenceError} when ONNX Runtime refuses it
 */
export async function loadOptimized({ bytes, header }: OptimizedModel, options: SessionOptions): Promise<Session> {
  checkSessionOptions(options);
  const ort = await importOrt();
  return loadCpu(ort, bytes, header, { ...baseOptions(options), graphOptimizationLevel: "disabled" });
}

function baseOptions(options: SessionOptions): InferenceSession.SessionOptions {
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
 * Since 1.29 ONNX Runtime's official builds for Linux and macOS send events to Microsoft, the model's name and hash among
 * them, and keep an identifier of the machine, unless this is set before they start. What the user has set stays.
 */
function refuseTelemetry(): void {
  process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
}

async function loadCpu(
  ort: Ort,
  bytes: Uint8Array,
  header: SessionHeader,
  base: InferenceSession.SessionOptions,
): Promise<Session> {
  const session = await createOrtSession(ort, bytes, { ...base, executionProviders: ["cpu"] });
  return wrapOrtSession(ort, session, header, { runtime: "node", provider: "cpu", elsewhere: [] });
}

async function loadWebGpu(
  ort: Ort,
  bytes: Uint8Array,
  header: OnnxHeader,
  base: InferenceSession.SessionOptions,
  options: SessionOptions,
  logCreation: LogCreation | undefined,
): Promise<Session> {
  const readLog: ReadLog = async (model, verbose) =>
    (await logCreation?.(model, options.externalData ?? new Map(), verbose)) ?? null;
  const { session, elsewhere } = await createWebGpuSession(ort, bytes, base, readLog);
  noteElsewhere(elsewhere, options);
  const leaving = leaveOnRelease(ort, session);
  return wrapOrtSession(ort, leaving, header, { runtime: "node", provider: "webgpu", elsewhere });
}

function assertWebGpu(backends: readonly { readonly name: string }[]): void {
  if (backends.some(({ name }) => name === "webgpu")) return;
  throw new SetupError("this build of onnxruntime-node has no WebGPU", {
    hint: "it has it on Linux x64, macOS and Windows; use --provider cpu",
  });
}

/** Bundlers leave this import as it is: browsers never reach it, and no bundler takes the package's native files. */
async function importOrt(): Promise<typeof import("onnxruntime-node")> {
  refuseTelemetry();
  try {
    return await import(/* webpackIgnore: true */ /* @vite-ignore */ "onnxruntime-node");
  } catch (cause) {
    throw notLoaded("onnxruntime-node", cause);
  }
}
