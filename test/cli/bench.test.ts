import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import sharp from "sharp";
import { afterAll, expect, test } from "vitest";

import { findBrowser } from "../../src/node/browser/find-browser.ts";
import { bin, runCommand, type Outcome } from "../helpers/command.ts";
import { hasWebGpu } from "../helpers/has-webgpu.ts";
import { smallDense } from "../helpers/tiny-onnx.ts";

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-bench-test-"));
const shipped = resolve(import.meta.dirname, "../../models/crnn-mnist");

afterAll(() => rmSync(folder, { recursive: true }));

function bench(args: readonly string[], env: NodeJS.ProcessEnv = {}): Outcome {
  return runCommand(["bench", ...args], { cwd: folder, timeout: 120_000, env: { ...process.env, ...env } });
}

const tiny: unknown = expect.toSatisfy((value: unknown) => typeof value === "number" && value < 1e-5);
const aboveZero: unknown = expect.toSatisfy((value: unknown) => typeof value === "number" && value > 0);

test("measures a model.json on TF.js and both ONNX runtimes, exported on the fly", async () => {
  const args = ["--rounds", "1", "--batches", "2,1", "--json", "--svg", "bench.svg"];
  const on = "tfjs/wasm,node/cpu,web/wasm,browser/wasm";
  const noBrowser = { CHROME_PATH: "/nowhere/chrome" };
  const { status, stdout, stderr } = bench([join(shipped, "model.json"), "--on", on, ...args], noBrowser);
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
    notRun: [{ name: "browser/wasm", runtime: "web", provider: "wasm", browser: true }],
  });
  expect(stderr).toContain("not run: browser/wasm: CHROME_PATH names no program: /nowhere/chrome");
  expect(await sharp(readFileSync(join(folder, "bench.svg"))).metadata()).toMatchObject({ format: "svg", width: 880 });
}, 180_000);

test("says what an ONNX file alone cannot be run on, and fails when nothing runs", () => {
  writeFileSync(join(folder, "small.onnx"), smallDense());
  const { status, stdout, stderr } = bench([
    "small.onnx",
    "--on",
    "node/cpu,tfjs/wasm",
    "--rounds",
    "1",
    "--batches",
    "3",
  ]);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^runtime +cold start +first run +median, batch 3 .*\n-+ .*\nnode\/cpu .*\n$/);
  expect(stderr).toContain("not run: tfjs/wasm: there is no model.json beside the ONNX file");
  copyFileSync(bin, join(folder, "no.onnx"));
  expect(bench(["no.onnx"])).toMatchObject({ status: 1, stdout: "" });
  expect(bench(["small.onnx", "--on", "tfjs/wasm", "--rounds", "1"]).status).toBe(1);
}, 180_000);

test("measures WebGPU in Node and onnxruntime-web in a browser, where they can be had", async ({ skip }) => {
  const gpu = await hasWebGpu();
  const browser = findBrowser() !== undefined;
  if (!gpu && !browser) skip("neither is here");
  writeFileSync(join(folder, "small.onnx"), smallDense());
  const on = ["node/cpu", ...(gpu ? ["web/webgpu"] : []), ...(browser ? ["browser/wasm"] : [])];
  const { status, stdout } = bench(["small.onnx", "--on", on.join(), "--rounds", "1", "--batches", "2", "--json"]);
  const result: unknown = JSON.parse(stdout);
  expect(status).toBe(0);
  expect(result).toMatchObject({
    runs: on.map((name) => ({
      name,
      medianMs: aboveZero,
      maxAbsDiff: tiny,
      peakBytes: name.startsWith("browser") ? null : aboveZero,
    })),
    notRun: [],
  });
}, 180_000);

test("wrong usage is exit code 2", () => {
  expect(bench(["--on", "node/cuda"])).toMatchObject({ status: 2, stdout: "" });
  expect(bench(["--on", "node/cuda"]).stderr).toContain("tfjs/tensorflow, tfjs/wasm, tfjs/cpu, node/cpu");
  expect(bench(["--on", "node/cpu", "--browser"])).toMatchObject({ status: 2, stdout: "" });
  expect(bench(["--batches", "1,x"]).status).toBe(2);
});
