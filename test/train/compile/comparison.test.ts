import * as tfjs from "@tensorflow/tfjs";
import { afterEach, describe, expect, test } from "vitest";

import { DIGIT_PIXELS, DIGIT_SIDE } from "../../../src/data/dataset.ts";
import { renderedDigits } from "../../../src/data/digits/rendered-digits.ts";
import { findDifference, type Disturbance } from "../../../src/train/compile/comparison.ts";
import { compileStep, type CompiledStep } from "../../../src/train/compile/index.ts";
import { initialise, networkNamed } from "../../../src/train/networks.ts";
import { nativeTf } from "../native-tf.ts";

import { wave } from "./models.ts";

const native = await nativeTf();
const BATCH = 32;
const tf = native ?? tfjs;

afterEach(() => {
  tf.disposeVariables();
});

/** Mean squared error of a linear function, times what `factor` says of each call. */
function linearStep(factor: (call: number) => number): { step: CompiledStep; once: () => void; notes: string[] } {
  const kernel = tf.variable(tf.tensor2d(wave(12, 1), [4, 3]));
  const notes: string[] = [];
  let calls = 0;
  const step = compileStep(tf, {
    variables: [kernel],
    optimizer: { name: "sgd", learningRate: 0.01 },
    lossFunction: ([xs], [ys]) => {
      if (xs === undefined || ys === undefined) throw new TypeError("no batch");
      return { loss: tf.losses.meanSquaredError(ys, tf.matMul(xs, kernel)).mul<tfjs.Scalar>(factor(calls++)) };
    },
    onNote: (note) => notes.push(note),
  });
  const once = (): void => {
    const [xs, ys] = [tf.tensor2d(wave(32, 2), [8, 4]), tf.tensor2d(wave(24, 3), [8, 3])];
    step.step(xs, ys);
    tf.dispose([xs, ys]);
  };
  return { step, once, notes };
}

describe.skipIf(native === null)("the first batch", () => {
  test("of crnn-best is compiled, though rounding turns ReLUs in it", () => {
    const model = networkNamed("crnn-best").build(tf);
    const notes: string[] = [];
    initialise(tf, model, 1);
    const step = compileStep(tf, {
      model,
      loss: "categoricalCrossentropy",
      optimizer: { name: "adam" },
      onNote: (note) => notes.push(note),
    });
    const digits = renderedDigits({ split: "train", seed: 1, count: BATCH });
    const pixels = Float32Array.from({ length: BATCH * DIGIT_PIXELS }, (_, at) => {
      const value = digits.pixels(Math.floor(at / DIGIT_PIXELS))[at % DIGIT_PIXELS] ?? 0;
      return value / 255;
    });
    tf.tidy(() => {
      const labels = tf.oneHot(tf.tensor1d(Int32Array.from(digits.labels), "int32"), 10);
      return tf.scalar(step.step(tf.tensor4d(pixels, [BATCH, DIGIT_SIDE, DIGIT_SIDE, 1]), labels).loss);
    });
    expect(notes).toEqual([]);
    expect(step.mode).toBe("graph");
    step.dispose();
  }, 60_000);

  test.each([
    ["what is recorded is one per cent off", (call: number) => (call === 1 ? 1.01 : 1)],
    ["every call is one per cent above the one before", (call: number) => 1.01 ** call],
  ])("is refused when %s", (_, factor) => {
    const { step, once, notes } = linearStep(factor);
    once();
    expect(step.mode).toBe("eager");
    expect(notes).toEqual([expect.stringMatching(/^training runs op by op, because the graph's first batch differs/)]);
    step.dispose();
  });

  test("is compiled when every call is the same", () => {
    const { step, once, notes } = linearStep(() => 1);
    once();
    expect(notes).toEqual([]);
    expect(step.mode).toBe("graph");
    step.dispose();
  });

  test("that was refused keeps a resumed run eager, which says why", () => {
    const first = linearStep((call) => (call === 1 ? 1.01 : 1));
    first.once();
    const state = first.step.state();
    const { step, once, notes } = linearStep(() => 1);
    step.setState(state);
    once();
    expect(step.mode).toBe("eager");
    expect(notes).toEqual(first.notes);
    expect(step.state().eagerBecause).toBe(state.eagerBecause);
    first.step.dispose();
    step.dispose();
  });
});

describe("findDifference", () => {
  const outcome = (...values: number[]): Map<string, tfjs.Tensor> => new Map([["a", tfjs.tensor1d(values)]]);
  const steady = [1, -4];

  test.each([
    { name: "within tolerance", found: [1.003, -4], again: steady, disturbed: steady, label: undefined },
    { name: "beyond it", found: [1.01, -4], again: steady, disturbed: steady, label: "a" },
    { name: "as disturbances change it", found: [1.01, -4], again: steady, disturbed: [1, -4.002], label: undefined },
    { name: "beyond what they change", found: [1.05, -4], again: steady, disturbed: [1, -4.002], label: "a" },
    { name: "of what is not the same twice", found: [1.01, -4], again: [1.01, -4], disturbed: [1.01, -4], label: "a" },
    { name: "not a number", found: [Number.NaN, -4], again: steady, disturbed: [Number.NaN, -4], label: "a" },
    { name: "of another length", found: [1], again: steady, disturbed: steady, label: "a" },
  ])("$name", ({ found, again, disturbed, label }) => {
    const eager = {
      reference: outcome(...steady),
      again: (disturbance?: Disturbance): Map<string, tfjs.Tensor> =>
        outcome(...(disturbance === undefined ? again : disturbed)),
    };
    expect(findDifference(["a"], eager, { a: tfjs.tensor1d(found) }, 1e-3)?.label).toBe(label);
  });

  test("tries larger disturbances only where smaller ones do not explain a difference", () => {
    const sizes: number[] = [];
    const eager = {
      reference: outcome(...steady),
      again: (disturbance?: Disturbance): Map<string, tfjs.Tensor> => {
        if (disturbance !== undefined) sizes.push(disturbance.size);
        return outcome(1 + 100 * (disturbance?.size ?? 0), -4);
      },
    };
    const differenceAt = (value: number): string | undefined =>
      findDifference(["a"], eager, { a: tfjs.tensor1d([value, -4]) }, 1e-3)?.label;
    expect([differenceAt(1.006), sizes]).toEqual([undefined, [1e-5]]);
    expect([differenceAt(1.04), Math.max(...sizes)]).toEqual([undefined, 1e-4]);
    expect(differenceAt(1.06)).toBe("a");
  });
});
