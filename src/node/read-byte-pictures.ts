import { DataError, InferenceError } from "../errors.ts";
import { bytePicture, readBytePictures, type BytePicture } from "../infer/preprocessing-inside.ts";
import type { Session } from "../infer/runtime.ts";
import type { PreprocessingInside, Recognizer } from "../metadata.ts";
import { at, first } from "../require.ts";

import { decodeImage } from "./decode-image.ts";
import type { Listed } from "./list-entry.ts";
import { parallelBatches } from "./parallel-batches.ts";
import { longestSide } from "./prepare-file.ts";
import type { Answer } from "./read-pictures.ts";

/** Likeliest labels that are named. */
const TOP = 3;
/** Files that are decoded at a time. */
const AT_ONCE = 4;

interface Decoded {
  readonly asked: Pick<Answer, "input" | "id">;
  readonly outcome: BytePicture | string;
}

/**
 * Read picture files, in their order, with a model that prepares pictures itself: pictures of one size that follow each other go
 * through it together. See `readPictures` for the rest.
 *
 * @throws {InferenceError} when the runtime fails, or the file does not give what its metadata says
 * @throws {SetupError} when the optional package sharp is missing
 */
export async function* readPicturesAsBytes(
  session: Session,
  { input, output }: Recognizer,
  inside: PreprocessingInside,
  files: AsyncIterable<Listed>,
  { batchSize, signal }: { readonly batchSize: number; readonly signal?: AbortSignal },
): AsyncGenerator<Answer> {
  if (output.kind !== "classes") throw new InferenceError("a file that prepares pictures itself classifies them");
  const fixed = session.inputs[0]?.dims[0];
  const size = typeof fixed === "number" ? fixed : batchSize;
  const work = (file: Listed): Promise<Decoded> => decoded(file, longestSide(input), signal);
  for await (const batch of parallelBatches(files, work, { size, atOnce: AT_ONCE, signal })) {
    for (const group of ofOneSize(batch)) {
      const pictures = group.flatMap(({ outcome }) => (typeof outcome === "string" ? [] : [outcome]));
      const missing = typeof fixed === "number" ? fixed - pictures.length : 0;
      const padded =
        pictures.length === 0 ? [] : [...pictures, ...Array.from({ length: missing }, () => first(pictures))];
      const readings = padded.length === 0 ? [] : await readBytePictures(session, inside, output, padded, TOP);
      let next = 0;
      for (const { asked, outcome } of group) {
        if (typeof outcome === "string") {
          yield { ...asked, error: outcome };
          continue;
        }
        const reading = at(readings, next++);
        if (reading === null) yield { ...asked, error: "the image is blank: nothing on it stands out from the ground" };
        else if (Number.isNaN(reading.confidence)) yield { ...asked, error: "the model's answer is not a number" };
        else yield { ...asked, ...reading };
      }
    }
  }
}

async function decoded(file: Listed, longest: number, signal: AbortSignal | undefined): Promise<Decoded> {
  const { input, id, bytes } = file;
  const asked = { ...(id === undefined ? {} : { id }), input };
  if ("error" in file) return { asked, outcome: file.error };
  try {
    return { asked, outcome: bytePicture(await decodeImage(bytes ?? input, longest, signal)) };
  } catch (error) {
    if (error instanceof DataError) return { asked, outcome: error.message };
    throw error;
  }
}

/** Runs of pictures of one size; those that are none stay where they are. */
function ofOneSize(batch: readonly Decoded[]): Decoded[][] {
  const groups: Decoded[][] = [];
  let before: BytePicture | null = null;
  for (const each of batch) {
    const { outcome } = each;
    const picture: BytePicture | null = typeof outcome === "string" ? null : outcome;
    const isAlike =
      picture === null || before === null || (picture.height === before.height && picture.width === before.width);
    const group = groups.at(-1);
    if (group !== undefined && isAlike) group.push(each);
    else groups.push([each]);
    before = picture ?? before;
  }
  return groups;
}
