import { describe, expect, test } from "vitest";

import { InferenceError } from "../../src/errors.ts";
import type { Model, Runtime, SessionOptions } from "../../src/infer/runtime.ts";
import { reasonOf } from "../../src/infer/ort-session.ts";
import { getRuntime } from "../../src/infer/runtimes.ts";
import type { Tensor } from "../../src/tensor.ts";
import { expectSessionContract } from "../helpers/session-contract.ts";
import { smallDense } from "../helpers/tiny-onnx.ts";

const runtimes: readonly Runtime[] = [await getRuntime("node"), await getRuntime("web")];
const good: Tensor = { dtype: "float32", dims: [1, 4], data: new Float32Array(4) };

describe.each(runtimes)("session on $name", (runtime) => {
  expectSessionContract((model, options) => runtime.load(model, options));

  test.each([0, -1, 1.5, Number.NaN, 1e9])("refuses %d threads, and goes on working", async (threads) => {
    const loading = runtime.load(smallDense(), { threads });
    await expect(loading).rejects.toThrow(InferenceError);
    await expect(loading).rejects.toThrow(`threads takes a whole number from 1 to 1024; got ${threads}`);
    const session = await runtime.load(smallDense(), { threads: 1 });
    expect((await session.run({ x: good }))["y"]?.dims).toEqual([1, 3]);
    await session.dispose();
  });

  test("refuses a path or an ArrayBuffer in place of the bytes", async () => {
    for (const [model, found] of [
      ["model.onnx", '"model.onnx"'],
      [new ArrayBuffer(4), "ArrayBuffer"],
      [undefined, "undefined"],
    ] as const) {
      const given: { readonly model: Model } = { model: new Uint8Array() };
      Reflect.set(given, "model", model);
      const loading = runtime.load(given.model);
      await expect(loading).rejects.toThrow(InferenceError);
      await expect(loading).rejects.toThrow(`the bytes of an ONNX file in a Uint8Array; got ${found}`);
    }
  });

  test("refuses a provider of another name", async () => {
    const options: SessionOptions = {};
    Reflect.set(options, "provider", "cuda");
    await expect(runtime.load(smallDense(), options)).rejects.toThrow(InferenceError);
    await expect(runtime.load(smallDense(), options)).rejects.toThrow(/ has the providers .*; got "cuda"$/u);
  });

  test("a thousand loads and disposals do not grow the process", async () => {
    const bytes = smallDense();
    const cycle = async (times: number): Promise<void> => {
      for (let turn = 0; turn < times; turn++) {
        const session = await runtime.load(bytes, { threads: 1 });
        await session.run({ x: good });
        await session.dispose();
      }
    };
    await cycle(200);
    const before = process.memoryUsage.rss();
    await cycle(1000);
    expect(process.memoryUsage.rss() - before).toBeLessThan(40 * 2 ** 20);
  });
});

test("a runtime of another name is refused", async () => {
  const names: readonly unknown[] = ["ort", undefined];
  for (const name of names) {
    const getting: unknown = Reflect.apply(getRuntime, undefined, [name]);
    await expect(getting).rejects.toThrow(`the runtimes are node, web, tfjs; got ${JSON.stringify(name)}`);
  }
});

test.each([
  [
    "/onnxruntime_src/onnxruntime/core/graph/model.cc:202 onnxruntime::Model::Model(onnx::ModelProto&&, const std::function<void(int)>&) " +
      "Unsupported model IR version: 14, max supported IR version: 13",
    "Unsupported model IR version: 14, max supported IR version: 13",
  ],
  [
    "Exception during initialization: /onnxruntime_src/onnxruntime/core/providers/cpu/rnn/rnn.h:48 " +
      "onnxruntime::RNN<T>::RNN(const onnxruntime::OpKernelInfo&) [with T = float] layout_ == 0 was false. Batchwise (layout 1)",
    "Exception during initialization: layout_ == 0 was false. Batchwise (layout 1)",
  ],
  [
    "/onnxruntime/core/a.cc:1 bool f(int) const\n  no (good)  model. Build with -sASSERTIONS for more info.",
    "no (good) model.",
  ],
  ["/onnxruntime/core/a.cc:1 no signature", "/onnxruntime/core/a.cc:1 no signature"],
  ["Could not find an implementation for Relu(1)", "Could not find an implementation for Relu(1)"],
])("the reason of %j", (message, reason) => {
  expect(reasonOf(new Error(message))).toBe(reason);
});
