import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import type { RawModel } from "../../../src/export/source/model.ts";
import { toArtifacts } from "../../../src/infer/tfjs-session.ts";
import { apply } from "../../fuzz/step.ts";
import { expectParity, predict, randomizeWeights, rawModelOf } from "../../helpers/layer-parity.ts";

const x = tf.randomUniform([3, 4], -1, 1, "float32", 1);

/** A layer that is called on what comes late in the file first, and on the input second. */
function build(): tf.LayersModel {
  const { dense } = tf.layers;
  const input = tf.input({ shape: [4], name: "x" });
  const shared = dense({ units: 4, activation: "tanh", name: "shared" });
  const first = apply(shared, apply(dense({ units: 4, name: "late" }), input));
  let second = apply(shared, input);
  const inner = tf.input({ shape: [4], name: "inner" });
  const nested = tf.model({ inputs: inner, outputs: apply(dense({ units: 4, name: "deep" }), inner), name: "nested" });
  for (const layer of [nested, dense({ units: 4, name: "b" }), shared, nested, dense({ units: 4, name: "c" })]) {
    second = apply(layer, second);
  }
  const model = tf.model({ inputs: input, outputs: [second, first] });
  randomizeWeights(model);
  return model;
}

/** The same files with the model's layers listed otherwise. */
function relisted({ manifest, weights }: RawModel, order: (layers: unknown[]) => unknown[]): RawModel {
  const changed: unknown = JSON.parse(JSON.stringify(manifest), (key, value: unknown) =>
    key === "layers" && Array.isArray(value) ? order(value) : value,
  );
  return { manifest: changed, weights };
}

const ORDERS: readonly (readonly [string, (layers: unknown[]) => unknown[]])[] = [
  ["as TF.js lists them", (layers) => layers],
  ["backwards", (layers) => layers.toReversed()],
  ["from the middle", (layers) => [...layers.slice(3), ...layers.slice(0, 3)]],
  ["every second first", (layers) => [0, 1].flatMap((rest) => layers.filter((_, index) => index % 2 === rest))],
];

describe("calls of a layer called several times are counted", () => {
  test("in a live model as they were made", async () => {
    await expectParity(build(), x);
  });

  test.each(ORDERS)("in files as TF.js makes them when it loads the model: %s", async (_, order) => {
    const model = build();
    const files = relisted(await rawModelOf(model), order);
    const loaded = await tf.loadLayersModel({ load: () => Promise.resolve(toArtifacts(files)) });
    await expectParity(loaded, x, { edit: () => files, runtimes: ["node"] });
  });

  test("which is not the same", async () => {
    const model = build();
    const artifacts = toArtifacts(await rawModelOf(model));
    const loaded = await tf.loadLayersModel({ load: () => Promise.resolve(artifacts) });
    const [before, after] = [model, loaded].map((each) => Array.from(predict(each, [x])[0]?.dataSync() ?? []));
    expect(before).not.toEqual(after);
  });
});
