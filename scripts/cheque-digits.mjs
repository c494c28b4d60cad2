// Cuts the digits out of handwritten amounts in DIR/train with boxes in DIR/train.tsv (ORAND-CAR-A: file, label, width, height,
// ambiguous_order, boxes x,y,w,h with ; between), into folders that `train --add` takes:
//
//   node scripts/cheque-digits.mjs DIR OUT
//
// OUT/train/0 … 9 and OUT/held/0 … 9; every tenth amount is held back.
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";

import sharp from "sharp";

const [dir, out] = process.argv.slice(2);
if (dir === undefined || out === undefined) throw new Error("usage: node scripts/cheque-digits.mjs DIR OUT");

const MARGIN = 2;
const HOLD_EVERY = 10;
for (const part of ["train", "held"]) {
  for (let digit = 0; digit < 10; digit++) mkdirSync(path.join(out, part, String(digit)), { recursive: true });
}

const [, ...lines] = readFileSync(path.join(dir, "train.tsv"), "utf8").trim().split("\n");
let digits = 0;
for (const [index, line] of lines.entries()) {
  const [file = "", label = "", width, height, ambiguous, boxes = ""] = line.split("\t");
  const cuts = boxes.split(";");
  if (ambiguous !== "0" || cuts.length !== label.length) continue;
  const part = index % HOLD_EVERY === 0 ? "held" : "train";
  for (const [place, cut] of cuts.entries()) {
    const [x = 0, y = 0, w = 0, h = 0] = cut.split(",").map(Number);
    const left = Math.max(0, x - MARGIN);
    const top = Math.max(0, y - MARGIN);
    const box = {
      left,
      top,
      width: Math.min(Number(width), x + w + MARGIN) - left,
      height: Math.min(Number(height), y + h + MARGIN) - top,
    };
    const name = `${path.parse(file).name}-${place}.png`;
    await sharp(path.join(dir, "train", file))
      .extract(box)
      .greyscale()
      .toFile(path.join(out, part, label.charAt(place), name));
    digits++;
  }
}
process.stdout.write(`${digits} digits in ${out}\n`);
