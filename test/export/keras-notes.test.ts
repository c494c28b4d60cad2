import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { exportRaw } from "../../src/export/export-model.ts";
import type { RawModel } from "../../src/export/source/model.ts";
import { rawModelOf } from "../helpers/layer-parity.ts";

const { layers } = tf;

function chain(...parts: readonly tf.layers.Layer[]): tf.LayersModel {
  const model = tf.sequential();
  for (const part of parts) model.add(part);
  return model;
}

function masked(): tf.layers.Layer {
  return layers.masking({ maskValue: 0, inputShape: [4, 3] });
}

function bidirectional(returnSequences: boolean): tf.layers.Layer {
  return layers.bidirectional({ layer: layers.lstm({ units: 2, returnSequences }), mergeMode: "sum" });
}

/** The same model as Keras 2 writes it. */
function asKeras({ manifest, weights }: RawModel): RawModel {
  const text = JSON.stringify(manifest).replace(/"keras_version":"[^"]*"/, '"keras_version":"2.15.0"');
  expect(text).toContain('"keras_version":"2.15.0"');
  return { manifest: JSON.parse(text) as unknown, weights };
}

describe("a note says where Keras 2 gives other numbers than TF.js:", () => {
  test("zeros at masked steps inside Bidirectional", async () => {
    const raw = await rawModelOf(chain(masked(), bidirectional(true)));
    const [note, ...others] = exportRaw(asKeras(raw)).notes;
    expect(others).toEqual([]);
    expect(note).toMatch(
      /^layer \S+ \(Bidirectional\): at masked steps Keras gives zeros inside Bidirectional, and TF\.js repeats the step before; /,
    );
    expect(exportRaw(raw).notes).toEqual([]);
  });

  test("and not where the file gives the numbers of Keras", async () => {
    const raw = asKeras(await rawModelOf(chain(masked(), layers.dropout({ rate: 0.5 }), bidirectional(true))));
    expect(exportRaw(raw).notes).toHaveLength(1);
    const text = JSON.stringify(raw.manifest).replace('"class_name":"Dropout"', '"class_name":"Identity"');
    expect(exportRaw({ ...raw, manifest: JSON.parse(text) as unknown }).notes.join()).not.toContain("Bidirectional");
  });

  test("masked steps in a global mean", async () => {
    const raw = await rawModelOf(chain(masked(), layers.globalAveragePooling1d()));
    expect(exportRaw(asKeras(raw)).notes).toEqual([
      expect.stringContaining("Keras leaves masked steps out of the mean, and TF.js does not"),
    ]);
  });

  test("zero_output_for_mask", async () => {
    const raw = asKeras(await rawModelOf(chain(masked(), layers.gru({ units: 2, returnSequences: true }))));
    expect(exportRaw(raw).notes).toEqual([]);
    const text = JSON.stringify(raw.manifest).replace(
      '"return_sequences":true',
      '"return_sequences":true,"zero_output_for_mask":true',
    );
    expect(exportRaw({ ...raw, manifest: JSON.parse(text) as unknown }).notes).toEqual([
      expect.stringContaining("zero_output_for_mask gives zeros at masked steps in Keras"),
    ]);
  });

  test("a mask that only TF.js hands on", async () => {
    const parts = [masked(), layers.conv1d({ filters: 3, kernelSize: 1 }), layers.lstm({ units: 2 })];
    expect(exportRaw(asKeras(await rawModelOf(chain(...parts)))).notes).toEqual([
      expect.stringContaining("TF.js masks it by the mask of an earlier layer"),
    ]);
  });

  test("and no note where they are the same", async () => {
    for (const parts of [[bidirectional(false)], [layers.lstm({ units: 2, returnSequences: true })]]) {
      expect(exportRaw(asKeras(await rawModelOf(chain(masked(), ...parts)))).notes).toEqual([]);
    }
  });
});
