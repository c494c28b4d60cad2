import type { Env } from "onnxruntime-common";

import { InferenceError, SetupError } from "../errors.ts";

import { endOnDeviceLoss, isLosable } from "./device-loss.ts";
import { checkSessionOptions, unknownProvider } from "./check-options.ts";
import { inNode, notLoaded } from "./import-package.ts";
import type { OnnxHeader } from "../onnx/header.ts";
import { onnxBytes, openOnnxModel } from "./onnx-model.ts";
import { ortOptions } from "./ort-options.ts";
import { autoProvider, createWebGpuSession, noteElsewhere, type ReadLog } from "./ort-placement.ts";
import { ConsoleTap } from "./ort-log.ts";
import { createOrtSession, wrapOrtSession, type Ort } from "./ort-session.ts";
import { Queue } from "./queue.ts";
import type { Runtime, Session, SessionOptions } from "./runtime.ts";
import { gpuHere, softwareName } from "./webgpu-adapter.ts";
import { keptOnDevice } from "./shared-device.ts";
import { leaveOnRelease } from "./webgpu-device.ts";

interface OrtWeb extends Ort {
  readonly env: Env;
}

/** What a WebGPU in Node takes, which only Node code can give. */
export interface NodeGpu {
  /** Give this process `navigator.gpu`. @throws {SetupError} where that cannot be */
  open(): Promise<void>;
  /** What is written to stderr during a task, instead of stderr. */
  captureStderr(task: () => Promise<unknown>): Promise<string>;
}

/** onnxruntime-web: WebAssembly in Node and browsers, WebGPU where `navigator.gpu` is or `nodeGpu` brings it. */
export function createWebRuntime(nodeGpu?: NodeGpu): Runtime {
  return {
    name: "web",
    async load(model, options = {}) {
      checkSessionOptions(options);
      const { bytes, header } = openOnnxModel(onnxBytes(model, "web"), options);
      const wasm = (): Promise<Session> => loadWasm(bytes, header, options);
      const webgpu = async (): Promise<Session> => {
        if (inNode()) await nodeGpu?.open();
        const adapter = await requestAdapter();
        if (options.provider === "auto") assertHardware(adapter);
        return loadWebGpu(bytes, header, options, nodeGpu);
      };
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
          throw unknownProvider("onnxruntime-web", "wasm and webgpu", options.provider satisfies never);
      }
    },
  };
}

/** onnxruntime-web where nothing need be brought: in a browser. */
export const ortWeb: Runtime = createWebRuntime();

/** A module does one thing at a time: loads and runs that overlap, of any sessions, overwrite each other's stack. */
const turnsOf = new WeakMap<OrtWeb, Queue>();
/** Threads each started module has; they cannot be changed. */
const threadsOf = new WeakMap<OrtWeb, number>();

async function loadWasm(bytes: Uint8Array, header: OnnxHeader, options: SessionOptions): Promise<Session> {
  const ort = await importWasm();
  const turns = getTurns(ort);
  const session = await turns.run(() => {
    setThreads(ort, options.threads ?? threadsOf.get(ort) ?? 1);
    return createOrtSession(ort, bytes, { ...ortOptions(options), executionProviders: ["wasm"] });
  });
  return wrapOrtSession(ort, session, header, { runtime: "web", provider: "wasm", elsewhere: [] }, turns);
}

async function loadWebGpu(
  bytes: Uint8Array,
  header: OnnxHeader,
  options: SessionOptions,
  nodeGpu: NodeGpu | undefined,
): Promise<Session> {
  const ort = await importWebGpu();
  if (inNode() && options.threads !== undefined && options.threads > 1) {
    throw new InferenceError(`onnxruntime-web's WebGPU build runs on 1 thread in Node; got ${options.threads}`, {
      hint: "leave --threads out, or use --browser, --provider wasm, or --runtime node",
    });
  }
  const turns = getTurns(ort);
  const { session, elsewhere } = await turns.run(() => {
    setThreads(ort, options.threads ?? threadsOf.get(ort) ?? 1);
    const readLog: ReadLog = async (model, verbose) => {
      const create = async (): Promise<void> => (await createOrtSession(ort, model, verbose)).release();
      if (!inNode()) return tap.capture(create);
      return (await nodeGpu?.captureStderr(create)) ?? null;
    };
    const { gpuDevice: device } = options;
    const base = ortOptions(options);
    const shared = device === undefined ? base : { ...base, preferredOutputLocation: keptOnDevice(header.outputs) };
    return tap.whileStarting(() => createWebGpuSession(ort, bytes, shared, readLog, device));
  });
  noteElsewhere(elsewhere, options);
  const { gpuDevice } = options;
  const losable = isLosable(gpuDevice) ? gpuDevice : await ort.env.webgpu.device;
  const guarded = endOnDeviceLoss(leaveOnRelease(ort, session, gpuDevice), losable);
  return wrapOrtSession(
    ort,
    guarded,
    header,
    { runtime: "web", provider: "webgpu", elsewhere },
    turns,
    options.gpuDevice,
  );
}

/** Of the WebGPU build's module. */
const tap = new ConsoleTap();

/** The build without WebGPU is half as large; Node has an entry of its own. */
async function importWasm(): Promise<OrtWeb> {
  try {
    return inNode() ? await import("onnxruntime-web") : await import("onnxruntime-web/wasm");
  } catch (cause) {
    throw notLoaded("onnxruntime-web", cause);
  }
}

async function importWebGpu(): Promise<OrtWeb> {
  try {
    return await import("onnxruntime-web/webgpu");
  } catch (cause) {
    throw notLoaded("onnxruntime-web", cause);
  }
}

function getTurns(ort: OrtWeb): Queue {
  const turns = turnsOf.get(ort) ?? new Queue();
  turnsOf.set(ort, turns);
  return turns;
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

/** @throws {SetupError} when there is no WebGPU, or no adapter */
async function requestAdapter(): Promise<unknown> {
  const hint = inNode()
    ? "use --provider wasm, --browser, or --runtime node, which brings a WebGPU of its own"
    : "use a browser with WebGPU, or the provider wasm";
  const gpu = gpuHere();
  if (gpu === null) throw new SetupError("there is no WebGPU here: navigator.gpu is missing", { hint });
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new SetupError("WebGPU finds no graphics adapter here", { hint });
  return adapter;
}

/** @throws {SetupError} for an adapter that is software */
function assertHardware(adapter: unknown): void {
  const name = softwareName(adapter);
  if (name === null) return;
  throw new SetupError(`WebGPU's only adapter here is software on the CPU: ${name}`, {
    hint: "ask for it with --provider webgpu, or take --provider wasm",
  });
}
