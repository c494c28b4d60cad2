import type { Command } from "commander";

import { DIGIT_SIDE } from "../data/dataset.ts";
import { renderedDigits } from "../data/digits/rendered-digits.ts";
import { importPackage } from "../infer/import-package.ts";
import { writeAside } from "../node/write-aside.ts";

import { baseCommand, type CommonOptions } from "./base-command.ts";
import { parseWhole } from "./option-parsers.ts";
import { printJson, printLine } from "./output.ts";

/** Enlarged, so that strokes can be judged. */
const SCALE = 2;
const CLASSES = 10;

interface DigitsOptions extends CommonOptions {
  readonly out: string;
  readonly columns: number;
  readonly seed: number;
}

export function create(summary: string): Command {
  return baseCommand("digits", summary, ["digits", "digits --columns 40 --seed 7 --out sheet.png"])
    .option("--out <file>", "the PNG to write", "digits.png")
    .option("--columns <n>", "digits of each class", parseWhole("--columns", 1), 24)
    .option("--seed <n>", "which digits", parseWhole("--seed", 0), 1)
    .action(run);
}

/** One row a class, 0 to 9. */
async function run({ out, columns, seed, json }: DigitsOptions): Promise<void> {
  const set = renderedDigits({ split: "train", seed, count: columns * CLASSES * 4 });
  const width = columns * DIGIT_SIDE;
  const sheet = Buffer.alloc(width * CLASSES * DIGIT_SIDE);
  const drawn = Array.from({ length: CLASSES }, () => 0);
  for (let index = 0; index < set.images; index++) {
    const label = set.labels[index] ?? 0;
    const column = drawn[label] ?? 0;
    if (column >= columns) continue;
    const pixels = set.pixels(index);
    for (let y = 0; y < DIGIT_SIDE; y++) {
      const row = pixels.subarray(y * DIGIT_SIDE, (y + 1) * DIGIT_SIDE);
      sheet.set(row, (label * DIGIT_SIDE + y) * width + column * DIGIT_SIDE);
    }
    drawn[label] = column + 1;
  }
  const { default: sharp } = await importPackage("sharp", () => import("sharp"));
  const raw = { width, height: CLASSES * DIGIT_SIDE, channels: 1 } as const;
  const png = await sharp(sheet, { raw })
    .resize(width * SCALE, raw.height * SCALE, { kernel: "nearest" })
    .png()
    .toBuffer();
  await writeAside(out, png);
  const count = drawn.reduce((sum, each) => sum + each, 0);
  if (json === true) printJson({ out, digits: count, seed });
  else printLine(`wrote ${out}: ${count} digits, one row a class, seed ${seed}`);
}
