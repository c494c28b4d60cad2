import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { afterAll, expect, test } from "vitest";

import { runNode, type Outcome } from "../helpers/command.ts";

import { writeDigits } from "./small-runs.ts";

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-missing-"));
const bin = resolve(import.meta.dirname, "../../dist/cli/bin.js");
const model = resolve(import.meta.dirname, "../../models/crnn-mnist");

afterAll(() => rmSync(folder, { recursive: true }));

/** A machine that has Node alone, and an empty cache. */
function bare(args: readonly string[]): Outcome {
  const path = join(folder, "bin");
  mkdirSync(path, { recursive: true });
  rmSync(join(path, "node"), { force: true });
  symlinkSync(process.execPath, join(path, "node"));
  const env = { PATH: path, HOME: folder, XDG_CACHE_HOME: join(folder, "cache") };
  return runNode([bin, ...args], { env, timeout: 170_000 });
}

test("without Python and a compiler, set-up and native training name both, with the command that installs it", () => {
  const native = ["--backend", "tensorflow", "--dataset", "digits", "--limit", "10", "--out", join(folder, "run")];
  for (const args of [["setup"], ["train", ...native]]) {
    const { status, stderr } = bare(args);
    expect(status).toBe(1);
    expect(stderr).toContain("error: native TensorFlow needs pip (or uv)");
    expect(stderr).toContain("and a C++ compiler (c++, g++ or clang++)");
    expect(stderr).toMatch(/\nhint: .+/);
    expect(stderr).not.toContain("    at ");
  }
});

test("without them a network is trained on WebAssembly, which is said, and why", { timeout: 180_000 }, () => {
  const args = ["--epochs", "1", "--out", join(folder, "slow"), "--json"];
  const { status, stdout, stderr } = bare([...writeDigits(join(folder, "digits"), 10), ...args]);
  expect(stderr).toMatch(/WebAssembly backend, because native TensorFlow is not available .* times slower/);
  expect(status).toBe(0);
  expect(stdout).toMatch(/"backend":"wasm/);
});

test("the doctor lists them as missing, and export works without them", () => {
  expect(bare(["doctor"]).stdout).toMatch(/missing +pip or uv[^]*missing +c\+\+ compiler/);
  const { status, stdout } = bare(["export", model, "--out", join(folder, "model.onnx"), "--json"]);
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ nodes: 20, verified: { passed: true } });
});
