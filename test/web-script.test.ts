import { resolve } from "node:path";

import { expect, test } from "vitest";

import { runNode } from "./helpers/command.ts";

const script = resolve(import.meta.dirname, "../scripts/web.mjs");

test("arguments of `npm run web` that mean nothing are a line, not a stack trace", () => {
  for (const args of [
    ["--port", "abc"],
    ["--port", "0"],
    ["--port", "70000"],
    ["--port", ""],
    ["--prot", "1"],
    ["x"],
  ]) {
    const { status, stdout, stderr } = runNode([script, ...args], { timeout: 20_000 });
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(/^error: [^\n]+\n$/);
  }
});
