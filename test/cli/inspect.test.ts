import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, test } from "vitest";

import { runCommand } from "../helpers/command.ts";
import { decodeOnnx, encodeOnnx } from "../helpers/onnx-proto.ts";
import { identity } from "../helpers/tiny-onnx.ts";

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-inspect-"));
afterAll(() => rmSync(folder, { recursive: true }));

const BFLOAT16 = 16;

test("inspect tells the types of foreign models as they are", () => {
  const { graph, ...rest } = decodeOnnx(identity("int64", ["n"]));
  const output = [
    { name: "short", type: { tensorType: { elemType: BFLOAT16, shape: { dim: [{ dimParam: "n" }] } } } },
    { name: "scalar", type: { tensorType: { elemType: 1, shape: {} } } },
    { name: "shapeless", type: { tensorType: { elemType: 1 } } },
    { name: "other", type: {} },
    { name: "typeless" },
  ];
  const file = join(folder, "model.onnx");
  writeFileSync(file, encodeOnnx({ ...rest, graph: { ...graph, output } }));
  const { status, stdout } = runCommand(["inspect", file]);
  expect(status).toBe(0);
  expect(stdout.split("\n").filter((line) => /^ {2}(?:in|out)put/u.test(line))).toEqual([
    "  input  x: int64 [n]",
    "  output short: bfloat16 [n]",
    "  output scalar: float32 []",
    "  output shapeless: float32",
    "  output other: not a tensor",
    "  output typeless: of no type",
  ]);
});

test("a weight of a negative size is refused, not counted", () => {
  const { graph, ...rest } = decodeOnnx(identity("float32", ["n"]));
  const initializer = [{ name: "w", dataType: 1, dims: [-1, 4], rawData: new Uint8Array(16) }];
  const file = join(folder, "negative.onnx");
  writeFileSync(file, encodeOnnx({ ...rest, graph: { ...graph, initializer } }));
  const { status, stdout, stderr } = runCommand(["inspect", file]);
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  expect(stderr).toContain("[-1, 4]");
});

test("inspect says plainly that a file is not there, or is a folder", () => {
  mkdirSync(join(folder, "folder.onnx"));
  const missing = runCommand(["inspect", join(folder, "nowhere.onnx")]);
  expect([missing.status, missing.stderr]).toEqual([1, expect.stringContaining("there is no such file\n")]);
  const wrong = runCommand(["inspect", "folder.onnx"], { cwd: folder });
  expect([wrong.status, wrong.stderr]).toEqual([
    1,
    expect.stringContaining("error: folder.onnx cannot be read: it is a folder"),
  ]);
});
