import type { Env, InferenceSession } from "onnxruntime-common";

import { InferenceError, SetupError } from "../errors.ts";

import { importPackage, inNode } from "./import-package.ts";
import type { OnnxHeader } from "./onnx-header.ts";
import { onnxBytes, ortOptions, readOnnxModel } from "./onnx-model.ts";
import { autoProvider, createWebGpuSession, noteElsewhere } from "./ort-placement.ts";
import { createOrtSession, wrapOrtSession, type Ort } from "./ort-session.ts";
import { Queue } from "./queue.ts";
import type { Runtime, Session, SessionOptions } from "./runtime.ts";

interface OrtWeb extends Ort {
  readonly env: Env;
}

/** onnxruntime-web: WebAssembly in Node and browsers, WebGPU where `navigator.gpu` is. */
export const ortWeb: Runtime = {
  name: "web",
  async load(model, options = {}) {
    const bytes = onnxBytes(model, "web");
    const header = readOnnxModel(bytes, options);
    const wasm = (): Promise<Session> => loadWasm(bytes, header, options);
    const webgpu = (): Promise<Session> => loadWebGpu(bytes, header, options);
    switch (options.provider) {
      case "auto":
        return autoProvider(webgpu, wasm, "wasm", options);
      case "webgpu":
        return webgpu();
      case undefined:
      case "wasm":
        return wasm();
      case "cpu":
      case "tensorflow":
        throw new InferenceError(`onnxruntime-web has the providers wasm and webgpu; got ${options.provider}`, {
          hint: options.provider === "cpu" ? "cpu is of the runtime node" : "tensorflow is of the runtime tfjs",
        });
      default:
        return options.provider satisfies never;
    }
  },
};

/** Sessions are created one at a time: the first one starts the WebAssembly module, and two at once fail. */
const creations = new Queue();
/** Threads each started module has; they cannot be changed. */
const threadsOf = new WeakMap<OrtWeb, number>();

async function loadWasm(bytes: Uint8Array, header: OnnxHeader, options: SessionOptions): Promise<Session> {
  const ort = await importWasm();
  const session = await creations.run(() => {
    setThreads(ort, options.threads ?? threadsOf.get(ort) ?? 1);
    return createOrtSession(ort, bytes, { ...ortOptions(options), executionProviders: ["wasm"] });
  });
  return wrapOrtSession(ort, session, header, { runtime: "web", provider: "wasm", elsewhere: [] });
}

async function loadWebGpu(bytes: Uint8Array, header: OnnxHeader, options: SessionOptions): Promise<Session> {
  await assertWebGpu();
  const ort: OrtWeb = await importPackage("onnxruntime-web", () => import("onnxruntime-web/webgpu"));
  const { session, elsewhere } = await creations.run(() => {
    setThreads(ort, options.threads ?? threadsOf.get(ort) ?? 1);
    const base: InferenceSession.SessionOptions = ortOptions(options);
    return createWebGpuSession(ort, bytes, base, async () => ["some nodes"]);
  });
  noteElsewhere(elsewhere, options);
  return wrapOrtSession(ort, session, header, { runtime: "web", provider: "webgpu", elsewhere });
}

/** The build without WebGPU is half as large; Node has an entry of its own. */
function importWasm(): Promise<OrtWeb> {
  return importPackage<OrtWeb>("onnxruntime-web", () =>
    inNode() ? import("onnxruntime-web") : import("onnxruntime-web/wasm"),
  );
}

function setThreads(ort: OrtWeb, threads: number): void {
  const started = threadsOf.get(ort);
  if (started !== undefined && started !== threads) {
    throw new InferenceError(
      `onnxruntime-web was started with ${started} threads here; it cannot change to ${threads}`,
      {
        hint: "ask for the same number of threads, or start another process or page",
      },
    );
  }
  if (threads > 1 && !inNode() && !globalThis.crossOriginIsolated) {
    throw new SetupError(`${threads} threads need a page that is cross-origin isolated`, {
      hint: "serve it with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp",
    });
  }
  ort.env.wasm.numThreads = threads;
  threadsOf.set(ort, threads);
}

async function assertWebGpu(): Promise<void> {
  const hint = inNode()
    ? "in Node it takes the npm package webgpu and a Vulkan driver; use --provider wasm, or --browser"
    : "use a browser with WebGPU, or the provider wasm";
  const gpu: unknown = typeof navigator !== "undefined" && "gpu" in navigator ? navigator.gpu : undefined;
  if (!hasAdapters(gpu)) throw new SetupError("there is no WebGPU here: navigator.gpu is missing", { hint });
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new SetupError("WebGPU finds no graphics adapter here", { hint });
}

function hasAdapters(gpu: unknown): gpu is { requestAdapter(): Promise<unknown> } {
  return typeof gpu === "object" && gpu !== null && "requestAdapter" in gpu;
}
