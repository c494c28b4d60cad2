import { join } from "node:path";

import type { Command } from "commander";

import { SetupError, TrainError, UsageError } from "../errors.ts";
import { missingPackages } from "../node/missing-packages.ts";
import { assertWritable, removeLeftovers, writeAside } from "../node/write-aside.ts";
import {
  checkpointProgress,
  readCheckpoint,
  writeCheckpoint,
  type RunIdentity,
  type RunPlan,
} from "../train/checkpoint.ts";
import type { FitResult } from "../train/fit.ts";
import { heldOut, type EpochRecord } from "../train/history.ts";
import { installPackages } from "../train/native/index.ts";
import { networks } from "../train/networks.ts";
import type { Recipe } from "../train/recipe.ts";
import { curvesSvg } from "../train/report/curves-svg.ts";

import { baseCommand, type CommonOptions } from "./base-command.ts";
import { formatDuration } from "./format.ts";
import { confirm } from "./confirm.ts";
import { interruptSignal } from "./interrupt.ts";
import { note, printJson, printLine } from "./output.ts";
import { ownCommand } from "../node/own-command.ts";
import { startProgress } from "./progress.ts";
import { setupListener } from "./setup.ts";
import { classifyJob } from "./train/classify-job.ts";
import type { TrainJob } from "./train/job.ts";
import { linesJob } from "./train/lines-job.ts";
import { aloneIn } from "./train-lock.ts";
import { RunLog } from "./train-records.ts";
import { addSettings, recipeOf, settingsOf, type TrainSettings } from "./train-settings.ts";

const EXIT_INTERRUPTED = 130;
const LINE_ABOUT = "line: convolutions and two bidirectional LSTMs that read a line of text";

interface TrainOptions extends CommonOptions, Partial<TrainSettings> {
  readonly config?: string;
  readonly resume?: true;
  readonly overwrite?: true;
  readonly eager?: true;
  readonly backend: string;
  readonly logDir?: string;
}

export function create(summary: string): Command {
  const command = baseCommand("train", summary, [
    "train",
    "train --dataset digits --epochs 3 --out runs/mine",
    "train --data ~/mnist --limit 6000 --epochs 1 --json",
    "train --network crnn-best --schedule warmup:1,cosine --augment full --validation 5000 --epochs 20",
    "train --config models/crnn-mnist-best/recipe.json --seed 2",
    "train --network line --dataset lines --data my-lines/ --validation 0.1 --epochs 50",
    "train --resume",
  ]).option(
    "--network <name>",
    [...networks.map(({ name, summary: about }) => `${name} (${about})`), LINE_ABOUT].join(" or "),
  );
  return addSettings(command)
    .option("--config <file>", 'JSON file of these settings, e.g. {"epochs": 20}; options on the command line win')
    .option("--resume", "continue from the checkpoint in the folder of --out")
    .option("--overwrite", "start again in a folder that holds a checkpoint, and lose it")
    .option("--eager", "run op by op instead of one graph for each step")
    .option("--backend <name>", "auto (native TensorFlow, else WebAssembly), tensorflow or wasm", "auto")
    .option("--log-dir <dir>", "folder of TensorBoard's event files (default: logs in the folder that --out names)")
    .action(run);
}

async function run(options: TrainOptions): Promise<void> {
  const { config, resume, overwrite, eager, json, backend, logDir, verbose: _, quiet: __, ...given } = options;
  if (resume === true && overwrite === true) throw new UsageError("give --resume or --overwrite, not both");
  const settings = await settingsOf(given, config);
  const recipe = recipeOf(settings);
  const out = settings.out ?? join("runs", settings.network);
  const logs = logDir ?? join(out, "logs");
  assertTrainable();
  for (const folder of [out, logs]) await assertWritable(folder);
  const how = { resume: resume === true, eager: eager === true, json: json === true, backend, out, logs };
  await aloneIn(out, async () => {
    if (resume !== true && overwrite !== true) await confirmOverwrite(out);
    await removeLeftovers(out);
    const signal = interruptSignal();
    if (settings.network === "line")
      await trainInto(await linesJob(settings, recipe, signal), settings, recipe, how, signal);
    else await trainInto(await classifyJob(settings, recipe, signal), settings, recipe, how, signal);
  });
}

/** @throws {SetupError} when neither native TensorFlow nor WebAssembly has its packages; before any data is downloaded */
function assertTrainable(): void {
  const [tfjs, wasm, node] = ["@tensorflow/tfjs", "@tensorflow/tfjs-backend-wasm", "@tensorflow/tfjs-node"].map(
    (name) => missingPackages([name]).length === 0,
  );
  if (tfjs === true && (wasm === true || node === true)) return;
  throw new SetupError("the packages that train are not installed", {
    hint:
      `run: ${installPackages}, then: ${ownCommand()} setup. ` +
      "Or, 50 to 100 times slower: npm install --ignore-scripts @tensorflow/tfjs @tensorflow/tfjs-backend-wasm",
  });
}

/** @throws {TrainError} when the folder holds a checkpoint that can be resumed, and nobody says that it may be lost */
async function confirmOverwrite(out: string): Promise<void> {
  const path = join(out, "checkpoint.bin");
  const found = await checkpointProgress(path);
  if (found === null || (found.epoch === 0 && found.batch === 0)) return;
  const { network, epoch, epochs, batch } = found;
  const inEpoch = batch === 0 || epoch === epochs ? "" : `, ${batch} batches`;
  const what = `${out} holds a training of ${network} that can be resumed (${epoch} of ${epochs} epochs done${inEpoch})`;
  if (await confirm(`${what}. Overwrite it?`)) return;
  throw new TrainError(what, {
    hint: "go on with --resume, lose it with --overwrite, or name another folder by --out",
  });
}

interface How {
  readonly resume: boolean;
  readonly eager: boolean;
  readonly json: boolean;
  readonly backend: string;
  readonly out: string;
  /** Folder of the event files. */
  readonly logs: string;
}

async function trainInto<Answers>(
  job: TrainJob<Answers>,
  settings: TrainSettings,
  recipe: Recipe,
  how: How,
  signal: AbortSignal,
): Promise<void> {
  const { out } = how;
  const { title } = job;
  const identity: RunIdentity = identityOf(settings, recipe, job.identity);
  const checkpointFile = join(out, "checkpoint.bin");
  const bestFile = join(out, "best.bin");
  const from = how.resume ? await readCheckpoint(checkpointFile, identity) : undefined;
  const plan = planOf(settings);
  if (from !== undefined) {
    note(`going on after epoch ${from.epoch}, batch ${from.batch}`);
    tellChanges(from.plan, plan);
  }
  const { fit } = await import("../train/fit.ts");
  const { openBackend } = await import("../train/open-backend.ts");
  const { tf, name: backend } = await openBackend(how.backend, { listener: setupListener(), signal, onNote: note });
  const { model, task, begun } = await job.prepare(tf);
  const log = new RunLog(how.logs, task.validated ? "validation" : "test", from?.state.step ?? 0);
  const batches = task.batches(recipe);
  const progress = startProgress("training", settings.epochs * batches, from?.state.step ?? 0);
  let steps = 0;
  const result = await fit(tf, {
    model,
    task,
    recipe,
    run: identity,
    plan,
    epochs: settings.epochs,
    workers: settings.workers ?? job.workers,
    ...(from === undefined ? {} : { from }),
    begun,
    eager: how.eager,
    signal,
    save: (checkpoint) => writeCheckpoint(checkpointFile, checkpoint),
    best: {
      save: async (checkpoint) => {
        await writeCheckpoint(bestFile, checkpoint);
      },
      load: () => readCheckpoint(bestFile, identity),
    },
    onStep: (step) => {
      steps++;
      progress.update(step.done, `loss ${step.loss.toFixed(4)} accuracy ${step.accuracy.toFixed(4)}`);
      log.step(step);
    },
    onEpoch: (record) => {
      note(epochLine(record, settings.epochs, batches));
      log.epoch(record);
    },
    onNote: note,
  }).finally(() => progress.stop());
  await writeHistory(out, result.history, title);
  const { saveModel } = await import("../train/save-model.ts");
  if (!result.finished) {
    const hasLearnt = steps > 0 || from !== undefined;
    if (hasLearnt) await saveModel(tf, model, job.recognizer, out);
    const saved = hasLearnt
      ? `saved to ${join(out, "model.json")} as it is`
      : "no step was taken, so there is no model";
    note(`interrupted in epoch ${result.keptEpoch + 1}; ${saved}. To go on: the same command with --resume`);
    process.exitCode = EXIT_INTERRUPTED;
    return;
  }
  await saveModel(tf, model, job.recognizer, out);
  if (result.answers !== undefined) {
    const rows = recipeRows(settings, backend);
    await job.report({ out, log, rows, history: result.history, answers: result.answers });
  }
  log.close();
  report(settings, result, { dataset: job.dataset, reported: job.reported, out, backend, json: how.json });
}

/** What the report says of how it was trained. */
function recipeRows(settings: TrainSettings, backend: string): (readonly [string, string])[] {
  const rows = Object.entries(settings).map(([name, value]: [string, unknown]) => [name, shown(value)] as const);
  return [...rows.filter(([, value]) => value !== ""), ["backend", backend], ["trained", new Date().toISOString()]];
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? "").replaceAll(/^(?:""|\[\])$/g, "");
}

/** What a checkpoint must agree in to go on from it. */
function identityOf(settings: TrainSettings, recipe: Recipe, own: TrainJob<unknown>["identity"]): RunIdentity {
  // The first difference is what is told, and other data tells the most.
  const { dataset, images, ...others } = own;
  return {
    network: settings.network,
    dataset,
    images,
    batchSize: recipe.batchSize,
    seed: recipe.seed,
    learningRate: recipe.learningRate,
    validation: settings.validation,
    add: settings.add.join(" "),
    weightDecay: recipe.weightDecay,
    clipNorm: recipe.clipNorm ?? 0,
    labelSmoothing: recipe.labelSmoothing,
    averageDecay: recipe.averageDecay ?? 0,
    cooldownStrength: recipe.cooldownStrength,
    ...others,
  };
}

/** What may be changed half-way: the rest of a run is another one then, and that is said. */
function planOf(settings: TrainSettings): RunPlan {
  const { schedule, epochs, cooldownEpochs } = settings;
  return { schedule, epochs, cooldownEpochs };
}

function tellChanges(old: RunPlan, now: RunPlan): void {
  const changed = (["schedule", "epochs", "cooldownEpochs"] as const).filter((key) => old[key] !== now[key]);
  for (const key of changed) note(`${key} was ${old[key]} so far, and is ${now[key]} from here on`);
}

async function writeHistory(out: string, history: readonly EpochRecord[], title: string): Promise<void> {
  await writeAside(join(out, "history.json"), `${JSON.stringify(history, null, 2)}\n`);
  if (history.length > 0) await writeAside(join(out, "curves.svg"), curvesSvg(history, title));
}

function epochLine(record: EpochRecord, epochs: number, batches: number): string {
  const { epoch, loss, accuracy, validationLoss, msPerStep } = record;
  const part = validationLoss === undefined ? "test" : "validation";
  const scored = heldOut(record);
  const characters =
    record.characterErrors === undefined ? "" : `character errors ${(100 * record.characterErrors).toFixed(2)} %  `;
  return (
    `epoch ${epoch}/${epochs}  loss ${loss.toFixed(4)}  accuracy ${accuracy.toFixed(4)}  ` +
    `${part} loss ${scored.loss.toFixed(4)}  ${part} accuracy ${scored.accuracy.toFixed(4)}  ${characters}${msPerStep.toFixed(0)} ms/step` +
    (epoch < epochs ? `  about ${formatDuration((epochs - epoch) * batches * msPerStep)} left` : "")
  );
}

interface Outcome {
  readonly dataset: string;
  /** The files that the job wrote beside the model. */
  readonly reported: string;
  readonly out: string;
  readonly backend: string;
  readonly json: boolean;
}

function report<Answers>(
  settings: TrainSettings,
  result: FitResult<Answers>,
  { dataset, reported, out, backend, json }: Outcome,
): void {
  const last = result.history.at(-1);
  const { test, keptEpoch, mode } = result;
  if (last === undefined || test === undefined) return;
  const { msPerStep, epoch } = last;
  if (json) {
    printJson({
      network: settings.network,
      dataset,
      epochs: epoch,
      keptEpoch,
      testLoss: test.loss,
      testAccuracy: test.accuracy,
      msPerStep,
      backend,
      mode,
      out,
    });
    return;
  }
  if (keptEpoch !== epoch) printLine(`kept the weights of epoch ${keptEpoch}`);
  printLine(`Test loss: ${test.loss.toFixed(4)}`);
  printLine(`Test accuracy: ${test.accuracy.toFixed(4)}`);
  printLine(
    `wrote ${join(out, reported)} and ${join(out, "model.json")} (${mode} mode, ${msPerStep.toFixed(0)} ms/step, ${backend})`,
  );
}
