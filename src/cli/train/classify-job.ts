import type { ImageSet } from "../../data/dataset.ts";
import { renderedDigits } from "../../data/digits/rendered-digits.ts";
import { joinSets, splitOff } from "../../data/parts.ts";
import { UsageError } from "../../errors.ts";
import { DIGITS, digitRecognizer, networkNamed } from "../../train/networks.ts";
import type { Recipe } from "../../train/recipe.ts";
import type { ClassAnswers } from "../../train/tasks/classify.ts";
import { note } from "../output.ts";
import { mistakeSheet, scoresOfRun, writeReport } from "../train-records.ts";
import type { TrainSettings } from "../train-settings.ts";

import type { TrainJob } from "./job.ts";
import { beginWith, marksOf, readTrained, teachingOf } from "./trained.ts";

/** Digits to classes. */
export async function classifyJob(
  settings: TrainSettings,
  recipe: Recipe,
  signal: AbortSignal,
): Promise<TrainJob<ClassAnswers>> {
  const network = networkNamed(settings.network);
  const { train, validation, test } = await openParts(settings, signal);
  const trained = await readTrained(settings);
  const title = `${network.name} on ${train.name}`;
  return {
    title,
    dataset: train.name,
    identity: {
      dataset: train.name,
      images: train.images,
      augment: JSON.stringify(recipe.augment ?? {}),
      ...marksOf(trained, settings),
    },
    recognizer: digitRecognizer,
    workers: recipe.augment === undefined ? 0 : 1,
    reported: "report.html",
    prepare: async (tf) => {
      const { classify } = await import("../../train/tasks/classify.ts");
      const model = network.build(tf);
      const begun = await beginWith(tf, model, trained);
      const teaching = await teachingOf(tf, model, trained, settings.teacherShare);
      const task = classify({
        classes: DIGITS.length,
        train,
        test,
        ...(validation === undefined ? {} : { validation }),
        ...(teaching === undefined ? {} : { teaching }),
      });
      return { model, task, begun };
    },
    report: async ({ out, log, rows, history, answers }) => {
      const scores = scoresOfRun(answers, test);
      const sheet = mistakeSheet(scores, test);
      if (sheet !== undefined) log.mistakes(sheet);
      await writeReport(out, { title, recipe: rows, history, test, scores });
    },
  };
}

interface Parts {
  readonly train: ImageSet;
  readonly validation: ImageSet | undefined;
  readonly test: ImageSet;
}

async function openParts(settings: TrainSettings, signal: AbortSignal): Promise<Parts> {
  const { openDataset } = await import("../../node/datasets/open-dataset.ts");
  const { dataset, data, limit, validation, add } = settings;
  if (dataset !== "auto" && dataset !== "mnist" && dataset !== "digits") {
    throw new UsageError(
      `--network ${settings.network} takes --dataset auto, mnist or digits; got "${dataset}"`,
      dataset === "lines" ? { hint: "lines are read by --network line" } : {},
    );
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
  const { readPictures } = await import("../../node/datasets/pictures.ts");
  const { set, faults } = await readPictures(source, "train");
  if (faults.length > 0) note(`left out ${faults.length} pictures of ${source}, e.g. ${faults[0] ?? ""}`);
  return set;
}
