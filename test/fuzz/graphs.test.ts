import * as tf from "@tensorflow/tfjs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { ExportError } from "../../src/errors.ts";
import { expectParity, predict, randomizeWeights } from "../helpers/layer-parity.ts";

import { buildGraph, graphRecipe, type GraphRecipe } from "./random-graph.ts";

const DEFAULT_RUNS = 100;
const runs = Number(process.env["FUZZ_RUNS"] ?? DEFAULT_RUNS);
const seed = Number(process.env["FUZZ_SEED"] ?? 20_261_124);

/**
 * TF.js's answer; null where it cannot compute the model it built, as with masks that do not fit, or where that gives other
 * shapes than the model says, as with masks that are spread over the samples of others.
 */
function answer(model: tf.LayersModel, inputs: readonly tf.Tensor[]): tf.Tensor[] | null {
  try {
    const outputs = predict(model, inputs);
    const asDeclared = outputs.every(({ shape }, index) => {
      const declared = model.outputs[index]?.shape ?? [];
      return (
        shape.length === declared.length && shape.every((size, axis) => [null, size].includes(declared[axis] ?? null))
      );
    });
    return asDeclared ? outputs : null;
  } catch (error) {
    if (error instanceof Error) return null;
    throw error;
  }
}

async function check(given: GraphRecipe): Promise<void> {
  const { model, inputs, description } = buildGraph(given);
  try {
    randomizeWeights(model, given.seed + 1);
    fc.pre(answer(model, inputs) !== null);
    const first = inputs.map((input) => input.slice(0, 1));
    const single = answer(model, first) !== null;
    await expectParity(model, inputs, { atol: 1e-5, rtol: 1e-4, runtimes: ["node"], single });
  } catch (error) {
    if (error instanceof fc.PreconditionFailure) throw error;
    // Refused because TF.js fails on most batch sizes; it happened to compute this one.
    fc.pre(!(error instanceof ExportError && error.message.includes("TF.js cannot")));
    throw new Error(`${description}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  } finally {
    model.dispose();
    for (const input of inputs) input.dispose();
  }
}

describe("random graphs with masks give TF.js's numbers", () => {
  test(
    `${runs} graphs from seed ${seed}`,
    async () => {
      const property = fc.asyncProperty(graphRecipe, check);
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
