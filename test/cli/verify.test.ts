import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, expect, test } from "vitest";

import { exportRaw } from "../../src/export/export-model.ts";
import { findBrowser } from "../../src/node/browser/find-browser.ts";
import { runCommand, type Outcome } from "../helpers/command.ts";
import { hasWebGpu } from "../helpers/has-webgpu.ts";
import { randomizeWeights, rawModelOf } from "../helpers/live-model.ts";
import { decodeOnnx, encodeOnnx } from "../helpers/onnx-proto.ts";

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-verify-"));
const file = join(folder, "model.onnx");

beforeAll(async () => {
  const layers = [
    tf.layers.dense({ inputShape: [4], units: 5, activation: "tanh", name: "first" }),
    tf.layers.dense({ units: 3, name: "last" }),
  ];
  const model = tf.sequential({ layers });
  randomizeWeights(model, 3);
  const raw = await rawModelOf(model);
  writeFileSync(join(folder, "model.json"), JSON.stringify(raw.manifest));
  writeFileSync(join(folder, "weights.bin"), raw.weights ?? new Uint8Array());
  writeFileSync(file, exportRaw(raw).bytes);
});

afterAll(() => rmSync(folder, { recursive: true }));

function verify(args: readonly string[], env: NodeJS.ProcessEnv = {}): Outcome {
  return runCommand(["verify", folder, ...args], { timeout: 60_000, env: { ...process.env, ...env } });
}

/** Where a `--json` answer says that it ran. */
function placesIn(stdout: string): string[] {
  return Array.from(stdout.matchAll(/"runtime":"(\w+)","provider":"(\w+)"/gu), ([, runtime, provider]) => {
    return `${runtime}/${provider}`;
  });
}

test("runs wherever ONNX Runtime runs, in one command", async () => {
  const gpu = await hasWebGpu();
  const providers = `cpu,wasm${gpu ? ",webgpu" : ""}`;
  const args = ["--runtime", "node,web", "--provider", providers, "--batch", "2", "--json"];
  const { status, stdout } = verify([file, ...args]);
  expect(status).toBe(0);
  expect(placesIn(stdout)).toEqual(
    gpu ? ["node/cpu", "node/webgpu", "web/wasm", "web/webgpu"] : ["node/cpu", "web/wasm"],
  );
});

test("--browser is a true browser, and finds the same wrong layer there", ({ skip }) => {
  if (findBrowser() === undefined) skip("no Chromium here");
  const model = decodeOnnx(readFileSync(file));
  const bias = model.graph?.initializer?.find(({ name }) => name === "last/bias");
  expect(bias?.rawData).toBeInstanceOf(Uint8Array);
  if (bias?.rawData instanceof Uint8Array)
    bias.rawData = Uint8Array.from(bias.rawData, (byte, at) => (at % 4 === 2 ? byte ^ 0x40 : byte));
  writeFileSync(join(folder, "wrong.onnx"), encodeOnnx(model));
  const right = verify([file, "--browser", "--threads", "2", "--batch", "1"]);
  expect([right.status, right.stderr]).toEqual([
    0,
    expect.stringMatching(/^(?:verifying .*\n)?in \S*Chrome\/\d+\S*: .*\n(?:verifying .*\n)?$/u),
  ]);
  const wrong = verify([join(folder, "wrong.onnx"), "--browser", "--batch", "1", "--json"]);
  expect(wrong.status).toBe(1);
  expect(JSON.parse(wrong.stdout)).toMatchObject({
    passed: false,
    firstDifference: { layer: "last" },
    runs: [{ runtime: "web", provider: "wasm" }],
  });
});

test("what was asked for and is not available is an error that says why", () => {
  expect(verify([file, "--browser"], { CHROME_PATH: "/nowhere/chrome" })).toEqual({
    status: 1,
    signal: null,
    stdout: "",
    stderr:
      "error: CHROME_PATH names no program: /nowhere/chrome\nhint: set it to the path of Chromium or Chrome, or unset it\n",
  });
  const noDriver = { VK_ICD_FILENAMES: "", VK_DRIVER_FILES: "/nowhere" };
  const gpu = verify([file, "--provider", "webgpu"], noDriver);
  expect([gpu.status, gpu.stdout]).toEqual([1, ""]);
  expect(gpu.stderr).toContain("error: WebGPU is not available here: ");
  const auto = verify([file, "--provider", "auto", "--batch", "1", "--json"], noDriver);
  expect([auto.status, placesIn(auto.stdout)]).toEqual([0, ["node/cpu"]]);
  expect(auto.stderr).toContain("running on cpu: WebGPU is not available here: ");
});

test("threads that a provider cannot have are an error", async ({ skip }) => {
  if (!(await hasWebGpu())) skip("no WebGPU here");
  const { status, stderr } = verify([file, "--runtime", "web", "--provider", "webgpu", "--threads", "2"]);
  expect(status).toBe(1);
  expect(stderr).toContain("onnxruntime-web's WebGPU build runs on 1 thread in Node; got 2");
});

test("places that do not go together are wrong usage", () => {
  expect(verify([file, "--browser", "--runtime", "node"])).toMatchObject({ status: 2, stdout: "" });
  expect(verify([file, "--provider", "wasm"]).stderr).toBe(
    "error: the runtime node has the providers cpu, webgpu; got wasm\n",
  );
  expect(verify([file, "--runtime", "tfjs"]).status).toBe(2);
  expect(verify([join(folder, "model.json")]).stderr).toContain("is a TF.js model; an ONNX file is wanted here");
});
