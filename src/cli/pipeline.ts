import type { Command } from "commander";

import { ToolError } from "../errors.ts";

import { baseCommand, type CommonOptions } from "./base-command.ts";
import { main } from "./main.ts";
import { note } from "./output.ts";

interface PipelineOptions extends CommonOptions {
  readonly data?: string;
  readonly limit?: string;
  readonly epochs?: string;
  readonly out: string;
}

export function create(summary: string): Command {
  return baseCommand("pipeline", summary, ["pipeline", "pipeline --epochs 1 --limit 6000"])
    .option("--data <dir>", "folder of MNIST's files")
    .option("--limit <n>", "train on the first samples only")
    .option("--epochs <n>", "epochs to train (default: the recipe's 10)")
    .option("--out <dir>", "folder of the trained network", "runs/crnn")
    .action(run);
}

/** Train, export, infer on both runtimes, compare: each step is the command of that name. */
async function run(options: PipelineOptions): Promise<void> {
  const data = options.data === undefined ? [] : ["--data", options.data];
  const limit = options.limit === undefined ? [] : ["--limit", options.limit];
  const epochs = options.epochs === undefined ? [] : ["--epochs", options.epochs];
  const model = `${options.out}/model.json`;
  const file = `${options.out}/model.onnx`;
  const scored = ["--dataset", "auto", "--limit", "1000", ...data];
  await step("train", [...data, ...limit, ...epochs, "--out", options.out]);
  await step("export", [model, "--out", file]);
  await step("infer", ["--model", file, "--runtime", "node", ...scored]);
  await step("infer", ["--model", file, "--runtime", "web", ...scored]);
  await step("compare", [model, file, "--dataset", "auto", ...data]);
}

async function step(command: string, args: readonly string[]): Promise<void> {
  note(`\n> tfjs-to-onnx ${[command, ...args].join(" ")}`);
  const code = await main([command, ...args]);
  if (code !== 0) throw new ToolError(`${command} did not succeed`, { hint: "see above" });
}
