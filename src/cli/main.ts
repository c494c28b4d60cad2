import { readFileSync } from "node:fs";

import { Command, CommanderError } from "commander";

import { ToolError, UsageError } from "../errors.ts";

import { commands } from "./commands.ts";

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

/** Run one command line. @returns the exit code: 0 done and true, 1 failed or false, 2 wrong usage. */
export async function main(args: readonly string[]): Promise<number> {
  const program = new Command("tfjs-to-onnx")
    .description(
      "Take a model from TensorFlow.js to ONNX and run it, with the same numbers, wherever ONNX Runtime runs.",
    )
    .version(packageVersion())
    .showSuggestionAfterError()
    .exitOverride();
  const asked = commands.find(({ name }) => name === args.find((arg) => !arg.startsWith("-")));
  for (const entry of commands) {
    if (entry === asked || asked === undefined) {
      program.addCommand((await entry.load()).create(entry.summary));
    }
  }
  try {
    inheritExit(program);
    await program.parseAsync([...args], { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return report(error, args.includes("--verbose"));
  }
}

function inheritExit(command: Command): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    inheritExit(child);
  }
}

function report(error: unknown, verbose: boolean): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  if (verbose && error instanceof Error) process.stderr.write(`${error.stack ?? ""}\n`);
  if (error instanceof ToolError) {
    process.stderr.write(`error: ${error.message}\n`);
    if (error.hint !== undefined) process.stderr.write(`hint: ${error.hint}\n`);
    return error instanceof UsageError ? EXIT_USAGE : EXIT_FAILURE;
  }
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`error: internal: ${message}\nhint: this is a fault of tfjs-to-onnx; --verbose shows where\n`);
  return EXIT_FAILURE;
}

function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  if (typeof manifest === "object" && manifest !== null && "version" in manifest) return String(manifest.version);
  return "unknown";
}
