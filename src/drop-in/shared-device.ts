import type * as tfjs from "@tensorflow/tfjs/dist/index.js";

import { InferenceError, InternalError } from "../errors.ts";
import type { ValueInfo } from "../infer/runtime.ts";
import { isOnDevice, type DeviceRuns, type DeviceTensor, type MixedTensors } from "../infer/device-tensor.ts";
import { sizeOf, type Tensor } from "../tensor.ts";

import type { DropInOptions } from "./options.ts";
import type { Part } from "./parts.ts";
import type { Given } from "./results.ts";
import { isTfjsTensor, tfjsEngine, toTensor, toTfjs } from "./tensors.ts";

/** What of a `GPUDevice` copies buffers. Source: the WebGPU specification. */
interface Device {
  createBuffer(descriptor: { readonly size: number; readonly usage: number }): object;
  createCommandEncoder(): {
    copyBufferToBuffer(from: object, fromAt: number, to: object, toAt: number, size: number): void;
    finish(): unknown;
  };
  readonly queue: { submit(commands: readonly unknown[]): void };
}

/** TF.js's WebGPU backend, 4.22. Source: tfjs-backend-webgpu, backend_webgpu.ts. */
interface WebGpuBackend {
  readonly device: Device;
  createTensorFromGPUData(
    data: { readonly buffer: object; readonly zeroCopy: boolean },
    shape: number[],
    dtype: tfjs.DataType,
  ): tfjs.Tensor;
}

/** The graphics device for a model: that of TF.js's current backend, where that is WebGPU; else undefined. */
export function deviceFor({ provider, runtime, exportOptions }: DropInOptions): object | undefined {
  if (runtime === "node" || provider === "wasm" || provider === "cpu") return undefined;
  // TF.js asks its device for no shader-f16.
  if (exportOptions?.compute === "float16") return undefined;
  return tfjsBackend()?.device;
}

function tfjsBackend(): WebGpuBackend | null {
  const engine = tfjsEngine();
  if (engine === null || Reflect.get(engine, "backendName") !== "webgpu") return null;
  const backend: unknown = Reflect.get(engine, "backend");
  return isBackend(backend) ? backend : null;
}

function isBackend(backend: unknown): backend is WebGpuBackend {
  return (
    typeof backend === "object" &&
    backend !== null &&
    typeof Reflect.get(backend, "createTensorFromGPUData") === "function" &&
    typeof Reflect.get(Object(Reflect.get(backend, "device")), "createBuffer") === "function"
  );
}

/** GPUBufferUsage.STORAGE, COPY_SRC and COPY_DST. */
const USAGE = 0x80 | 0x4 | 0x8;
/** ONNX Runtime reads four elements at a time, so its buffers are multiples of this. */
const MULTIPLE = 16;

/** Tensors of TF.js on its WebGPU device, given to ONNX Runtime on the same device and taken back, without a way through memory. */
export class SharedDevice {
  readonly #backend: WebGpuBackend;

  constructor(backend: WebGpuBackend) {
    this.#backend = backend;
  }

  /** For inputs that are tensors of TF.js and a session on the device of its current backend; null for others. */
  static of(runs: DeviceRuns | undefined, given: readonly Given[]): SharedDevice | null {
    const backend = tfjsBackend();
    if (runs === undefined || backend === null || backend.device !== runs.device) return null;
    return given.some(({ value }) => isTfjsTensor(value)) ? new SharedDevice(backend) : null;
  }

  /**
   * An input where it is. Reading a tensor that is not on the device begins before this returns, as does copying one that is.
   *
   * @param cast See {@link toTensor}.
   */
  async #read(value: unknown, input: ValueInfo, cast: boolean): Promise<Tensor | DeviceTensor> {
    return this.#onDevice(value, input) ?? toTensor(value, input, cast);
  }

  /** Null for a tensor that must pass through memory: of another type, empty, or not yet on the device. */
  #onDevice(value: unknown, { dtype }: ValueInfo): DeviceTensor | null {
    if (!isTfjsTensor(value) || value.dtype !== dtype || (dtype !== "float32" && dtype !== "int32")) return null;
    const dims = [...value.shape];
    const bytes = 4 * sizeOf(dims);
    if (bytes === 0) return null;
    let found;
    try {
      found = value.dataToGPU();
    } catch {
      // "Data is not on GPU but on CPU."
      return null;
    }
    const { buffer: own, tensorRef } = found;
    if (own === undefined) {
      tensorRef.dispose();
      return null;
    }
    const buffer = this.#copy(own, bytes, Math.ceil(bytes / MULTIPLE) * MULTIPLE);
    tensorRef.dispose();
    return { dtype, dims, buffer, release: () => destroy(buffer) };
  }

  /** Begins to read all inputs where they are; see {@link toTensor}. */
  async readAll(given: readonly Given[], cast: boolean): Promise<MixedTensors> {
    const read = given.map(async ({ input, value }) => [input.name, await this.#read(value, input, cast)] as const);
    return Object.fromEntries(await Promise.all(read));
  }

  /**
   * Run a part, whose session is on this device, and give its outputs as tensors of TF.js.
   *
   * @param feeds Their buffers are released.
   * @param names What the outputs are called, for messages.
   * @throws {InferenceError} when an input is missing or of another shape, or ONNX Runtime fails
   */
  async run({ session, outputs }: Part, feeds: MixedTensors, names: readonly string[]): Promise<tfjs.Tensor[]> {
    const { onDevice, inputs } = session;
    if (onDevice?.device !== this.#backend.device) throw new InternalError("a session is on another device than TF.js");
    const used = Object.fromEntries(
      Object.entries(feeds).filter(([name]) => inputs.some((each) => each.name === name)),
    );
    let results: MixedTensors = {};
    try {
      results = await onDevice.run(used);
      return outputs.map((name, index) => {
        const tensor = Object.hasOwn(results, name) ? results[name] : undefined;
        if (tensor === undefined) throw new InferenceError(`ONNX Runtime gave no output "${name}"`);
        return this.#give(tensor, names[index] ?? name);
      });
    } finally {
      for (const tensor of [...Object.values(feeds), ...Object.values(results)])
        if (isOnDevice(tensor)) tensor.release();
    }
  }

  /** A result as a tensor of TF.js, on the device where it is there. */
  #give(tensor: Tensor | DeviceTensor, name: string): tfjs.Tensor {
    if (!isOnDevice(tensor)) {
      const engine = tfjsEngine();
      if (engine === null) throw new InternalError("TF.js's engine is gone");
      return toTfjs(engine, tensor, name);
    }
    const { dtype, dims, buffer } = tensor;
    // TF.js takes the length of a tensor's data from its buffer, which ONNX Runtime makes longer.
    const exact = this.#copy(buffer, 4 * sizeOf(dims), 4 * sizeOf(dims));
    const result = this.#backend.createTensorFromGPUData({ buffer: exact, zeroCopy: false }, [...dims], dtype);
    destroy(exact);
    return result;
  }

  #copy(from: object, bytes: number, size: number): object {
    const { device } = this.#backend;
    const to = device.createBuffer({ size, usage: USAGE });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(from, 0, to, 0, bytes);
    device.queue.submit([encoder.finish()]);
    return to;
  }
}

/** What was submitted before still reads the buffer. */
function destroy(buffer: object): void {
  const method: unknown = Reflect.get(buffer, "destroy");
  if (typeof method === "function") Reflect.apply(method, buffer, []);
}
