import { existsSync, readdirSync } from "node:fs";
import { resolve } from "node:path";

import { describe, expect, test } from "vitest";

import { exportAnySource, readAnyModel } from "../../../src/export/any-source.ts";
import { readModel } from "../../../src/node/read-model.ts";
import { readOnnx } from "../../../src/onnx/read.ts";
import { verifyModel } from "../../../src/verify/verify-model.ts";

/** Published models, which lie beside the repository where they may be used. */
const folder = resolve(import.meta.dirname, "../../../../shared/models/graph");
const names = existsSync(folder) ? readdirSync(folder) : [];
if (names.length === 0) console.warn(`skipped: no models in ${folder}`);

/**
 * TF.js's WebAssembly backend differs from its own plain one by more than the tolerance (centernet), drops all boxes whose area
 * is below 1, because its Cast of floats to bool does (handtrack), or refuses a bias with four axes (the vae models). Where it
 * differs, verifyModel asks the plain backend; these go there at once.
 */
const ON_CPU = new Set(["centernet", "handtrack", "vae-decoder", "vae-encoder"]);
/** Sizes for the model that takes pictures of any size, and resizes them at once. */
const SHAPES: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>> = {
  handtrack: { input_tensor: [1, 5, 6, 3] },
};

/** Patterns of several nodes that become one: how many there are at least. */
const FUSED: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  meet: { Gemm: 12 },
  "style-transformer-separable": { InstanceNormalization: 12 },
};

describe.skipIf(names.length === 0)("published Graph models", () => {
  test.each(names)(
    "%s: the same numbers as in TF.js",
    async (name) => {
      const raw = await readModel(resolve(folder, name));
      const source = await readAnyModel(raw);
      const inputShapes = SHAPES[name];
      const exported = await exportAnySource(source, inputShapes === undefined ? {} : { inputShapes });
      const { nodes } = readOnnx(exported.bytes).graph;
      const missing = Object.entries(FUSED[name] ?? {}).filter(
        ([op, count]) => nodes.filter(({ opType }) => opType === op).length < count,
      );
      expect(missing).toEqual([]);
      const verification = await verifyModel(raw, source, exported.bytes, {
        targets: [{ runtime: "node" }, { runtime: "web" }],
        tolerance: { atol: 1e-5, rtol: 0 },
        batches: [1, 2],
        seed: 1,
        timeLimit: Infinity,
        ...(ON_CPU.has(name) ? { referenceProvider: "cpu" as const } : {}),
      });
      expect(verification).toMatchObject({ passed: true });
    },
    600_000,
  );
});
