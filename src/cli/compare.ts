import { dirname, join } from "node:path";

import type { Command } from "commander";

import type { ImageSet } from "../data/dataset.ts";
import { imageTensor } from "../data/image-tensor.ts";
import type { RawModel } from "../export/source/model.ts";
import type { Session } from "../infer/runtime.ts";
import { hasLoop, manifestHasLoop } from "../node/has-loop.ts";
import { loadAt, LOOP_TIME_LIMIT } from "../node/place.ts";
import { readOnnxFile, type OnnxFile } from "../node/read-onnx.ts";
import { staleExportNote } from "../node/stale-export.ts";
import { agreement, type Agreement, type LabelledBatches } from "../verify/agreement.ts";

import { baseCommand, type CommonOptions } from "./base-command.ts";
import { formatDifference } from "./format.ts";
import { parseWhole } from "./option-parsers.ts";
import { note, printJson, printLine, printTable } from "./output.ts";
import { startProgress } from "./progress.ts";

interface CompareOptions extends CommonOptions {
  readonly dataset: "auto" | "mnist" | "digits";
  readonly data?: string;
  readonly limit?: number;
  readonly batchSize: number;
}

/** Probabilities further apart than this are a fault: float32 kernels differ by about 2e-6 on the shipped network. */
const LARGEST_DIFFERENCE = 1e-5;

export function create(summary: string): Command {
  return baseCommand("compare", summary, [
    "compare ./my-digits",
    "compare runs/crnn/model.json runs/crnn/model.onnx --dataset digits --limit 1000",
  ])
    .argument("<model>", "a digit recogniser: its model.json, or the folder that holds it")
    .argument("[file]", "the ONNX file made from it (default: model.onnx beside it)")
    .option("--dataset <name>", "auto, mnist or digits", "auto")
    .option("--data <dir>", "folder of MNIST's files")
    .option("--limit <n>", "take the first images only", parseWhole("--limit", 1))
    .option("--batch-size <n>", "images in one run", parseWhole("--batch-size", 1), 250)
    .action(run);
}

async function run(json: string, file: string | undefined, options: CompareOptions): Promise<void> {
  const onnxPath = file ?? join(json.endsWith(".json") ? dirname(json) : json, "model.onnx");
  const sources = await readSources(json, onnxPath);
  const { openDataset } = await import("../node/datasets/open-dataset.ts");
  const opened = await openDataset({
    dataset: options.dataset,
    split: "test",
    data: options.data,
    limit: options.limit,
    onNote: note,
  });
  note(opened.note);
  const { set } = opened;
  const stale = await staleExportNote(onnxPath, json.endsWith(".json") ? json : join(json, "model.json"));
  if (stale !== null) note(stale);
  const sessions = await openSessions(sources);
  const progress = startProgress("comparing", set.images * sessions.length);
  const rows = await agreement(sessions, batches(set), options.batchSize, (done) => progress.update(done));
  progress.stop();
  await Promise.all(sessions.map((session) => session.dispose()));

  const agreed = rows.every(({ otherAnswers, maxAbsDiff }) => otherAnswers === 0 && maxAbsDiff <= LARGEST_DIFFERENCE);
  if (!agreed) process.exitCode = 1;
  if (options.json === true) printJson({ agreed, dataset: set.name, split: set.split, images: set.images, runs: rows });
  else printRows(rows, set.images, agreed);
}

interface Sources {
  readonly raw: RawModel;
  readonly onnx: OnnxFile;
}

async function readSources(json: string, onnxPath: string): Promise<Sources> {
  const { readModel } = await import("../node/read-model.ts");
  const [raw, onnx] = await Promise.all([readModel(json), readOnnxFile(onnxPath)]);
  return { raw, onnx };
}

async function openSessions({ raw, onnx: { bytes, header, externalData } }: Sources): Promise<Session[]> {
  const given = { externalData, onNote: note, loopLimit: hasLoop(header) ? LOOP_TIME_LIMIT : null };
  return [
    await loadAt({ runtime: "tfjs" }, raw, {
      ...given,
      loopLimit: manifestHasLoop(raw.manifest) ? LOOP_TIME_LIMIT : null,
    }),
    await loadAt({ runtime: "node" }, bytes, given),
    await loadAt({ runtime: "web" }, bytes, given),
  ];
}

function batches(set: ImageSet): LabelledBatches {
  return { images: set.images, labels: set.labels, batch: (start, count) => imageTensor(set, start, count) };
}

function printRows(rows: readonly Agreement[], images: number, agreed: boolean): void {
  printTable(
    ["runtime", "provider", "accuracy", "mismatches", "largest difference", "images/s"],
    rows.map(({ runtime, provider, accuracy, otherAnswers, maxAbsDiff, seconds }, index) => [
      runtime,
      provider,
      `${(accuracy * 100).toFixed(2)} %`,
      index === 0 ? "-" : String(otherAnswers),
      index === 0 ? "-" : formatDifference(maxAbsDiff),
      Math.round(images / seconds).toLocaleString("en"),
    ]),
  );
  printLine(agreed ? `all of them agree on ${images.toLocaleString("en")} images` : "they do NOT agree");
}
