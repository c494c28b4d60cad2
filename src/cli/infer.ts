import { existsSync } from "node:fs";
import { join } from "node:path";

import { Option, type Command } from "commander";

import { UsageError } from "../errors.ts";
import type { Decode } from "../infer/read-lines.ts";
import type { Recognizer } from "../metadata.ts";
import { findModel } from "../node/open-recognizer.ts";
import { loadAt, LOOP_TIME_LIMIT } from "../node/place.ts";
import { modelName } from "../node/shipped-models.ts";
import { staleExportNote } from "../node/stale-export.ts";

import { baseCommand, type CommonOptions } from "./base-command.ts";
import type { DecodingOptions } from "./infer/decoding.ts";
import { assertTensor } from "./infer/tensor-arguments.ts";
import { collect, parseTimeLimit, parseWhole } from "./option-parsers.ts";
import { note } from "./output.ts";
import { ownCommand, shellQuoted } from "../node/own-command.ts";
import { delayWasmWork } from "./patient-wasm.ts";
import { addPlaceOptions, placeOf, type PlaceOptions } from "./place-options.ts";

interface InferOptions extends CommonOptions, PlaceOptions, DecodingOptions {
  readonly model?: string;
  readonly batchSize: number;
  readonly workers?: number;
  readonly dataset?: string;
  readonly data?: string;
  readonly limit?: number;
  readonly null?: true;
  readonly keepGoing?: true;
  readonly tensor?: readonly string[];
  readonly out?: string;
  readonly timeLimit: number;
}

export function create(summary: string): Command {
  const command = baseCommand("infer", summary, [
    "infer photo.png scans/ 'more/**/*.jpg'",
    "infer --runtime web",
    "infer photo.png --runtime web --browser --provider webgpu",
    "infer --dataset mnist --data ~/mnist --json",
    "find . -name '*.png' | tfjs-to-onnx infer - --json",
    "find . -name '*.png' -print0 | tfjs-to-onnx infer - --null",
    "tfjs-to-onnx infer - --json --keep-going --threads 1 --workers 0 < lines.jsonl",
    "infer --model model.onnx --tensor input=random",
    "infer --model model.onnx --tensor input=x.npy --out results",
    "infer --model runs/line line.png --pattern '[0-9a-z]{5}'",
    "infer -- -odd-name.png",
  ])
    .argument(
      "[input...]",
      'images, folders, globs, - for a list on stdin: a path or a JSON object {"id": ..., "input": path or base64} a line; without one, a sample of the test set. Models that read lines take images of one line each: a page of many lines is not cut into lines',
    )
    .option(
      "--model <file|name>",
      "an ONNX file, the folder of one, or the name of a shipped model (default: crnn-mnist-best, which is shipped)",
    );
  return addPlaceOptions(command)
    .option(
      "--batch-size <n>",
      "images in one run, where the model has a free batch size",
      parseWhole("--batch-size", 1),
      64,
    )
    .option(
      "--workers <n>",
      "threads that prepare images (default: one for each core, at most 8, when there are many large images)",
      parseWhole("--workers", 0, 64),
    )
    .addOption(
      new Option("--dataset <name>", "score a labelled test set").choices(["auto", "mnist", "digits", "lines"]),
    )
    .option("--data <dir>", "folder of MNIST's files, or of labelled pictures of lines (labels.tsv, or names)")
    .option(
      "--beam <n>",
      "lines only: keep this many texts at each step, instead of the likeliest one",
      parseWhole("--beam", 1, 10_000),
    )
    .option("--pattern <regex>", "lines only: read only texts that match as a whole, e.g. '\\d{1,7}'")
    .option("--greedy", "lines only: read the likeliest character of each step, without the model's language model")
    .option("--lexicon <file>", "lines only: read only the words of this file, one on each line")
    .option("--limit <n>", "take the first images only", parseWhole("--limit", 1))
    .option("-0, --null", "paths on stdin are separated by NUL, as find -print0 writes them")
    .option(
      "--keep-going",
      "an input that cannot be read is an answer (a line with its error): exit 0 then, not 3, so that 0 says that every line was answered. For engines such as Spark, with --threads 1 --workers 0 in a process for each core",
    )
    .option(
      "--tensor <name=value>",
      "an input of any model: a .npy file, a .json file of nested lists, or random (random:1,64,64,3 for a shape); may be repeated",
      collect,
    )
    .option("-o, --out <dir>", "folder for the outputs of --tensor, each as NAME.npy (default: the current folder)")
    .option(
      "--time-limit <seconds>",
      "give up a run that takes longer, of a model with loops; 0 for no limit",
      parseTimeLimit,
      LOOP_TIME_LIMIT,
    )
    .action(run);
}

async function run(inputs: readonly string[], options: InferOptions): Promise<void> {
  const place = placeOf(options);
  checkUsage(inputs, options);
  const tensors = options.tensor ?? [];
  for (const text of tensors) assertTensor(text);
  const found = await findModel(options.model, options.runtime);
  const isRaw = tensors.length > 0 || (found.takesNothing && inputs.length === 0 && options.dataset === undefined);
  if (options.out !== undefined && !isRaw) throw new UsageError("--out is for the outputs of --tensor");
  // Checked before the runtime starts, which a model without metadata for pictures does not need.
  const recognizer = !isRaw && options.dataset === undefined ? found.recognizer() : null;
  if (recognizer?.output.kind === "ctc" && inputs.length === 0) {
    throw new UsageError("the model reads lines of text, and no image is named", {
      hint: "name images of one line each, or score labelled ones: --dataset lines --data DIR",
    });
  }
  if (!isRaw && inputs.length === 0 && found.preprocessing !== null) {
    throw new UsageError("the file prepares pictures itself, and labelled sets have them prepared; name pictures", {
      hint: "score the model's plain export instead",
    });
  }
  const decode = await decodingFor(options, () => found.recognizer());
  if (place.runtime !== "node" && place.browser !== true) delayWasmWork();
  const stale = options.model === undefined || options.runtime === "tfjs" ? null : await staleExportNote(found.path);
  if (stale !== null) note(stale);
  const loopLimit = found.hasLoop ? options.timeLimit : null;
  const session = await loadAt(place, found.model, { externalData: found.externalData, onNote: note, loopLimit });
  const loaded = { session, model: modelName(found.path), browser: place.browser === true };
  try {
    if (isRaw) {
      const { runTensors } = await import("./infer/tensors.ts");
      await runTensors(loaded, tensors, options.out ?? ".", options);
    } else if (options.dataset === "lines") {
      const { scoreLines } = await import("./infer/score-lines.ts");
      await scoreLines(loaded, found.recognizer(), options, decode);
    } else if (recognizer === null) {
      const { score } = await import("./infer/score.ts");
      await score(loaded, options.dataset ?? "auto", options);
    } else if (inputs.length > 0) {
      const { readInputs } = await import("./infer/read.ts");
      await readInputs(loaded, recognizer, inputs, { ...options, decode, preprocessing: found.preprocessing });
    } else {
      const { showSample } = await import("./infer/score.ts");
      await showSample(loaded, recognizer, options);
    }
  } finally {
    await session.dispose();
  }
}

/** Most models read no lines: what decodes them is loaded when it is asked for. */
async function decodingFor(options: DecodingOptions, recognizer: () => Recognizer): Promise<Decode | undefined> {
  const { beam, pattern, lexicon, greedy } = options;
  if (beam === undefined && pattern === undefined && lexicon === undefined && greedy !== true) return undefined;
  const { decodingOf } = await import("./infer/decoding.ts");
  return decodingOf(options, recognizer());
}

/** Whether a path is that of a model by its name, or a folder of one. */
function isModel(path: string): boolean {
  if (/(?:\.onnx|(?:^|[/\\])model\.json)$/iu.test(path)) return true;
  return ["model.onnx", "model.json"].some((name) => existsSync(join(path, name)));
}

function checkUsage(inputs: readonly string[], options: InferOptions): void {
  const [only] = inputs;
  if (options.model === undefined && only !== undefined && inputs.length === 1 && isModel(only)) {
    throw new UsageError(`${only} is a model, not a picture`, {
      hint: `name it by --model: ${ownCommand()} infer --model ${shellQuoted(only)}, with pictures or --tensor`,
    });
  }
  if (options.tensor !== undefined && inputs.length > 0) {
    throw new UsageError("give images or --tensor, not both");
  }
  if (options.tensor !== undefined && options.dataset !== undefined) {
    throw new UsageError("give --dataset or --tensor, not both");
  }
  if (options.dataset !== undefined && inputs.length > 0) {
    throw new UsageError("give images or --dataset, not both");
  }
  if (options.data !== undefined && (options.tensor !== undefined || inputs.length > 0)) {
    throw new UsageError("--data is for a labelled test set");
  }
  if (options.limit !== undefined && options.tensor !== undefined) {
    throw new UsageError("--limit is for pictures and test sets; a tensor is run whole");
  }
  if (options.null === true && !inputs.includes("-")) {
    throw new UsageError("--null is for a list on stdin; give - for it");
  }
  if (options.keepGoing === true && inputs.length === 0) {
    throw new UsageError("--keep-going is for images; name some, or give - for a list on stdin");
  }
}
