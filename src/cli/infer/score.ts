import { DIGIT_SIDE, type ImageSet } from "../../data/dataset.ts";
import { imageTensor } from "../../data/image-tensor.ts";
import { UsageError } from "../../errors.ts";
import { bestClass, classScores, readImages, type Reading } from "../../infer/recognize.ts";
import type { Session } from "../../infer/runtime.ts";
import type { Recognizer } from "../../metadata.ts";
import { interruptSignal } from "../interrupt.ts";
import { note, printJson, printLine } from "../output.ts";
import { startProgress } from "../progress.ts";
import { floatAt } from "../../require.ts";

import { percent, ranOn, said, summaryLine, type Loaded } from "./summary.ts";

const EXIT_INTERRUPTED = 130;
const SAMPLE = 1000;
const SHOWN = 3;

export interface ScoreOptions {
  readonly batchSize: number;
  readonly data?: string;
  readonly limit?: number;
  readonly json?: true;
}

/** Score a labelled test set. */
export async function score(loaded: Loaded, dataset: string, options: ScoreOptions): Promise<void> {
  const set = await openTest(dataset, options);
  await report(loaded, set, options, (accuracy) => {
    return `${set.name}, ${set.split} set: ${percent(accuracy)} of ${set.images.toLocaleString("en")} images`;
  });
}

/** Prints some test images with what was read from them, and the accuracy on a sample. */
export async function showSample(loaded: Loaded, recognizer: Recognizer, options: ScoreOptions): Promise<void> {
  const set = await openTest("auto", { ...options, limit: options.limit ?? SAMPLE });
  if (options.json !== true) await drawSome(loaded.session, recognizer, set);
  await report(loaded, set, options, (accuracy) => {
    return `${percent(accuracy)} of the first ${set.images.toLocaleString("en")} images of the test set of ${set.name}`;
  });
}

async function openTest(dataset: string, { data, limit }: ScoreOptions): Promise<ImageSet> {
  if (dataset !== "auto" && dataset !== "mnist" && dataset !== "digits") {
    throw new UsageError(`--dataset takes auto, mnist or digits; got "${dataset}"`);
  }
  const { openDataset } = await import("../../node/datasets/open-dataset.ts");
  const opened = await openDataset({ dataset, split: "test", data, limit, onNote: note });
  note(opened.note);
  return opened.set;
}

async function report(
  loaded: Loaded,
  set: ImageSet,
  options: ScoreOptions,
  sentence: (accuracy: number) => string,
): Promise<void> {
  const signal = interruptSignal();
  const { correct, images, seconds } = await countCorrect(loaded.session, set, options.batchSize, signal);
  if (signal.aborted) {
    process.exitCode = EXIT_INTERRUPTED;
  } else if (options.json === true) {
    const accuracy = correct / images;
    printJson({ dataset: set.name, split: set.split, images, accuracy, seconds, ...ranOn(loaded) });
  } else {
    printLine(sentence(correct / images));
  }
  note(summaryLine(loaded, `${signal.aborted ? "interrupted: " : ""}${images} images scored`, seconds));
}

interface Scored {
  readonly correct: number;
  readonly images: number;
  readonly seconds: number;
}

async function countCorrect(session: Session, set: ImageSet, batchSize: number, signal: AbortSignal): Promise<Scored> {
  const fixed = session.inputs[0]?.dims[0];
  const size = typeof fixed === "number" ? fixed : batchSize;
  const progress = startProgress("scoring", set.images);
  const started = performance.now();
  let [correct, images] = [0, 0];
  while (images < set.images && !signal.aborted) {
    // A model with a fixed batch size gets some images twice in its last batch.
    const start = typeof fixed === "number" ? Math.max(0, Math.min(images, set.images - fixed)) : images;
    const count = Math.min(size, set.images - start);
    const scores = await classScores(session, imageTensor(set, start, count));
    for (let row = images - start; row < count; row++)
      if (bestClass(scores, row) === set.labels[start + row]) correct++;
    images = start + count;
    progress.update(images);
  }
  progress.stop();
  return { correct, images, seconds: (performance.now() - started) / 1000 };
}

async function drawSome(session: Session, recognizer: Recognizer, set: ImageSet): Promise<void> {
  const count = Math.min(SHOWN, set.images);
  const size = DIGIT_SIDE * DIGIT_SIDE;
  const tensor = imageTensor(set, 0, count);
  if (tensor.dtype !== "float32") return;
  for (let row = 0; row < count; row++) {
    const image = tensor.data.subarray(row * size, (row + 1) * size);
    const [reading] = await readImages(session, recognizer, [image]);
    if (reading !== undefined) printDigit(image, reading, set.labels[row]);
  }
}

const INK = " .:-=+*#%@";

/** Each line of text shows two rows of pixels, since characters are twice as tall as wide. */
function printDigit(image: Float32Array, reading: Reading, label: number | undefined): void {
  const beside = [
    `read as ${said(reading)}`,
    `labelled ${label ?? "?"}`,
    ...reading.top.slice(1).map(({ label: other, probability }) => `or ${other} (${percent(probability)})`),
  ];
  for (let y = 2; y < DIGIT_SIDE - 2; y += 2) {
    const cells = Array.from({ length: DIGIT_SIDE }, (_, x) => {
      const value = (floatAt(image, y * DIGIT_SIDE + x) + floatAt(image, (y + 1) * DIGIT_SIDE + x)) / 2;
      return INK[Math.min(INK.length - 1, Math.floor(value * INK.length))];
    });
    printLine(`${cells.join("")}  ${beside[(y - 8) / 2] ?? ""}`.trimEnd());
  }
  printLine("");
}
