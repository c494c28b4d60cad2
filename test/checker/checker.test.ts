import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import * as fc from "fast-check";
import { describe, expect, inject, test } from "vitest";

import { exportRaw } from "../../src/export/export-model.ts";
import { readModel } from "../../src/node/read-model.ts";
import { buildSample, recipe } from "../fuzz/random-model.ts";
import { keepExport } from "../helpers/keep-export.ts";
import { rawModelOf } from "../helpers/layer-parity.ts";

import { checkFiles, python } from "./check-files.ts";

const root = resolve(import.meta.dirname, "../..");
const shared = resolve(root, "../shared/models/layers");
const RANDOM_MODELS = 60;
const OPSETS = [13, 15, 18, 21] as const;

function foldersIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
}

describe.skipIf(typeof python === "string")("the official ONNX checker, shapes inferred and compared", () => {
  test("finds fault with a file that is wrong", () => {
    const shipped = readFileSync(join(root, "models", "crnn-mnist", "model.onnx"));
    const at = shipped.indexOf("MaxPool");
    const wrong = join(inject("exportsFolder"), "wrong.txt");
    writeFileSync(wrong, Buffer.concat([shipped.subarray(0, at), Buffer.from("MaxFool"), shipped.subarray(at + 7)]));
    expect(checkFiles([wrong])[wrong]).toContain("pool1/MaxPool");
  });

  test("passes the models that ship", () => {
    const files = foldersIn(join(root, "models")).map((folder) => join(folder, "model.onnx"));
    expect(files.length).toBeGreaterThan(0);
    expect(checkFiles(files)).toEqual({});
  });

  test("passes every file that the tests before this one exported, and random and real models in each opset", async () => {
    for (const folder of foldersIn(shared)) keepExport(exportRaw(await readModel(folder)));
    const samples = fc.sample(recipe, { numRuns: RANDOM_MODELS, seed: 41 });
    for (const [index, sample] of samples.entries()) {
      const { model } = buildSample(sample);
      keepExport(exportRaw(await rawModelOf(model), { opset: OPSETS[index % OPSETS.length] ?? 17 }));
      model.dispose();
    }
    const folder = inject("exportsFolder");
    const files = readdirSync(folder).filter((name) => name.endsWith(".onnx"));
    expect(files.length).toBeGreaterThan(RANDOM_MODELS / 2);
    const paths = files.map((name) => join(folder, name));
    expect(checkFiles(paths)).toEqual({});
  }, 240_000);
});
