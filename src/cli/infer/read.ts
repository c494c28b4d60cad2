import { DataError } from "../../errors.ts";
import type { Session } from "../../infer/runtime.ts";
import type { Recognizer } from "../../metadata.ts";
import { pictureFiles } from "../../node/picture-files.ts";
import { readList } from "../../node/read-list.ts";
import { readPictures, type Answer } from "../../node/read-pictures.ts";
import { startCounting, type CountingProgress } from "../counting.ts";
import { interruptSignal } from "../interrupt.ts";
import { note, printable, printJson, printLine } from "../output.ts";

import { percent, ranOn, summaryLine } from "./summary.ts";

const EXIT_INTERRUPTED = 130;

export interface ReadOptions {
  readonly batchSize: number;
  readonly workers?: number;
  readonly json?: true;
  /** So many files are read, at most. */
  readonly limit?: number;
  /** Paths on stdin are separated by NUL. */
  readonly null?: true;
}

/** Read the pictures that arguments name, a line each, in order; an error of one file is a line of its own. */
export async function readInputs(
  session: Session,
  recognizer: Recognizer,
  inputs: readonly string[],
  options: ReadOptions,
): Promise<void> {
  const { batchSize, workers } = options;
  const signal = interruptSignal();
  const most = options.limit ?? Number.POSITIVE_INFINITY;
  const files = first(most, pictureFiles(inputs, readList(process.stdin, options.null === true ? "\0" : "\n")));
  const progress = startCounting("reading");
  if (progress.shown && !inputs.includes("-")) void announceTotal(inputs, most, progress);
  const started = performance.now();
  let [read, failed] = [0, 0];
  try {
    for await (const answer of readPictures(session, recognizer, files, { batchSize, workers, signal })) {
      if ("error" in answer) failed++;
      else read++;
      progress.clear();
      printAnswer(answer, session, options.json === true);
      progress.update(read + failed);
    }
  } finally {
    progress.stop();
  }
  const what = `${read} ${read === 1 ? "picture" : "pictures"} read${failed === 0 ? "" : `, ${failed} not`}`;
  note(summaryLine(session, signal.aborted ? `interrupted: ${what}` : what, (performance.now() - started) / 1000));
  if (signal.aborted) process.exitCode = EXIT_INTERRUPTED;
  else if (failed > 0) process.exitCode = 1;
  else if (read === 0) throw new DataError("the list on stdin is empty", { hint: "give one path a line" });
}

/** Count the files while they are read already, for the time left. */
async function announceTotal(inputs: readonly string[], most: number, progress: CountingProgress): Promise<void> {
  const files = first(most, pictureFiles(inputs, nothing()));
  let total = 0;
  while ((await files.next()).done !== true) total++;
  progress.setTotal(total);
}

async function* first<Item>(most: number, items: AsyncIterable<Item>): AsyncGenerator<Item> {
  let left = most;
  for await (const item of items) {
    yield item;
    if (--left === 0) return;
  }
}

async function* nothing(): AsyncGenerator<string> {}

function printAnswer(answer: Answer, session: Session, json: boolean): void {
  if (json) printJson({ ...answer, ...ranOn(session) });
  else if ("error" in answer) note(`${printable(answer.input)}: ${answer.error}`);
  else printLine(`${printable(answer.input)}: ${answer.text} (${percent(answer.confidence)})`);
}
