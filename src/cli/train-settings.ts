import { readFile } from "node:fs/promises";

import type { Command } from "commander";

import type { AugmentRecipe } from "../data/augment/recipe.ts";
import type { LineAugment } from "../data/lines/augment.ts";
import { UsageError } from "../errors.ts";
import { isWidening } from "../metadata.ts";
import { codeOf } from "../node/error-code.ts";
import { LINE_DEFAULTS, parseBody, type LineNetworkConfig } from "../train/networks/line.ts";
import { PLAIN, type Recipe } from "../train/recipe.ts";
import { parseSchedule } from "../train/schedule-text.ts";

import { collect, parsePositive, parseTolerance, parseWhole } from "./option-parsers.ts";

/** What a network that reads lines is made of, as far as it is not the usual. */
export type LineSettings = Partial<Omit<LineNetworkConfig, "characters">> & {
  /** How many times wider lines are made than their proportions: more steps for narrow print. */
  readonly widen?: number;
};

/** What decides a run: the options of `train`, by the names that a configuration file has too. */
export interface TrainSettings {
  readonly network: string;
  readonly init?: string;
  readonly teacher: readonly string[];
  readonly teacherShare: number;
  readonly dataset: string;
  readonly data?: string;
  readonly limit?: number;
  readonly add: readonly string[];
  readonly validation: number;
  readonly validateOn?: string;
  readonly holdOut: number;
  readonly line: LineSettings;
  readonly epochs: number;
  readonly batchSize: number;
  readonly seed: number;
  readonly learningRate: number;
  readonly schedule: string;
  readonly weightDecay: number;
  readonly clipNorm?: number;
  readonly labelSmoothing: number;
  readonly averageDecay?: number;
  readonly augment: string | AugmentRecipe | LineAugment;
  readonly cooldownEpochs: number;
  readonly cooldownStrength: number;
  readonly patience?: number;
  readonly keepBest: boolean;
  readonly workers?: number;
  readonly out?: string;
}

export const DEFAULTS: TrainSettings = {
  network: "crnn",
  teacher: [],
  teacherShare: 0.5,
  dataset: "auto",
  add: [],
  validation: 0,
  holdOut: 0,
  line: {},
  epochs: 10,
  batchSize: PLAIN.batchSize,
  seed: PLAIN.seed,
  learningRate: PLAIN.learningRate,
  schedule: "constant",
  weightDecay: 0,
  labelSmoothing: 0,
  augment: "none",
  cooldownEpochs: 0,
  cooldownStrength: PLAIN.cooldownStrength,
  keepBest: false,
};

/** Named ways to change images, weakest first. */
const AUGMENTS: Readonly<Record<string, AugmentRecipe | undefined>> = {
  light: { turn: 10, shear: 0.1, scale: 0.1, shift: 1 },
  full: {
    keep: 0.05,
    turn: 13,
    shear: 0.2,
    scale: 0.2,
    shift: 2,
    elastic: 0.7,
    stretch: 0.06,
    pen: 0.3,
    coarse: 0.2,
    ink: 0.25,
    noise: 0.1,
  },
};

/** The options of the command line that have a name in {@link TrainSettings}. None has a default: see DEFAULTS. */
export function addSettings(command: Command): Command {
  const whole = (name: string, least: number): ((text: string) => number) => parseWhole(`--${name}`, least);
  const amount = (name: string): ((text: string) => number) => parseTolerance(`--${name}`);
  return command
    .option("--init <model>", "start from the weights of this model, which has the same network")
    .option("--teacher <model>", "also learn from the answers of this model (distillation); may be repeated", collect)
    .option(
      "--teacher-share <x>",
      "share of the target that comes from the teachers; the label has the rest (default: 0.5)",
      parsePositive("--teacher-share"),
    )
    .option("--dataset <name>", "auto (MNIST, else the rendered digits), mnist, digits, or lines (default: auto)")
    .option(
      "--data <dir>",
      "folder of MNIST's files; for lines a folder of labelled images (labels.tsv, or file names), or a module that makes them",
    )
    .option(
      "--limit <n>",
      "train on the first images only; for lines that a module makes, how many in an epoch (default: 8192)",
      whole("limit", 1),
    )
    .option(
      "--add <source>",
      "more images to train on: digits:N (rendered), a folder of images DIR/0 … DIR/9, or module.mjs:N lines that a module makes; may be repeated",
      collect,
    )
    .option(
      "--validation <n>",
      "keep this many images (or, below 1, this share) of the training set for validation; the test set is then scored only once",
      amount("validation"),
    )
    .option("--validate-on <dir>", "lines: another folder of labelled images to score after each epoch")
    .option(
      "--hold-out <n>",
      "lines: keep this many more images (or this share) for a test at the end",
      amount("hold-out"),
    )
    .option("--epochs <n>", "passes through the training set (default: 10)", whole("epochs", 1))
    .option("--batch-size <n>", "images in one step (default: 128)", whole("batch-size", 1))
    .option("--seed <n>", "seed of all random numbers (default: 1)", whole("seed", 0))
    .option("--learning-rate <x>", "highest learning rate of Adam (default: 0.001)", parsePositive("--learning-rate"))
    .option("--schedule <phases>", "phases of the learning rate, e.g. warmup:1,cosine (default: constant)")
    .option("--weight-decay <x>", "decoupled weight decay of the kernels (default: 0)", amount("weight-decay"))
    .option("--clip-norm <x>", "clip the gradients to this global norm", parsePositive("--clip-norm"))
    .option(
      "--label-smoothing <x>",
      "share of the target that is spread over all classes (default: 0)",
      amount("label-smoothing"),
    )
    .option(
      "--average-decay <x>",
      "keep a moving average of the weights with this decay, e.g. 0.999",
      amount("average-decay"),
    )
    .option(
      "--augment <name>",
      `augment the images: none, ${Object.keys(AUGMENTS).join(", ")}, or a JSON object (default: none)`,
    )
    .option("--cooldown-epochs <n>", "epochs at the end with weaker augmentation", whole("cooldown-epochs", 0))
    .option(
      "--cooldown-strength <x>",
      "strength of the augmentation in those epochs (default: 0.5)",
      amount("cooldown-strength"),
    )
    .option("--patience <n>", "stop after this many epochs without a better validation loss", whole("patience", 1))
    .option("--keep-best", "keep the weights of the best epoch on validation, not of the last one")
    .option("--workers <n>", "threads that prepare images (default: 1 with augmentation, else 0)", whole("workers", 0))
    .option("-o, --out <dir>", "folder to write (default: runs/NETWORK)");
}

/**
 * Defaults, over them the configuration file, over it the options that were given.
 *
 * @throws {UsageError} naming all keys of the file that are wrong
 */
export async function settingsOf(
  given: Partial<TrainSettings>,
  configFile: string | undefined,
): Promise<TrainSettings> {
  const config = configFile === undefined ? {} : await readConfig(configFile);
  const settings: TrainSettings = { ...DEFAULTS, ...config, ...given };
  if (settings.labelSmoothing >= 1) throw new UsageError(`label smoothing is below 1; got ${settings.labelSmoothing}`);
  if ((settings.averageDecay ?? 0) >= 1)
    throw new UsageError(`the average's decay is below 1; got ${settings.averageDecay}`);
  if (settings.teacherShare > 1) throw new UsageError(`the teachers' share is at most 1; got ${settings.teacherShare}`);
  if (settings.cooldownStrength > 1)
    throw new UsageError(`the cooldown strength is at most 1; got ${settings.cooldownStrength}`);
  if (
    settings.validation === 0 &&
    settings.validateOn === undefined &&
    (settings.keepBest || settings.patience !== undefined)
  ) {
    throw new UsageError("--keep-best and --patience need a part of the training set to choose by: give --validation");
  }
  return settings;
}

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string";
const isAmount: Check = (value) => typeof value === "number" && Number.isFinite(value) && value >= 0;
const isPositive: Check = (value) => isAmount(value) && value !== 0;
const isWhole: Check = (value) => Number.isSafeInteger(value) && isAmount(value);
const isCount: Check = (value) => isWhole(value) && value !== 0;
const isShare: Check = (value) => isAmount(value) && Number(value) < 1;

const CHECKS: Readonly<Record<keyof TrainSettings, readonly [check: Check, expected: string]>> = {
  network: [isText, "a name"],
  init: [isText, "a model"],
  teacher: [(value) => Array.isArray(value) && value.every(isText), "a list of models"],
  teacherShare: [(value) => isPositive(value) && Number(value) <= 1, "a number above 0, at most 1"],
  dataset: [isText, "a name"],
  data: [isText, "a folder"],
  limit: [isCount, "a whole number of at least 1"],
  add: [(value) => Array.isArray(value) && value.every(isText), "a list of sources"],
  validation: [isAmount, "a number of at least 0"],
  validateOn: [isText, "a folder"],
  holdOut: [isAmount, "a number of at least 0"],
  line: [isLine, `an object of ${Object.keys(LINE_DEFAULTS).join(", ")}, widen`],
  epochs: [isCount, "a whole number of at least 1"],
  batchSize: [isCount, "a whole number of at least 1"],
  seed: [isWhole, "a whole number of at least 0"],
  learningRate: [isPositive, "a number above 0"],
  schedule: [isSchedule, "phases, e.g. warmup:1,cosine"],
  weightDecay: [isAmount, "a number of at least 0"],
  clipNorm: [isPositive, "a number above 0"],
  labelSmoothing: [isShare, "a number from 0 to below 1"],
  averageDecay: [isShare, "a number from 0 to below 1"],
  augment: [(value) => isText(value) || isAugment(value) || isLineAugment(value), "a name or an object of numbers"],
  cooldownEpochs: [isWhole, "a whole number of at least 0"],
  cooldownStrength: [(value) => isShare(value) || value === 1, "a number from 0 to 1"],
  patience: [isCount, "a whole number of at least 1"],
  keepBest: [(value) => typeof value === "boolean", "true or false"],
  workers: [isWhole, "a whole number of at least 0"],
  out: [isText, "a folder"],
};

async function readConfig(path: string): Promise<Partial<TrainSettings>> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    const reason = codeOf(cause) === "ENOENT" ? "there is no such file" : String(cause);
    throw new UsageError(`--config ${path} cannot be read: ${reason}`);
  });
  const config = parseJson(text, `--config ${path}`);
  if (isSettings(config, path)) return config;
  throw new UsageError(`--config ${path} must hold a JSON object`);
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`${where} is not valid JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

/** @throws {UsageError} naming all that is wrong with it */
function isSettings(value: unknown, path: string): value is Partial<TrainSettings> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const checks = new Map<string, readonly [Check, string]>(Object.entries(CHECKS));
  const entries: readonly (readonly [string, unknown])[] = Object.entries(value);
  const unknown = entries.flatMap(([key]) => (checks.has(key) ? [] : [`unknown setting "${key}"`]));
  const wrong = entries.flatMap(([key, found]) => {
    const [isRight, expected] = checks.get(key) ?? [];
    return isRight === undefined || isRight(found) ? [] : [`${key} must be ${expected}; got ${shown(found)}`];
  });
  const faults = [...unknown, ...wrong];
  if (faults.length === 0) return true;
  const listed = faults.length === 1 ? ` ${faults.join("")}` : ` ${faults.length} faults\n  ${faults.join("\n  ")}`;
  const hint = `settings are ${Object.keys(CHECKS).join(", ")}`;
  throw new UsageError(`--config ${path}:${listed}`, unknown.length === 0 ? {} : { hint });
}

/** As JSON, which has no Infinity. */
function shown(value: unknown): string {
  return typeof value === "number" ? String(value) : JSON.stringify(value);
}

function isSchedule(value: unknown): boolean {
  if (typeof value !== "string") return false;
  try {
    return parseSchedule(value).length > 0;
  } catch {
    return false;
  }
}

const AUGMENT_KEYS: ReadonlySet<string> = new Set([
  "keep",
  "turn",
  "shear",
  "scale",
  "shift",
  "elastic",
  "stretch",
  "pen",
  "coarse",
  "ink",
  "noise",
]);

function isAugment(value: unknown): value is AugmentRecipe {
  return isAmounts(value, AUGMENT_KEYS);
}

function isAmounts(value: unknown, keys: ReadonlySet<string>): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(([key, amount]) => keys.has(key) && isAmount(amount));
}

const LINE_AUGMENT_KEYS: ReadonlySet<string> = new Set([
  "keep",
  "turn",
  "shear",
  "stretch",
  "elastic",
  "pen",
  "blur",
  "coarse",
  "contrast",
  "light",
  "noise",
  "jpeg",
  "neighbours",
  "threshold",
  "invert",
]);

function isLineAugment(value: unknown): value is LineAugment {
  return isAmounts(value, LINE_AUGMENT_KEYS);
}

/** Named ways to change pictures of lines, weakest first. */
const LINE_AUGMENTS: Readonly<Record<string, LineAugment | undefined>> = {
  light: { turn: 1, shear: 0.1, stretch: 0.08, blur: 0.1, contrast: 0.2, noise: 0.1 },
  full: {
    keep: 0.05,
    turn: 2,
    shear: 0.2,
    stretch: 0.2,
    elastic: 0.02,
    pen: 0.3,
    blur: 0.2,
    coarse: 0.2,
    contrast: 0.3,
    light: 0.25,
    noise: 0.25,
    jpeg: 0.2,
    neighbours: 0.1,
  },
};

/** How pictures of lines are changed. */
export function lineAugmentOf({ augment: given }: TrainSettings): LineAugment | undefined {
  if (given === "none") return undefined;
  const named = typeof given === "string" ? LINE_AUGMENTS[given] : undefined;
  if (named !== undefined) return named;
  const parsed = typeof given === "string" && given.startsWith("{") ? parseJson(given, "--augment") : given;
  if (isLineAugment(parsed)) return parsed;
  throw new UsageError(
    `--augment of lines takes none, ${Object.keys(LINE_AUGMENTS).join(", ")} or an object of ${[...LINE_AUGMENT_KEYS].join(", ")}; got ${shown(given)}`,
  );
}

function isLine(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const { height, body, features, cell, units, dropout, widen, ...others }: Record<string, unknown> = {
    ...LINE_DEFAULTS,
    widen: 1,
    ...value,
  };
  return (
    Object.keys(others).length === 0 &&
    [height, features].every(isCount) &&
    isWidening(widen) &&
    isBody(body) &&
    (cell === "lstm" || cell === "gru") &&
    Array.isArray(units) &&
    units.length > 0 &&
    units.every(isCount) &&
    isShare(dropout)
  );
}

function isBody(value: unknown): boolean {
  if (typeof value !== "string") return false;
  try {
    return parseBody(value).length > 0;
  } catch {
    return false;
  }
}

/** The recipe of settings. */
export function recipeOf(settings: TrainSettings): Recipe {
  const { clipNorm, averageDecay, patience } = settings;
  // Lines are changed in another way: see lineAugmentOf.
  const augment = settings.network === "line" ? undefined : augmentOf(settings.augment);
  return {
    batchSize: settings.batchSize,
    seed: settings.seed,
    learningRate: settings.learningRate,
    schedule: parseSchedule(settings.schedule),
    weightDecay: settings.weightDecay,
    labelSmoothing: settings.labelSmoothing,
    cooldownEpochs: settings.cooldownEpochs,
    cooldownStrength: settings.cooldownStrength,
    keepBest: settings.keepBest,
    ...(clipNorm === undefined ? {} : { clipNorm }),
    ...(averageDecay === undefined ? {} : { averageDecay }),
    ...(patience === undefined ? {} : { patience }),
    ...(augment === undefined ? {} : { augment }),
  };
}

function augmentOf(given: string | AugmentRecipe | LineAugment): AugmentRecipe | undefined {
  if (given === "none") return undefined;
  const named = typeof given === "string" ? AUGMENTS[given] : undefined;
  if (named !== undefined) return named;
  const parsed = typeof given === "string" && given.startsWith("{") ? parseJson(given, "--augment") : given;
  if (isAugment(parsed)) return parsed;
  throw new UsageError(
    `--augment takes none, ${Object.keys(AUGMENTS).join(", ")} or an object of ${[...AUGMENT_KEYS].join(", ")}; got ${shown(given)}`,
  );
}
