import { join } from "node:path";

import type { ImageSet } from "../data/dataset.ts";
import { encodeGreyPng } from "../node/png.ts";
import { writeAside } from "../node/write-aside.ts";
import type { StepProgress } from "../train/fit.ts";
import { type EpochRecord, heldOut } from "../train/history.ts";
import { DIGITS } from "../train/networks.ts";
import { reportHtml } from "../train/report/report.ts";
import { type Scores, scoresOf } from "../train/report/scores.ts";
import { EventFile } from "../train/tensorboard/event-file.ts";

/** A step's own loss and rate are logged this often; TensorBoard shows a thousand points of a curve. */
const LOG_EVERY = 10;

/** What a run tells TensorBoard: `train` and the part kept apart as two runs of one folder. */
export class RunLog {
  readonly #train: EventFile;
  readonly #apart: EventFile;
  #done: number;

  /**
   * @param apart name of the part that is scored after each epoch
   * @param firstStep batches done before, of a run that goes on
   */
  constructor(folder: string, apart: "validation" | "test", firstStep: number) {
    this.#train = new EventFile(join(folder, "train"), firstStep);
    this.#apart = new EventFile(join(folder, apart), firstStep);
    this.#done = firstStep;
  }

  step({ done, batchLoss, learningRate }: StepProgress): void {
    this.#done = done;
    if (done % LOG_EVERY === 1) this.#train.scalars(done, { batch_loss: batchLoss, learning_rate: learningRate });
  }

  epoch(record: EpochRecord): void {
    this.#train.scalars(this.#done, { loss: record.loss, accuracy: record.accuracy });
    this.#apart.scalars(this.#done, { ...heldOut(record) });
  }

  mistakes(sheet: Sheet): void {
    this.#apart.image(this.#done, "mistakes", sheet);
  }

  close(): void {
    this.#train.close();
    this.#apart.close();
  }
}

interface Sheet {
  readonly height: number;
  readonly width: number;
  readonly png: Uint8Array;
}

/** @param probabilities [N, classes] of the test set */
export function scoresOfRun(probabilities: Float32Array, test: ImageSet): Scores {
  return scoresOf({ classes: DIGITS, truth: test.labels, probabilities });
}

const COLUMNS = 8;
const ROWS = 4;

/** The most confident errors side by side, dark on light. */
export function mistakeSheet({ mistakes }: Scores, set: ImageSet): Sheet | undefined {
  const shown = mistakes.slice(0, COLUMNS * ROWS);
  if (shown.length === 0) return undefined;
  const [height, width] = [Math.ceil(shown.length / COLUMNS) * set.height, COLUMNS * set.width];
  const sheet = new Uint8Array(height * width).fill(255);
  for (const [place, { image }] of shown.entries()) {
    const pixels = darkOnLight(set, image);
    const corner = Math.floor(place / COLUMNS) * set.height * width + (place % COLUMNS) * set.width;
    for (let row = 0; row < set.height; row++) {
      sheet.set(pixels.subarray(row * set.width, (row + 1) * set.width), corner + row * width);
    }
  }
  return { height, width, png: encodeGreyPng(sheet, height, width) };
}

function darkOnLight(set: ImageSet, image: number): Uint8Array {
  return set.pixels(image).map((ink) => 255 - ink);
}

export interface ReportInput {
  readonly title: string;
  readonly recipe: readonly (readonly [name: string, value: string])[];
  readonly history: readonly EpochRecord[];
  readonly test: ImageSet;
  readonly scores: Scores;
}

/** @returns the path of the page */
export async function writeReport(out: string, { title, recipe, history, test, scores }: ReportInput): Promise<string> {
  const path = join(out, "report.html");
  const scored = `the test set of ${test.name}`;
  const picture = (image: number): Uint8Array => encodeGreyPng(darkOnLight(test, image), test.height, test.width);
  await writeAside(path, reportHtml({ title, recipe, history, scored, classes: DIGITS, scores, picture }));
  return path;
}
