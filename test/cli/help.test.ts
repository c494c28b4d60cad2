import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import { expect, test } from "vitest";

import { commands } from "../../src/cli/commands.ts";

import { runCommand, type Outcome } from "../helpers/command.ts";

const root = resolve(import.meta.dirname, "../..");

function cli(...args: readonly string[]): Outcome {
  return runCommand(args, { timeout: 60_000 });
}

test("the help lists every command", () => {
  const { status, stdout } = cli("--help");
  expect(status).toBe(0);
  for (const { name } of commands) expect(stdout).toMatch(new RegExp(`^  ${name} +\\w`, "m"));
});

test.each(commands.map(({ name }) => name))("%s explains itself, with examples and --json", (name) => {
  const { status, stdout } = cli(name, "--help");
  expect(status).toBe(0);
  expect(stdout).toContain(`Usage: tfjs-to-onnx ${name} [options]`);
  expect(stdout).toContain("--json ");
  const examples = stdout.split("Examples:\n")[1]?.match(/^ {2}\$ .*/gm) ?? [];
  expect(examples.length).toBeGreaterThan(0);
  for (const example of examples) expect(example.match(/tfjs-to-onnx \S+/g)).toEqual([`tfjs-to-onnx ${name}`]);
});

test("help COMMAND is COMMAND --help", () => {
  expect(cli("help", "inspect")).toEqual(cli("inspect", "--help"));
});

test("says the package's version", () => {
  const manifest: unknown = JSON.parse(readFileSync(resolve(root, "package.json"), "utf8"));
  expect(manifest).toMatchObject({ version: cli("--version").stdout.trim() });
});

test("suggests the command that a slip was meant to be", () => {
  const { status, stdout, stderr } = cli("infre", "a.png");
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toContain("Did you mean infer?");
});
