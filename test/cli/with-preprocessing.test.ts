import { cpSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";

import { photograph } from "../helpers/scenes.ts";
import { runCommand, type Outcome } from "../helpers/command.ts";

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-inside-"));
const model = resolve(import.meta.dirname, "../../models/crnn-mnist");

beforeAll(async () => {
  mkdirSync(join(folder, "scans"));
  for (const digit of [0, 1, 2, 3]) {
    const { width, height, data } = photograph(digit, 2, { width: digit === 2 ? 90 : 120, height: 100 });
    const picture = sharp(Uint8Array.from(data), { raw: { width, height, channels: 3 } });
    await picture.toFile(join(folder, "scans", `${digit}.png`));
  }
  mkdirSync(join(folder, "samples"));
  for (const digit of [0, 1, 3]) cpSync(join(folder, "scans", `${digit}.png`), join(folder, "samples", `${digit}.png`));
  writeFileSync(join(folder, "scans", "2b.png"), "no picture");
  const blank = { width: 60, height: 60, channels: 3 as const, background: "white" };
  await sharp({ create: blank }).toFile(join(folder, "scans", "4.png"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const INT8 = ["--precision", "int8", "--calibrate", "samples", "--json"];

function run(...args: readonly string[]): Outcome {
  return runCommand(args, { cwd: folder, timeout: 60_000 });
}

test("a file that prepares pictures itself is exported, verified, shown and run", { timeout: 120_000 }, () => {
  const exported = run("export", model, "-o", "inside.onnx", "--with-preprocessing", "--json");
  expect(exported.status).toBe(0);
  expect(JSON.parse(exported.stdout)).toMatchObject({
    inputs: [{ name: "image", dtype: "uint8", dims: ["batch", "picture_height", "picture_width", 3] }],
    verified: { passed: true },
  });
  const shown = run("inspect", "inside.onnx");
  expect(shown.stdout).toContain("pictures of any size go in as image");
  expect(shown.stdout).toContain("not in the file: frames, shadows and uneven light");
  const texts = (file: string): unknown[][] => {
    const { status, stdout } = run("infer", "scans", "--model", file, "--json");
    expect(status).toBe(3);
    return stdout
      .trim()
      .split("\n")
      .map((line) => {
        const answer: unknown = JSON.parse(line);
        if (typeof answer !== "object" || answer === null) throw new TypeError(`no object: ${line}`);
        return ["input", "text", "error"].map((key): unknown => Reflect.get(answer, key));
      });
  };
  const inside = texts("inside.onnx");
  expect(inside).toEqual(texts(join(model, "model.onnx")));
  expect(inside.map(([, text]) => text)).toEqual(["0", "1", "2", undefined, "3", undefined]);
  const rounded = run("export", model, "-o", "small.onnx", "--with-preprocessing", ...INT8);
  expect(rounded.status).toBe(0);
  expect(JSON.parse(rounded.stdout)).toMatchObject({
    inputs: [{ name: "image", dtype: "uint8", dims: ["batch", "picture_height", "picture_width", 3] }],
    precision: { name: "int8" },
    verified: { passed: true, file: { path: null, precision: "float32" } },
    accuracy: { data: { source: "samples", count: 3 } },
  });
  const [small, large] = ["small.onnx", "inside.onnx"].map((file) => statSync(join(folder, file)).size);
  expect(small).toBeLessThan(Number(large) / 3);
  expect(texts("small.onnx")).toEqual(inside);
  const scored = run("infer", "--dataset", "digits", "--model", "inside.onnx");
  expect(scored).toMatchObject({ status: 2 });
  expect(scored.stderr).toContain("the file prepares pictures itself");
});
