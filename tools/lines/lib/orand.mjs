// Amounts of ORAND-CAR-A, from the folder that $ORAND_DIR names: pictures as ink, and the boxes of their digits.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { createCanvas, loadImage } from "@napi-rs/canvas";

import { checked } from "./random.mjs";

/**
 * @typedef {{ readonly x: number, readonly y: number, readonly width: number, readonly height: number }} Box in pixels
 * @typedef {object} Amount
 * @property {string} text
 * @property {number} width
 * @property {number} height
 * @property {Float32Array} ink 0 paper to 1, what is printed on the paper included
 * @property {readonly Box[]} boxes of the digits, from left to right
 * @property {boolean} isOrderKnown
 * @property {number} size median height of the digits
 * @property {number} middle median of the rows that the digits are centred on
 */

/**
 * All amounts in the order of train.tsv.
 *
 * @returns {Promise<Amount[]>}
 */
export async function readAmounts() {
  const folder = process.env["ORAND_DIR"];
  if (folder === undefined) throw new Error("name the folder of ORAND-CAR-A by $ORAND_DIR");
  const rows = readFileSync(join(folder, "train.tsv"), "utf8").trim().split("\n").slice(1);
  return Promise.all(
    rows.map(async (row) => {
      const [file, text, , , unsure, list] = row.split("\t").map((field) => field.trim());
      const boxes = checked(list)
        .split(";")
        .map((entry) => {
          const [x, y, width, height] = entry.split(",").map(Number);
          return { x: checked(x), y: checked(y), width: checked(width), height: checked(height) };
        });
      return {
        text: checked(text),
        ...(await readInk(join(folder, "train", checked(file)))),
        boxes,
        isOrderKnown: unsure === "0",
        size: median(boxes.map(({ height }) => height)),
        middle: median(boxes.map(({ y, height }) => y + height / 2)),
      };
    }),
  );
}

/** @param {readonly number[]} values */
function median(values) {
  return checked(values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]);
}

/** @param {string} path */
async function readInk(path) {
  const image = await loadImage(path);
  const { width, height } = image;
  const context = createCanvas(width, height).getContext("2d");
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const grey = Float32Array.from(
    { length: width * height },
    (_, at) => (checked(data[4 * at]) + checked(data[4 * at + 1]) + checked(data[4 * at + 2])) / 765,
  );
  const sorted = grey.toSorted();
  const quantile = (/** @type {number} */ share) => checked(sorted[Math.round(share * (sorted.length - 1))]);
  const [paper, ink] = [quantile(0.7), quantile(0.005)];
  const scale = 1 / Math.max(0.05, paper - ink);
  return { width, height, ink: grey.map((level) => Math.min(1, Math.max(0, (paper - level) * scale))) };
}
