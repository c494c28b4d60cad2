import * as tf from "@tensorflow/tfjs";
import { afterEach, beforeAll, expect, test } from "vitest";

import { deviceFor, SharedDevice } from "../../src/drop-in/shared-device.ts";
import type { DeviceRuns, DeviceTensor, MixedTensors } from "../../src/infer/device-tensor.ts";
import type { Session, ValueInfo } from "../../src/infer/runtime.ts";
import { at } from "../../src/require.ts";

/** A stand-in of a graphics device: buffers in memory, commands that are carried out when they are submitted. */
class Buffer {
  readonly size: number;
  readonly bytes: Uint8Array;
  readonly mapState = "unmapped";
  destroyed = false;
  constructor(size: number) {
    this.size = size;
    this.bytes = new Uint8Array(size);
  }
  destroy(): void {
    this.destroyed = true;
  }
}

const made: Buffer[] = [];
const device = {
  createBuffer: ({ size }: { size: number }) => {
    const buffer = new Buffer(size);
    made.push(buffer);
    return buffer;
  },
  createCommandEncoder() {
    const commands: (() => void)[] = [];
    return {
      copyBufferToBuffer(from: Buffer, fromAt: number, to: Buffer, toAt: number, size: number) {
        commands.push(() => to.bytes.set(from.bytes.subarray(fromAt, fromAt + size), toAt));
      },
      finish: () => commands,
    };
  },
  queue: { submit: (lists: (() => void)[][]) => lists.flat().forEach((command) => command()) },
};

function bufferOf(numbers: Float32Array | Int32Array, size = numbers.byteLength): Buffer {
  const buffer = new Buffer(size);
  buffer.bytes.set(new Uint8Array(numbers.buffer));
  return buffer;
}

/** TF.js's plain backend, which says that it is WebGPU on the device above. */
const webGpu = {
  device,
  createTensorFromGPUData: ({ buffer }: { buffer: Buffer }, shape: number[], dtype: "float32" | "int32") => {
    expect(buffer.destroyed).toBe(false);
    const data = buffer.bytes.slice().buffer;
    return tf.tensor(dtype === "int32" ? new Int32Array(data) : new Float32Array(data), shape, dtype);
  },
};

let backend: object = {};
beforeAll(async () => {
  await tf.setBackend("cpu");
  // What it has of its own is found first, the rest in TF.js's plain backend.
  backend = { ...webGpu };
  Object.setPrototypeOf(backend, tf.backend());
});
afterEach(() => {
  pretend(null);
  made.length = 0;
});

function pretend(other: object | null): void {
  const engine: unknown = Reflect.get(globalThis, "_tfengine");
  for (const [name, value] of [
    ["backendName", "webgpu"],
    ["backend", other],
  ] as const) {
    if (other === null) Reflect.deleteProperty(Object(engine), name);
    else Object.defineProperty(engine, name, { configurable: true, value });
  }
}

test("a device is shared where TF.js computes on one, unless the model must run elsewhere", () => {
  expect(deviceFor({})).toBe(undefined);
  pretend(backend);
  expect([deviceFor({}), deviceFor({ provider: "webgpu" })]).toEqual([device, device]);
  for (const options of [
    { provider: "wasm" },
    { runtime: "node" },
    { exportOptions: { precision: "float16", compute: "float16" } },
  ] as const) {
    expect(deviceFor(options)).toBe(undefined);
  }
  const given = [{ input: input("x"), value: tf.zeros([2, 3]) }];
  expect(SharedDevice.of({ device: {}, run: () => Promise.resolve({}) }, given)).toBe(null);
  expect(SharedDevice.of(undefined, given)).toBe(null);
  expect(SharedDevice.of({ device, run: () => Promise.resolve({}) }, [{ input: input("x"), value: [1] }])).toBe(null);
});

test("tensors on the device stay there, others pass through memory, and every buffer is given back", async () => {
  const numbers = Float32Array.of(1, 2, 3, 4, 5, 6);
  const uploaded = tf.tensor(numbers, [2, 3]);
  let references = 0;
  Reflect.set(uploaded, "dataToGPU", () => {
    references += 1;
    return { buffer: bufferOf(numbers), tensorRef: { dispose: () => (references -= 1) } };
  });
  const inMemory = tf.tensor([7, 8], [2]);
  Reflect.set(inMemory, "dataToGPU", () => {
    throw new Error("Data is not on GPU but on CPU.");
  });
  const given = [
    { input: input("x"), value: uploaded },
    { input: input("y", ["n"]), value: inMemory },
  ];
  const released: string[] = [];
  const result = (name: string, data: Float32Array | Int32Array, dtype: DeviceTensor["dtype"]): DeviceTensor => ({
    dtype,
    dims: [1, data.length],
    buffer: bufferOf(data, 32),
    release: () => released.push(name),
  });
  let fed: MixedTensors = {};
  const runs: DeviceRuns = {
    device,
    run: (feeds) => {
      fed = feeds;
      return Promise.resolve({
        floats: result("floats", Float32Array.of(0.5, -2, 3), "float32"),
        whole: result("whole", Int32Array.of(-7), "int32"),
        flags: { dtype: "bool", dims: [2], data: Uint8Array.of(1, 0) },
      });
    },
  };
  pretend(backend);
  const shared = SharedDevice.of(runs, given);
  if (shared === null) throw new TypeError("nothing is shared");
  const before = tf.memory().numTensors;
  const part = { session: sessionOf(runs), outputs: ["floats", "flags", "whole", "floats"] };
  const answers = await shared.run(part, await shared.readAll(given, false), ["a", "b", "c", "d"]);
  // 24 bytes are read as two times 16.
  expect(fed["x"]).toMatchObject({ dtype: "float32", dims: [2, 3], buffer: { size: 32, destroyed: true } });
  const buffer: unknown = Reflect.get(Object(fed["x"]), "buffer");
  if (!(buffer instanceof Buffer)) throw new TypeError("no buffer was fed");
  expect(new Float32Array(buffer.bytes.slice().buffer)).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6, 0, 0));
  expect(fed["y"]).toEqual({ dtype: "float32", dims: [2], data: Float32Array.of(7, 8) });
  expect(answers.map(({ dtype, shape }) => [dtype, shape])).toEqual([
    ["float32", [1, 3]],
    ["bool", [2]],
    ["int32", [1, 1]],
    ["float32", [1, 3]],
  ]);
  expect(await Promise.all(answers.map((tensor) => tensor.array()))).toEqual([
    [[0.5, -2, 3]],
    [1, 0],
    [[-7]],
    [[0.5, -2, 3]],
  ]);
  expect([released.toSorted(), references]).toEqual([["floats", "whole"], 0]);
  expect(made.every(({ destroyed }) => destroyed)).toBe(true);
  tf.dispose(answers);
  expect(tf.memory().numTensors).toBe(before);

  const failing: DeviceRuns = { device, run: () => Promise.reject(new Error("no")) };
  const again = await shared.readAll(given, false);
  await expect(shared.run({ session: sessionOf(failing), outputs: [] }, again, [])).rejects.toThrow("no");
  expect([made.every(({ destroyed }) => destroyed), at(made, 0).size]).toEqual([true, 32]);
});

function input(name: string, dims: ValueInfo["dims"] = ["n", 3]): ValueInfo {
  return { name, dtype: "float32", dims };
}

function sessionOf(onDevice: DeviceRuns): Session {
  return {
    runtime: "web",
    provider: "webgpu",
    elsewhere: [],
    outputs: [],
    onDevice,
    inputs: [input("x"), input("y", ["n"])],
    run: () => Promise.reject(new Error("not called")),
    dispose: () => Promise.resolve(),
  };
}
