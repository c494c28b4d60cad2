import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { exportRaw } from "../../../src/export/export-model.ts";
import { isObject } from "../../../src/export/source/json.ts";
import { readLayersModel } from "../../../src/export/source/layers-model.ts";
import type { RawModel } from "../../../src/export/source/model.ts";
import { verifyModel } from "../../../src/verify/verify-model.ts";
import { expectParity, randomizeWeights, rawModelOf } from "../../helpers/layer-parity.ts";
import { chain } from "../layers/single-layer.ts";

const { layers } = tf;

/** A saved model with its weights named otherwise. */
function renamed(raw: RawModel, change: (name: string) => string): RawModel {
  const manifest = structuredClone(raw.manifest);
  for (const group of listIn(manifest, "weightsManifest")) {
    for (const spec of listIn(group, "weights")) {
      if (typeof spec === "object" && spec !== null)
        Reflect.set(spec, "name", change(String(Reflect.get(spec, "name"))));
    }
  }
  return { ...raw, manifest };
}

function listIn(value: unknown, key: string): readonly unknown[] {
  const list: unknown = isObject(value) ? value[key] : undefined;
  if (Array.isArray(list)) return list;
  throw new TypeError(`${key} is no list`);
}

/** @returns how many operators the model became */
async function same(model: tf.LayersModel): Promise<number> {
  randomizeWeights(model);
  const shape = model.inputs[0]?.shape.map((size, axis) => (axis === 0 ? 3 : (size ?? 5))) ?? [];
  const { ops } = await expectParity(model, tf.randomNormal(shape, 0, 1, "float32", 4));
  return ops.length;
}

const sequence = (): tf.layers.Layer => layers.lstm({ units: 2, name: "a/b" });

describe("names that hold slashes and words with a meaning of their own", () => {
  const cases: readonly (readonly [string, () => tf.layers.Layer])[] = [
    ["Bidirectional around a layer of its own name", () => layers.bidirectional({ layer: rnn("a/b"), name: "a/b" })],
    ["Bidirectional around a name of three parts", () => layers.bidirectional({ layer: rnn("x/y/z"), name: "out/er" })],
    ["Bidirectional around a layer named backward", () => layers.bidirectional({ layer: rnn("backward"), name: "b" })],
    [
      "Bidirectional around forward/backward",
      () => layers.bidirectional({ layer: rnn("forward/backward_b"), name: "f" }),
    ],
    ...["forward", "forward_a", "backward_b/c", "cell_0", "cell_1/x", "RNNCell_0"].flatMap(
      (name): (readonly [string, () => tf.layers.Layer])[] => [
        [`TimeDistributed around Dense, both ${name}`, () => distributed(dense(name), name)],
        [`TimeDistributed around Dense ${name}`, () => distributed(dense(name), "td")],
        [`TimeDistributed ${name} around Dense`, () => distributed(dense("d"), name)],
        [`Dense ${name}`, () => dense(name)],
      ],
    ),
    [
      "stacked cells in a layer with a slash",
      () =>
        layers.rnn({ cell: [layers.lstmCell({ units: 2 }), layers.lstmCell({ units: 3 })], name: "cells/RNNCell_1" }),
    ],
  ];
  for (const [name, layer] of cases) {
    test(name, async () => {
      expect(await same(chain([layer()], [4, 3]))).toBeGreaterThan(0);
    });
  }

  test("a layer whose name begins with another's", async () => {
    const model = chain([layers.lstm({ units: 3, returnSequences: true, name: "a" }), dense("a/b")], [4, 3]);
    expect(await same(model)).toBeGreaterThan(1);
  });

  test("a weight of the shorter name where the longer one's class has none of that name", async () => {
    const model = chain([layers.lstm({ units: 3, returnSequences: true, name: "a" }), dense("a/b")], [4, 3]);
    await expectParity(model, tf.randomNormal([2, 4, 3]), {
      edit: (raw) => renamed(raw, (name) => (name === "a/recurrent_kernel" ? "a/b/recurrent_kernel" : name)),
    });
  });
});

function rnn(name: string): tf.RNN {
  return layers.gru({ units: 2, name });
}

function dense(name: string): tf.layers.Layer {
  return layers.dense({ units: 2, name });
}

function distributed(layer: tf.layers.Layer, name: string): tf.layers.Layer {
  return layers.timeDistributed({ layer, name });
}

test("the name of a cell between a layer's and its weight's, which TF.js drops", async () => {
  const model = chain([layers.lstm({ units: 3, name: "reader" })], [4, 3]);
  await expectParity(model, tf.randomNormal([2, 4, 3]), {
    edit: (raw) => renamed(raw, (name) => name.replace("reader/", "reader/lstm_cell_4/")),
  });
});

/** Named after what Keras calls a layer that is made a second time. */
const suffixed = (name: string): string => name.replace(/^([^/]+)/, "$1_1");

describe("weights named after a layer with a number added", () => {
  const model = (): tf.LayersModel =>
    chain(
      [
        layers.conv2d({ filters: 3, kernelSize: 3, name: "conv2d_10" }),
        layers.batchNormalization({ name: "bn" }),
        layers.flatten({ name: "flat" }),
        layers.dense({ units: 2, name: "scores" }),
      ],
      [6, 5, 1],
    );

  test("are the layer's where it has no others, and a note says so", async () => {
    const own = model();
    randomizeWeights(own);
    const { exported } = await expectParity(own, tf.randomNormal([2, 6, 5, 1]), {
      edit: (raw) => renamed(raw, (name) => (name.startsWith("scores") ? name : suffixed(name))),
    });
    expect(exported.notes).toHaveLength(2);
    expect(exported.notes[0]).toContain('"conv2d_10_1/..." are taken as those of layer "conv2d_10"');
  });

  test("for both directions of a Bidirectional layer", async () => {
    const own = chain([layers.bidirectional({ layer: rnn("gru"), name: "both" })], [4, 3]);
    randomizeWeights(own);
    await expectParity(own, tf.randomNormal([2, 4, 3]), {
      edit: (raw) => renamed(raw, (name) => name.replace("both/", "both_1/").replace("ward_gru/", "ward_gru_1/")),
    });
  });

  test("can be checked against TF.js, layer by layer", async () => {
    const raw = renamed(await rawModelOf(model()), suffixed);
    const source = readLayersModel(raw);
    const { passed } = await verifyModel(raw, source, exportRaw(raw).bytes, {
      targets: [{ runtime: "node" }],
      tolerance: { atol: 1e-5, rtol: 1e-4 },
      batches: [2],
      seed: 1,
      exportOptions: {},
    });
    expect(passed).toBe(true);
  });

  const refused: readonly (readonly [string, tf.LayersModel, (name: string) => string, string])[] = [
    [
      "where all layers were counted on",
      chain(["dense", "dense_1", "dense_2"].map(dense), [2]),
      (name) => name.replace(/^dense(?:_(\d+))?/, (_, count = "0") => `dense_${Number(count) + 1}`),
      '"dense_3/kernel"',
    ],
    [
      "where two sets could be the layer's",
      chain([dense("dense"), dense("other")], [2]),
      (name) => name.replace("other", "dense_2").replace("dense/", "dense_1/"),
      '"dense_1/kernel"',
    ],
    ["with another name altogether", chain([dense("dense_4")], [2]), (name) => name.replace("4", "7"), '"dense_7"'],
  ];
  for (const [name, own, change, message] of refused) {
    test(`are refused ${name}, with what differs`, async () => {
      const raw = renamed(await rawModelOf(own), change);
      let error: unknown;
      try {
        exportRaw(raw);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toMatchObject({ name: "ModelFormatError" });
      expect(`${String(error)} ${String(isObject(error) ? error["hint"] : "")}`).toContain(message);
      expect(isObject(error) ? error["hint"] : "").toContain("the weights are named after");
    });
  }
});

test("weights under other names are not looked for where that would take too long", () => {
  const count = 2000;
  const names = Array.from({ length: count }, (_, index) => `d${index}x`);
  const config = (name: string): object => ({ name, units: 1, use_bias: false, batch_input_shape: [null, 1] });
  const specs = names.flatMap((name) =>
    ["kernel", "one", "two", "three"].map((each) => ({ name: `${name}_1/${each}`, shape: [1, 1], dtype: "float32" })),
  );
  const raw = {
    manifest: {
      modelTopology: {
        class_name: "Sequential",
        config: { name: "s", layers: names.map((name) => ({ class_name: "Dense", config: config(name) })) },
      },
      weightsManifest: [{ paths: ["w"], weights: specs }],
    },
    weights: new Uint8Array(4 * specs.length),
  };
  const began = performance.now();
  expect(() => exportRaw(raw)).toThrow(`${specs.length} weights belong to no layer of the model`);
  expect(performance.now() - began).toBeLessThan(5000);
});

test("stacked cells by their numbers, whatever the order of their weights", async () => {
  const cell = (units: number): ReturnType<typeof layers.lstmCell> => layers.lstmCell({ units, useBias: false });
  const model = chain([layers.rnn({ cell: [cell(2), cell(2)], name: "both" })], [4, 2]);
  await expectParity(model, tf.randomNormal([2, 4, 2]), {
    edit: (raw) => {
      const manifest = structuredClone(raw.manifest);
      const [group] = listIn(manifest, "weightsManifest");
      const specs = listIn(group, "weights");
      const half = specs.length / 2;
      if (!isObject(group) || !(raw.weights instanceof Uint8Array)) throw new TypeError("no weights");
      Reflect.set(group, "weights", [...specs.slice(half), ...specs.slice(0, half)]);
      const middle = raw.weights.length / 2;
      const weights = Buffer.concat([raw.weights.subarray(middle), raw.weights.subarray(0, middle)]);
      return { ...raw, manifest, weights: new Uint8Array(weights) };
    },
  });
});

describe("weights that hold no numbers", () => {
  test("are named, with how many", async () => {
    const model = chain([dense("good"), dense("bad")], [3]);
    const [, , kernel, bias] = model.weights;
    kernel?.write(tf.tensor2d([1, NaN, 3, NaN], [2, 2]));
    bias?.write(tf.tensor1d([-Infinity, 1]));
    const { notes } = exportRaw(await rawModelOf(model));
    expect(notes).toEqual([
      expect.stringContaining('weight "bad/kernel" holds NaN (2 of 4 values)'),
      expect.stringContaining('weight "bad/bias" holds infinite values (1 of 2)'),
    ]);
  });

  test("none are named in a model of numbers", async () => {
    expect(exportRaw(await rawModelOf(chain([sequence()], [4, 3]))).notes).toEqual([]);
  });
});
