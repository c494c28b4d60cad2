import { spawnSync } from "node:child_process";
import { join } from "node:path";

import { expect } from "vitest";

import { type Python, pythonWith } from "../helpers/python-package.ts";

/** The official checker; text that says why it is not available. */
export const python: Python | string = await pythonWith("onnx==1.23.2", "onnx.checker");
if (typeof python === "string") process.stderr.write(`skipped: the official checker, for ${python}\n`);

/** What the checker says of each file; an empty object when all pass. */
export function checkFiles(files: readonly string[]): Record<string, string> {
  if (typeof python === "string") throw new TypeError(python);
  const script = join(import.meta.dirname, "check_models.py");
  const { stdout, stderr, status } = spawnSync(python.command, [script], {
    env: python.env,
    input: files.join("\n"),
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(stderr);
  const [version, ...lines] = stdout.trim().split("\n");
  expect(version).toContain("onnx");
  expect(lines).toHaveLength(files.length);
  return Object.fromEntries(
    lines.flatMap((line): [string, string][] => {
      const verdict: unknown = JSON.parse(line);
      const [path, error] = [property(verdict, "path"), property(verdict, "error")];
      if (error === null) return [];
      if (typeof path !== "string" || typeof error !== "string") throw new TypeError(`not a verdict: ${line}`);
      return [[path, error]];
    }),
  );
}

function property(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}
