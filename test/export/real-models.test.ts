import { existsSync, readdirSync } from "node:fs";
import { resolve } from "node:path";

import { describe, expect, test } from "vitest";

import { exportSource } from "../../src/export/export-model.ts";
import { readLayersModel } from "../../src/export/source/layers-model.ts";
import { readModel } from "../../src/node/read-model.ts";
import { verifyModel } from "../../src/verify/verify-model.ts";

const folder = resolve(import.meta.dirname, "../../../shared/models/layers");
const models = existsSync(folder) ? readdirSync(folder) : [];
if (models.length === 0) process.stderr.write("skipped: no ../shared/models/layers beside this checkout\n");

/** Exported, but not run here: why. */
const NOT_RUN: ReadonlyMap<string, string> = new Map([
  ["brainchop-meshnet5-conv3d", "256 x 256 x 256 voxels keep TF.js's cpu backend busy for hours"],
  ["char-lstm", "noise drives its 40 steps into chaos: rounding grows to 1e-3 on any two runtimes"],
]);

describe.skipIf(models.length === 0)("real public models", () => {
  test.each(models)(
    "%s",
    async (name) => {
      const raw = await readModel(resolve(folder, name));
      const source = readLayersModel(raw);
      const exported = exportSource(source);
      expect(exported.nodes).toBeGreaterThan(0);
      if (NOT_RUN.has(name)) return;
      const verified = await verifyModel(raw, source, exported.bytes, {
        targets: [{ runtime: "node" }],
        tolerance: { atol: 1e-5, rtol: 1e-4 },
        batches: [2],
        seed: 1,
        exportOptions: {},
      });
      expect(verified.runs.length).toBeGreaterThan(0);
      expect(verified.passed).toBe(true);
    },
    60_000,
  );
});
