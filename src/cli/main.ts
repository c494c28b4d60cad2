import { Command, CommanderError } from "commander";

import { ToolError, UsageError } from "../errors.ts";
import { VERSION } from "../version.ts";

import { commands } from "./commands.ts";
import { note } from "./output.ts";

export const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

/** Run one command line. @returns the exit code: 0 done and true, 1 failed or false, 2 wrong usage. */
export async function main(args: readonly string[]): Promise<number> {
  const program = new Command("tfjs-to-onnx")
    .description(
      "Take a model from TensorFlow.js to ONNX and run it, with the same numbers, wherever ONNX Runtime runs.",
    )
    .version(VERSION)
    .showSuggestionAfterError()
    .exitOverride();
  for (const command of await commandsFor(args)) program.addCommand(command);
  try {
    inheritExit(program);
    await program.parseAsync([...args], { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return report(error, args.includes("--verbose"));
  }
}

/** The command that is asked for; without one all of them, for the help to list: of a version or a slip their names do. */
async function commandsFor(args: readonly string[]): Promise<readonly Command[]> {
  const words = args.filter((arg) => !arg.startsWith("-"));
  const asked = commands.find(({ name }) => name === (words[0] === "help" ? words[1] : words[0]));
  if (asked !== undefined) return [(await asked.load()).create(asked.summary)];
  return commands.map(({ name, summary }) => new Command(name).description(summary));
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
    note(`error: ${error.message}`);
    if (error.hint !== undefined) note(`hint: ${error.hint}`);
    return error instanceof UsageError ? EXIT_USAGE : EXIT_FAILURE;
  }
  const message = error instanceof Error ? error.message : String(error);
  note(`error: internal: ${message}\nhint: this is a fault of tfjs-to-onnx; --verbose shows where`);
  return EXIT_FAILURE;
}
