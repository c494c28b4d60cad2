import * as tf from "@tensorflow/tfjs";
import { afterEach, expect, test } from "vitest";

import {
  defineConverter,
  ExportError,
  InternalError,
  only,
  registerLayer,
  unregisterLayer,
  UnsupportedLayersError,
} from "../../src/index.ts";
import { expectParity, randomizeWeights, rawModelOf } from "../helpers/layer-parity.ts";
import { exportRaw } from "../../src/export/export-model.ts";

class Cube extends tf.layers.Layer {
  static readonly className = "Cube";

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [x] = Array.isArray(inputs) ? inputs : [inputs];
    if (x === undefined) throw new TypeError("no input");
    return tf.tidy(() => x.mul(x).mul(x));
  }

  override computeOutputShape(inputShape: tf.Shape): tf.Shape {
    return inputShape;
  }
}
tf.serialization.registerClass(Cube);

const cube = defineConverter({
  className: "Cube",
  ops: ["Mul"],
  parse: () => null,
  emit({ graph }, _, inputs) {
    const x = only(inputs);
    return graph.binary("Mul", graph.binary("Mul", x, x), x);
  },
});

function cubes(): tf.LayersModel {
  const model = tf.sequential({
    layers: [
      tf.layers.conv2d({ filters: 3, kernelSize: 2, inputShape: [4, 5, 2] }),
      new Cube({ name: "cube" }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
    ],
  });
  randomizeWeights(model);
  return model;
}

const images = tf.randomNormal([2, 4, 5, 2], 0, 1, "float32", 7);

afterEach(() => {
  unregisterLayer("Cube");
});

test("a registered layer gives TF.js's numbers on both runtimes, without a Transpose for it", async () => {
  registerLayer(cube);
  const { ops } = await expectParity(cubes(), images);
  expect(ops.filter((op) => op === "Mul")).toHaveLength(2);
  expect(ops.filter((op) => op === "Transpose").length).toBeLessThanOrEqual(2);
});

test("converters given to one export are known to that one alone", async () => {
  await expectParity(cubes(), images, { exportOptions: { converters: [cube] } });
  const raw = await rawModelOf(cubes());
  expect(() => exportRaw(raw)).toThrow(UnsupportedLayersError);
});

test("a class has one converter, built in or not", async () => {
  registerLayer(cube);
  const other = { ...cube };
  expect(() => registerLayer(other)).toThrow("layers of class Cube have a converter already");
  expect(() => registerLayer({ ...cube, className: "Dense" })).toThrow(ExportError);
  const raw = await rawModelOf(cubes());
  expect(() => exportRaw(raw, { converters: [other] })).toThrow("layers of class Cube have a converter already");
  expect(unregisterLayer("Cube")).toBe(true);
  expect(unregisterLayer("Cube")).toBe(false);
});

test("what a converter throws names its layer; a fault of its own is told from a refusal", async () => {
  const raw = await rawModelOf(cubes());
  const failing = (error: Error): (() => unknown) => {
    const emit = (): never => {
      throw error;
    };
    const converter = defineConverter({ className: "Cube", ops: [], parse: () => null, emit });
    return () => exportRaw(raw, { converters: [converter] });
  };
  expect(failing(new ExportError("no cubes today"))).toThrow("layer cube (Cube): no cubes today");
  expect(failing(new TypeError("undefined is not a function"))).toThrow(InternalError);
  expect(failing(new TypeError("undefined is not a function"))).toThrow("layer cube (Cube): the exporter failed");
});
