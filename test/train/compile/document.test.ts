import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { afterAll, expect, test } from "vitest";

import { nativeStatus } from "../../../src/train/native/index.ts";

const root = resolve(import.meta.dirname, "../../..");
const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-document-"));

afterAll(() => rmSync(folder, { recursive: true }));

test.skipIf(nativeStatus().state !== "ready")("docs/compile-step.md does what it says", () => {
  const text = readFileSync(join(root, "docs/compile-step.md"), "utf8");
  const lines = text.split("\n").filter((line) => line.startsWith("    "));
  const built = pathToFileURL(join(root, "dist/bundle/train.js")).href;
  const file = join(folder, "example.mjs");
  writeFileSync(file, lines.join("\n").replace("tfjs-to-onnx/train", built));
  const { stdout, stderr } = spawnSync(process.execPath, [file], { encoding: "utf8", cwd: root });
  expect(stderr).not.toMatch(/Error|op by op/);
  expect(stdout.trim().split("\n")).toEqual(["graph true", "32 x 1", "2.000"]);
});
