import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, test } from "vitest";

import { exportModel } from "../../../src/index.ts";
import type { RawModel } from "../../../src/export/source/model.ts";
import { toArtifacts } from "../../../src/infer/tfjs-session.ts";
import { asKeras3 } from "../../helpers/keras3.ts";
import { expectParity, predict, randomizeWeights, rawModelOf } from "../../helpers/layer-parity.ts";

function build(): tf.LayersModel {
  const input = tf.input({ shape: [6, 5, 2], name: "image" });
  const conv = tf.layers.conv2d({ filters: 4, kernelSize: 3, activation: "relu", name: "conv" }).apply(input);
  const flat = tf.layers.flatten({ name: "flat" }).apply(tf.layers.batchNormalization({ name: "normal" }).apply(conv));
  const output = tf.layers.dense({ units: 3, name: "scores" }).apply(flat);
  if (!(output instanceof tf.SymbolicTensor)) throw new TypeError("one output was expected");
  const model = tf.model({ inputs: input, outputs: output });
  randomizeWeights(model);
  return model;
}

const model = build();
const images = tf.randomNormal([2, 6, 5, 2], 0, 1, "float32", 3);
let raw: RawModel = { manifest: null, weights: null };
let artifacts: tf.io.ModelArtifacts = {};

beforeAll(async () => {
  raw = await rawModelOf(model);
  artifacts = toArtifacts(raw);
});

/** As quantize_weights of the tfjs converter writes them, weight after weight, each another way. */
function quantised(ways: readonly ("uint8" | "uint16" | "float16" | null)[]): RawModel {
  const values = new Float32Array(Uint8Array.from(raw.weights ?? []).buffer);
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let offset = 0;
  const specs = (artifacts.weightSpecs ?? []).map((spec, index) => {
    const own = values.slice(offset, (offset += tf.util.sizeFromShape(spec.shape)));
    const way = ways[index % ways.length] ?? null;
    if (way === null) {
      pieces.push(new Uint8Array(own.buffer));
      return spec;
    }
    if (way === "float16") {
      pieces.push(new Uint8Array(Uint16Array.from(own, half).buffer));
      return { ...spec, quantization: { dtype: way } };
    }
    const min = Math.min(...own);
    const scale = (Math.max(...own) - min) / (way === "uint8" ? 255 : 65_535) || 1;
    const codes = Array.from(own, (value) => Math.round((value - min) / scale));
    pieces.push(way === "uint8" ? Uint8Array.from(codes) : new Uint8Array(Uint16Array.from(codes).buffer));
    return { ...spec, quantization: { dtype: way, scale, min } };
  });
  return {
    manifest: { modelTopology: artifacts.modelTopology, weightsManifest: [{ paths: ["w"], weights: specs }] },
    weights: new Uint8Array(tf.io.CompositeArrayBuffer.join(pieces.map(({ buffer }) => buffer))),
  };
}

/** The bits of a number of order 1 as float16, rounded towards zero. */
function half(value: number): number {
  const sign = value < 0 ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size < 2 ** -14) return sign;
  const exponent = Math.floor(Math.log2(size));
  return sign | ((exponent + 15) << 10) | Math.floor((size / 2 ** exponent - 1) * 1024);
}

async function load(files: RawModel): Promise<tf.LayersModel> {
  const given = toArtifacts(files);
  return tf.loadLayersModel({ load: () => Promise.resolve(given) });
}

describe("quantised weights are what TF.js makes of them", () => {
  test.each([
    { ways: ["uint8"] },
    { ways: ["uint16"] },
    { ways: ["float16"] },
    { ways: ["uint8", null, "float16", "uint16"] },
  ] as const)("$ways", async ({ ways }) => {
    const files = quantised(ways);
    const loaded = await load(files);
    const [exact] = predict(model, [images]);
    const [coarse] = predict(loaded, [images]);
    expect(
      exact
        ?.sub(coarse ?? 0)
        .abs()
        .max()
        .dataSync()[0],
    ).toBeGreaterThan(0);
    await expectParity(model, images, {
      edit: () => files,
      expected: (inputs) => predict(loaded, inputs),
      runtimes: ["node"],
      single: false,
    });
  });
});

test("a model of Keras 3, which TF.js cannot load, gives the numbers of the TF.js model it is", async () => {
  await expect(load(asKeras3(raw))).rejects.toThrow("An InputLayer should be passed");
  await expectParity(model, images, { edit: asKeras3 });
});

test("states of the optimizer in the manifest are passed over", async () => {
  const { weightSpecs = [] } = artifacts;
  const more = { name: "Adam/m", shape: [3], dtype: "float32", group: "optimizer" };
  const weights = new Uint8Array([...(raw.weights ?? []), ...new Uint8Array(12).fill(1)]);
  const manifest = {
    modelTopology: artifacts.modelTopology,
    weightsManifest: [{ paths: ["w"], weights: [...weightSpecs, more] }],
  };
  const { exported } = await expectParity(model, images, { edit: () => ({ manifest, weights }), runtimes: ["node"] });
  expect(exported.parameters).toBe(model.countParams());
});

describe("the same bytes, however the weights come", () => {
  const weights = (): Uint8Array<ArrayBuffer> => Uint8Array.from(raw.weights ?? []);

  test("in any number of shards and groups", async () => {
    const { bytes } = await exportModel(artifacts);
    const specs = artifacts.weightSpecs ?? [];
    const first = 4 * specs.slice(0, 2).reduce((sum, { shape }) => sum + tf.util.sizeFromShape(shape), 0);
    const all = weights();
    for (const cuts of [[], [1], [1, 2, 3, 50], Array.from({ length: 90 }, (_, at) => 7 * at + 1)]) {
      const ends = [...new Set([...cuts, first, all.length])].toSorted((a, b) => a - b);
      const shards = ends.map((end, at) => new File([all.slice(ends[at - 1] ?? 0, end)], `s${at}.bin`));
      const of = (from: number, to: number): string[] =>
        ends.flatMap((end, at) => (end > from && end <= to ? [`s${at}.bin`] : []));
      const weightsManifest = [
        { paths: of(0, first), weights: specs.slice(0, 2) },
        { paths: of(first, all.length), weights: specs.slice(2) },
      ];
      const json = new File(
        [JSON.stringify({ modelTopology: artifacts.modelTopology, weightsManifest })],
        "model.json",
      );
      expect((await exportModel([...shards, json])).bytes).toEqual(bytes);
    }
  });

  test("as one buffer, as several, as a stream", async () => {
    const { bytes } = await exportModel(artifacts);
    const all = weights();
    const parts = [all.slice(0, 5), all.slice(5)];
    expect((await exportModel({ ...artifacts, weightData: parts.map(({ buffer }) => buffer) })).bytes).toEqual(bytes);
    const { weightData: _, ...streaming } = artifacts;
    const getWeightStream = (): ReadableStream<Uint8Array> => new Blob(parts).stream();
    expect((await exportModel({ ...streaming, getWeightStream })).bytes).toEqual(bytes);
    const endless = (): ReadableStream<Uint8Array> => new ReadableStream({ pull: (to) => to.enqueue(all) });
    await expect(exportModel({ ...streaming, getWeightStream: endless })).rejects.toThrow("too long");
    await expect(exportModel({ ...streaming, getWeightStream: () => 5 })).rejects.toThrow("must give a ReadableStream");
  });
});
