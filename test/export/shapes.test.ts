import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { exportRaw, type ExportedModel, type ExportOptions } from "../../src/export/export-model.ts";
import { expectParity, randomizeWeights, rawModelOf } from "../helpers/layer-parity.ts";

type Symbolic = tf.SymbolicTensor;
type Dims = readonly (number | string)[];

function one(layer: tf.layers.Layer, input: Symbolic | Symbolic[]): Symbolic {
  const output = layer.apply(input);
  if (output instanceof tf.SymbolicTensor) return output;
  throw new TypeError("one output was expected");
}

async function exported(
  inputs: Symbolic | Symbolic[],
  outputs: Symbolic | Symbolic[],
  options: ExportOptions = {},
): Promise<ExportedModel> {
  return exportRaw(await rawModelOf(tf.model({ inputs, outputs })), options);
}

async function dimsFor(shape: (number | null)[], ...layers: readonly tf.layers.Layer[]): Promise<Dims | undefined> {
  const input = tf.input({ shape, name: "x" });
  let output: Symbolic = input;
  for (const layer of layers) output = one(layer, output);
  return (await exported(input, output)).outputs[0]?.dims;
}

describe("a free dimension that is the same on input and output has the same name", () => {
  test("through convolutions and poolings that keep it, and recurrent layers", async () => {
    const same = tf.layers.conv2d({ filters: 4, kernelSize: 3, padding: "same" });
    expect(await dimsFor([null, null, 3], same)).toEqual(["batch", "height", "width", 4]);
    const pooled = tf.layers.maxPooling2d({ poolSize: 3, strides: 1, padding: "same" });
    expect(await dimsFor([null, null, 3], pooled)).toEqual(["batch", "height", "width", 3]);
    const steps = tf.layers.bidirectional({
      layer: tf.layers.gru({ units: 2, returnSequences: true }),
      mergeMode: "concat",
    });
    expect(await dimsFor([null, 3], steps)).toEqual(["batch", "time", 4]);
    const distributed = tf.layers.timeDistributed({ layer: tf.layers.dense({ units: 5 }) });
    expect(await dimsFor([null, 3], distributed)).toEqual(["batch", "time", 5]);
    const padded = tf.layers.zeroPadding2d({ padding: 1 });
    const valid = tf.layers.conv2d({ filters: 2, kernelSize: 3 });
    expect(await dimsFor([null, null, 3], padded, valid)).toEqual(["batch", "height", "width", 2]);
    const turned = tf.layers.permute({ dims: [2, 1, 3] });
    expect(await dimsFor([null, null, 3], turned)).toEqual(["batch", "width", "height", 3]);
  });

  test("and one that is computed has a name of its own", async () => {
    const strided = tf.layers.conv2d({ filters: 4, kernelSize: 3, strides: 2, padding: "same" });
    expect(await dimsFor([null, null, 3], strided)).toEqual(["batch", "floor((height+1)/2)", "floor((width+1)/2)", 4]);
    const larger = tf.layers.upSampling2d({ size: [2, 3] });
    expect(await dimsFor([null, null, 3], larger)).toEqual(["batch", "2*height", "3*width", 3]);
  });

  test("those of several inputs are told apart, but for the batch", async () => {
    const inputs = ["a", "b"].map((name) => tf.input({ shape: [null, 3], name }));
    const { inputs: described } = await exported(inputs, one(tf.layers.concatenate({ axis: 1 }), inputs));
    expect(described.map(({ dims }) => dims)).toEqual([
      ["batch", "a_time", 3],
      ["batch", "b_time", 3],
    ]);
  });
});

describe("fixed shapes", () => {
  const image = (): Symbolic => tf.input({ shape: [null, null, 3], name: "image" });
  const conv = (): tf.layers.Layer => tf.layers.conv2d({ filters: 2, kernelSize: 3, strides: 2, padding: "same" });

  test("give the numbers of the free ones", async () => {
    const input = image();
    const model = tf.model({ inputs: input, outputs: one(conv(), input) });
    randomizeWeights(model);
    const options = { exportOptions: { inputShapes: { image: [2, 6, 9, 3] } }, single: false };
    const { exported: result } = await expectParity(
      model,
      tf.randomUniform([2, 6, 9, 3], -1, 1, "float32", 1),
      options,
    );
    expect(result.outputs[0]?.dims).toEqual([2, 3, 5, 2]);
  });

  test("fix the batch of every input", async () => {
    const other = tf.input({ shape: [4], name: "other" });
    const input = image();
    const outputs = [one(conv(), input), one(tf.layers.dense({ units: 2 }), other)];
    const result = await exported([input, other], outputs, { inputShapes: { image: [1, 8, 8, 3] } });
    expect(result.inputs.map(({ dims }) => dims)).toEqual([
      [1, 8, 8, 3],
      [1, 4],
    ]);
    const batched = await exported([input, other], outputs, { batch: 5 });
    expect(batched.inputs.map(({ dims }) => dims[0])).toEqual([5, 5]);
  });

  test("of one input's batch are those of all", async () => {
    const inputs = [tf.input({ batchShape: [2, 4], name: "fixed" }), tf.input({ shape: [4], name: "open" })];
    const result = await exported(inputs, one(tf.layers.add(), inputs));
    expect(result.inputs.map(({ dims }) => dims)).toEqual([
      [2, 4],
      [2, 4],
    ]);
  });

  test("that cannot be are refused, with what can", async () => {
    const input = image();
    const output = one(conv(), input);
    await expect(exported(input, output, { inputShapes: { picture: [1, 8, 8, 3] } })).rejects.toThrow("unknown input");
    await expect(exported(input, output, { inputShapes: { image: [1, 8, 8, 4] } })).rejects.toThrow("does not fit");
    const fixed = tf.input({ batchShape: [2, 4], name: "x" });
    await expect(exported(fixed, one(tf.layers.dense({ units: 1 }), fixed), { batch: 3 })).rejects.toThrow(
      "batches of 2, which the model fixes",
    );
  });
});
