import { join } from "node:path";
import { crc32 } from "node:zlib";

import type * as tfjs from "@tensorflow/tfjs";
import type { Command } from "commander";

import type { ImageSet } from "../data/dataset.ts";
import { renderedDigits } from "../data/digits/rendered-digits.ts";
import { joinSets, splitOff } from "../data/parts.ts";
import { TrainError, UsageError } from "../errors.ts";
import type { RawModel } from "../export/source/model.ts";
import { readModel } from "../node/read-model.ts";
import { assertWritable, removeLeftovers, writeAside } from "../node/write-aside.ts";
import {
  checkpointProgress,
  readCheckpoint,
  writeCheckpoint,
  type RunIdentity,
  type RunPlan,
} from "../train/checkpoint.ts";
import type { FitOptions, FitResult } from "../train/fit.ts";
import { curvesSvg, heldOut, type EpochRecord } from "../train/history.ts";
import { DIGITS, digitRecognizer, networkNamed, networks, type Tf } from "../train/networks.ts";
import type { Recipe } from "../train/recipe.ts";

import { baseCommand, type CommonOptions } from "./base-command.ts";
import { formatDuration } from "./format.ts";
import { confirm } from "./confirm.ts";
import { interruptSignal } from "./interrupt.ts";
import { note, printJson, printLine } from "./output.ts";
import { startProgress } from "./progress.ts";
import { setupListener } from "./setup.ts";
import { aloneIn } from "./train-lock.ts";
import { mistakeSheet, RunLog, scoresOfRun, writeReport } from "./train-records.ts";
import { addSettings, recipeOf, settingsOf, type TrainSettings } from "./train-settings.ts";

const EXIT_INTERRUPTED = 130;

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
    "train --resume",
  ]).option("--network <name>", networks.map(({ name, summary: about }) => `${name}: ${about}`).join("; "));
  return addSettings(command)
    .option("--config <file>", 'JSON of these settings, e.g. {"epochs": 20}; options given beside it win')
    .option("--resume", "go on from the checkpoint in that folder")
    .option("--overwrite", "train afresh in a folder that holds a checkpoint, which is lost")
    .option("--eager", "run every operation by itself instead of one graph a step")
    .option("--backend <name>", "auto (native TensorFlow, else WebAssembly), tensorflow or wasm", "auto")
    .option("--log-dir <dir>", "folder of TensorBoard's event files (default: logs in the folder that --out names)")
    .action(run);
}

async function run(options: TrainOptions): Promise<void> {
  const { config, resume, overwrite, eager, json, backend, logDir, verbose: _, quiet: __, ...given } = options;
  if (resume === true && overwrite === true) throw new UsageError("give --resume or --overwrite, not both");
  const settings = await settingsOf(given, config);
  const recipe = recipeOf(settings);
  const out = settings.out ?? join("runs", networkNamed(settings.network).name);
  const logs = logDir ?? join(out, "logs");
  for (const folder of [out, logs]) await assertWritable(folder);
  const how = { resume: resume === true, eager: eager === true, json: json === true, backend, out, logs };
  await aloneIn(out, async () => {
    if (resume !== true && overwrite !== true) await confirmOverwrite(out);
    await trainInto(settings, recipe, how);
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

async function trainInto(settings: TrainSettings, recipe: Recipe, how: How): Promise<void> {
  const { out } = how;
  const network = networkNamed(settings.network);
  await removeLeftovers(out);
  const signal = interruptSignal();
  const { train: set, validation, test } = await openParts(settings, signal);
  const trained = await readTrained(settings);
  const identity = { ...identityOf(settings, recipe, set), ...trainedIn(trained, settings) };
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
  const model = network.build(tf);
  const { begun, teaching } = await prepare(tf, model, trained, settings.teacherShare);
  const title = `${network.name} on ${set.name}`;
  const log = new RunLog(how.logs, validation === undefined ? "test" : "validation", from?.state.step ?? 0);
  const batches = Math.ceil(set.images / settings.batchSize);
  const progress = startProgress("training", settings.epochs * batches, from?.state.step ?? 0);
  let steps = 0;
  const result = await fit(tf, {
    model,
    classes: DIGITS.length,
    train: set,
    ...(validation === undefined ? {} : { validation }),
    test,
    recipe,
    run: identity,
    plan,
    epochs: settings.epochs,
    workers: settings.workers ?? (recipe.augment === undefined ? 0 : 1),
    ...(from === undefined ? {} : { from }),
    begun,
    ...(teaching === undefined ? {} : { teaching }),
    eager: how.eager,
    signal,
    save: (checkpoint) => writeCheckpoint(checkpointFile, checkpoint),
    best: {
      save: (checkpoint) => writeCheckpoint(bestFile, checkpoint),
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
    if (hasLearnt) await saveModel(tf, model, digitRecognizer, out);
    const saved = hasLearnt
      ? `saved to ${join(out, "model.json")} as it is`
      : "no step was taken, so there is no model";
    note(`interrupted in epoch ${result.keptEpoch + 1}; ${saved}. To go on: the same command with --resume`);
    process.exitCode = EXIT_INTERRUPTED;
    return;
  }
  await saveModel(tf, model, digitRecognizer, out);
  const scores = scoresOfRun(result, test);
  if (scores !== undefined) {
    const sheet = mistakeSheet(scores, test);
    if (sheet !== undefined) log.mistakes(sheet);
    await writeReport(out, { title, recipe: recipeRows(settings, backend), history: result.history, test, scores });
  }
  log.close();
  report(settings, result, { train: set, out, backend, json: how.json });
}

interface Trained {
  readonly name: string;
  readonly raw: RawModel;
}

/** Models that a run begins with or learns from. */
interface TrainedModels {
  readonly init: Trained | undefined;
  readonly teachers: readonly Trained[];
}

async function readTrained({ init, teacher }: TrainSettings): Promise<TrainedModels> {
  const read = async (name: string): Promise<Trained> => ({ name, raw: await readModel(name) });
  return {
    init: init === undefined ? undefined : await read(init),
    teachers: await Promise.all(teacher.map((name) => read(name))),
  };
}

/** By their weights: the files may move, but not change. */
function trainedIn(
  { init, teachers }: TrainedModels,
  { teacherShare }: TrainSettings,
): Record<string, string | number> {
  const marks = (models: readonly Trained[]): string =>
    models.map(({ raw }) => crc32(raw.weights ?? "").toString(16)).join(" ");
  return {
    ...(init === undefined ? {} : { init: marks([init]) }),
    ...(teachers.length === 0 ? {} : { teachers: marks(teachers), teacherShare }),
  };
}

async function prepare(
  tf: Tf,
  network: tfjs.LayersModel,
  { init, teachers }: TrainedModels,
  share: number,
): Promise<Required<Pick<FitOptions, "begun">> & Pick<FitOptions, "teaching">> {
  const { copyWeights, loadTrained } = await import("../train/teachers.ts");
  if (init !== undefined) {
    const model = await loadTrained(tf, init.raw, network, init.name);
    copyWeights(model, network, init.name);
    model.dispose();
  }
  const models: tfjs.LayersModel[] = [];
  for (const { raw, name } of teachers) models.push(await loadTrained(tf, raw, network, name));
  return { begun: init !== undefined, ...(models.length === 0 ? {} : { teaching: { models, share } }) };
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
function identityOf(settings: TrainSettings, recipe: Recipe, train: ImageSet): RunIdentity {
  return {
    network: settings.network,
    dataset: train.name,
    images: train.images,
    batchSize: recipe.batchSize,
    seed: recipe.seed,
    learningRate: recipe.learningRate,
    validation: settings.validation,
    add: settings.add.join(" "),
    weightDecay: recipe.weightDecay,
    clipNorm: recipe.clipNorm ?? 0,
    labelSmoothing: recipe.labelSmoothing,
    averageDecay: recipe.averageDecay ?? 0,
    augment: JSON.stringify(recipe.augment ?? {}),
    calmStrength: recipe.calmStrength,
  };
}

/** What may be changed half-way: the rest of a run is another one then, and that is said. */
function planOf(settings: TrainSettings): RunPlan {
  const { schedule, epochs, calmEpochs } = settings;
  return { schedule, epochs, calmEpochs };
}

function tellChanges(old: RunPlan, now: RunPlan): void {
  const changed = (["schedule", "epochs", "calmEpochs"] as const).filter((key) => old[key] !== now[key]);
  for (const key of changed) note(`${key} was ${old[key]} so far, and is ${now[key]} from here on`);
}

interface Parts {
  readonly train: ImageSet;
  readonly validation: ImageSet | undefined;
  readonly test: ImageSet;
}

async function openParts(settings: TrainSettings, signal: AbortSignal): Promise<Parts> {
  const { openDataset } = await import("../node/datasets/open-dataset.ts");
  const { dataset, data, limit, validation, add } = settings;
  if (dataset !== "auto" && dataset !== "mnist" && dataset !== "digits") {
    throw new UsageError(`--dataset takes auto, mnist or digits; got "${dataset}"`);
  }
  const whole = await openDataset({ dataset, split: "train", data, limit, signal, onNote: note });
  // The choice that auto has made, so that nothing is looked for twice.
  const chosen = whole.set.name === "mnist" ? "mnist" : "digits";
  const test = await openDataset({ dataset: chosen, split: "test", data, signal });
  const parts = splitOff(whole.set, validation);
  const more = await Promise.all(add.map((source) => openAddition(source)));
  const train = joinSets([parts.train, ...more]);
  const kept = parts.kept === undefined ? "" : `, ${parts.kept.images.toLocaleString("en")} more to validate`;
  const added = more.map(({ images, source }) => ` + ${images.toLocaleString("en")} (${source})`).join("");
  note(whole.note);
  note(`training on ${parts.train.images.toLocaleString("en")} images${added}${kept}`);
  return { train, validation: parts.kept, test: test.set };
}

/** @throws {UsageError} when a source is neither digits:N nor a folder */
async function openAddition(source: string): Promise<ImageSet> {
  const count = /^digits:(\d+)$/.exec(source)?.[1];
  if (count !== undefined) return renderedDigits({ split: "train", count: Number(count) });
  const { readPictures } = await import("../node/datasets/pictures.ts");
  const { set, faults } = await readPictures(source, "train");
  if (faults.length > 0) note(`left out ${faults.length} pictures of ${source}, e.g. ${faults[0] ?? ""}`);
  return set;
}

async function writeHistory(out: string, history: readonly EpochRecord[], title: string): Promise<void> {
  await writeAside(join(out, "history.json"), `${JSON.stringify(history, null, 2)}\n`);
  if (history.length > 0) await writeAside(join(out, "curves.svg"), curvesSvg(history, title));
}

function epochLine(record: EpochRecord, epochs: number, batches: number): string {
  const { epoch, loss, accuracy, validationLoss, msPerStep } = record;
  const part = validationLoss === undefined ? "test" : "validation";
  const scored = heldOut(record);
  return (
    `epoch ${epoch}/${epochs}  loss ${loss.toFixed(4)}  accuracy ${accuracy.toFixed(4)}  ` +
    `${part} loss ${scored.loss.toFixed(4)}  ${part} accuracy ${scored.accuracy.toFixed(4)}  ${msPerStep.toFixed(0)} ms/step` +
    (epoch < epochs ? `  about ${formatDuration((epochs - epoch) * batches * msPerStep)} left` : "")
  );
}

interface Outcome {
  readonly train: ImageSet;
  readonly out: string;
  readonly backend: string;
  readonly json: boolean;
}

function report(settings: TrainSettings, result: FitResult, { train, out, backend, json }: Outcome): void {
  const last = result.history.at(-1);
  const { test, keptEpoch, mode } = result;
  if (last === undefined || test === undefined) return;
  const { msPerStep, epoch } = last;
  if (json) {
    printJson({
      network: settings.network,
      dataset: train.name,
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
    `wrote ${join(out, "report.html")} and ${join(out, "model.json")} (${mode} mode, ${msPerStep.toFixed(0)} ms/step, ${backend})`,
  );
}
