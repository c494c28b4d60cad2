import { availableParallelism } from "node:os";

import { DataError, InferenceError } from "../errors.ts";
import { readImages, type Reading } from "../infer/recognize.ts";
import type { Decode } from "../infer/read-lines.ts";
import type { Session } from "../infer/runtime.ts";
import type { Recognizer } from "../metadata.ts";

import { parallelBatches } from "./parallel-batches.ts";
import type { Listed, Picture } from "./list-entry.ts";
import { PicturePool, type PicturePoolOptions } from "./picture-pool.ts";

/** What was read in one picture, or why nothing was. */
export type Answer = Asked & (Reading | { readonly error: string });

type Asked = Pick<Picture, "input" | "id">;

interface Prepared {
  readonly asked: Asked;
  /** The picture as the model takes it, or why there is none. */
  readonly outcome: Float32Array | string;
}

export interface ReadPicturesOptions {
  /** Pictures in one run, where the model leaves it free. */
  readonly batchSize: number;
  /** Threads that prepare pictures (default: one a core, at most 8, once pictures are many and take long). */
  readonly workers?: number | undefined;
  readonly startWorker?: PicturePoolOptions["startWorker"];
  /** How lines are read from the steps of a model that reads lines; default greedily. */
  readonly decode?: Decode | undefined;
  /** When aborted, pictures that are ready are still read. */
  readonly signal?: AbortSignal | undefined;
}

/** Likeliest labels that are named. */
const TOP = 3;
/** Threads that are started unasked. */
const MOST_WORKERS = 8;
/** Pictures that take less, in milliseconds, are done sooner without: small ones, as MNIST's. */
const WORTH_MS = 2;

/**
 * Read picture files with a recogniser, in their order; files are decoded while the runtime works on those before. A file
 * that is not a valid picture is an answer that says so.
 *
 * @throws {InferenceError} when the runtime fails, or the model is no recogniser of such pictures
 * @throws {SetupError} when the optional package sharp is missing
 */
export async function* readPictures(
  session: Session,
  recognizer: Recognizer,
  files: AsyncIterable<Listed>,
  { batchSize, workers, startWorker, signal, decode }: ReadPicturesOptions,
): AsyncGenerator<Answer> {
  const fixed = session.inputs[0]?.dims[0];
  if (typeof fixed === "number" && (fixed < 1 || fixed > MOST_AT_ONCE)) throw oddBatch(fixed);
  const size = typeof fixed === "number" ? fixed : batchSize;
  const pool = new PicturePool({
    input: recognizer.input,
    ...(workers === undefined ? { workers: defaultWorkers(), worthMs: WORTH_MS } : { workers }),
    ...(startWorker && { startWorker }),
    signal,
  });
  const work = (file: Listed): Promise<Prepared> => prepared(file, pool);
  try {
    for await (const batch of parallelBatches(files, work, { size, atOnce: pool.atOnce, signal })) {
      yield* await answers(session, recognizer, batch, { least: typeof fixed === "number" ? fixed : 0, decode });
    }
  } finally {
    await pool.close();
  }
}

function defaultWorkers(): number {
  const cores = availableParallelism();
  return cores === 1 ? 0 : Math.min(cores, MOST_WORKERS);
}

async function prepared(file: Listed, pool: PicturePool): Promise<Prepared> {
  const { input, id, bytes } = file;
  const asked = { ...(id === undefined ? {} : { id }), input };
  if ("error" in file) return { asked, outcome: file.error };
  try {
    return { asked, outcome: await pool.prepare(bytes ?? input) };
  } catch (error) {
    if (error instanceof DataError) return { asked, outcome: error.message };
    throw error;
  }
}

/** Pictures in one run of a model that fixes their number. */
const MOST_AT_ONCE = 4096;

function oddBatch(fixed: number): InferenceError {
  return new InferenceError(`the model takes ${fixed} pictures at once; expected 1 to ${MOST_AT_ONCE}`, {
    hint: "export it with --batch dynamic",
  });
}

/** A model of a fixed batch size gets blank pictures for those that are missing. */
async function answers(
  session: Session,
  recognizer: Recognizer,
  batch: readonly Prepared[],
  { least, decode }: { readonly least: number; readonly decode: Decode | undefined },
): Promise<readonly Answer[]> {
  const images = batch.flatMap(({ outcome }) => (typeof outcome === "string" ? [] : [outcome]));
  const blanks = Array.from(
    { length: Math.max(0, least - images.length) },
    () => new Float32Array(images[0]?.length ?? 0),
  );
  const readings =
    images.length === 0 ? [] : await readImages(session, recognizer, [...images, ...blanks], TOP, decode);
  let next = 0;
  return batch.map(({ asked, outcome }): Answer => {
    if (typeof outcome === "string") return { ...asked, error: outcome };
    const reading = readings[next++];
    if (reading === undefined) throw new InferenceError(`no answer for ${asked.input}`);
    if (Number.isNaN(reading.confidence)) return { ...asked, error: "the model's answer is not a number" };
    return { ...asked, ...reading };
  });
}
