import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { exportRaw } from "../../../src/export/export-model.ts";
import { common } from "../../../src/export/layers/common.ts";
import { builtIn } from "../../../src/export/layers/index.ts";
import { groups, loadConverters } from "../../../src/export/layers/load.ts";
import { readLayersModel } from "../../../src/export/source/layers-model.ts";
import { exportModel } from "../../../src/index.ts";
import { rawModelOf } from "../../helpers/layer-parity.ts";

const { layers } = tf;

describe("converters that are loaded when a model needs them", () => {
  test.each(groups.map((group) => [group.classes[0], group] as const))(
    "those of the group of %s are for the classes that it names",
    async (_, { classes, load }) => {
      const loaded = await load();
      expect(loaded.map(({ className }) => className).toSorted()).toEqual(classes.toSorted());
    },
  );

  test("are, with those that are always loaded, all of them, each once", async () => {
    const loaded = [...common, ...(await Promise.all(groups.map(({ load }) => load()))).flat()];
    expect(loaded).toHaveLength(builtIn.length);
    expect(new Set(loaded)).toEqual(new Set(builtIn));
  });

  const within = tf.sequential({
    layers: [layers.conv2dTranspose({ filters: 2, kernelSize: 2, inputShape: [3, 4, 2] })],
  });
  test.each<[string, tf.layers.Layer, tf.Shape, number]>([
    ["among the layers", layers.layerNormalization(), [5], 1],
    [
      "in a wrapper in a wrapper",
      layers.timeDistributed({
        layer: layers.bidirectional({ layer: layers.lstm({ units: 2 }), mergeMode: "concat" }),
      }),
      [2, 3, 4],
      1,
    ],
    ["in a model in a wrapper", layers.timeDistributed({ layer: within }), [2, 3, 4, 2], 2],
    ["in none", layers.dense({ units: 2 }), [3], 0],
  ])("are found %s", async (_, layer, shape, count) => {
    const input = tf.input({ shape: shape });
    const output = layer.apply(input);
    if (!(output instanceof tf.SymbolicTensor)) throw new TypeError("one output was expected");
    const model = tf.model({ inputs: input, outputs: output });
    const raw = await rawModelOf(model);
    const { bytes } = await exportModel(model);
    expect(Buffer.compare(bytes, exportRaw(raw).bytes)).toBe(0);
    const loaded = new Set((await loadConverters(readLayersModel(raw).model)).map(({ className }) => className));
    expect(groups.filter(({ classes }) => classes.every((each) => loaded.has(each)))).toHaveLength(count);
  });
});
