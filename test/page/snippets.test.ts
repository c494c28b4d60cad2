import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { afterAll, describe, expect, test } from "vitest";

import type { ExportedModel } from "../../src/export/export-model.ts";
import { exportRaw } from "../../src/export/export-model.ts";
import { exportGraph } from "../../src/export/graph/export-graph.ts";
import { snippets } from "../../web/src/convert/snippets.ts";
import { attr, GraphMaker } from "../export/graph/graph-maker.ts";
import { runNode } from "../helpers/command.ts";
import { pythonWith } from "../helpers/python-package.ts";

import { denseModel } from "./models.ts";

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-snippets-"));
symlinkSync(resolve(import.meta.dirname, "../../node_modules"), join(folder, "node_modules"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** [batch, time, 3] to [batch, time, 2], which is tanh of the biases for zeros. */
function dense(): ExportedModel {
  const { "model.json": json, ...shards } = denseModel();
  return exportRaw({ manifest: JSON.parse(String(json)), weights: Buffer.concat(Object.values(shards)) });
}

/** Whole numbers and truth values, of free and of fixed sizes. */
function mixed(): ExportedModel {
  const {
    weightData: _,
    weightSpecs,
    ...rest
  } = new GraphMaker()
    .placeholder("ids", "DT_INT32", [null])
    .placeholder("mask", "DT_BOOL", [2, 2])
    .node("doubled", "AddV2", ["ids", "ids"], { T: attr.type("DT_INT32") })
    .node("others", "LogicalNot", ["mask"])
    .artifacts();
  return exportGraph({ manifest: { ...rest, weightsManifest: [{ paths: [], weights: weightSpecs }] }, weights: null });
}

/** The programs of a model, whose file is in the folder. */
function programsOf({ bytes, inputs, outputs }: ExportedModel, file: string): ReturnType<typeof snippets> {
  writeFileSync(join(folder, file), bytes);
  return snippets({ file, inputs, outputs, sizes: { batch: 2, time: 4 } });
}

describe("the programs that the converter shows", () => {
  test("run in Node", () => {
    const run = (model: ExportedModel, name: string): string => {
      const [{ code }] = programsOf(model, `${name}.onnx`);
      writeFileSync(join(folder, `${name}.mjs`), code.replace('"onnxruntime-web"', '"onnxruntime-node"'));
      const { stdout, stderr } = runNode([`${name}.mjs`], { cwd: folder, timeout: 60_000 });
      expect(stderr).toBe("");
      return stdout;
    };
    expect(run(dense(), "dense")).toMatch(/^\[ 2, 4, 2 \] Float32Array\(16\) \[\s+0\.1243/);
    expect(run(mixed(), "mixed")).toMatch(
      /^\[ 2 \] Int32Array\(2\) \[ 0, 0 \]\n\[ 2, 2 \] Uint8Array\(4\) \[ 1, 1, 1, 1 \]\n$/,
    );
  });

  test("run in Python", { timeout: 300_000 }, async ({ skip }) => {
    const python = await pythonWith("onnxruntime==1.23.2", "onnxruntime");
    const { command, env } = typeof python === "string" ? skip(python) : python;
    const run = (model: ExportedModel, name: string): string => {
      const [, { code }] = programsOf(model, `${name}.onnx`);
      const { stdout, stderr } = spawnSync(command, ["-c", code], { cwd: folder, encoding: "utf8", env });
      expect(stderr).toBe("");
      return stdout;
    };
    expect(run(dense(), "dense")).toMatch(/^scores \(2, 4, 2\) \[\[\[ 0\.1243/);
    expect(run(mixed(), "mixed")).toMatch(/^doubled \(2,\) \[0 0\]\nothers \(2, 2\) \[\[ True {2}True\]/);
  });

  test("are valid whatever the names are", ({ skip }) => {
    const name = 'a "quoted" \\ name';
    const inputs = [
      { name, dtype: "float32", dims: ["class", "class_2", "x-y", "2d", 3] },
      { name: "scalar", dtype: "string", dims: [] },
      { name: "list", dtype: "string", dims: [2] },
    ] as const;
    const [{ code }, python, csharp] = snippets({ file: "m.onnx", inputs, outputs: inputs, sizes: {} });
    writeFileSync(join(folder, "odd.mjs"), code);
    expect(runNode(["--check", "odd.mjs"], { cwd: folder }).stderr).toBe("");
    expect(csharp.code).toContain(
      'NamedOnnxValue.CreateFromTensor("a \\"quoted\\" \\\\ name", new DenseTensor<float>(',
    );
    const { status, stderr } = spawnSync("python3", ["-c", `import ast, sys; ast.parse(sys.stdin.read())`], {
      input: python.code,
      encoding: "utf8",
    });
    if (status === null) skip("no Python here");
    expect(stderr).toBe("");
  });
});
