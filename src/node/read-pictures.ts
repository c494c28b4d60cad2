import { availableParallelism } from "node:os";

import { DataError, InferenceError } from "../errors.ts";
import { prepareImage } from "../infer/preprocess/prepare-image.ts";
import { readImages, type Reading } from "../infer/recognize.ts";
import type { Session } from "../infer/runtime.ts";
import type { ImageInput, Recognizer } from "../metadata.ts";

import { decodeImage } from "./decode-image.ts";
import { parallelBatches } from "./parallel-batches.ts";
import type { Listed } from "./picture-files.ts";

/** What was read in one picture, or why nothing was. */
export type Answer = ({ readonly input: string } & Reading) | Refused;

interface Refused {
  readonly input: string;
  readonly error: string;
}

type Prepared = { readonly input: string; readonly image: Float32Array } | Refused;

export interface ReadPicturesOptions {
  /** Pictures in one run, where the model leaves it free. */
  readonly batchSize: number;
  /** When aborted, pictures that are ready are still read. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Read picture files with a recogniser, in their order; files are decoded while the runtime works on those before. A file
 * that is no sound picture is an answer that says so.
 *
 * @throws {InferenceError} when the runtime fails, or the model is no recogniser of such pictures
 * @throws {SetupError} when the optional package sharp is missing
 */
export async function* readPictures(
  session: Session,
  recognizer: Recognizer,
  files: AsyncIterable<Listed>,
  { batchSize, signal }: ReadPicturesOptions,
): AsyncGenerator<Answer> {
  const fixed = session.inputs[0]?.dims[0];
  if (typeof fixed === "number" && (fixed < 1 || fixed > MOST_AT_ONCE)) throw oddBatch(fixed);
  const size = typeof fixed === "number" ? fixed : batchSize;
  const work = (file: Listed): Promise<Prepared> => prepareFile(file, recognizer.input);
  const options = { size, atOnce: 2 * availableParallelism(), signal };
  for await (const batch of parallelBatches(files, work, options)) {
    yield* await answers(session, recognizer, batch, typeof fixed === "number" ? fixed : 0);
  }
}

async function prepareFile(file: Listed, input: ImageInput): Promise<Prepared> {
  if ("error" in file) return file;
  try {
    return { input: file.input, image: prepareImage(await decodeImage(file.input, longestSide(input)), input) };
  } catch (error) {
    if (error instanceof DataError) return { input: file.input, error: error.message };
    throw error;
  }
}

/** Larger pictures are decoded at this size: nothing the recogniser sees is lost. */
function longestSide({ fit, height, width }: ImageInput): number {
  if (fit === "mnist") return 512;
  return width === null ? 4096 : Math.max(1024, 2 * height, 2 * width);
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
  prepared: readonly Prepared[],
  least: number,
): Promise<readonly Answer[]> {
  const images = prepared.flatMap((each) => ("image" in each ? [each.image] : []));
  const blanks = Array.from(
    { length: Math.max(0, least - images.length) },
    () => new Float32Array(images[0]?.length ?? 0),
  );
  const readings = images.length === 0 ? [] : await readImages(session, recognizer, [...images, ...blanks]);
  let next = 0;
  return prepared.map((each): Answer => {
    if ("error" in each) return each;
    const reading = readings[next++];
    if (reading === undefined) throw new InferenceError(`no answer for ${each.input}`);
    if (Number.isNaN(reading.confidence)) return { input: each.input, error: "the model's answer is not a number" };
    return { input: each.input, ...reading };
  });
}
