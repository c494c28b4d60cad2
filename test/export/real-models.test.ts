import { existsSync, readdirSync } from "node:fs";
import { resolve } from "node:path";

import { describe, expect, test } from "vitest";

import { exportSource } from "../../src/export/export-model.ts";
import { readLayersModel } from "../../src/export/source/layers-model.ts";
import type { RawModel } from "../../src/export/source/model.ts";
import { readModel } from "../../src/node/read-model.ts";
import { verifyModel } from "../../src/verify/verify-model.ts";

const folder = resolve(import.meta.dirname, "../../../shared/models/layers");
const models = existsSync(folder) ? readdirSync(folder) : [];
if (models.length === 0) process.stderr.write("skipped: no ../shared/models/layers beside this checkout\n");

/** Voxels of 256 x 256 x 256 keep TF.js busy for hours; the network takes any size. */
const SMALLER: ReadonlyMap<string, readonly [from: string, to: string]> = new Map([
  ["brainchop-meshnet5-conv3d", ["[null,256,256,256,1]", "[null,12,14,16,1]"]],
]);

/** The model, of inputs that TF.js computes in a test's time. */
async function read(name: string): Promise<RawModel> {
  const raw = await readModel(resolve(folder, name));
  const change = SMALLER.get(name);
  if (change === undefined) return raw;
  const text = JSON.stringify(raw.manifest);
  expect(text).toContain(change[0]);
  const manifest: unknown = JSON.parse(text.replaceAll(change[0], change[1]));
  return { manifest, weights: raw.weights };
}

describe.skipIf(models.length === 0)("real public models", () => {
  test.each(models)(
    "%s",
    async (name) => {
      const raw = await read(name);
      const source = readLayersModel(raw);
      const exported = exportSource(source);
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
