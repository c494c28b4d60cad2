import { readFileSync } from "node:fs";
import { join } from "node:path";

import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, test } from "vitest";

import { graphArtifacts, layersArtifacts } from "./models.ts";
import * as dropIn from "./program-drop-in.ts";
import * as tfjs from "./program-tfjs.ts";
import { useOwnCache } from "./own-cache.ts";

beforeAll(async () => {
  await tf.setBackend("cpu");
});
useOwnCache();

/** Both files are compiled with all others (`tsc`), so the same text being in both is what shows that the program compiles. */
test("one program for both loaders differs by the line of the import", () => {
  const [before, after] = ["program-tfjs.ts", "program-drop-in.ts"].map((name) =>
    readFileSync(join(import.meta.dirname, name), "utf8").split("\n"),
  );
  const differing = (before ?? []).filter((line, index) => line !== after?.[index]);
  expect(differing).toEqual([
    'import { loadGraphModel, loadLayersModel, type GraphModel, type LayersModel } from "@tensorflow/tfjs";',
  ]);
  expect(after?.length).toBe(before?.length);
});

describe("one program gives the same with both loaders", () => {
  test("on a Graph model, with tf.memory() balanced", async () => {
    const handler = tf.io.fromMemory(graphArtifacts());
    const image = tf.randomUniform<tf.Rank.R3>([9, 7, 3], 0, 255, "int32", 5);
    const [theirs, ours] = [new tfjs.Detector(handler), new dropIn.Detector(handler)];
    await theirs.load();
    const before = tf.memory().numTensors;
    await ours.load();
    const got = await ours.detect(image);
    ours.dispose();
    expect(tf.memory().numTensors).toBe(before);
    const want = await theirs.detect(image);
    expect(got).toEqual({
      ...want,
      scores: want.scores.map((value): unknown => expect.closeTo(value, 6)),
      inner: want.inner.map((value): unknown => expect.closeTo(value, 5)),
    });
    expect(got.inner).toHaveLength(5 * 4 * 4);
    expect(ours.progress).toEqual([0, 1]);
    theirs.dispose();
    image.dispose();
  });

  test("on a Layers model, with tf.memory() balanced", async () => {
    const handler = tf.io.fromMemory(await layersArtifacts());
    const x = tf.randomNormal<tf.Rank.R2>([5, 6], 0, 1, "float32", 7);
    const want = await tfjs.classify(handler, x);
    const before = tf.memory().numTensors;
    const got = await dropIn.classify(handler, x);
    expect(tf.memory().numTensors).toBe(before);
    expect(got.names).toEqual(want.names);
    expect(got.numbers).toEqual(want.numbers.map((value): unknown => expect.closeTo(value, 5)));
    expect(want.numbers).toHaveLength(2 * 5 * 3 + 2);
    x.dispose();
  });
});
