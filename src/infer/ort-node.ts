import type { InferenceSession } from "onnxruntime-common";

import { InferenceError, SetupError } from "../errors.ts";

import { checkSessionOptions, unknownProvider } from "./check-options.ts";
import type { LogCreation } from "./hooks.ts";
import { onnxBytes, openOnnxModel } from "./onnx-model.ts";
import { baseOptions, importOrt, loadCpu } from "./ort-node-cpu.ts";
import type { OnnxHeader } from "../onnx/header.ts";
import { autoProvider, createWebGpuSession, noteElsewhere, type ReadLog } from "./ort-placement.ts";
import type { SessionHeader } from "./optimized-model.ts";
import { wrapOrtSession, type Ort } from "./ort-session.ts";
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
