import { spawnSync } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import sharp from "sharp";
import { afterAll, expect, test } from "vitest";

import { findBrowser } from "../../src/node/browser/find-browser.ts";
import { encodeNpy } from "../../src/node/npy.ts";
import { bin, runCommand, type Outcome } from "../helpers/command.ts";
import { hasWebGpu } from "../helpers/has-webgpu.ts";
import { smallDense, tinyOnnx, unary } from "../helpers/tiny-onnx.ts";

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

test("measures WebGPU in Node and onnxruntime-web in a browser, where they can be had, and leaves no file", async ({
  skip,
}) => {
  const gpu = await hasWebGpu();
  const browser = findBrowser() !== undefined;
  if (!gpu && !browser) skip("neither is here");
  writeFileSync(join(folder, "small.onnx"), smallDense());
  const on = ["node/cpu", ...(gpu ? ["web/webgpu"] : []), ...(browser ? ["browser/wasm"] : [])];
  const args = ["small.onnx", "--on", on.join(), "--rounds", "1", "--batches", "2", "--json"];
  const TMPDIR = mkdtempSync(join(folder, "tmp-"));
  const { status, stdout } = bench(args, { TMPDIR });
  const result: unknown = JSON.parse(stdout);
  expect(status).toBe(0);
  expect(readdirSync(TMPDIR)).toEqual([]);
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

/** `y = x + W`, x: [batch, 4], W: [3, 4]: runs at batch 1 and 3, and fails at 2. */
function failsAtTwo(): Uint8Array {
  return tinyOnnx({
    inputs: [{ name: "x", dtype: "float32", dims: ["batch", 4] }],
    outputs: [{ name: "y", dtype: "float32", dims: ["rows", 4] }],
    nodes: [{ op: "Add", inputs: ["x", "W"], outputs: ["y"] }],
    weights: { W: { dtype: "float32", dims: [3, 4], data: new Float32Array(12) } },
  });
}

test("a model.json beside an ONNX file that is no use to TF.js does not stop the rest", () => {
  const apart = mkdtempSync(join(folder, "apart-"));
  writeFileSync(join(apart, "small.onnx"), smallDense());
  const graph = { format: "graph-model", modelTopology: { node: [] }, weightsManifest: [] };
  writeFileSync(join(apart, "model.json"), JSON.stringify(graph));
  const args = ["--on", "tfjs/wasm,node/cpu", "--rounds", "1", "--batches", "1", "--json"];
  const result: unknown = JSON.parse(bench([join(apart, "small.onnx"), ...args]).stdout);
  expect(result).toMatchObject({
    runs: [{ name: "node/cpu" }],
    notRun: [{ name: "tfjs/wasm", reason: expect.stringMatching(/model\.json: the model has no nodes/) as unknown }],
  });
}, 60_000);

test("takes the folder of an ONNX file alone, and its name in any case", () => {
  const alone = mkdtempSync(join(folder, "alone-"));
  writeFileSync(join(alone, "model.onnx"), smallDense());
  writeFileSync(join(alone, "SMALL.ONNX"), smallDense());
  for (const given of [alone, join(alone, "SMALL.ONNX")]) {
    const { stdout } = bench([given, "--on", "node/cpu", "--rounds", "1", "--batches", "1", "--json"]);
    const result: unknown = JSON.parse(stdout);
    expect(result).toMatchObject({ model: given, runs: [{ name: "node/cpu" }] });
  }
}, 60_000);

test("a batch size that fails is said, and what was measured at the others is kept", () => {
  writeFileSync(join(folder, "two.onnx"), failsAtTwo());
  const args = ["two.onnx", "--on", "node/cpu,web/wasm", "--rounds", "2"];
  const { status, stdout, stderr } = bench([...args, "--batches", "1,2,3", "--json"]);
  const figures = {
    medianMs: aboveZero,
    throughput: [{ batch: 1, perSecond: aboveZero }],
    failure: { batch: 2, reason: expect.stringContaining("2 by 3") as unknown },
  };
  const result: unknown = JSON.parse(stdout);
  expect(status).toBe(0);
  expect(result).toMatchObject({
    runs: [
      { name: "node/cpu", ...figures },
      { name: "web/wasm", ...figures },
    ],
    notRun: [],
  });
  expect(stderr).toContain("web/wasm fails at batch 2: ONNX Runtime failed to run the model");
  expect(bench([...args, "--batches", "2"])).toMatchObject({ status: 1, stdout: "" });
}, 180_000);

test("says which nodes WebGPU left to the CPU, as infer does", async ({ skip }) => {
  if (!(await hasWebGpu())) skip("there is no WebGPU in Node here");
  const bytes = tinyOnnx({
    inputs: [{ name: "x", dtype: "float32", dims: [2, 2] }],
    outputs: [{ name: "y", dtype: "float32", dims: [] }],
    nodes: [
      { op: "Relu", inputs: ["x"], outputs: ["a"] },
      { op: "Det", inputs: ["a"], outputs: ["y"] },
    ],
  });
  writeFileSync(join(folder, "det.onnx"), bytes);
  writeFileSync(
    join(folder, "x.npy"),
    encodeNpy({ dtype: "float32", dims: [2, 2], data: Float32Array.of(1, 2, 3, 4) }),
  );
  const measured = bench(["det.onnx", "--on", "node/webgpu", "--rounds", "1", "--json"]);
  const figures: unknown = JSON.parse(measured.stdout);
  expect(figures).toMatchObject({ runs: [{ name: "node/webgpu", elsewhere: ["Det_y (Det)"] }] });
  expect(measured.stderr).toContain("node/webgpu: not on webgpu but on the CPU: Det_y (Det)");
  const args = ["infer", "--model", "det.onnx", "--tensor", "x=x.npy", "--out", "out", "--json"];
  const inferred = runCommand([...args, "--provider", "webgpu"], { cwd: folder, timeout: 60_000 });
  const answer: unknown = JSON.parse(inferred.stdout);
  expect(answer).toMatchObject({ runtime: "node", provider: "webgpu", elsewhere: ["Det_y (Det)"] });
  expect(inferred.stderr).toMatch(/by node on webgpu, 1 node on the CPU$/m);
  const onCpu: unknown = JSON.parse(runCommand(args, { cwd: folder }).stdout);
  expect(onCpu).not.toHaveProperty("elsewhere");
}, 120_000);

test("leaves no folder behind when what it prints cannot be written", ({ skip }) => {
  if (!existsSync("/dev/full")) skip("there is no /dev/full here");
  const temporary = mkdtempSync(join(folder, "tmp-"));
  const full = openSync("/dev/full", "w");
  const { status } = spawnSync(process.execPath, [bin, "bench", "small.onnx", "--on", "node/cpu", "--rounds", "1"], {
    cwd: folder,
    env: { ...process.env, TMPDIR: temporary },
    stdio: ["ignore", full, "ignore"],
  });
  closeSync(full);
  // ONNX Runtime's own telemetry leaves files there.
  const left = readdirSync(temporary).filter((name) => name.startsWith("tfjs-to-onnx-"));
  expect({ status, left }).toEqual({ status: 1, left: [] });
}, 60_000);

test("takes inputs of every number, and counts one sample where there is no batch", () => {
  const dtypes = ["float16", "float64", "int8", "int16", "uint16", "uint32", "int64", "uint64", "bool"] as const;
  const bytes = tinyOnnx({
    inputs: [
      ...dtypes.map((dtype) => ({ name: dtype, dtype, dims: ["n", 2] })),
      { name: "one", dtype: "float32", dims: [] },
    ],
    outputs: dtypes.map((dtype) => ({ name: `${dtype}_out`, dtype, dims: ["n", 2] })),
    nodes: dtypes.map((dtype) => ({ op: "Identity", inputs: [dtype], outputs: [`${dtype}_out`] })),
  });
  writeFileSync(join(folder, "numbers.onnx"), bytes);
  const args = ["--on", "node/cpu", "--rounds", "1", "--json"];
  const numbers: unknown = JSON.parse(bench(["numbers.onnx", "--batches", "2", ...args]).stdout);
  expect(numbers).toMatchObject({ runs: [{ name: "node/cpu", best: { batch: 2 } }], notRun: [] });
  writeFileSync(join(folder, "scalar.onnx"), unary("Relu", "float32", []));
  const scalar: unknown = JSON.parse(bench(["scalar.onnx", ...args]).stdout);
  expect(scalar).toMatchObject({ runs: [{ batch: 1, throughput: [{ batch: 1 }] }] });
  writeFileSync(join(folder, "words.onnx"), unary("Identity", "string"));
  const words: unknown = JSON.parse(bench(["words.onnx", ...args]).stdout);
  expect(words).toMatchObject({
    notRun: [{ name: "node/cpu", reason: 'there are no random values for input "x", which is of strings' }],
  });
}, 60_000);

test("a picture that cannot be written is refused before anything is measured", () => {
  writeFileSync(join(folder, "small.onnx"), smallDense());
  const { status, stdout, stderr } = bench(["small.onnx", "--svg", join("small.onnx", "bench.svg")]);
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  expect(stderr).toMatch(/^error: cannot write .*small\.onnx: a part of the path is a file, not a folder$/m);
  expect(stderr).not.toContain("not run");
});

test("a chart replaces nothing but a chart", () => {
  const { status, stderr } = bench(["small.onnx", "--svg", "small.onnx"]);
  expect([status, stderr]).toEqual([
    2,
    expect.stringContaining('--svg takes the name of an .svg file; got "small.onnx"'),
  ]);
});

test("sizes of no input, or other than those built in, are wrong usage", () => {
  writeFileSync(join(folder, "small.onnx"), smallDense());
  const sized = (shape: string): Outcome => bench(["small.onnx", "--input-shape", shape]);
  expect(sized("z=1,4")).toMatchObject({ status: 2, stdout: "" });
  expect(sized("z=1,4").stderr).toContain('--input-shape: unknown input "z"; the model has x');
  expect(sized("x=1,5").stderr).toContain("--input-shape x=1,5 does not fit the model's [batch, 4]");
  expect(sized("x=1,5").status).toBe(2);
});

test("wrong usage is exit code 2", () => {
  expect(bench(["--on", "node/cuda"])).toMatchObject({ status: 2, stdout: "" });
  expect(bench(["--on", "node/cuda"]).stderr).toContain("tfjs/tensorflow, tfjs/wasm, tfjs/cpu, node/cpu");
  expect(bench(["--on", "node/cpu", "--browser"])).toMatchObject({ status: 2, stdout: "" });
  expect(bench(["--batches", "1,x"]).status).toBe(2);
});
