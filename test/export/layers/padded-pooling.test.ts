import * as tf from "@tensorflow/tfjs";
import { test } from "vitest";

import { expectLayers } from "./single-layer.ts";

const POOLINGS = [tf.layers.maxPooling2d, tf.layers.averagePooling2d] as const;

/** ONNX Runtime would fuse the padding into the pooling, which then refuses to load, or pads with something else than 0. */
test.each(POOLINGS)("padding with zeros before pooling (%#)", async (pooling) => {
  const padding: [[number, number], [number, number]] = [
    [1, 2],
    [1, 0],
  ];
  for (const poolSize of [1, 2, 3]) {
    const layers = [tf.layers.zeroPadding2d({ padding }), pooling({ poolSize, strides: 1 })];
    await expectLayers(layers, [4, 5, 3], { range: [-2, -1] });
  }
});
