import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import { describe, expect, test } from "vitest";

import { commands } from "../../src/cli/commands.ts";

import { runCommand, type Outcome } from "../helpers/command.ts";

const root = resolve(import.meta.dirname, "../..");

function cli(...args: readonly string[]): Outcome {
  return runCommand(args, { timeout: 60_000 });
}

test("the help lists every command under its group", () => {
  const { status, stdout } = cli("--help");
  expect(status).toBe(0);
  const listed = commands.map(({ name, group }) => {
    const under = group === null ? stdout : stdout.slice(stdout.indexOf(`\n${group}\n`)).split("\n\n")[0];
    return { name, isListed: new RegExp(`^  ${name} +\\w`, "m").test(under ?? "") };
  });
  expect(listed).toEqual(commands.map(({ name, group }) => ({ name, isListed: group !== null })));
});

const explained = commands.flatMap(({ name }) => (name === "data" ? ["data mnist", "data digits"] : [name]));

test.each(explained)("%s explains itself, with examples, --json and --quiet", (name) => {
  const { status, stdout } = cli(...name.split(" "), "--help");
  expect(status).toBe(0);
  expect(stdout).toContain(`Usage: tfjs-to-onnx ${name} [options]`);
  expect(stdout).toContain("--json ");
  expect(stdout).toContain("--quiet ");
  const examples = stdout.split("Examples:\n")[1]?.match(/^ {2}\$ .*/gm) ?? [];
  expect(examples.length).toBeGreaterThan(0);
  for (const example of examples) {
    expect(example).toContain(`tfjs-to-onnx ${name}`);
    expect(example.match(/tfjs-to-onnx/g)).toHaveLength(1);
  }
});

test("help of a command that does not exist says so, and what it may have meant", () => {
  const { status, stdout, stderr } = cli("help", "exprot");
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toBe(
    "error: unknown command 'exprot'\n(Did you mean export?)\n(tfjs-to-onnx --help lists the commands)\n",
  );
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

test.each([
  [["export", "m", "--opest", "17"], "Did you mean --opset?"],
  [["infer", "--modle", "a.onnx"], "Did you mean --model?"],
  [["train", "--lernig-rate", "1"], "Did you mean --learning-rate?"],
  [["data", "mnits"], "Did you mean mnist?"],
])("suggests for %j: %s", (args, suggestion) => {
  const { status, stdout, stderr } = cli(...args);
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(suggestion);
});

test("suggests the file or folder that a slip was meant to be", () => {
  const models = resolve(root, "models");
  for (const [args, meant] of [
    [["export", resolve(models, "crnn-mnits")], "crnn-mnist"],
    [["inspect", resolve(models, "crnn-mnist", "modl.json")], "model.json"],
    [["verify", resolve(models, "crnn-mnist"), resolve(models, "crnn-mnist", "modle.onnx")], "model.onnx"],
  ] as const) {
    const { status, stderr } = cli(...args);
    expect([status, stderr]).toEqual([1, expect.stringMatching(new RegExp(`hint: is it \\S*${meant}\\?\n$`, "u"))]);
  }
  expect(cli("export", resolve(models, "quite-another")).stderr).toContain("hint: give a model.json, or the folder");
});

test.each(["export", "verify", "inspect", "bench", "compare"])("%s without its model is wrong usage", (name) => {
  const { status, stdout, stderr } = cli(name);
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(/^error: missing required argument '(model|file)'$/m);
  expect(stderr).toContain(`usage: tfjs-to-onnx ${name} [options] <`);
});

test("colours a terminal's output alone, as NO_COLOR and FORCE_COLOR say", () => {
  const coloured = (env: Readonly<Record<string, string>>): boolean => {
    const { PATH } = process.env;
    const outcome = runCommand(["doctor"], { env: { PATH, HOME: root, ...env }, timeout: 60_000 });
    return outcome.stdout.includes("\u001B[");
  };
  expect([coloured({}), coloured({ FORCE_COLOR: "1" }), coloured({ FORCE_COLOR: "1", NO_COLOR: "1" })]).toEqual([
    false,
    true,
    false,
  ]);
});

describe("shell completion", () => {
  test.each(["bash", "zsh", "fish", "powershell"])("has a script for %s", (shell) => {
    const { status, stdout } = cli("completion", shell);
    expect(status).toBe(0);
    expect(stdout).toContain("tfjs-to-onnx");
  });

  test.each([
    [[""], ["export", "verify", "infer", "train", "doctor"]],
    [["export", "--op"], ["--opset"]],
    [
      ["infer", "--runtime", ""],
      ["node", "web", "tfjs"],
    ],
    [
      ["data", ""],
      ["mnist", "digits"],
    ],
  ])("offers for %j: %j", (words, offered) => {
    const { stdout } = cli("complete", "--", ...words);
    const names = stdout.split("\n").map((line) => line.split("\t")[0]);
    expect(names).toEqual(expect.arrayContaining(offered));
    expect(names).not.toContain("pipeline");
  });
});
