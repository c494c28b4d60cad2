import { Command } from "commander";

import { DIGIT_SIDE } from "../data/dataset.ts";
import { renderedDigits } from "../data/digits/rendered-digits.ts";
import { importPackage } from "../infer/import-package.ts";
import { writeAside } from "../node/write-aside.ts";

import { baseCommand, type CommonOptions } from "./base-command.ts";
import { formatMegabytes } from "./format.ts";
import { interruptSignal } from "./interrupt.ts";
import { parseWhole } from "./option-parsers.ts";
import { note, printJson, printSummary } from "./output.ts";
import { startProgress } from "./progress.ts";

/** Enlarged, so that strokes can be judged. */
const SCALE = 2;
const CLASSES = 10;

export function create(summary: string): Command {
  return new Command("data")
    .description(summary)
    .usage("<mnist|digits> [options]")
    .addCommand(
      baseCommand("mnist", "download MNIST into your cache folder, where train, infer and compare find it", [
        "tfjs-to-onnx data mnist",
        "tfjs-to-onnx data mnist --json",
      ]).action(fetchDigits),
    )
    .addCommand(
      baseCommand("digits", "draw a sheet of the rendered digits, one row for each class, as a PNG", [
        "tfjs-to-onnx data digits",
        "tfjs-to-onnx data digits --columns 40 --seed 7 --out sheet.png",
      ])
        .option("-o, --out <file>", "the PNG to write", "digits.png")
        .option("--columns <n>", "digits of each class", parseWhole("--columns", 1), 24)
        .option("--seed <n>", "which digits", parseWhole("--seed", 0), 1)
        .action(drawDigits),
    )
    .addHelpText("after", "\nExamples:\n  $ tfjs-to-onnx data mnist\n  $ tfjs-to-onnx data digits --out sheet.png");
}

async function fetchDigits({ json }: CommonOptions): Promise<void> {
  const { downloadMnist, MNIST_BYTES } = await import("../node/datasets/open-dataset.ts");
  const received = new Map<string, number>();
  const progress = startProgress("downloading", MNIST_BYTES);
  const result = await downloadMnist({
    signal: interruptSignal(),
    onNote: note,
    onProgress({ file, receivedBytes }) {
      received.set(file, receivedBytes);
      progress.update([...received.values()].reduce((sum, bytes) => sum + bytes, 0));
    },
  }).finally(() => progress.stop());
  if (json === true) {
    printJson({ dataset: "mnist", ...result });
    return;
  }
  const done = result.wasThere ? "is already in" : "is now in";
  printSummary(`MNIST (${formatMegabytes(result.bytes)}, 70,000 images) ${done} ${result.folder}`);
}

interface SheetOptions extends CommonOptions {
  readonly out: string;
  readonly columns: number;
  readonly seed: number;
}

async function drawDigits({ out, columns, seed, json }: SheetOptions): Promise<void> {
  const set = renderedDigits({ split: "train", seed, count: columns * CLASSES * 4 });
  const width = columns * DIGIT_SIDE;
  const sheet = Buffer.alloc(width * CLASSES * DIGIT_SIDE);
  const drawn = new Map<number, number>();
  for (const [index, label] of set.labels.entries()) {
    const column = drawn.get(label) ?? 0;
    if (column >= columns) continue;
    const pixels = set.pixels(index);
    for (let y = 0; y < DIGIT_SIDE; y++) {
      const row = pixels.subarray(y * DIGIT_SIDE, (y + 1) * DIGIT_SIDE);
      sheet.set(row, (label * DIGIT_SIDE + y) * width + column * DIGIT_SIDE);
    }
    drawn.set(label, column + 1);
  }
  const { default: sharp } = await importPackage("sharp", () => import("sharp"));
  const raw = { width, height: CLASSES * DIGIT_SIDE, channels: 1 } as const;
  const png = await sharp(sheet, { raw })
    .resize(width * SCALE, raw.height * SCALE, { kernel: "nearest" })
    .png()
    .toBuffer();
  await writeAside(out, png);
  const count = [...drawn.values()].reduce((sum, each) => sum + each, 0);
  if (json === true) printJson({ out, digits: count, seed });
  else printSummary(`wrote ${out}: ${count} digits, one row for each class, seed ${seed}`);
}
