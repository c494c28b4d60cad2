import * as tf from "@tensorflow/tfjs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { compileStep, type OptimizerConfig } from "../../../src/train/compile/index.ts";
import { buildSample, recipe, type Sample } from "../../fuzz/random-model.ts";
import { nativeTf } from "../native-tf.ts";

import { setWave, wave } from "./models.ts";

const native = await nativeTf();
const runs = Number(process.env["STEP_RUNS"] ?? 24);
const seed = Number(process.env["STEP_SEED"] ?? 7);
const STEPS = 5;
/** Beyond this, outputs make losses and gradients of which float32 keeps few digits. */
const LARGEST = 50;
const TOLERANCE = 1e-4;

const OPTIMIZERS: readonly [OptimizerConfig, () => tf.Optimizer][] = [
  [{ name: "sgd", learningRate: 0.02 }, () => tf.train.sgd(0.02)],
  [{ name: "momentum", learningRate: 0.01, momentum: 0.9 }, () => tf.train.momentum(0.01, 0.9)],
  [
    { name: "momentum", learningRate: 0.01, momentum: 0.8, useNesterov: true },
    () => tf.train.momentum(0.01, 0.8, true),
  ],
  [{ name: "adagrad", learningRate: 0.02 }, () => tf.train.adagrad(0.02)],
  [{ name: "adadelta", learningRate: 0.1, rho: 0.9, epsilon: 0.01 }, () => tf.train.adadelta(0.1, 0.9, 0.01)],
  [{ name: "rmsprop", learningRate: 0.005, epsilon: 0.01 }, () => tf.train.rmsprop(0.005, 0.9, 0, 0.01)],
  [{ name: "adam", learningRate: 0.005, epsilon: 0.01 }, () => tf.train.adam(0.005, 0.9, 0.999, 0.01)],
  [{ name: "adamax", learningRate: 0.005, epsilon: 0.01 }, () => tf.train.adamax(0.005, 0.9, 0.999, 0.01)],
];

type LossFunction = (target: tf.Tensor, output: tf.Tensor) => tf.Tensor;

const ofTheUser: LossFunction = (target, output) => output.sub(target).square().add(1).log().mean();
const LOSSES: readonly (string | LossFunction)[] = ["meanSquaredError", "logcosh", ofTheUser, "meanAbsoluteError"];

interface Drawn {
  readonly sample: Sample;
  readonly targets: tf.Tensor[];
  readonly loss: string[] | LossFunction[];
}

/** Null for a model that cannot be trained, or draws random numbers in a step. */
function drawn(given: Parameters<typeof buildSample>[0]): Drawn | null {
  const sample = buildSample(given);
  setWave(tf, sample.model);
  if (/dropout|noise|rareKeys/i.test(sample.description) || sample.model.trainableWeights.length === 0) return null;
  const outputs = outputsOf(sample);
  const usable = outputs.length > 0 && outputs.every(({ dtype, size }) => dtype === "float32" && size > 0);
  if (!usable || !outputs.every((output) => (output.abs().max().dataSync()[0] ?? Number.NaN) < LARGEST)) return null;
  const targets = outputs.map(({ size, shape }, index) => tf.tensor(wave(size, index + 3), shape));
  const loss = LOSSES[given.seed % LOSSES.length] ?? ofTheUser;
  const losses = typeof loss === "string" ? targets.map(() => loss) : targets.map(() => loss);
  return { sample, targets, loss: losses };
}

/** None where TF.js, which built the model, cannot run it. */
function outputsOf({ model, inputs }: Sample): tf.Tensor[] {
  try {
    return [model.predict([...inputs])].flat();
  } catch {
    return [];
  }
}

/** Loss and metrics of each step of plain TF.js, and its outputs after them; null where TF.js cannot train the model. */
async function plainly({ sample, targets, loss }: Drawn, optimizer: tf.Optimizer): Promise<number[][] | null> {
  const { model, inputs } = sample;
  const results: number[][] = [];
  try {
    model.compile({ loss, optimizer, metrics: ["mae"] });
    for (let step = 0; step < STEPS; step++) results.push([await model.trainOnBatch([...inputs], targets)].flat());
  } catch {
    return null;
  }
  return results.flat().every((value) => Math.abs(value) < 1e3) ? results : null;
}

function furthest(found: readonly number[], expected: readonly number[]): number {
  return Math.max(
    ...expected.map((value, index) => Math.abs((found[index] ?? Number.NaN) - value) / (1 + Math.abs(value))),
  );
}

function numbersOf(outputs: readonly tf.Tensor[]): number[] {
  return outputs.flatMap((output) => Array.from(output.dataSync()));
}

describe.skipIf(native === null)("random models", () => {
  test(
    `${runs} from seed ${seed}: five compiled steps are those of plain TF.js, whatever the model, loss and optimizer`,
    async () => {
      let compared = 0;
      for (const [index, given] of fc.sample(recipe, { numRuns: runs, seed }).entries()) {
        const [config, optimizer] = OPTIMIZERS[index % OPTIMIZERS.length] ?? [];
        const [plain, ours] = [drawn(given), drawn(given)];
        if (config === undefined || optimizer === undefined || plain === null || ours === null) continue;
        const expected = await plainly(plain, optimizer());
        if (expected === null) continue;
        const { model, inputs, description } = ours.sample;
        const notes: string[] = [];
        const step = compileStep(tf, {
          model,
          loss: ours.loss,
          metrics: ["mae"],
          optimizer: index % 2 === 0 ? config : optimizer(),
          onNote: (note) => notes.push(note),
        });
        const found = expected.map(() => step.step(inputs, ours.targets));
        const losses = found.map(({ loss }) => loss);
        const outputs = numbersOf(step.predict(inputs));
        const difference = Math.max(
          furthest(
            losses,
            expected.map(([loss = Number.NaN]) => loss),
          ),
          furthest(outputs, numbersOf(outputsOf(plain.sample))) / 10,
        );
        expect({ index, description, config, notes, same: difference < TOLERANCE }).toEqual({
          index,
          description,
          config,
          notes: [],
          same: true,
        });
        compared++;
        step.dispose();
        tf.disposeVariables();
      }
      expect(compared).toBeGreaterThan(runs / 8);
    },
    runs * 10_000,
  );
});
