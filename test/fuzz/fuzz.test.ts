import * as tf from "@tensorflow/tfjs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { ExportError } from "../../src/errors.ts";
import { expectParity, predict, randomizeWeights } from "../helpers/layer-parity.ts";

import { buildSample, recipe, type Recipe } from "./random-model.ts";

const DEFAULT_RUNS = 300;
const runs = Number(process.env["FUZZ_RUNS"] ?? DEFAULT_RUNS);
const seed = Number(process.env["FUZZ_SEED"] ?? 20_261_123);
/** What is refused because TF.js's backends or ONNX Runtime cannot agree on it; see docs/layers.md. */
const REFUSED = /backends disagree|cannot pool that/;
/** Beyond this a float32 has few digits after the point left to compare. */
const LARGEST = 1e3;

async function check(given: Recipe): Promise<void> {
  const { model, inputs, description } = buildSample(given);
  try {
    randomizeWeights(model, given.seed + 1);
    const largest = largestOf(model, inputs);
    fc.pre(largest !== null && largest < LARGEST);
    await expectParity(model, inputs, { atol: 1e-5 * Math.max(1, largest), rtol: 1e-4, runtimes: ["node"] });
  } catch (error) {
    if (error instanceof fc.PreconditionFailure) throw error;
    fc.pre(!(error instanceof ExportError && REFUSED.test(error.message)));
    // Free sizes may turn out too small for a window: TF.js goes on with nothing, where ONNX Runtime stops.
    fc.pre(!hasEmptyOutput(model, inputs));
    throw new Error(`${description}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  } finally {
    model.dispose();
    for (const input of inputs) input.dispose();
  }
}

/** The largest absolute value of the outputs; null when TF.js, which built the model, cannot run it. */
function largestOf(model: tf.LayersModel, inputs: readonly tf.Tensor[]): number | null {
  let outputs: readonly tf.Tensor[];
  try {
    outputs = predict(model, inputs);
  } catch (error) {
    if (error instanceof Error) return null;
    throw error;
  }
  return Math.max(...outputs.map((output) => tf.cast(output, "float32").abs().max().dataSync()[0] ?? Number.NaN));
}

function hasEmptyOutput(model: tf.LayersModel, inputs: readonly tf.Tensor[]): boolean {
  const outputs = model.layers.flatMap((layer) => layer.getOutputAt(0));
  return predict(tf.model({ inputs: model.inputs, outputs }), inputs).some(({ size }) => size === 0);
}

describe("random models give TF.js's numbers", () => {
  test(
    `${runs} models from seed ${seed}`,
    async () => {
      const property = fc.asyncProperty(recipe, check);
      const details = await fc.check(property, { numRuns: runs, seed, endOnFailure: false });
      if (details.failed) {
        const report = await fc.asyncDefaultReportMessage(details);
        throw new Error(`${String(details.errorInstance)}\n${report ?? ""}`, { cause: details.errorInstance });
      }
      expect(details.numRuns).toBe(runs);
    },
    runs * 2_000 + 60_000,
  );
});
