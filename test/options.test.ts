import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { exportRaw } from "../src/export/export-model.ts";
import { exportModel } from "../src/index.ts";
import {
  decodeBeam,
  decodeWithin,
  getRuntime,
  lexicon,
  nGram,
  readImages,
  type Recognizer,
} from "../src/infer/index.ts";
import { compileStep } from "../src/train/compile/index.ts";
import { ctcTargets } from "../src/train/losses/ctc.ts";
import { verifyExport } from "../src/verify/index.ts";

import { identity } from "./helpers/tiny-onnx.ts";

/** What plain JavaScript may give: an object that has what the types ask for, and more. */
function withMore<Options extends object>(options: Options, more: Readonly<Record<string, unknown>>): Options {
  return Object.assign(options, more);
}

const MODEL = { manifest: {}, weights: null };
const STEPS = { steps: 0, classes: 2, data: new Float32Array() };

describe("an unknown option is a TypeError that names it and the nearest one:", () => {
  const cases: readonly (readonly [what: string, call: () => unknown, message: string])[] = [
    [
      "exportModel",
      () => exportModel("model.json", withMore({}, { recurrent: "portable" })),
      'exportModel has no option "recurrent"; did you mean "recurrentForm"?',
    ],
    [
      "exportRaw",
      () => exportRaw(MODEL, withMore({}, { opSet: 17 })),
      'exportRaw has no option "opSet"; did you mean "opset"?',
    ],
    [
      "verifyExport",
      () => verifyExport("model.json", new Uint8Array(), withMore({}, { batchs: [1] })),
      'verifyExport has no option "batchs"; did you mean "batches"?',
    ],
    [
      "a target of verifyExport",
      () =>
        verifyExport("model.json", new Uint8Array(), { targets: [withMore({ runtime: "node" }, { providr: "cpu" })] }),
      'a target of verifyExport has no option "providr"; did you mean "provider"?',
    ],
    [
      "the tolerance of verifyExport",
      () =>
        verifyExport("model.json", new Uint8Array(), { tolerance: withMore({ atol: 1, rtol: 1 }, { absolute: 1 }) }),
      'the tolerance of verifyExport has no option "absolute"; its options are atol, rtol',
    ],
    [
      "exportOptions of verifyExport",
      () => verifyExport("model.json", new Uint8Array(), { exportOptions: withMore({}, { converter: [] }) }),
      'exportOptions has no option "converter"; did you mean "converters"?',
    ],
    [
      "getRuntime",
      () => getRuntime("node", withMore({}, { gpu: 1 })),
      'getRuntime has no option "gpu"; its options are ',
    ],
    [
      "load of node",
      async () => (await getRuntime("node")).load(Uint8Array.from(identity("float32")), withMore({}, { thread: 2 })),
      'load has no option "thread"; did you mean "threads"?',
    ],
    [
      "load of web",
      async () =>
        (await getRuntime("web")).load(Uint8Array.from(identity("float32")), withMore({}, { providers: ["wasm"] })),
      'load has no option "providers"; did you mean "provider"?',
    ],
    [
      "load of tfjs",
      async () => (await getRuntime("tfjs")).load(MODEL, withMore({}, { onnote: null })),
      'load has no option "onnote"; did you mean "onNote"?',
    ],
    ["decodeBeam", () => decodeBeam(STEPS, withMore({}, { widht: 3 })), 'has no option "widht"; did you mean "width"?'],
    [
      "decodeWithin",
      () => decodeWithin(STEPS, lexicon(["a"], ["a"]), withMore({}, { counts: 3 })),
      'has no option "counts"; did you mean "count"?',
    ],
    [
      "nGram",
      () => nGram([], ["a"], withMore({ order: 2 }, { wieght: 1 })),
      'nGram has no option "wieght"; did you mean "weight"?',
    ],
    [
      "compileStep",
      () =>
        compileStep(
          tf,
          withMore(
            {
              optimizer: { name: "sgd", learningRate: 0.1 },
              variables: [],
              lossFunction: () => ({ loss: tf.scalar(0) }),
            },
            { clipnorm: 1 },
          ),
        ),
      'compileStep has no option "clipnorm"; did you mean "clipNorm"?',
    ],
    [
      "ctcTargets",
      () => ctcTargets(tf, [], [], withMore({ classes: 2 }, { toolong: "drop" })),
      'did you mean "tooLong"?',
    ],
  ];
  for (const [what, call, message] of cases) {
    test(what, async () => {
      const called = Promise.resolve().then(call);
      await expect(called).rejects.toBeInstanceOf(TypeError);
      await expect(called).rejects.toThrow(message);
    });
  }
});

test("options that are no object are refused", async () => {
  await expect(exportModel("model.json", JSON.parse("null"))).rejects.toThrow(
    "exportModel takes an object of options; got null",
  );
  await expect(exportModel("model.json", JSON.parse("[1]"))).rejects.toThrow("got an array");
});

test("readImages takes no object of options", async () => {
  const session = await (await getRuntime("node")).load(Uint8Array.from(identity("float32")));
  const recognizer: Recognizer = {
    version: 1,
    input: { kind: "image", height: 1, width: 1, channels: 1, range: [0, 1], fit: "stretch" },
    output: { kind: "classes", labels: ["a"], activation: "logits" },
  };
  await expect(readImages(session, recognizer, [], JSON.parse('{ "top": 3 }'))).rejects.toThrow(TypeError);
  await session.dispose();
});
