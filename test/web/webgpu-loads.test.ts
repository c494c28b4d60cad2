import { describe, expect, test } from "vitest";
import { cdp } from "vitest/browser";

import { InferenceError } from "../../src/errors.ts";
import type { Session } from "../../src/infer/runtime.ts";
import { getRuntime } from "../../src/infer/runtimes.ts";
import { cycle, index, weighty } from "../helpers/loads.ts";
import { unary } from "../helpers/tiny-onnx.ts";

/** Memories that WebAssembly modules make from here on. */
const memories: WebAssembly.Memory[] = [];
WebAssembly.Memory = class extends WebAssembly.Memory {
  constructor(descriptor: WebAssembly.MemoryDescriptor) {
    super(descriptor);
    memories.push(this);
  }
};

/** Every device of the page, held weakly. */
const devices: WeakRef<GPUDevice>[] = [];
/** Buffers made and not yet destroyed. */
let buffers = 0;

/** Be told of what a method gives. */
function listen(prototype: object, name: string, told: (given: unknown) => void): void {
  const method: unknown = Reflect.get(prototype, name);
  if (typeof method !== "function") throw new TypeError(`${name} is no method`);
  Reflect.set(prototype, name, function listened(this: unknown, ...args: readonly unknown[]): unknown {
    const given: unknown = Reflect.apply(method, this, args);
    told(given);
    return given;
  });
}

async function remember(given: unknown): Promise<void> {
  const device: unknown = await given;
  if (device instanceof GPUDevice) devices.push(new WeakRef(device));
}

listen(GPUAdapter.prototype, "requestDevice", (given) => void remember(given));
listen(GPUDevice.prototype, "createBuffer", () => buffers++);
listen(GPUBuffer.prototype, "destroy", () => buffers--);

/** Bytes of all WebAssembly memory, which never shrinks. */
function wasmBytes(): number {
  return memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
}
/** It grows in steps of a fifth, of which fragments may ask for one; four sessions of `weighty` are as much. */
const STEP = 16 * 2 ** 20;

const web = await getRuntime("web");
const load = (model = weighty): Promise<Session> => web.load(model, { provider: "webgpu" });

/** Devices that are not collected. */
async function devicesLeft(): Promise<number> {
  await cdp().send("HeapProfiler.collectGarbage");
  return devices.filter((device) => device.deref() !== undefined).length;
}

describe("many loads in Chromium on webgpu", () => {
  test("dispose of the last session gives back the device", async () => {
    await cycle(load, index, 5);
    const before = wasmBytes();
    await cycle(load, index, 35);
    expect(devices).toHaveLength(40);
    // onnxruntime-web has the last one in `env`; another may be on its way.
    await expect.poll(devicesLeft, { timeout: 10_000 }).toBeLessThanOrEqual(3);
    expect(wasmBytes() - before).toBeLessThan(STEP);
  });

  async function expectNothingLeft(): Promise<void> {
    await cycle(load, index, 5);
    const before = { buffers, bytes: wasmBytes() };
    await cycle(load, index, 50);
    expect(buffers).toBe(before.buffers);
    expect(wasmBytes() - before.bytes).toBeLessThan(STEP);
  }

  test("dispose gives back the weights while another session keeps the device", async () => {
    const other = await load();
    await expectNothingLeft();
    await other.dispose();
  });

  test("dispose gives back the weights after a model was refused, which keeps the device", async () => {
    await expect(load(unary("Frobnicate"))).rejects.toThrow(InferenceError);
    await expectNothingLeft();
  });
});
