import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import type { LineAugment } from "../../data/lines/augment.ts";
import type { LineSample } from "../../data/lines/line-set.ts";
import { DataError, UsageError } from "../../errors.ts";
import type { Pixels, Plane } from "../../infer/preprocess/image.ts";
import { fitLine } from "../../infer/preprocess/line.ts";
import type { Recognizer } from "../../metadata.ts";
import { type BadLine, charsetOf, listed, readLineFolder } from "../../node/datasets/lines.ts";
import { writeAside } from "../../node/write-aside.ts";
import { type Bucket, type LineSource, openMaker } from "../../train/feed/line-batches.ts";
import { stepsNeeded } from "../../train/losses/ctc.ts";
import { keptApart, preparedLines, rowsFor, storeSource } from "../../train/line-run.ts";
import { buildLine, LINE_DEFAULTS, PADDING, parseBody, reductionOf } from "../../train/networks/line.ts";
import type { Recipe } from "../../train/recipe.ts";
import { editDistance } from "../../data/lines/edit-distance.ts";
import type { LineAnswer, PreparedLine } from "../../train/tasks/read-lines.ts";
import { note } from "../output.ts";
import { lineAugmentOf, type TrainSettings } from "../train-settings.ts";

import type { TrainJob } from "./job.ts";
import { beginWith, marksOf, readTrained } from "./trained.ts";

/** Lines of an epoch that a module makes, unless --limit says how many. */
const MADE = 8192;
/** Widths of the lines that a module is asked for, and their shares of an epoch. */
const MADE_WIDTHS: readonly (readonly [width: number, share: number])[] = [
  [128, 0.25],
  [256, 0.35],
  [448, 0.25],
  [640, 0.15],
];

const ADD_STREAM = 0xadd;
/** Lines to be added are at most so wide. */
const ADDED_WIDTH = 512;

/** Everything that lines are learnt from. */
interface LineData {
  readonly characters: readonly string[];
  readonly source: LineSource;
  readonly buckets: readonly Bucket[];
  readonly validation: readonly PreparedLine[] | undefined;
  readonly test: readonly PreparedLine[];
  /** In a few words, for the checkpoint. */
  readonly name: string;
}

/** Lines of text, from a folder of labelled pictures or a module that makes them. */
export async function linesJob(
  settings: TrainSettings,
  recipe: Recipe,
  _signal: AbortSignal,
): Promise<TrainJob<readonly LineAnswer[]>> {
  if (settings.dataset !== "lines" || settings.data === undefined) {
    throw new UsageError(`--network line takes --dataset lines and --data DIR; got --dataset ${settings.dataset}`, {
      hint: "name a folder of pictures of lines with labels.tsv, or with their texts as names",
    });
  }
  if (settings.teacher.length > 0) throw new UsageError("--teacher is for networks that classify");
  const { widen = 1, ...network } = settings.line;
  const config = { ...LINE_DEFAULTS, ...network };
  const { columns } = reductionOf(parseBody(config.body));
  const augment = lineAugmentOf(settings);
  const { height } = config;
  const trained = await readTrained(settings);
  const data = await openLines(settings, { height, widen, columns, batchSize: recipe.batchSize });
  const { characters } = data;
  const recognizer: Recognizer = {
    version: 1,
    input: {
      kind: "image",
      height,
      width: null,
      channels: 1,
      range: [0, 1],
      fit: "line",
      line: { columns, padding: PADDING, ...(widen === 1 ? {} : { widen }) },
    },
    output: { kind: "ctc", characters, activation: "logits" },
  };
  return {
    title: `line on ${data.name}`,
    dataset: "lines",
    identity: {
      dataset: "lines",
      images: data.source.kind === "store" ? data.source.store.lines : 0,
      characters: characters.join(""),
      line: JSON.stringify(widen === 1 ? config : { ...config, widen }),
      buckets: JSON.stringify(data.buckets),
      augment: JSON.stringify(augment ?? {}),
      ...marksOf(trained, settings),
    },
    recognizer,
    workers: 1,
    reported: "answers.tsv",
    prepare: async (tf) => {
      const { readLines } = await import("../../train/tasks/read-lines.ts");
      const model = buildLine(tf, { ...config, characters: characters.length });
      const begun = await beginWith(tf, model, trained);
      const { source, buckets, validation, test } = data;
      const task = readLines({
        characters,
        height,
        widen,
        columns,
        padding: PADDING,
        source,
        buckets,
        test,
        ...withAugment(augment),
        ...(validation === undefined ? {} : { validation }),
      });
      return { model, task, begun };
    },
    report: async ({ out, answers }) => writeAnswers(out, answers),
  };
}

function withAugment(augment: LineAugment | undefined): { readonly augment?: LineAugment } {
  return augment === undefined ? {} : { augment };
}

/** What was read in each line of the test part, the wrong ones first. */
async function writeAnswers(out: string, answers: readonly LineAnswer[]): Promise<void> {
  const sorted = answers.toSorted((a, b) => editDistance(b.text, b.read) - editDistance(a.text, a.read));
  const rows = sorted.map(({ name, text, read }) => [name, text, read, editDistance(text, read)].join("\t"));
  await writeAside(join(out, "answers.tsv"), `file\ttext\tread\terrors\n${rows.join("\n")}\n`);
}

interface Form {
  readonly height: number;
  readonly widen: number;
  readonly columns: number;
  readonly batchSize: number;
}

async function openLines(settings: TrainSettings, form: Form): Promise<LineData> {
  const { data = "" } = settings;
  return /\.[cm]?js$/.test(data) ? openMade(settings, data, form) : openFolder(settings, data, form);
}

async function openFolder(settings: TrainSettings, folder: string, form: Form): Promise<LineData> {
  const { height, widen, columns, batchSize } = form;
  const stepsOf = (width: number): number => Math.ceil(width / columns);
  const { set, planes, bad } = await readLineFolder(folder, { height, widen, stepsOf });
  tellBad(folder, set.samples.length, bad);
  const samples = settings.limit === undefined ? set.samples : set.samples.slice(0, settings.limit);
  const made = await addMade(settings, form);
  const { characters, rare } = charsetOf([...samples, ...made.samples]);
  if (rare.length > 0) note(`in one line only, so hardly learnt: ${rare.join(" ")}`);
  const apart = keptApart(samples.length, settings.validation);
  const rest = samples.flatMap((_, index) => (apart.has(index) ? [] : [index]));
  const held = keptApart(rest.length, settings.holdOut);
  const train = rest.filter((_, place) => !held.has(place));
  const tested = rest.filter((_, place) => held.has(place));
  const take = (indices: Iterable<number>): { samples: LineSample[]; planes: Plane[] } => ({
    samples: Array.from(indices, (index) => checked(samples[index])),
    planes: Array.from(indices, (index) => checked(planes[index])),
  });
  const kept = take(apart);
  const own = take(train);
  const validation =
    settings.validateOn === undefined
      ? preparedLines(kept.samples, kept.planes)
      : await readApart(settings.validateOn, characters, form);
  const last = take(tested);
  const test = tested.length > 0 ? preparedLines(last.samples, last.planes) : validation;
  if (test.length === 0) {
    throw new UsageError("there are no lines to score", {
      hint: "give --validation, e.g. --validation 0.1, or --validate-on DIR",
    });
  }
  const { source, buckets } = storeSource(
    [...own.samples, ...made.samples],
    [...own.planes, ...made.planes],
    characters,
    batchSize,
  );
  const added = made.samples.length === 0 ? "" : ` and ${made.samples.length} that were made`;
  note(
    `training on ${train.length} lines of ${folder}${added}, ${validation.length} to validate, ${tested.length} held out; ` +
      `${characters.length} characters; widths ${buckets.map(({ width }) => width).join(", ")}`,
  );
  return {
    characters,
    source,
    buckets,
    validation: validation.length === 0 ? undefined : validation,
    test,
    name: folder,
  };
}

/** Lines that modules make, kept for the whole run: `module.mjs:4000`. */
async function addMade(
  { add, seed }: TrainSettings,
  { height, widen, columns }: Form,
): Promise<{ readonly samples: readonly LineSample[]; readonly planes: readonly Plane[] }> {
  const samples: LineSample[] = [];
  const planes: Plane[] = [];
  for (const source of add) {
    const [, path, count] = /^(.*\.[cm]?js):([1-9]\d*)$/.exec(source) ?? [];
    if (path === undefined) {
      throw new UsageError(`--add of lines takes a module and a number, e.g. cheque.mjs:4000; got "${source}"`);
    }
    if (!existsSync(path)) throw new DataError(`there is no module ${path}`);
    const maker = await openMaker(pathToFileURL(resolve(path)).href, seed);
    for (let index = 0; index < Number(count); index++) {
      const line = await maker.make({
        keys: [ADD_STREAM, index],
        step: 0,
        least: 0,
        most: ADDED_WIDTH / widen,
        height,
      });
      const data = Float32Array.from(line.pixels, (level) => level / 255);
      const plane = fittedOrNull({ width: line.width, height: line.height, channels: 1, data }, height, widen);
      if (plane === null || stepsNeeded(Array.from(line.text)) > Math.ceil(plane.width / columns)) continue;
      samples.push({ ...line, name: `${path}:${index}` });
      planes.push(plane);
    }
  }
  return { samples, planes };
}

function fittedOrNull(pixels: Pixels, height: number, widen: number): Plane | null {
  try {
    return fitLine(pixels, height, widen);
  } catch (error) {
    if (error instanceof DataError) return null;
    throw error;
  }
}

async function openMade(settings: TrainSettings, path: string, form: Form): Promise<LineData> {
  const file = resolve(path);
  if (!existsSync(file)) throw new DataError(`there is no module ${path}`);
  const module = pathToFileURL(file).href;
  const { characters, widths = MADE_WIDTHS } = await openMaker(module, settings.seed);
  if (settings.validateOn === undefined) {
    throw new UsageError("lines that a module makes are scored on real ones", { hint: "give --validate-on DIR" });
  }
  const lines = settings.limit ?? MADE;
  const buckets = widths.map(([width]) => ({ width, rows: rowsFor(width, form.batchSize) }));
  const batchesOfBucket = widths.map(([, share], index) =>
    Math.max(1, Math.round((lines * share) / checked(buckets[index]).rows)),
  );
  const validation = await readApart(settings.validateOn, characters, form);
  note(`training on lines that ${path} makes, ${validation.length} of ${settings.validateOn} to validate`);
  return {
    characters,
    source: { kind: "maker", module, batchesOfBucket },
    buckets,
    validation,
    test: validation,
    name: path,
  };
}

async function readApart(
  folder: string,
  characters: readonly string[],
  { height, widen, columns }: Form,
): Promise<PreparedLine[]> {
  const stepsOf = (width: number): number => Math.ceil(width / columns);
  const { set, planes, bad } = await readLineFolder(folder, { height, widen, stepsOf, characters });
  tellBad(folder, set.samples.length, bad);
  return preparedLines(set.samples, planes);
}

function tellBad(folder: string, good: number, bad: readonly BadLine[]): void {
  if (bad.length > 0) note(`left out ${bad.length} of ${good + bad.length} samples of ${folder}:${listed(bad)}`);
}

function checked<T>(value: T | undefined): T {
  if (value === undefined) throw new DataError("there are fewer lines than were counted");
  return value;
}
