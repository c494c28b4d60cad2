import { setFlagsFromString } from "node:v8";

import { SetupError } from "../../errors.ts";
import { importPackage } from "../../infer/import-package.ts";

/** First Node whose V8 compiles onnxruntime-web's WebGPU build in good time. */
const FAST_COMPILER = 22;

let opened: Promise<void> | undefined;

/**
 * Give this process `navigator.gpu`, from the package webgpu (Dawn, Chromium's WebGPU). Once: further calls wait for the
 * first.
 *
 * @throws {SetupError} when the package is missing or there is no graphics driver
 */
export async function openGpu(): Promise<void> {
  if (typeof navigator !== "undefined" && "gpu" in navigator) return;
  opened ??= open();
  await opened;
}

async function open(): Promise<void> {
  const { create, globals } = await importPackage("webgpu", () => import("webgpu"));
  const gpu = create([]);
  if ((await gpu.requestAdapter()) === null) {
    throw new SetupError("WebGPU is not available here: no graphics adapter", {
      hint: "it needs a graphics driver (on Linux a Vulkan one, e.g. Mesa 23 or later); without it use --provider wasm",
    });
  }
  Object.assign(globalThis, globals);
  copySharedMemory();
  freeDestroyedDevices();
  quickenCompiler();
  if (typeof navigator === "undefined")
    Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
  Object.defineProperty(globalThis.navigator, "gpu", { value: gpu, configurable: true });
}

type Source = ArrayBufferLike | ArrayBufferView;

/** Dawn's `writeBuffer` refuses views of shared memory, which WebAssembly's is in a build with threads. */
function copySharedMemory(): void {
  const writeBuffer: unknown = Reflect.get(GPUQueue.prototype, "writeBuffer");
  if (typeof writeBuffer !== "function") return;
  GPUQueue.prototype.writeBuffer = function write(
    buffer: GPUBuffer,
    bufferOffset: number,
    data: Source,
    dataOffset = 0,
    size?: number,
  ): undefined {
    const source = isShared(data) ? [copyRange(data, dataOffset, size)] : [data, dataOffset, size];
    Reflect.apply(writeBuffer, this, [buffer, bufferOffset, ...source]);
  };
}

function isShared(data: Source): boolean {
  return (ArrayBuffer.isView(data) ? data.buffer : data) instanceof SharedArrayBuffer;
}

/** Offset and size are in elements for a typed array, in bytes for all else. */
function copyRange(data: Source, offset: number, size: number | undefined): Uint8Array<ArrayBuffer> {
  const view = ArrayBuffer.isView(data) ? data : new Uint8Array(data);
  const unit = "BYTES_PER_ELEMENT" in view && typeof view.BYTES_PER_ELEMENT === "number" ? view.BYTES_PER_ELEMENT : 1;
  const start = offset * unit;
  const length = size === undefined ? view.byteLength - start : size * unit;
  return new Uint8Array(new Uint8Array(view.buffer, view.byteOffset + start, length));
}

/**
 * Dawn holds a device's event handlers where V8's collector cannot see what they hold. ONNX Runtime gives a device one more
 * handler when it is lost, which holds that device: none were ever freed.
 */
function freeDestroyedDevices(): void {
  const destroy: unknown = Reflect.get(GPUDevice.prototype, "destroy");
  if (typeof destroy !== "function") return;
  GPUDevice.prototype.destroy = function destroyAndForget(): undefined {
    Reflect.apply(destroy, this, []);
    // After ONNX Runtime's own listener, which was there first.
    void this.lost.then(() => {
      this.onuncapturederror = null;
    });
  };
}

/** On Node 20, V8's optimizing compiler takes half a minute and 2 GB for this module; its baseline one a second. */
function quickenCompiler(): void {
  const [major = ""] = process.versions.node.split(".");
  if (Number(major) < FAST_COMPILER) setFlagsFromString("--liftoff-only");
}
