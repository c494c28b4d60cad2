import { DataError } from "../../errors.ts";
import type { Recognizer } from "../../metadata.ts";
import { pictureFiles } from "../../node/picture-files.ts";
import { readList } from "../../node/read-list.ts";
import type { Decode } from "../../infer/read-lines.ts";
import { readPictures, type Answer } from "../../node/read-pictures.ts";
import { startCounting, type CountingProgress } from "../counting.ts";
import { interruptSignal } from "../interrupt.ts";
import { complain, note, printable, printJson, printLine } from "../output.ts";

import { ranOn, said, summaryLine, type Loaded } from "./summary.ts";

const EXIT_INTERRUPTED = 130;
/** Done, but some inputs could not be read. */
const EXIT_UNREADABLE = 3;

export interface ReadOptions {
  /** How lines are read; default greedily. */
  readonly decode?: Decode | undefined;
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
  loaded: Loaded,
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
    for await (const answer of readPictures(loaded.session, recognizer, files, {
      batchSize,
      workers,
      signal,
      decode: options.decode,
    })) {
      if ("error" in answer) failed++;
      else read++;
      progress.clear();
      printAnswer(answer, loaded, options.json === true);
      progress.update(read + failed);
    }
  } finally {
    progress.stop();
  }
  const total = read + failed;
  const images = total === 1 ? "image" : "images";
  const what = failed === 0 ? `${read} ${images} read` : `${read} of ${total} ${images} read (${failed} failed)`;
  note(summaryLine(loaded, signal.aborted ? `interrupted: ${what}` : what, (performance.now() - started) / 1000));
  if (signal.aborted) process.exitCode = EXIT_INTERRUPTED;
  else if (failed > 0) process.exitCode = EXIT_UNREADABLE;
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

function printAnswer(answer: Answer, loaded: Loaded, json: boolean): void {
  if (json) printJson({ ...answer, ...ranOn(loaded) });
  else if ("error" in answer) complain(`${printable(answer.input)}: ${answer.error}`);
  else printLine(`${printable(answer.input)}: ${said(answer)}`);
}
