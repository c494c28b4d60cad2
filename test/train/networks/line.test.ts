import * as tfjs from "@tensorflow/tfjs";
import { afterEach, describe, expect, test } from "vitest";

import { UsageError } from "../../../src/errors.ts";
import { initialise } from "../../../src/train/networks.ts";
import {
  buildLine,
  closePadding,
  LINE_BODY,
  LINE_DEFAULTS,
  type LineNetworkConfig,
  PADDING,
  parseBody,
  reductionOf,
} from "../../../src/train/networks/line.ts";
import { nativeTf } from "../native-tf.ts";

const tf = (await nativeTf()) ?? tfjs;

afterEach(() => tf.disposeVariables());

const SMALL: LineNetworkConfig = {
  ...LINE_DEFAULTS,
  height: 16,
  characters: 5,
  body: "conv5:6/2x2 separable:8 pool2x2 residual:8 conv:10 pool2x1",
  features: 12,
  units: [7, 6],
};

/** Weights as after training: normalisation has moved, nothing is symmetric. */
function trained(config: LineNetworkConfig): tfjs.LayersModel {
  const model = buildLine(tf, config);
  initialise(tf, model, 3);
  for (const [index, weight] of model.weights.entries()) {
    const value = weight.read();
    const noise = tf.randomUniform(value.shape, 0.1, 0.6, "float32", index + 1);
    if (/beta|bias|moving_mean|gamma|moving_variance/.test(weight.originalName)) weight.write(value.add(noise));
  }
  closePadding(tf, model);
  return model;
}

function logitsOf(model: tfjs.LayersModel, images: tfjs.Tensor): tfjs.Tensor {
  const output = model.predict(images);
  if (Array.isArray(output)) throw new Error("one output was expected");
  return output;
}

describe.each([
  ["lstm", {}],
  ["gru", { cell: "gru" } as const],
  ["with the usual body", { body: LINE_BODY, height: 32 }],
])("a network that reads lines, %s", (_, changed) => {
  const config = { ...SMALL, ...changed };

  test("gives a narrow line the same logits alone and padded in a batch", () => {
    const model = trained(config);
    const { height } = config;
    const narrow = tf.randomUniform([1, height, 24, 1], 0, 1, "float32", 5);
    const wide = tf.randomUniform([1, height, 60, 1], 0, 1, "float32", 6);
    const padded = tf.pad(
      narrow,
      [
        [0, 0],
        [0, 0],
        [0, 36],
        [0, 0],
      ],
      PADDING,
    );
    const alone = Array.from(logitsOf(model, narrow).dataSync());
    const batch = logitsOf(model, tf.concat([wide, padded]));
    expect(batch.shape).toEqual([2, 15, 6]);
    const own = Array.from(batch.slice([1, 0, 0], [1, 6, 6]).dataSync());
    const gap = own.reduce((most, value, index) => Math.max(most, Math.abs(value - Number(alone[index]))), 0);
    expect(gap).toBeLessThan(1e-5);
    // Beyond the line there is nothing but blanks.
    const beyond = batch.slice([1, 6, 0], [1, 9, 6]);
    expect(Array.from(beyond.argMax(2).dataSync())).toEqual(Array.from({ length: 9 }, () => 5));
    expect(Array.from(logitsOf(model, wide).dataSync())[0]).toBeCloseTo(Number(batch.dataSync()[0]), 4);
  });

  test("reads otherwise where padding is not masked", () => {
    const model = trained(config);
    const narrow = tf.randomUniform([1, config.height, 24, 1], 0, 1, "float32", 5);
    const paper = tf.pad(
      narrow,
      [
        [0, 0],
        [0, 0],
        [0, 36],
        [0, 0],
      ],
      0,
    );
    const alone = Array.from(logitsOf(model, narrow).dataSync());
    const own = Array.from(logitsOf(model, paper).slice([0, 0, 0], [1, 6, 6]).dataSync());
    expect(own.some((value, index) => Math.abs(value - Number(alone[index])) > 1e-3)).toBe(true);
  });
});

test("has its measured size with the usual settings", () => {
  const model = buildLine(tf, { ...LINE_DEFAULTS, characters: 95 });
  expect(model.countParams()).toBe(831_040);
  expect(reductionOf(parseBody(LINE_BODY))).toEqual({ rows: 16, columns: 4 });
});

test.each(["conv", "conv3", "pool2", "conv3:0", "dense:3", "separable:8/2"])(
  "a body with the part %s is refused",
  (part) => {
    expect(() => parseBody(`conv:8 ${part}`)).toThrow(UsageError);
  },
);

test("a height that the body does not divide is refused", () => {
  expect(() => buildLine(tf, { ...SMALL, height: 20 })).toThrow("no multiple");
});
