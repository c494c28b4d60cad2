import { fstatSync } from "node:fs";

import { DataError } from "../../errors.ts";
import type { PreprocessingInside, Recognizer } from "../../metadata.ts";
import { pictureFiles } from "../../node/picture-files.ts";
import { fileFault } from "../../node/file-fault.ts";
import { listedLine, type Listed } from "../../node/list-entry.ts";
import { readList } from "../../node/read-list.ts";
import type { Decode } from "../../infer/read-lines.ts";
import { readPicturesAsBytes } from "../../node/read-byte-pictures.ts";
import { readPictures, type Answer } from "../../node/read-pictures.ts";
import { startCounting, type CountingProgress } from "../counting.ts";
import { interruptSignal } from "../interrupt.ts";
import { complain, needReader, note, printable, printJsonText, printLine, stdoutTaken } from "../output.ts";

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
  /** An input that cannot be read is an answer, and no reason for an exit code of its own. */
  readonly keepGoing?: true;
  /** The file prepares pictures itself. */
  readonly preprocessing: PreprocessingInside | null;
}

/**
 * Read the pictures that arguments name, a line each, in order; an error of one file is a line of its own. Sets the exit code: 3
 * when some could not be read, unless `keepGoing` says that this is an answer too; 130 after Ctrl-C.
 */
export async function readInputs(
  loaded: Loaded,
  recognizer: Recognizer,
  inputs: readonly string[],
  options: ReadOptions,
): Promise<void> {
  const { batchSize } = options;
  const signal = interruptSignal();
  const most = options.limit ?? Number.POSITIVE_INFINITY;
  const files = first(most, pictureFiles(inputs, listOnStdin(options)));
  needReader();
  const progress = startCounting("reading");
  if (progress.shown && !inputs.includes("-")) void announceTotal(inputs, most, progress);
  const started = performance.now();
  let [read, failed] = [0, 0];
  try {
    for await (const answer of answersTo(loaded, recognizer, files, { ...options, batchSize, signal })) {
      if ("error" in answer) failed++;
      else read++;
      progress.clear();
      printAnswer(answer, loaded, options.json === true);
      await stdoutTaken();
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
  else if (failed > 0 && options.keepGoing !== true) process.exitCode = EXIT_UNREADABLE;
  else if (total === 0) note("the list on stdin is empty: one path or JSON object a line is expected");
}

/** Lines of the list on stdin, each a path or a JSON object; between NULs there are only paths. */
async function* listOnStdin(options: ReadOptions): AsyncGenerator<Listed> {
  const every = options.keepGoing === true;
  if (options.null === true) {
    for await (const entry of readList(stdin(), { separator: "\0", every })) {
      yield "error" in entry ? { input: entry.text, error: entry.error } : { input: entry.text };
    }
  } else {
    for await (const entry of readList(stdin(), { separator: "\n", every })) yield listedLine(entry);
  }
}

/** @throws {DataError} when stdin cannot be read: the list is only a part then */
async function* stdin(): AsyncGenerator {
  // Node takes a folder for an empty stream.
  if (fstatSync(process.stdin.fd).isDirectory())
    throw new DataError("the list on stdin cannot be read: it is a folder");
  try {
    yield* process.stdin;
  } catch (cause) {
    throw new DataError(`the list on stdin ${fileFault(cause)}`, { cause });
  }
}

function answersTo(
  { session }: Loaded,
  recognizer: Recognizer,
  files: AsyncIterable<Listed>,
  { batchSize, workers, signal, decode, preprocessing }: ReadOptions & { readonly signal: AbortSignal },
): AsyncIterable<Answer> {
  if (preprocessing === null) return readPictures(session, recognizer, files, { batchSize, workers, signal, decode });
  return readPicturesAsBytes(session, recognizer, preprocessing, files, { batchSize, signal });
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

async function* nothing(): AsyncGenerator<never> {}

function printAnswer(answer: Answer, loaded: Loaded, json: boolean): void {
  const { id, ...rest } = answer;
  if (json) {
    const body = JSON.stringify({ ...rest, ...ranOn(loaded) });
    printJsonText(id === undefined ? body : `{"id":${id},${body.slice(1)}`);
    return;
  }
  const name = id === undefined ? printable(answer.input) : printable(`${id} ${answer.input}`.trimEnd());
  if ("error" in answer) complain(`${name}: ${answer.error}`);
  else printLine(`${name}: ${said(answer)}`);
}
