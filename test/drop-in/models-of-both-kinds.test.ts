import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";

import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { InferenceError, ToolError, UnsupportedMethodError } from "../../src/errors.ts";
import { readModel } from "../../src/node/read-model.ts";
import { loadGraphModel, loadLayersModel, type GraphModel, type LayersModel } from "../../src/node/drop-in/index.ts";
import { toArtifacts } from "../../src/infer/tfjs-session.ts";
import { attr, GraphMaker, signature } from "../export/graph/graph-maker.ts";

import { graphArtifacts, layersArtifacts } from "./models.ts";
import { useOwnCache } from "./own-cache.ts";

beforeAll(async () => {
  tf.env().set("PROD", true);
  await tf.setBackend("cpu");
});
useOwnCache();

async function numbers(result: unknown): Promise<number[]> {
  if (result instanceof tf.Tensor) return Array.from(await result.data());
  const data: unknown = Reflect.get(Object(result), "data");
  if (data instanceof Float32Array || data instanceof Int32Array || data instanceof Uint8Array) return Array.from(data);
  throw new TypeError("this is no tensor of numbers");
}

function closeTo(values: readonly number[], digits = 5): unknown[] {
  return values.map((value): unknown => expect.closeTo(value, digits));
}

describe("a Layers model", () => {
  let ours: LayersModel;
  let theirs: tf.LayersModel;
  const x = tf.randomNormal([5, 6], 0, 1, "float32", 11);

  beforeAll(async () => {
    const artifacts = await layersArtifacts();
    theirs = await tf.loadLayersModel(tf.io.fromMemory(artifacts));
    ours = await loadLayersModel(artifacts, { onNote: (note) => expect.fail(note) });
  });
  afterAll(() => ours.dispose());

  test("reads its inputs before it answers, so that they may be disposed at once", async () => {
    const copy = x.clone();
    const promise = ours.predict(copy);
    copy.dispose();
    const want = theirs.predict(x);
    expect(await numbers(await promise)).toEqual(closeTo(await numbers(want)));
  });

  test("predicts in batches, whatever their size", async () => {
    const want = closeTo(await numbers(theirs.predict(x)));
    for (const batchSize of [1, 2, 5, 32]) expect(await numbers(await ours.predict(x, { batchSize }))).toEqual(want);
    await expect(ours.predict(x, { batchSize: 0 })).rejects.toThrow("batchSize takes a whole number from 1; got 0");
  });

  test("takes and gives plain tensors where TF.js's are not used", async () => {
    const want = closeTo(await numbers(theirs.predict(x)));
    const data = Float32Array.from(await x.data());
    const result = await ours.predict(data);
    expect(result).toMatchObject({ dtype: "float32", shape: [5, 3] });
    expect(await numbers(result)).toEqual(want);
    expect(await numbers(await ours.predict({ data, shape: [5, 6] }))).toEqual(want);
    expect(await numbers(await ours.predict({ features: { data, shape: [5, 6] } }))).toEqual(want);
  });

  test("converts element types, as TF.js does", async () => {
    const whole = tf.tensor2d([[1, -2, 3, 0, 5, 7]], [1, 6], "int32");
    expect(await numbers(await ours.predict(whole))).toEqual(closeTo(await numbers(theirs.predict(whole))));
  });

  test("gives the outputs of inner layers, by TF.js's names of their tensors too", async () => {
    const hiddenName = theirs.getLayer("hidden").output;
    if (Array.isArray(hiddenName)) throw new TypeError("one output is expected");
    const want = await numbers(theirs.execute(x, hiddenName.name));
    for (const name of ["hidden", hiddenName.name, ours.getLayer("hidden").output.name]) {
      expect(await numbers(await ours.execute(x, name))).toEqual(closeTo(want));
    }
    const several = await ours.execute(x, ["out", "hidden", "out"]);
    expect(await Promise.all([several].flat().map(numbers))).toEqual([
      closeTo(await numbers(theirs.predict(x))),
      closeTo(want),
      closeTo(await numbers(theirs.predict(x))),
    ]);
    await expect(ours.execute(x, "hiden")).rejects.toThrow("no layer hiden");
  });

  test("says what it cannot do, and what to do instead", async () => {
    const methods = ["fit", "fitDataset", "trainOnBatch", "evaluateDataset", "save"] as const;
    for (const method of methods) await expect(ours[method]()).rejects.toThrow(UnsupportedMethodError);
    const atOnce = [
      "compile",
      "evaluate",
      "getWeights",
      "setWeights",
      "loadWeights",
      "apply",
      "call",
      "toJSON",
    ] as const;
    for (const method of atOnce) expect(() => ours[method]()).toThrow(UnsupportedMethodError);
    const fault: unknown = await ours.fit().catch((error: unknown) => error);
    expect(fault).toMatchObject({
      message: "fit: a converted model can be run, not trained or scored",
      hint: "load the model with TF.js for that, and convert it again when it is trained",
    });
    expect(() => ours.weights).toThrow(UnsupportedMethodError);
    expect(() => ours.getLayer("hidden").setWeights()).toThrow(UnsupportedMethodError);
  });

  test("refuses what is no input of it", async () => {
    await expect(ours.predict(tf.zeros([2, 7]))).rejects.toThrow('input "features": expected shape [batch, 6]');
    await expect(ours.predict([x, x])).rejects.toThrow("the model takes 1 tensors (features); got 2");
    await expect(ours.predict({ other: x })).rejects.toThrow('the model has no input "other"');
    await expect(ours.predict(new Float32Array(7))).rejects.toThrow("7 elements do not tell their shape");
    for (const wrong of [null, 3, { data: [1, 2], shape: [2] }, [[1, 2, 3, 4, 5, 6]]]) {
      const given: { readonly value: Float32Array } = { value: new Float32Array() };
      Reflect.set(given, "value", wrong);
      await expect(ours.predict(given.value)).rejects.toThrow(InferenceError);
    }
    expect(() => ours.getLayer(9)).toThrow("there is none at 9");
  });
});

describe("a Graph model", () => {
  test("takes and gives names of the signature, of nodes, and of inner nodes", async () => {
    const artifacts = graphArtifacts();
    const [ours, theirs] = [await loadGraphModel(artifacts), await tf.loadGraphModel(tf.io.fromMemory(artifacts))];
    expect([ours.inputNodes, ours.outputNodes]).toEqual([theirs.inputNodes, theirs.outputNodes]);
    expect(ours.inputs).toEqual(theirs.inputs);
    expect(ours.modelSignature).toEqual(theirs.modelSignature);
    const picture = tf.randomUniform([2, 5, 4, 3], 0, 1, "float32", 3);
    for (const inputs of [picture, [picture], { picture }, { image: picture }, { "image:0": picture }]) {
      const want = theirs.execute({ picture }, "scores");
      expect(await numbers(await ours.execute(inputs))).toEqual(closeTo(await numbers(want)));
    }
    const names = ["active", "probabilities", "features:0", "active"];
    const [want, got] = [theirs.execute({ picture }, names), await ours.execute({ picture }, names)];
    expect(await Promise.all([got].flat().map(numbers))).toEqual(
      (await Promise.all([want].flat().map(numbers))).map((each) => closeTo(each)),
    );
    await expect(ours.execute(picture, "nowhere")).rejects.toThrow('the model has no output or node "nowhere"');
    await expect(ours.execute({ conv: picture })).rejects.toThrow('the model has no input "conv"');
    await expect(ours.predict(picture.toInt())).rejects.toThrow('input "picture" must be float32');
    await ours.dispose();
    await expect(ours.predict(picture)).rejects.toThrow("the model was disposed");
  });

  test("gives a dictionary where the model returns one, and takes a model without inputs", async () => {
    const maker = new GraphMaker()
      .placeholder("x", "DT_FLOAT", [null, 2])
      .const("two", "float32", [2])
      .node("double", "Mul", ["x", "two"], { T: attr.type("DT_FLOAT") })
      .node("half", "RealDiv", ["x", "two"], { T: attr.type("DT_FLOAT") });
    const artifacts = maker.artifacts({
      signature: signature({ output_0: "double:0", output_1: "half:0" }, { x: "x:0" }),
      userDefinedMetadata: { structuredOutputKeys: ["more", "less"] },
    });
    const [ours, theirs] = [await loadGraphModel(artifacts), await tf.loadGraphModel(tf.io.fromMemory(artifacts))];
    expect(ours.outputNodes).toEqual(theirs.outputNodes);
    expect(ours.modelStructuredOutputKeys).toEqual({ ...theirs.modelStructuredOutputKeys });
    expect(await ours.predict(Float32Array.of(1, 5))).toEqual({
      more: { dtype: "float32", shape: [1, 2], data: Float32Array.of(2, 10) },
      less: { dtype: "float32", shape: [1, 2], data: Float32Array.of(0.5, 2.5) },
    });
    const half = await ours.execute(Float32Array.of(1, 5), "half");
    expect(half).toMatchObject({ data: Float32Array.of(0.5, 2.5) });
    await ours.dispose();
  });

  test("needs only the inputs that the outputs asked for need, as TF.js does", async () => {
    const F = { T: attr.type("DT_FLOAT") };
    const artifacts = new GraphMaker()
      .placeholder("a", "DT_FLOAT", [null, 2])
      .placeholder("b", "DT_FLOAT", [null, 3])
      .node("twice", "AddV2", ["a", "a"], F)
      .node("squared", "Mul", ["b", "b"], F)
      .node("rooted", "Sqrt", ["squared"], F)
      .artifacts({ signature: signature({ double: "twice:0", square: "squared:0" }, { first: "a:0", second: "b:0" }) });
    const [ours, theirs] = [await loadGraphModel(artifacts), await tf.loadGraphModel(tf.io.fromMemory(artifacts))];
    const [first, second] = [tf.tensor2d([[1, 2]]), tf.tensor2d([[3, -4, 5]])];
    for (const [inputs, names] of [
      [{ first }, "double"],
      [{ first }, ["twice:0"]],
      [{ second }, "square"],
      [{ second }, ["rooted", "square"]],
      [{ first, second }, "double"],
      [{ first, second }, ["rooted", "twice"]],
    ] as const) {
      const want = await Promise.all([theirs.execute(inputs, [names].flat())].flat().map(numbers));
      expect(await Promise.all([await ours.execute(inputs, [names].flat())].flat().map(numbers))).toEqual(want);
    }
    expect(() => theirs.execute({ second }, "double")).toThrow("Missing the following inputs: [a]");
    await expect(ours.execute({ second }, "double")).rejects.toThrow('input "first" is missing');
    await expect(ours.predict({ first })).rejects.toThrow('input "second" is missing');
    await ours.dispose();
  });

  test("is not loaded as a Layers model, nor the other way round", async () => {
    await expect(loadLayersModel(graphArtifacts())).rejects.toMatchObject({ hint: "load it with loadGraphModel" });
    await expect(loadGraphModel(await layersArtifacts())).rejects.toMatchObject({
      hint: "load it with loadLayersModel",
    });
    await expect(loadGraphModel(await layersArtifacts())).rejects.toThrow(ToolError);
  });
});

const shared = resolve(import.meta.dirname, "../../../shared/models");
if (!existsSync(shared)) process.stderr.write("skipped: no ../shared/models beside this checkout\n");

/** Small enough for TF.js's plain backend; between them several inputs and outputs, nested models, recurrent layers, free sizes. */
const LAYERS = ["cvae-quickdraw-nested", "foulshot-bilstm", "mnist-cnn-tfjs", "recommender-2embeddings"];
const GRAPH = ["emotion", "gear-e1", "predictive-prefetch-embedding"];

describe.skipIf(!existsSync(shared))("published models answer as with TF.js's own loader", () => {
  test.each(LAYERS)("%s", async (name) => {
    const folder = join(shared, "layers", name);
    const theirs = await tf.loadLayersModel(tf.io.fromMemory(toArtifacts(await readModel(folder))));
    const ours = await loadLayersModel(folder);
    const layersOf = (model: LayersModel | tf.LayersModel): unknown =>
      model.layers.map((layer) => [layer.name, layer.getClassName(), layer.countParams(), layer.outputShape]);
    expect(layersOf(ours)).toEqual(layersOf(theirs));
    const inputs = theirs.inputs.map(({ shape, dtype }, index) =>
      randomInput(shape, dtype === "int32" || name.startsWith("rec"), index),
    );
    const want = [theirs.predict(inputs)].flat();
    const got = [await ours.predict(inputs)].flat();
    await expectSame(got, want);
    await ours.dispose();
    // ONNX Runtime's own optimised graph gives the very numbers of the file that it was made from.
    const again = await loadLayersModel(folder);
    expect(again.fromCache).toBe(true);
    const numbersOf = (tensors: readonly tf.Tensor[]): Promise<number[][]> => Promise.all(tensors.map(numbers));
    expect(await numbersOf([await again.predict(inputs)].flat())).toEqual(await numbersOf(got));
    await again.dispose();
  });

  test.each(GRAPH)("%s", async (name) => {
    const folder = join(shared, "graph", name);
    const theirs = await tf.loadGraphModel(tf.io.fromMemory(toArtifacts(await readModel(folder))));
    const ours = await loadGraphModel(folder);
    const facts = ({ inputNodes, outputNodes, inputs, modelVersion }: GraphModel | tf.GraphModel): unknown => [
      inputNodes,
      outputNodes,
      inputs,
      modelVersion,
    ];
    expect(facts(ours)).toEqual(facts(theirs));
    const inputs = theirs.inputs.map(({ shape, dtype }, index) =>
      randomInput(shape?.map((size) => (size < 0 ? null : size)) ?? [], dtype === "int32", index),
    );
    const want = [await theirs.executeAsync(inputs)].flat();
    await expectSame([await ours.execute(inputs)].flat(), want);
    await ours.dispose();
    const again = await loadGraphModel(folder);
    expect(again.fromCache).toBe(true);
    await expectSame([await again.execute(inputs)].flat(), want);
    await again.dispose();
  });

  test("there are models of both kinds to show it", () => {
    expect(readdirSync(join(shared, "layers"))).toEqual(expect.arrayContaining(LAYERS));
    expect(readdirSync(join(shared, "graph"))).toEqual(expect.arrayContaining(GRAPH));
  });
});

function randomInput(shape: readonly (number | null)[], isIndex: boolean, seed: number): tf.Tensor {
  const sizes = shape.map((size, axis) => size ?? (axis === 0 ? 2 : 9));
  return isIndex ? tf.randomUniformInt(sizes, 0, 9, seed + 1) : tf.randomUniform(sizes, 0, 1, "float32", seed + 1);
}

async function expectSame(got: readonly tf.Tensor[], want: readonly tf.Tensor[]): Promise<void> {
  expect(got.map(({ shape, dtype }) => [shape, dtype])).toEqual(want.map(({ shape, dtype }) => [shape, dtype]));
  for (const [index, tensor] of want.entries()) {
    const [a, b] = [await numbers(got[index]), await numbers(tensor)];
    const worst = a.reduce((most, value, place) => Math.max(most, Math.abs(value - Number(b[place]))), 0);
    expect(worst).toBeLessThan(2e-5);
  }
}
