import * as tf from "@tensorflow/tfjs";
import { expect, test } from "vitest";

import { InferenceError } from "../../src/errors.ts";
import { exportModel } from "../../src/index.ts";
import { createRemoteRuntime } from "../../src/infer/remote/remote-runtime.ts";
import { createServer } from "../../src/infer/remote/serve.ts";
import type { Runtime } from "../../src/infer/runtime.ts";
import { float32 } from "../../src/tensor.ts";

/** Gives the first two numbers of its input, the larger first. */
const runtime: Runtime = {
  name: "web",
  load: () =>
    Promise.resolve({
      runtime: "web",
      provider: "wasm",
      elsewhere: [],
      inputs: [{ name: "x", dtype: "float32", dims: [null, 2] }],
      outputs: [{ name: "y", dtype: "float32", dims: [null, 2] }],
      run: ({ x }) => {
        if (x?.dtype !== "float32") return Promise.reject(new InferenceError("no numbers"));
        return Promise.resolve({
          y: float32(
            x.data.toSorted((a, b) => b - a),
            [1, 2],
          ),
        });
      },
      dispose: () => Promise.resolve(),
    }),
};

test("sessions share a line that the last one closes; a broken line is not used again", async () => {
  const { bytes } = await exportModel(tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [2] })] }));
  const [opened, closed]: [number[], number[]] = [[], []];
  let isBroken = false;
  const remote = createRemoteRuntime("web", () => {
    const line = opened.length;
    opened.push(line);
    const serve = createServer(runtime);
    return Promise.resolve({
      exchange: (command) => (isBroken ? Promise.reject(new InferenceError("the line broke")) : serve(command)),
      close: () => {
        closed.push(line);
        return Promise.resolve();
      },
    });
  });
  const [first, second] = [await remote.load(bytes), await remote.load(bytes)];
  const x = float32(Float32Array.of(1, 3), [1, 2]);
  expect((await first.run({ x }))["y"]).toEqual(float32(Float32Array.of(3, 1), [1, 2]));
  await first.dispose();
  await first.dispose();
  expect([opened, closed]).toEqual([[0], []]);
  await expect(first.run({ x })).rejects.toThrow("the session was disposed");
  expect((await second.run({ x }))["y"]).toEqual(float32(Float32Array.of(3, 1), [1, 2]));
  await second.dispose();
  expect([opened, closed]).toEqual([[0], [0]]);
  const third = await remote.load(bytes);
  isBroken = true;
  await expect(third.run({ x })).rejects.toThrow("the line broke");
  isBroken = false;
  const fourth = await remote.load(bytes);
  expect([opened, closed]).toEqual([[0, 1, 2], [0]]);
  await fourth.dispose();
  expect(closed).toEqual([0, 2]);
});
