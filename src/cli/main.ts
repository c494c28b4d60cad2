import { Command, CommanderError } from "commander";

import { ToolError, UsageError } from "../errors.ts";
import { VERSION } from "../version.ts";

import { commands } from "./commands.ts";
import { beQuiet, complain } from "./output.ts";

export const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

/** Name of the command that prints a script for shell completion. The script itself calls `complete`. */
const COMPLETION = "completion";

const EXAMPLES = `
Examples:
  $ tfjs-to-onnx export my-model/model.json
  $ tfjs-to-onnx verify my-model/model.json my-model/model.onnx --runtime node,web
  $ tfjs-to-onnx infer --model my-model/model.onnx --tensor image=random

Exit codes: 0 done and true; 1 failed, or a check came out false; 2 wrong usage;
3 done, but some inputs could not be read.`;

/** Run one command line. @returns the exit code: 0 done and true, 1 failed or false, 2 wrong usage, 3 some inputs could not be read. */
export async function main(args: readonly string[]): Promise<number> {
  const program = new Command("tfjs-to-onnx")
    .description(
      "Take a model from TensorFlow.js to ONNX and run it, with the same numbers, wherever ONNX Runtime runs.",
    )
    .version(VERSION)
    .usage("<command> [options]")
    .helpCommand("help [command]", "show the help of a command")
    .commandsGroup("Setup:")
    .configureHelp({ styleTitle: strong, showGlobalOptions: false })
    .addHelpText("after", EXAMPLES)
    .showSuggestionAfterError()
    .exitOverride();
  program.showHelpAfterError("(tfjs-to-onnx --help lists the commands)");
  const words = args.filter((arg) => !arg.startsWith("-"));
  const asked = words[0] === "help" ? words[1] : words[0];
  for (const command of await commandsFor(asked)) program.addCommand(command);
  if (asked === COMPLETION || asked === "complete") await addCompletion(program);
  else program.addCommand(emptyCommand(COMPLETION, "print a script that completes commands and options", "Setup:"));
  program.hook("preAction", (_, command) => {
    if (command.opts()["quiet"] === true) beQuiet();
  });
  try {
    inheritSettings(program);
    // Of a command that does not exist, `help` would show the list of all of them and say nothing of the slip.
    const isUnknown = words[0] === "help" && asked !== undefined && !isCommand(program, asked);
    await program.parseAsync(isUnknown ? [asked] : [...args], { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return report(error, args.includes("--verbose"));
  }
}

/** The command that is asked for; otherwise all of them: by name for the help to list, or whole for completion. */
async function commandsFor(asked: string | undefined): Promise<readonly Command[]> {
  if (asked === COMPLETION || asked === "complete") {
    const shown = commands.filter(({ group }) => group !== null);
    return Promise.all(shown.map(async (entry) => (await entry.load()).create(entry.summary)));
  }
  const entry = commands.find(({ name }) => name === asked);
  if (entry !== undefined) return [(await entry.load()).create(entry.summary)];
  return commands.flatMap(({ name, summary, group }) => (group === null ? [] : [emptyCommand(name, summary, group)]));
}

function isCommand(program: Command, name: string): boolean {
  return name === "help" || program.commands.some((command) => command.name() === name);
}

function emptyCommand(name: string, summary: string, group: string): Command {
  return new Command(name).description(summary).helpGroup(group);
}

async function addCompletion(program: Command): Promise<void> {
  const { default: complete } = await import("@bomb.sh/tab/commander");
  complete(program, { completionCommandName: COMPLETION });
  program.commands
    .find((command) => command.name() === COMPLETION)
    ?.description("Print a script for a shell that completes commands, options and their values.")
    .addHelpText(
      "after",
      `
Examples:
  $ source <(tfjs-to-onnx completion bash)
  $ tfjs-to-onnx completion zsh > ~/.zfunc/_tfjs-to-onnx
  $ tfjs-to-onnx completion fish > ~/.config/fish/completions/tfjs-to-onnx.fish
  $ tfjs-to-onnx completion powershell >> $PROFILE`,
    );
}

function strong(text: string): string {
  return `\u001B[1m${text}\u001B[22m`;
}

function inheritSettings(command: Command): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    const usage = child.createHelp().commandUsage(child);
    child.showHelpAfterError(`usage: ${usage}\n(${child.parent?.name() ?? ""} ${child.name()} --help has more)`);
    inheritSettings(child);
  }
}

function report(error: unknown, verbose: boolean): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  if (verbose && error instanceof Error) process.stderr.write(`${error.stack ?? ""}\n`);
  if (error instanceof ToolError) {
    complain({ style: "bad", text: "error: " }, error.message);
    if (error.hint !== undefined) complain({ style: "hint", text: "hint: " }, error.hint);
    return error instanceof UsageError ? EXIT_USAGE : EXIT_FAILURE;
  }
  const message = error instanceof Error ? error.message : String(error);
  complain({ style: "bad", text: "error: " }, `internal: ${message}`);
  complain({ style: "hint", text: "hint: " }, "this is a fault of tfjs-to-onnx; --verbose shows where");
  return EXIT_FAILURE;
}
