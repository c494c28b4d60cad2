import { join } from "node:path";

import type { Command } from "commander";

import { ToolError } from "../errors.ts";

import { baseCommand, type CommonOptions } from "./base-command.ts";
import { main } from "./main.ts";
import { note } from "./output.ts";

interface PipelineOptions extends CommonOptions {
  readonly data?: string;
  readonly limit: string;
  readonly epochs: string;
  readonly out: string;
}

export function create(summary: string): Command {
  return baseCommand("pipeline", summary, ["pipeline", "pipeline --epochs 1 --limit 6000"])
    .option("--data <dir>", "folder of MNIST's files")
    .option("--limit <n>", "train on the first images only", "30000")
    .option("--epochs <n>", "epochs to train", "3")
    .option("--out <dir>", "folder of the trained network, which is overwritten", join("runs", "start"))
    .action(run);
}

/** Train, export, infer on both runtimes, compare: each step is the command of that name. */
async function run(options: PipelineOptions): Promise<void> {
  const set = await chooseDataset(options.data);
  const model = join(options.out, "model.json");
  const file = join(options.out, "model.onnx");
  const size = ["--limit", options.limit, "--epochs", options.epochs];
  await step("train", [...set, ...size, "--out", options.out, "--overwrite"]);
  await step("export", [model, "--out", file]);
  await step("infer", ["--model", file, "--runtime", "node", ...set, "--limit", "1000"]);
  await step("infer", ["--model", file, "--runtime", "web", ...set, "--limit", "1000"]);
  await step("compare", [model, file, ...set]);
  note(`\ndone: ${file} is the exported network. The whole training is: npm run train`);
}

/** Settled once, so that every step takes the same set and a missing MNIST is reported once. */
async function chooseDataset(data: string | undefined): Promise<readonly string[]> {
  if (data !== undefined) return ["--dataset", "mnist", "--data", data];
  const { openDataset } = await import("../node/datasets/open-dataset.ts");
  const { set, note: sentence } = await openDataset({ dataset: "auto", split: "test", limit: 1, onNote: note });
  if (set.name === "mnist") return ["--dataset", "mnist"];
  note(sentence);
  return ["--dataset", "digits"];
}

async function step(command: string, args: readonly string[]): Promise<void> {
  note({ style: "strong", text: `\n> tfjs-to-onnx ${[command, ...args].join(" ")}` });
  const code = await main([command, ...args]);
  if (code !== 0) throw new ToolError(`${command} did not succeed (exit code ${code})`, { hint: "see above" });
}
