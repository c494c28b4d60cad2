import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import sharp from "sharp";
import { afterAll, expect, test } from "vitest";

import { smallDense } from "../helpers/tiny-onnx.ts";

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-bench-test-"));
const bin = resolve(import.meta.dirname, "../../dist/cli/bin.js");
const shipped = resolve(import.meta.dirname, "../../models/crnn-mnist");

afterAll(() => rmSync(folder, { recursive: true }));

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function bench(...args: readonly string[]): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, "bench", ...args], {
    cwd: folder,
    encoding: "utf8",
    timeout: 120_000,
  });
  return { status, stdout, stderr };
}

const tiny: unknown = expect.toSatisfy((value: unknown) => typeof value === "number" && value < 1e-5);
const aboveZero: unknown = expect.toSatisfy((value: unknown) => typeof value === "number" && value > 0);

test("measures a model.json on TF.js and both ONNX runtimes, exported on the fly", async () => {
  const args = ["--rounds", "1", "--batches", "2,1", "--json", "--svg", "bench.svg"];
  const on = "tfjs/wasm,node/cpu,web/wasm,web/webgpu";
  const { status, stdout, stderr } = bench(join(shipped, "model.json"), "--on", on, ...args);
  const result: unknown = JSON.parse(stdout);
  const figures = {
    coldStartMs: aboveZero,
    firstRunMs: aboveZero,
    batch: 1,
    medianMs: aboveZero,
    p95Ms: aboveZero,
    peakBytes: aboveZero,
    throughput: [
      { batch: 1, perSecond: aboveZero },
      { batch: 2, perSecond: aboveZero },
    ],
    maxAbsDiff: tiny,
  };
  expect(status).toBe(0);
  expect(result).toMatchObject({
    rounds: 1,
    runs: [
      { runtime: "tfjs", provider: "wasm", ...figures },
      { runtime: "node", provider: "cpu", ...figures },
      { runtime: "web", provider: "wasm", ...figures },
    ],
    notRun: [{ runtime: "web", provider: "webgpu" }],
  });
  expect(stderr).toContain("not run: web/webgpu: ");
  expect(await sharp(readFileSync(join(folder, "bench.svg"))).metadata()).toMatchObject({ format: "svg", width: 880 });
}, 180_000);

test("says what an ONNX file alone cannot be run on, and fails when nothing runs", () => {
  writeFileSync(join(folder, "small.onnx"), smallDense());
  const { status, stdout, stderr } = bench(
    "small.onnx",
    "--on",
    "node/cpu,tfjs/wasm",
    "--rounds",
    "1",
    "--batches",
    "3",
  );
  expect(status).toBe(0);
  expect(stdout).toMatch(/^runtime +cold start +first run +median, batch 3 .*\n-+ .*\nnode\/cpu .*\n$/);
  expect(stderr).toContain("not run: tfjs/wasm: there is no model.json beside the ONNX file");
  copyFileSync(bin, join(folder, "no.onnx"));
  expect(bench("no.onnx")).toMatchObject({ status: 1, stdout: "" });
  expect(bench("small.onnx", "--on", "tfjs/wasm", "--rounds", "1").status).toBe(1);
}, 180_000);

test("wrong usage is exit code 2", () => {
  expect(bench("--on", "node/cuda")).toMatchObject({ status: 2, stdout: "" });
  expect(bench("--on", "node/cuda").stderr).toContain("tfjs/tensorflow, tfjs/wasm, tfjs/cpu, node/cpu");
  expect(bench("--batches", "1,x").status).toBe(2);
});
