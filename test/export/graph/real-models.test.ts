import { existsSync, readdirSync } from "node:fs";
import { resolve } from "node:path";

import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, test } from "vitest";

import { exportAnySource, readAnyModel } from "../../../src/export/any-source.ts";
import { readModel } from "../../../src/node/read-model.ts";
import { verifyModel } from "../../../src/verify/verify-model.ts";

/** Published models, which lie beside the repository where they may be used. */
const folder = resolve(import.meta.dirname, "../../../../shared/models/graph");
const names = existsSync(folder) ? readdirSync(folder) : [];
if (names.length === 0) console.warn(`skipped: no models in ${folder}`);

beforeAll(async () => {
  await tf.setBackend("cpu");
});

describe.skipIf(names.length === 0)("published Graph models", () => {
  test.each(names)(
    "%s: the same numbers as in TF.js",
    async (name) => {
      const raw = await readModel(resolve(folder, name));
      const source = await readAnyModel(raw);
      const exported = await exportAnySource(source);
      const verification = await verifyModel(raw, source, exported.bytes, {
        targets: [{ runtime: "node" }, { runtime: "web" }],
        tolerance: { atol: 1e-5, rtol: 0 },
        batches: [1, 2],
        seed: 1,
      });
      expect(verification).toMatchObject({ passed: true });
    },
    120_000,
  );
});
