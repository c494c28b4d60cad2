import { stat } from "node:fs/promises";
import { join } from "node:path";

import { DIGIT_SIDE, type ImageSet, type Split } from "../../data/dataset.ts";
import { DataError } from "../../errors.ts";
import { fitMnist } from "../../infer/preprocess/mnist.ts";
import { flatten } from "../../infer/preprocess/image.ts";
import { decodeImage } from "../decode-image.ts";
import { pictureFiles } from "../picture-files.ts";

/** Larger pictures are read at this size, as `infer` does. */
const LONGEST_SIDE = 512;

export interface Pictures {
  readonly set: ImageSet;
  /** Of each picture left out, why. */
  readonly faults: readonly string[];
}

/**
 * Pictures of single digits in folders named after them: DIR/0/a.png to DIR/9/z.png, in the order of their names, prepared as
 * `infer` prepares pictures. Blank ones and files that are no pictures are left out.
 *
 * @throws {DataError} when there is no such folder; when a picture lies elsewhere, so that it has no label; when none is left
 */
export async function readPictures(folder: string, split: Split): Promise<Pictures> {
  if (!(await isFolder(folder))) throw new DataError(`there is no folder ${folder}`, { hint: LAYOUT });
  const pictures: Uint8Array[] = [];
  const labels: number[] = [];
  const faults: string[] = [];
  for await (const file of pictureFiles([folder], nothing())) {
    if (file.input === folder) {
      if ("error" in file) faults.push(file.error);
      break;
    }
    const label = labelOf(file.input.slice(folder.length));
    if (label === undefined) {
      throw new DataError(
        `${file.input} has no label: it lies in none of ${join(folder, "0")} to ${join(folder, "9")}`,
        {
          hint: `${LAYOUT}; others have no place in ${folder}`,
        },
      );
    }
    const picture = "error" in file ? `${file.input}: ${file.error}` : await prepared(file.input);
    if (typeof picture === "string") {
      faults.push(picture);
    } else {
      pictures.push(picture);
      labels.push(label);
    }
  }
  if (pictures.length > 0) return { set: setOf(folder, split, pictures, labels), faults };
  throw new DataError(`${folder} holds no pictures of digits${faults.map((fault) => `\n  ${fault}`).join("")}`, {
    hint: LAYOUT,
  });
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

const LAYOUT = "put them into folders named after the digit: DIR/0/any.png to DIR/9/any.png";

/** @param below path below the folder of folders */
function labelOf(below: string): number | undefined {
  const digit = /^\/?(\d)\//.exec(below)?.[1];
  return digit === undefined ? undefined : Number(digit);
}

async function* nothing(): AsyncGenerator<never> {
  // Pictures come from the folder alone.
}

/** [28, 28], or what is wrong with the file. */
async function prepared(path: string): Promise<Uint8Array | string> {
  try {
    const { data } = fitMnist(flatten(await decodeImage(path, LONGEST_SIDE)));
    return Uint8Array.from(data, (value) => Math.round(255 * value));
  } catch (error) {
    if (error instanceof DataError) return `${path}: ${error.message}`;
    throw error;
  }
}

function setOf(folder: string, split: Split, pictures: readonly Uint8Array[], labels: readonly number[]): ImageSet {
  return {
    name: "pictures",
    split,
    source: folder,
    images: pictures.length,
    height: DIGIT_SIDE,
    width: DIGIT_SIDE,
    labels: Uint8Array.from(labels),
    pixels: (index) => {
      const picture = pictures[index];
      if (picture === undefined) throw new RangeError(`no image ${index} among ${pictures.length}`);
      return picture;
    },
  };
}
