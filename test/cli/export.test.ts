import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { afterAll, beforeAll, expect, test } from "vitest";

import { bin, runCommand, type Outcome } from "../helpers/command.ts";
import { decodeOnnx, encodeOnnx } from "../helpers/onnx-proto.ts";

const root = resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-export-"));
const model = join(folder, "model");

function cli(...args: readonly string[]): Outcome {
  return runCommand(args, { cwd: folder, timeout: 120_000 });
}

beforeAll(() => {
  mkdirSync(model);
  for (const file of ["model.json", "weights.bin"]) {
    cpSync(join(root, "models/crnn-mnist", file), join(model, file));
  }
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("export writes, verifies and says so in JSON", () => {
  const { status, stdout } = cli("export", model, "--out", "a.onnx", "--json");
  expect(status).toBe(0);
  const parsed: unknown = JSON.parse(stdout);
  expect(parsed).toMatchObject({
    kind: "layers",
    opset: 17,
    inputs: [{ name: "image", dtype: "float32", dims: ["batch", 28, 28, 1] }],
    verified: {
      passed: true,
      reference: "tfjs wasm",
      runs: [{ batch: 1 }, { batch: 3 }],
      file: { path: "a.onnx", precision: "stored", bytes: readFileSync(join(folder, "a.onnx")).length },
    },
  });
});

/** Spoils an ONNX file as soon as it is written: its last bias, given in hexadecimal, becomes others. */
const SPOIL = `
import files from "node:fs/promises";
import { readFileSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
const rename = files.rename;
files.rename = async (from, to) => {
  await rename(from, to);
  const bytes = readFileSync(to);
  const bias = Buffer.from(process.env.BIAS, "hex");
  writeFileSync(to, bytes.fill(0x3f, bytes.indexOf(bias), bytes.indexOf(bias) + bias.length));
};
syncBuiltinESMExports();
`;

test("what is compared with TF.js is the file on the disk", () => {
  writeFileSync(join(folder, "spoil.mjs"), SPOIL);
  const env = {
    NODE_OPTIONS: `--import ${pathToFileURL(join(folder, "spoil.mjs")).href}`,
    BIAS: readFileSync(join(model, "weights.bin")).subarray(-24, -4).toString("hex"),
  };
  const { status, stdout } = runCommand(["export", model, "-o", "spoiled.onnx"], {
    cwd: folder,
    timeout: 120_000,
    env,
  });
  expect([status, stdout]).toEqual([1, expect.stringContaining("DIFFERS: ")]);
});

test("-o - and /dev/stdout write the file alone to stdout, the rest goes to stderr", () => {
  const whole = readFileSync(join(folder, "a.onnx"));
  for (const out of ["-", "/dev/stdout"]) {
    const args = [bin, "export", model, "-o", out];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, maxBuffer: 2 ** 24 });
    expect(status).toBe(0);
    expect(stdout.equals(whole)).toBe(true);
    expect(stderr.toString()).toMatch(/^(?:verifying .*\n)?wrote stdout: 20 nodes[^]*the same numbers as/);
    expect(cli("export", model, "-o", out, "--json")).toMatchObject({ status: 2, stdout: "" });
  }
  expect(readdirSync(folder)).not.toContain("-");
});

test("--quiet prints nothing when all is well, and otherwise what to do next is said", () => {
  expect(cli("export", model, "-o", "quiet.onnx", "-q")).toMatchObject({ status: 0, stdout: "", stderr: "" });
  const { stdout } = cli("export", model, "-o", "my model.onnx");
  expect(stdout).toContain("next: tfjs-to-onnx infer photo.png --model 'my model.onnx'");
});

test("a model in node_modules is exported into the current folder", () => {
  const installed = join(folder, "node_modules", "some-model");
  cpSync(model, installed, { recursive: true });
  const before = readdirSync(installed);
  const { status, stdout } = cli("export", join("node_modules", "some-model"), "--no-verify", "--json");
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ out: "model.onnx" });
  expect(readdirSync(installed)).toEqual(before);
});

test("verify runs both runtimes, and fails on a damaged file with the layer's name", () => {
  cli("export", model, "--out", "b.onnx", "--no-verify");
  const sound = cli("verify", model, "b.onnx", "--runtime", "node,web", "--batch", "2", "--json");
  expect(sound.status).toBe(0);
  const report: unknown = JSON.parse(sound.stdout);
  expect(report).toMatchObject({
    passed: true,
    atol: 1e-5,
    rtol: 1e-4,
    runs: [
      { runtime: "node", provider: "cpu", batch: 2, outputs: [{ passed: true }] },
      { runtime: "web", provider: "wasm", batch: 2, outputs: [{ passed: true }] },
    ],
  });

  const file = decodeOnnx(readFileSync(join(folder, "b.onnx")));
  const node = file.graph?.node?.find(({ opType }) => opType === "LSTM");
  const layer = (node?.name ?? "").split("/")[0] ?? "";
  const weight = file.graph?.initializer?.find(({ name }) => name === node?.input?.[2]);
  const data = Uint8Array.from(weight?.rawData ?? []);
  if (weight === undefined || data.length < 4) throw new TypeError("the file has no LSTM with raw weights");
  const numbers = new Float32Array(data.buffer).map((value) => value + 0.1);
  weight.rawData = new Uint8Array(numbers.buffer);
  writeFileSync(join(folder, "damaged.onnx"), encodeOnnx(file));
  const damaged = cli("verify", model, "damaged.onnx", "--json");
  expect(damaged.status).toBe(1);
  const failure: unknown = JSON.parse(damaged.stdout);
  expect(failure).toMatchObject({ passed: false, firstDifference: { layer } });
  expect(cli("verify", model, "damaged.onnx").stdout).toContain(`the first layer that differs: ${layer}`);
});

test("--output gives what a layer in the middle gives, compared with TF.js", () => {
  const { status, stdout } = cli(
    "export",
    model,
    "--output",
    "conv1",
    "--output",
    "lstm1",
    "--out",
    "middle.onnx",
    "--json",
  );
  expect(status).toBe(0);
  const parsed: unknown = JSON.parse(stdout);
  expect(parsed).toMatchObject({
    outputs: [
      { name: "conv1", dims: ["batch", 28, 28, 32] },
      { name: "lstm1", dims: ["batch", 21, 128] },
    ],
    verified: { passed: true },
  });
  const graph = decodeOnnx(readFileSync(join(folder, "middle.onnx"))).graph;
  expect(graph?.output?.map(({ name }) => name)).toEqual(["conv1", "lstm1"]);
});

test("wrong usage ends with 2, a missing layer with 1 and the layers there are", () => {
  expect(cli("verify", model).status).toBe(2);
  expect(cli("export", model, "--input-shape", "image=1,28").status).toBe(1);
  expect(cli("export", model, "--batch", "none").status).toBe(2);
  const missing = cli("export", model, "--output", "nowhere", "--out", "c.onnx");
  expect(missing.status).toBe(1);
  expect(missing.stderr).toContain("no layer nowhere");
});

test("the file goes beside the model, however its address is written", () => {
  const own = join(folder, "my model");
  cpSync(model, own, { recursive: true });
  const path = join(own, "model.json").replaceAll(" ", "%20");
  for (const address of [`file://${path}`, `FILE://${path}`, `file:${path}`, `file://localhost${path}`]) {
    expect(cli("export", address, "--no-verify")).toMatchObject({ status: 0, stderr: "" });
    expect(readdirSync(own)).toContain("model.onnx");
    rmSync(join(own, "model.onnx"));
  }
  expect(readdirSync(folder).filter((name) => /^(file:|localhost|my%20model)/i.test(name))).toEqual([]);
});

test.skipIf(process.getuid?.() === 0)(
  "a current folder that cannot be written to is no matter with --out elsewhere",
  () => {
    const closed = join(folder, "closed");
    mkdirSync(closed, { mode: 0o555 });
    const out = join(folder, "elsewhere.onnx");
    const { status, stderr } = runCommand(["export", model, "--out", out], { cwd: closed, timeout: 120_000 });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  },
);

test("--precision rounds weights within --max-loss and reports the loss beside the numbers", () => {
  const loss = ["--dataset", "digits", "--limit", "60", "--json"];
  const { status, stdout } = cli(
    "export",
    model,
    "-o",
    "small.onnx",
    "--precision",
    "int8",
    "--max-loss",
    "0.05",
    ...loss,
  );
  expect(status).toBe(0);
  const parsed: unknown = JSON.parse(stdout);
  expect(parsed).toMatchObject({
    precision: { name: "int8" },
    verified: {
      passed: true,
      precision: "float32",
      file: { path: null, precision: "float32", bytes: readFileSync(join(folder, "a.onnx")).length },
    },
    accuracy: {
      data: { kind: "labelled", count: 60 },
      outputs: [{ name: "softmax" }],
      bytes: {
        before: readFileSync(join(folder, "a.onnx")).length,
        after: readFileSync(join(folder, "small.onnx")).length,
      },
      latency: [{ runtime: "node" }, { runtime: "web" }],
      maxLoss: 0.05,
      float32Weights: [],
    },
  });
  const strict = ["--precision", "int4", "--max-loss", "1e-6", "--on-loss", "fail", "--no-verify"];
  const failed = cli("export", model, "-o", "none.onnx", ...strict);
  expect(failed).toMatchObject({ status: 1 });
  expect(failed.stderr).toContain("int4 weights lose");
  expect(cli("export", model, "--precision", "int5")).toMatchObject({ status: 2 });
  expect(cli("export", model, "--max-loss", "0.1")).toMatchObject({ status: 2 });
  expect(cli("export", model, "--precision", "int4", "--opset", "17")).toMatchObject({ status: 2 });
  expect(readdirSync(folder)).not.toContain("none.onnx");
}, 120_000);
