import { existsSync } from "node:fs";
import { resolve } from "node:path";

import * as fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";

import type { RawModel } from "../../src/export/source/model.ts";
import { readModel } from "../../src/node/read-model.ts";
import { randomizeWeights, rawModelOf } from "../helpers/layer-parity.ts";

import { damage, damaged, type Damage } from "./damage.ts";
import { outcomeOf } from "./outcome.ts";
import { SAMPLES } from "./samples.ts";

const DEFAULT_RUNS = 80;
const runs = Number(process.env["CORRUPT_RUNS"] ?? DEFAULT_RUNS);
const seed = Number(process.env["CORRUPT_SEED"] ?? 20_261_124);
/** Real models are larger and slower: they get a share of the runs. */
const REAL_SHARE = 0.1;

const root = resolve(import.meta.dirname, "../..");
const REAL: readonly string[] = [
  resolve(root, "models/crnn-mnist"),
  ...["abalone-dense", "recommender-2embeddings", "date-attention-bilstm-3in"].map((name) =>
    resolve(root, "../shared/models/layers", name),
  ),
];

const counts = new Map<string, number>();

afterAll(() => {
  process.stderr.write(`damaged models: ${[...counts].map(([kind, count]) => `${count} ${kind}`).join(", ")}\n`);
});

/** Every damage ends in TF.js's numbers or in a typed error; the first that does not is made as small as it can be. */
async function expectSafe(raw: RawModel, share: number): Promise<void> {
  const property = fc.asyncProperty(
    fc.array(damage, { minLength: 1, maxLength: 2 }),
    fc.nat({ max: 1000 }),
    async (damages: readonly Damage[], inputSeed) => {
      const files = damaged(raw, damages);
      const outcome = await outcomeOf(files, inputSeed);
      counts.set(outcome.kind, (counts.get(outcome.kind) ?? 0) + 1);
      if (outcome.kind === "fault")
        throw new Error(`${files.deeds.join("; ")}: ${outcome.message}`, { cause: outcome.cause });
    },
  );
  const details = await fc.check(property, { numRuns: Math.ceil(runs * share), seed, endOnFailure: false });
  if (!details.failed) return;
  const report = await fc.asyncDefaultReportMessage(details);
  throw new Error(`${String(details.errorInstance)}\n${report ?? ""}`, { cause: details.errorInstance });
}

describe(`models damaged in ${runs} ways each, from seed ${seed}`, () => {
  test.each(Object.entries(SAMPLES))("%s", { timeout: runs * 1000 + 60_000 }, async (_, build) => {
    const model = build();
    randomizeWeights(model);
    await expectSafe(await rawModelOf(model), 1);
  });

  test.each(REAL)("%s", { timeout: runs * 2000 + 60_000 }, async (folder) => {
    if (!existsSync(folder)) {
      process.stderr.write(`skipped: there is no ${folder}\n`);
      return;
    }
    await expectSafe(await readModel(folder), REAL_SHARE);
  });

  test("undamaged they export, and give TF.js's numbers", async () => {
    for (const build of Object.values(SAMPLES)) {
      const model = build();
      randomizeWeights(model);
      const outcome = await outcomeOf(damaged(await rawModelOf(model), []), 1);
      expect(outcome.kind).toBe("equal");
    }
  });
});
