import { Command } from "commander";

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: true;
  readonly quiet?: true;
  readonly verbose?: true;
}

/** An empty command with the options every command has, and examples under its help: the command's own, or pipelines that end in it. */
export function baseCommand(name: string, summary: string, examples: readonly string[]): Command {
  const lines = examples.map((example) => `  $ ${example.startsWith(name) ? `tfjs-to-onnx ${example}` : example}`);
  return new Command(name)
    .description(summary)
    .option("--json", "print only JSON on stdout")
    .option("-q, --quiet", "print only answers and errors")
    .option("--verbose", "show stack traces of errors")
    .addHelpText("after", `\nExamples:\n${lines.join("\n")}`);
}
