import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { builtIn } from "../../src/export/layers/index.ts";
import { common } from "../../src/export/layers/common.ts";
import { groupOf, isBeyondTfjs, LAYER_CLASSES, maskRuleOf } from "../../src/export/source/layer-classes.ts";
import { expectedWeights } from "../../src/export/source/weight-names.ts";
import { kerasMask } from "../../src/verify/reference/keras/masks.ts";

const classes = [...LAYER_CLASSES.keys()];

/** Enough for the constructor of any class of TF.js that is converted. */
const CONFIG = {
  name: "l",
  units: 2,
  filters: 2,
  kernelSize: 2,
  poolSize: 2,
  cropping: [1, 1],
  rate: 0.5,
  stddev: 0.5,
  n: 2,
  targetShape: [3, 2],
  dims: [1, 2],
  axes: 1,
  axis: -1,
  inputDim: 3,
  outputDim: 3,
  batchInputShape: [null, 4, 3],
  height: 2,
  width: 2,
  factor: 0.5,
  scale: 2,
  numTokens: 3,
};

/** TF.js's own layer of a class; null where it has none, or keeps it out of its bundle. */
function tfjsLayer(className: string, config: Readonly<Record<string, unknown>> = {}): tf.layers.Layer | null {
  const [make] = tf.serialization.SerializationMap.getMap().classNameMap[className] ?? [];
  if (make === undefined) return null;
  const cells = { cell: tf.layers.lstmCell({ units: 2 }), cells: [tf.layers.lstmCell({ units: 2 })] };
  const layer = className === "Bidirectional" ? tf.layers.lstm({ units: 2 }) : tf.layers.dense({ units: 2 });
  const held = LAYER_CLASSES.get(className)?.holds?.startsWith("cell") === true ? cells : { layer };
  const made: unknown = new make({ ...CONFIG, ...held, ...config });
  return made instanceof tf.layers.Layer ? made : null;
}

/** The shape of an input for a class, with the batch. */
function shapeFor(className: string): tf.Shape {
  if (className === "Embedding") return [2, 4];
  if (className.endsWith("Cell")) return className.startsWith("Conv") ? [2, 5, 4, 3] : [2, 3];
  if (className === "ConvLSTM2D") return [2, 3, 5, 4, 3];
  return [2, ...[5, 4, 6].slice(0, Number(/(\d)D/.exec(className)?.[1] ?? 1)), 3];
}

const MERGING = /^(Add|Multiply|Average|Maximum|Minimum|Concatenate|Dot)$/;

const SRC = resolve(import.meta.dirname, "../../src");
/** Converters, what reads their cells and Keras's operations as layers, notes for the documentation, and what verify computes itself. */
const ALLOWED =
  /^export\/(layers|recurrent|graph)\/|^export\/source\/(layer-classes|operations)\.ts|^export\/layer-notes\.ts|^verify\/reference\//;
/** Names that ONNX or TensorFlow have for operators too; and inputs, which every part knows. */
const ALSO_OPERATORS = new Set(
  "InputLayer Add Softmax Flatten Identity Reshape LSTM GRU RNN BatchNormalization LayerNormalization ReLU".split(" "),
);

describe("the table of layer classes", () => {
  test("has a group for the classes that have a converter, and for no others", () => {
    const converted = builtIn.map(({ className }) => className);
    expect(classes.filter((each) => groupOf(each) !== null).toSorted()).toEqual(converted.toSorted());
    expect(classes.filter((each) => groupOf(each) === "common").toSorted()).toEqual(
      common.map(({ className }) => className).toSorted(),
    );
    expect([groupOf("Mystery"), groupOf("constructor")]).toEqual([null, null]);
  });

  /** TF.js has them in modules that its bundle leaves out; test/export/layers/nlp.test.ts runs them. */
  const apart = ["EinsumDense", "PositionEmbedding", "RandomHeight"];

  test("says of the classes that TF.js has that it has them", () => {
    const known = classes.filter((each) => tfjsLayer(each) !== null);
    expect(classes.filter((each) => !isBeyondTfjs(each))).toEqual(
      classes.filter((each) => known.includes(each) || apart.includes(each)),
    );
  });

  test.each([{}, { useBias: false, center: false }])(
    "names the weights that TF.js makes, in its order, with %o",
    (own) => {
      const written = "useBias" in own ? { use_bias: own.useBias, center: own.center } : {};
      const [expected, found]: [Record<string, unknown>, Record<string, unknown>] = [{}, {}];
      for (const [className, { holds }] of LAYER_CLASSES) {
        const layer = holds === undefined && className !== "InputLayer" ? tfjsLayer(className, own) : null;
        if (layer === null) continue;
        const shape = shapeFor(className);
        layer.build(MERGING.test(className) ? [shape, shape] : shape);
        expected[className] = layer.weights.map(({ originalName }) => originalName.split("/").at(-1));
        found[className] = expectedWeights({ className, config: written })?.map(({ name }) => name);
      }
      expect(Object.keys(found).length).toBeGreaterThan(50);
      expect(found).toEqual(expected);
    },
  );

  test("says what TF.js's layers do with a mask", () => {
    const found = classes.flatMap((className) => {
      const layer = className === "InputLayer" ? null : tfjsLayer(className);
      if (layer === null || groupOf(className) === null) return [];
      const computes = layer.computeMask !== tf.layers.Layer.prototype.computeMask;
      return [[className, computes ? "own" : layer.supportsMasking ? "passes" : "ends"]];
    });
    const expected = found.map(([className = ""]) => [className, maskRuleOf(className, false)]);
    // Dot computes null.
    expect(found).toEqual(expected.map(([className, rule]) => [className, className === "Dot" ? "own" : rule]));
  });

  test("says the same of masks in Keras as the layers that verify computes by Keras's rules", () => {
    const [value, mask] = [tf.ones([2, 4, 3]), tf.ones([2, 4], "bool")];
    for (const className of classes.filter((each) => groupOf(each) !== null && maskRuleOf(each, true) !== "own")) {
      const spec = { name: "l", className, config: {}, calls: [], model: null, wrapped: null };
      const passed = kerasMask(tf, spec, [{ value, mask }], true) === mask;
      expect([className, passed]).toEqual([className, maskRuleOf(className, true) === "passes"]);
    }
  });

  test("is, with the converters and verify's own layers, the only place that names classes", () => {
    const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).map((file) => file.replaceAll("\\", "/"));
    const naming = files
      .filter((file) => /^(export|verify|infer)\/.*\.ts$/.test(file) && !ALLOWED.test(file))
      .flatMap((file) => {
        const text = readFileSync(resolve(SRC, file), "utf8");
        const named = classes.filter((each) => !ALSO_OPERATORS.has(each) && text.includes(`"${each}"`));
        return named.map((each) => `${file}: ${each}`);
      });
    expect(naming).toEqual([]);
  });
});
