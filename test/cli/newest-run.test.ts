import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeEach, describe, expect, test } from "vitest";

import { withNewestRun } from "../../src/cli/newest-run.ts";
import { ToolError } from "../../src/errors.ts";
import { nativeStatus } from "../../src/train/native/index.ts";
import { bin, runCommand } from "../helpers/command.ts";

import { writeDigits } from "./small-runs.ts";

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-newest-"));
const runs = join(folder, "runs");

beforeEach(() => rmSync(runs, { recursive: true, force: true }));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** An empty file that was changed so many seconds after the others. */
function put(run: string, file: string, seconds: number): string {
  const path = join(runs, run, file);
  mkdirSync(join(runs, run), { recursive: true });
  writeFileSync(path, "");
  const time = new Date(Date.UTC(2026, 0, 1, 12, 0, seconds));
  utimesSync(path, time, time);
  return path;
}

describe("npm run export:onnx", () => {
  test("takes the newest model and says which and why", async () => {
    put("old", "model.json", 1);
    const model = put("new", "model.json", 9);
    put("new", "checkpoint.bin", 8);
    const { args, line } = await withNewestRun(["export", "--opset", "18"], runs);
    expect(args).toEqual(["export", model, "--opset", "18"]);
    expect(line).toMatch(
      /^exporting \S+new\/model\.json, the newest model in \S+ \(trained 20\d\d-\d\d-\d\d \d\d:\d\d\)$/,
    );
  });

  test("leaves a model that is named, help, and wrong options alone", async () => {
    put("new", "model.json", 9);
    for (const args of [
      ["export", "mine"],
      ["export", "-o", "x.onnx", "mine"],
      ["export", "--help"],
      ["export", "--opest", "1"],
      ["export", "--opset", "x"],
      ["train"],
    ]) {
      expect(await withNewestRun(args, runs)).toEqual({ args, line: null });
    }
  });

  test("says why there is nothing to export", async () => {
    await expect(withNewestRun(["export"], runs)).rejects.toThrow(ToolError);
    put("killed", "checkpoint.bin", 9);
    await expect(withNewestRun(["export"], runs)).rejects.toThrow(/checkpoint but no model: .* killed/);
    put("killed", "model.json", 1);
    await expect(withNewestRun(["export"], runs)).rejects.toThrow("its model.json is older than its checkpoint");
  });
});

describe("npm run infer", () => {
  test("takes the newest ONNX file, else the shipped one, and says which and why", async () => {
    const shipped = await withNewestRun(["infer", "--runtime", "web"], runs);
    expect(shipped.args).toEqual(["infer", "--runtime", "web"]);
    expect(shipped.line).toContain("crnn-mnist-best, because nothing has been exported");
    put("a", "model.onnx", 3);
    const file = put("b", "model.onnx", 4);
    const { args, line } = await withNewestRun(["infer", "--runtime", "web", "x.png"], runs);
    expect(args).toEqual(["infer", "--model", file, "--runtime", "web", "x.png"]);
    expect(line).toContain(`model: ${file}, the newest ONNX file in`);
    const named = ["infer", "--model", "crnn-mnist"];
    expect(await withNewestRun(named, runs)).toEqual({ args: named, line: null });
  });
});

const isNative = nativeStatus().state === "ready";
if (!isNative) process.stderr.write("skipped: native TensorFlow is not set up, so no training is interrupted\n");

test.skipIf(!isNative)(
  "Ctrl-C saves a model, which export:onnx takes and calls interrupted",
  { timeout: 120_000 },
  async () => {
    const out = join(runs, "mine");
    const args = [...writeDigits(join(folder, "digits"), 64), "--batch-size", "8", "--epochs", "500", "--out", out];
    const child = spawn(process.execPath, [bin, ...args], { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      const before = stderr;
      stderr += text;
      if (!before.includes("epoch 1/500") && stderr.includes("epoch 1/500")) child.kill("SIGINT");
    });
    const code = await new Promise((done) => child.on("close", done));
    expect(code).toBe(130);
    expect(stderr).toContain(`saved to ${join(out, "model.json")}`);
    const chained = await withNewestRun(["export"], runs);
    expect(chained.line).toMatch(/interrupted after \d+ of 500 epochs/);
    const exported = runCommand([...chained.args, "--json"], { cwd: folder });
    expect(exported.status).toBe(0);
    expect(JSON.parse(exported.stdout)).toMatchObject({ verified: { passed: true } });
    expect(readdirSync(out)).toContain("model.onnx");
  },
);
