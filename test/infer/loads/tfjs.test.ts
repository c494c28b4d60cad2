import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { Provider, Session, Tensors, TfjsModel } from "../../../src/infer/runtime.ts";
import { getRuntime } from "../../../src/infer/runtimes.ts";
import { openTfjsBackend } from "../../../src/infer/tfjs-backend.ts";
import { loadNative } from "../../../src/node/native-tensorflow.ts";
import { float32 } from "../../../src/tensor.ts";
import { growthOver, SETTLING } from "../../helpers/growth.ts";
import { hasNative } from "../../helpers/has-native.ts";

const SIDE = 1024;
/** A dense layer with weights of 4 MiB. */
const dense: TfjsModel = {
  manifest: {
    modelTopology: {
      class_name: "Sequential",
      config: {
        name: "weighty",
        layers: [
          {
            class_name: "Dense",
            config: { name: "y", units: SIDE, use_bias: false, batch_input_shape: [null, SIDE], dtype: "float32" },
          },
        ],
      },
    },
    weightsManifest: [
      { paths: ["weights.bin"], weights: [{ name: "y/kernel", shape: [SIDE, SIDE], dtype: "float32" }] },
    ],
  },
  weights: new Uint8Array(SIDE * SIDE * 4),
};
const feeds: Tensors = { y_input: float32(new Float32Array(SIDE), [1, SIDE]) };

const runtime = await getRuntime("tfjs", { loadNative });
const providers: readonly Provider[] = (await hasNative()) ? ["tensorflow", "wasm", "cpu"] : ["wasm", "cpu"];

describe.each(providers)("many loads on TF.js, %s", (provider) => {
  const load = (): Promise<Session> => runtime.load(dense, { provider });
  let first: Session;
  beforeAll(async () => {
    first = await load();
  });
  afterAll(() => first.dispose());

  test("dispose gives back all", async () => {
    const { tf } = await openTfjsBackend({ provider }, loadNative);
    const before = tf.memory().numTensors;
    expect(await growthOver(100, load, feeds)).toBeLessThan(SETTLING);
    expect(tf.memory().numTensors).toBe(before);
  });
});
