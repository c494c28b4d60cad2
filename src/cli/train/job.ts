import type * as tfjs from "@tensorflow/tfjs";

import type { Recognizer } from "../../metadata.ts";
import type { EpochRecord } from "../../train/history.ts";
import type { Tf } from "../../train/networks.ts";
import type { Task } from "../../train/tasks/task.ts";
import type { RunLog } from "../train-records.ts";

/** What the command line adds to a task: where its data comes from, what its model is for, what it reports. */
export interface TrainJob<Answers> {
  readonly title: string;
  /** Name of the data set. */
  readonly dataset: string;
  /** What a checkpoint must agree in to go on from it, beside the recipe. */
  readonly identity: { readonly dataset: string; readonly images: number; readonly [setting: string]: string | number };
  /** What the saved model says of its use. */
  readonly recognizer: Recognizer;
  /** Threads that prepare batches, unless the user says how many. */
  readonly workers: number;
  /** Name of the report's file. */
  readonly reported: string;
  prepare(tf: Tf): Promise<Prepared<Answers>>;
  report(run: FinishedRun<Answers>): Promise<void>;
}

export interface Prepared<Answers> {
  readonly model: tfjs.LayersModel;
  readonly task: Task<Answers>;
  /** The model has the weights to begin with. */
  readonly begun: boolean;
}

export interface FinishedRun<Answers> {
  readonly out: string;
  readonly log: RunLog;
  /** Settings and their values. */
  readonly rows: readonly (readonly [string, string])[];
  readonly history: readonly EpochRecord[];
  readonly answers: Answers;
}
