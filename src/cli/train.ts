import { join } from "node:path";

import type { Command } from "commander";

import type { ImageSet } from "../data/dataset.ts";
import { UsageError } from "../errors.ts";
import { rememberTrained } from "../node/last-run.ts";
import { assertWritable, writeAside } from "../node/write-aside.ts";
import { readCheckpoint, writeCheckpoint, type RunIdentity } from "../train/checkpoint.ts";
import type { FitResult } from "../train/fit.ts";
import { curvesSvg, type EpochRecord } from "../train/history.ts";
import { loadTensorFlow, planNative } from "../train/native/index.ts";
import { DIGITS, digitRecognizer, networkNamed, networks } from "../train/networks.ts";

import { baseCommand, type CommonOptions } from "./base-command.ts";
import { interruptSignal } from "./interrupt.ts";
import { parsePositive, parseWhole } from "./option-parsers.ts";
import { note, printJson, printLine, startProgress } from "./output.ts";
import { setupListener } from "./setup.ts";

const EXIT_INTERRUPTED = 130;

interface TrainOptions extends CommonOptions {
  readonly network: string;
  readonly dataset: string;
  readonly data?: string;
  readonly limit?: number;
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly seed: number;
  readonly out?: string;
  readonly resume?: true;
  readonly eager?: true;
}

export function create(summary: string): Command {
  return baseCommand("train", summary, [
    "train",
    "train --dataset digits --epochs 3 --out runs/mine",
    "train --data ~/mnist --limit 6000 --epochs 1 --json",
    "train --resume",
  ])
    .option("--network <name>", networks.map(({ name, summary: about }) => `${name}: ${about}`).join("; "), "crnn")
    .option("--dataset <name>", "auto (MNIST, else the rendered digits), mnist or digits", "auto")
    .option("--data <dir>", "folder of MNIST's files")
    .option("--limit <n>", "train on the first images only", parseWhole("--limit", 1))
    .option("--epochs <n>", "times through the training set", parseWhole("--epochs", 1), 10)
    .option("--batch-size <n>", "images in one step", parseWhole("--batch-size", 1), 128)
    .option("--learning-rate <x>", "Adam's rate", parsePositive("--learning-rate"), 1e-3)
    .option("--seed <n>", "decides the first weights and the order of the images", parseWhole("--seed", 0), 1)
    .option("--out <dir>", "folder to write (default: runs/NETWORK)")
    .option("--resume", "go on from the checkpoint in that folder")
    .option("--eager", "run every operation by itself instead of one graph a step")
    .action(run);
}

async function run(options: TrainOptions): Promise<void> {
  const network = networkNamed(options.network);
  const out = options.out ?? join("runs", network.name);
  await assertWritable(out);
  const signal = interruptSignal();
  const { train, test } = await openSplits(options, signal);
  const identity: RunIdentity = {
    network: network.name,
    dataset: train.name,
    images: train.images,
    batchSize: options.batchSize,
    seed: options.seed,
    learningRate: options.learningRate,
  };
  const checkpointFile = join(out, "checkpoint.bin");
  const from = options.resume === true ? await readCheckpoint(checkpointFile, identity) : undefined;
  if (from !== undefined) note(`going on after epoch ${from.epoch}, batch ${from.batch}`);
  const { fit } = await import("../train/fit.ts");
  const tf = await loadTensorFlow({ listener: setupListener(), signal });
  const model = network.build(tf);
  const title = `${network.name} on ${train.name}`;
  const progress = startProgress("training", options.epochs * Math.ceil(train.images / options.batchSize));
  const result = await fit(tf, {
    model,
    classes: DIGITS.length,
    train,
    test,
    run: identity,
    epochs: options.epochs,
    ...(from === undefined ? {} : { from }),
    eager: options.eager === true,
    signal,
    save: (checkpoint) => writeCheckpoint(checkpointFile, checkpoint),
    onStep: ({ done, loss, accuracy }) =>
      progress.update(done, `loss ${loss.toFixed(4)} accuracy ${accuracy.toFixed(4)}`),
    onEpoch: (record) => note(epochLine(record, options.epochs)),
    onNote: note,
  }).finally(() => progress.stop());
  await writeHistory(out, result.history, title);
  if (!result.finished) {
    note(`interrupted; saved. To go on: tfjs-to-onnx train --resume ${resumeOptions(options)}`.trimEnd());
    process.exitCode = EXIT_INTERRUPTED;
    return;
  }
  const { saveModel } = await import("../train/save-model.ts");
  await rememberTrained(await saveModel(tf, model, digitRecognizer, out));
  report(options, result, train, out);
}

async function openSplits(
  options: TrainOptions,
  signal: AbortSignal,
): Promise<{ readonly train: ImageSet; readonly test: ImageSet }> {
  const { openDataset } = await import("../node/datasets/open-dataset.ts");
  const { dataset, data } = options;
  if (dataset !== "auto" && dataset !== "mnist" && dataset !== "digits") {
    throw new UsageError(`--dataset takes auto, mnist or digits; got "${dataset}"`);
  }
  const train = await openDataset({ dataset, split: "train", data, limit: options.limit, signal });
  const test = await openDataset({ dataset, split: "test", data, signal });
  note(`training on ${train.note}: ${train.set.images.toLocaleString("en")} images`);
  return { train: train.set, test: test.set };
}

async function writeHistory(out: string, history: readonly EpochRecord[], title: string): Promise<void> {
  await writeAside(join(out, "history.json"), `${JSON.stringify(history, null, 2)}\n`);
  if (history.length > 0) await writeAside(join(out, "curves.svg"), curvesSvg(history, title));
}

function epochLine(record: EpochRecord, epochs: number): string {
  const { epoch, loss, accuracy, testLoss, testAccuracy, msPerStep } = record;
  return (
    `epoch ${epoch}/${epochs}  loss ${loss.toFixed(4)}  accuracy ${accuracy.toFixed(4)}  ` +
    `test loss ${testLoss.toFixed(4)}  test accuracy ${testAccuracy.toFixed(4)}  ${msPerStep.toFixed(0)} ms/step`
  );
}

function resumeOptions({
  network,
  dataset,
  data,
  limit,
  epochs,
  batchSize,
  learningRate,
  seed,
  out,
}: TrainOptions): string {
  const given = [
    network === "crnn" ? "" : `--network ${network}`,
    dataset === "auto" ? "" : `--dataset ${dataset}`,
    data === undefined ? "" : `--data ${data}`,
    limit === undefined ? "" : `--limit ${limit}`,
    epochs === 10 ? "" : `--epochs ${epochs}`,
    batchSize === 128 ? "" : `--batch-size ${batchSize}`,
    learningRate === 1e-3 ? "" : `--learning-rate ${learningRate}`,
    seed === 1 ? "" : `--seed ${seed}`,
    out === undefined ? "" : `--out ${out}`,
  ];
  return given.filter((option) => option !== "").join(" ");
}

function report(options: TrainOptions, result: FitResult, train: ImageSet, out: string): void {
  const last = result.history.at(-1);
  if (last === undefined) return;
  const { testLoss, testAccuracy, msPerStep, epoch } = last;
  const backend = `tensorflow ${planNative().pin.version}`;
  if (options.json === true) {
    printJson({
      network: options.network,
      dataset: train.name,
      epochs: epoch,
      testLoss,
      testAccuracy,
      msPerStep,
      backend,
      mode: result.mode,
      out,
    });
    return;
  }
  printLine(`Test loss: ${testLoss.toFixed(4)}`);
  printLine(`Test accuracy: ${testAccuracy.toFixed(4)}`);
  printLine(`wrote ${join(out, "model.json")} (${result.mode} mode, ${msPerStep.toFixed(0)} ms/step, ${backend})`);
}
