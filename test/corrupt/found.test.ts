import { describe, expect, test } from "vitest";

import { exportRaw } from "../../src/export/export-model.ts";
import type { RawModel } from "../../src/export/source/model.ts";
import { randomizeWeights, rawModelOf } from "../helpers/layer-parity.ts";

import { SAMPLES } from "./samples.ts";

/** Damage that exports once overlooked, and TF.js does not. */
const REFUSED: readonly (readonly [sample: string, from: string, to: string, error: string])[] = [
  [
    "graphs",
    '"batch_input_shape":[null,4]',
    '"batch_input_shape":[null,-5]',
    "batch_input_shape must be a list of sizes",
  ],
  ["graphs", '"axis":-1,"name":"joined"', '"axis":-2,"name":"joined"', "equal sizes on all axes but -2"],
  ["graphs", '"batch_input_shape":[null,4]', '"batch_input_shape":[0,4]', "an input of shape \\[0, 4\\] holds nothing"],
  ["words", '"activation":"sigmoid"', '"activation":"SIGMOID"', 'activation must be one of .* got "SIGMOID"'],
  ["words", '"name":"table","trainable":true', '"name":"table","dtype":""', 'dtype must be one of .* got ""'],
  ["graphs", '"axes":-1', '"axes":2147483648', "axis 2147483648 is not one of the input's 2"],
  [
    "graphs",
    '"name":"right"},"inbound_nodes":[]',
    '"name":"right"},"inbound_nodes":[[["left",0,0,{}]]]',
    "InputLayer .* no inbound",
  ],
  ["images", '"name":"depth/bias","shape":[8]', '"name":"depth/bias","shape":[8,1]', "bias must have shape \\[8\\]"],
  [
    "graphs",
    '"dtype":"float32","sparse"',
    '"dtype":{"class_name":"Zeros","config":{}},"sparse"',
    "dtype must be a name",
  ],
  [
    "graphs",
    '"name":"dotted","trainable":true},"inbound_nodes":[[',
    '"name":"dotted","trainable":true},"inbound_nodes":[[["left",0,0,{}],',
    "merges 2 inputs; it has 3",
  ],
  ["graphs", '["left",0,0,{}]', '["left",0,0,"valid"]', 'keyword arguments as an object; found "valid"'],
  ["words", '"class_name":"Sequential"', '"class_name":"Dense"', "Dense is a class of layers"],
];

async function edited(sample: string, from: string, to: string): Promise<RawModel> {
  const model = SAMPLES[sample]?.();
  if (model === undefined) throw new TypeError(`no sample ${sample}`);
  randomizeWeights(model);
  const { manifest, weights } = await rawModelOf(model);
  const text = JSON.stringify(manifest);
  expect(text).toContain(from);
  const changed: unknown = JSON.parse(text.replaceAll(from, to));
  return { manifest: changed, weights };
}

describe("damage that was found once is refused", () => {
  test.each(REFUSED)("%s: %s to %s", async (sample, from, to, error) => {
    const raw = await edited(sample, from, to);
    expect(() => exportRaw(raw)).toThrow(new RegExp(error));
  });
});
