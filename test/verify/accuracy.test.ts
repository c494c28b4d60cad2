import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { afterAll, expect, test } from "vitest";

import { exportRaw, type ExportedModel } from "../../src/export/export-model.ts";
import { readLayersModel } from "../../src/export/source/layers-model.ts";
import type { RawModel } from "../../src/export/source/model.ts";
import type { Session, Tensors } from "../../src/infer/runtime.ts";
import { calibrationSamples } from "../../src/node/calibration-data.ts";
import { encodeNpy } from "../../src/node/npy.ts";
import { readModel } from "../../src/node/read-model.ts";
import { float32, type Tensor } from "../../src/tensor.ts";
import { compareSessions } from "../../src/verify/accuracy/compare-sessions.ts";
import { limitLoss } from "../../src/verify/accuracy/limit-loss.ts";
import type { Samples } from "../../src/verify/accuracy/samples.ts";
import type { Tolerance } from "../../src/verify/compare.ts";
import { verifyModel, type ModelVerification } from "../../src/verify/verify-model.ts";

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-accuracy-"));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A session that gives these outputs, whatever it is fed with. */
function giving(outputs: Tensors): Session {
  const described = Object.entries(outputs).map(([name, { dtype, dims }]) => ({ name, dtype, dims }));
  return {
    runtime: "node",
    provider: "cpu",
    elsewhere: [],
    inputs: [{ name: "x", dtype: "float32", dims: [2, 3] }],
    outputs: described,
    run: () => Promise.resolve(outputs),
    dispose: () => Promise.resolve(),
  };
}

function samplesOf(count: number, labels: readonly number[] | null): Samples {
  const feeds = { x: float32(new Float32Array(6), [2, 3]) };
  return {
    kind: "labelled",
    source: "here",
    count,
    labels,
    batches: () => Array.from({ length: count / 2 }, () => feeds),
  };
}

const scores = (...data: readonly number[]): Tensor => float32(Float32Array.from(data), [2, 3]);

test("differences, agreement and right answers are those of the numbers", async () => {
  const boxes: Tensor = { dtype: "int32", dims: [4], data: Int32Array.of(1, 2, 3, 4) };
  const moved: Tensor = { dtype: "int32", dims: [4], data: Int32Array.of(1, 2, 3, 6) };
  const before = giving({ scores: scores(3, 0, 0, 0, 4, 0), boxes });
  const after = giving({ scores: scores(3, 0, 0.5, 4.5, 4, 0), boxes: moved });
  const { outputs, accuracy } = await compareSessions(before, after, samplesOf(4, [0, 1, 1, 0]));
  expect(outputs).toEqual([
    { name: "scores", maxAbsDiff: 4.5, meanAbsDiff: 5 / 6, loss: Math.sqrt((0.25 + 20.25) / 25), agreement: 0.5 },
    { name: "boxes", maxAbsDiff: 2, meanAbsDiff: 0.5, loss: 0.25, agreement: null },
  ]);
  expect(accuracy).toEqual({ before: 0.5, after: 0.5 });
  const broken = await compareSessions(
    before,
    giving({ scores: scores(3, 0, NaN, 0, 4, 0), boxes }),
    samplesOf(2, null),
  );
  expect(broken).toMatchObject({
    outputs: [{ maxAbsDiff: NaN, loss: NaN, agreement: 0.5 }, { loss: 0 }],
    accuracy: null,
  });
});

test("infinities and NaN that both files have hide no difference, and alone they are no measurement", async () => {
  const before = giving({ scores: scores(3, 4, Infinity, NaN, 0, 0) });
  const { outputs } = await compareSessions(
    before,
    giving({ scores: scores(3, 9, Infinity, NaN, 0, 0) }),
    samplesOf(2, null),
  );
  expect(outputs).toEqual([{ name: "scores", maxAbsDiff: 5, meanAbsDiff: 5 / 6, loss: 1, agreement: 1 }]);
  const other = await compareSessions(before, giving({ scores: scores(3, 4, Infinity, 1, 0, 0) }), samplesOf(2, null));
  expect(other.outputs).toMatchObject([{ maxAbsDiff: NaN, loss: NaN }]);
  const none = giving({ scores: scores(NaN, NaN, NaN, NaN, NaN, -Infinity) });
  await expect(compareSessions(none, none, samplesOf(2, null))).rejects.toThrow(
    'the output "scores" holds nothing but NaN and infinities in float32, so no loss can be measured',
  );
  const words = (...data: string[]): Session => giving({ words: { dtype: "string", dims: [2], data } });
  const spelt = await compareSessions(words("a", "b"), words("a", "c"), samplesOf(2, null));
  expect(spelt.outputs).toMatchObject([{ loss: 0.5 }]);
});

test("the fewest weights go back to float32, those first that cost most for their size", async () => {
  // What each weight loses alone; together the root of the sum of their squares.
  const losses = new Map([
    ["large", 0.04],
    ["small", 0.03],
    ["harmless", 0.001],
  ]);
  const fileWith = (kept: readonly string[]): ExportedModel => {
    const weights = Array.from(losses, ([name, loss]) => ({
      name,
      dims: name === "small" ? [100] : [10_000],
      type: kept.includes(name) ? ("float32" as const) : ("int8" as const),
      loss: kept.includes(name) ? 0 : loss,
    }));
    return { ...exported, precision: { ...exported.precision, name: "int8", weights } };
  };
  const lossOf = ({ precision }: ExportedModel): Promise<number> =>
    Promise.resolve(Math.hypot(...precision.weights.map(({ loss }) => loss)));
  const search = {
    exportWith: (names: readonly string[]) => Promise.resolve(fileWith(names)),
    lossOf,
    roughLossOf: lossOf,
  };
  const keptFor = async (limit: number): Promise<readonly string[]> =>
    (await limitLoss(fileWith([]), limit, search)).float32Weights;
  expect(await keptFor(0.06)).toEqual([]);
  expect(await keptFor(0.045)).toEqual(["small"]);
  expect(await keptFor(0.01)).toEqual(["small", "large"]);
  expect(await keptFor(0)).toEqual(["small", "large", "harmless"]);
});

const model = resolve(import.meta.dirname, "../../models/crnn-mnist");
const raw = await readModel(model);
const exported = exportRaw(raw);

test("calibration data that do not fit are refused with what was found and expected", async () => {
  const options = { inputs: exported.inputs, image: null, range: [0, 1] as const };
  await expect(calibrationSamples(join(folder, "none"), options)).rejects.toThrow(/calibration data in .*none/);
  await expect(calibrationSamples(folder, options)).rejects.toThrow("neither pictures nor .npy files");
  writeFileSync(join(folder, "a.npy"), encodeNpy(float32(new Float32Array(28 * 28), [28, 28, 1])));
  writeFileSync(join(folder, "b.npy"), encodeNpy(float32(new Float32Array(20 * 28 * 28), [20, 28, 28, 1])));
  const samples = await calibrationSamples(folder, options);
  expect([samples.count, ...Array.from(samples.batches(), ({ image }) => image?.dims[0])]).toEqual([21, 1, 16, 4]);
  const wrong: Tensor = { dtype: "float64", dims: [2, 28, 28, 3], data: new Float64Array(2 * 28 * 28 * 3) };
  writeFileSync(join(folder, "c.npy"), encodeNpy(wrong));
  await expect(calibrationSamples(folder, options)).rejects.toThrow(
    'c.npy holds float64 [2, 28, 28, 3]; the input "image" takes float32 [batch, 28, 28, 1]',
  );
  writeFileSync(join(folder, "c.npy"), encodeNpy(float32(new Float32Array(28 * 28).fill(NaN, 5, 7), [28, 28, 1])));
  await expect(calibrationSamples(folder, options)).rejects.toThrow("c.npy holds NaN or infinities (2 of 784 numbers)");
  const two = { ...options, inputs: [...exported.inputs, { name: "other", dtype: "float32" as const, dims: [1] }] };
  await expect(calibrationSamples(folder, two)).rejects.toThrow("have no image.npy; found a.npy, b.npy, c.npy");
});

test("verify reports how far rounded weights are, and still fails for another model's", async () => {
  const rounded = exportRaw(raw, { precision: "int8" });
  const check = (other: RawModel, tolerance?: Tolerance): Promise<ModelVerification> =>
    verifyModel(other, readLayersModel(other), rounded.bytes, {
      targets: [{ runtime: "node" }],
      batches: [2],
      seed: 1,
      ...(tolerance === undefined ? {} : { tolerance }),
    });
  const verified = await check(raw);
  expect(verified).toMatchObject({ passed: true, precision: "int8", relativeRms: 0.2 });
  const [output] = verified.runs.flatMap(({ outputs }) => outputs);
  expect(output?.relativeRms).toBeGreaterThan(1e-5);
  expect(output?.relativeRms).toBeLessThan(0.05);
  expect(await check(raw, { atol: 1e-6, rtol: 0 })).toMatchObject({ passed: false });
  const bytes = Uint8Array.from(raw.weights ?? []);
  // All signs turn.
  for (let index = 3; index < bytes.length; index += 4) bytes[index] = (bytes[index] ?? 0) ^ 0x80;
  expect(await check({ ...raw, weights: bytes })).toMatchObject({ passed: false, precision: "int8" });
});
