import { Option, type Command } from "commander";

import { readAnyModel } from "../export/any-source.ts";
import { assertInstalled } from "../node/missing-packages.ts";
import { hasLoop } from "../node/has-loop.ts";
import { loadAt, type Place } from "../node/place.ts";
import { readOnnxFile, type OnnxFile } from "../node/read-onnx.ts";
import { DEFAULT_TOLERANCE, type Tolerance } from "../verify/compare.ts";
import type { FirstDifference } from "../verify/locate/first-difference.ts";
import { verifyModel, type ModelVerification, type Target } from "../verify/verify-model.ts";

import { baseCommand, type CommonOptions } from "./base-command.ts";
import { formatDifference } from "./format.ts";
import { collect, parseTimeLimit, parseTolerance, parseWhole } from "./option-parsers.ts";
import { note, printJson, printLine } from "./output.ts";
import { addPlacesOptions, placesOf, type PlacesOptions } from "./place-options.ts";
import { loadPlugins } from "./plugins.ts";
import { reportVerification } from "./verify-progress.ts";

/** Sizes of the batch to run where it is free. */
export const DEFAULT_BATCHES: readonly number[] = [1, 3];

interface VerifyCommandOptions extends CommonOptions, PlacesOptions {
  readonly batch?: number;
  readonly atol?: number;
  readonly rtol?: number;
  readonly seed: number;
  readonly output?: readonly string[];
  readonly plugin?: readonly string[];
  readonly logits?: true;
  readonly timeLimit: number;
}

export function create(summary: string): Command {
  const command = baseCommand("verify", summary, [
    "verify model.json model.onnx",
    "verify ./my-model model.onnx --runtime node,web --batch 8",
    "verify ./my-model model.onnx --runtime node,web --provider cpu,wasm,webgpu",
    "verify ./my-model model.onnx --browser --threads 2",
    "verify ./my-model model.onnx --runtime web --provider wasm --atol 1e-6 --json",
  ])
    .argument("<model>", "the TF.js model: a model.json, its folder, or a URL")
    .argument("<file>", "the ONNX file made of it");
  return addPlacesOptions(command)
    .option("--batch <n>", `batch size (default: ${DEFAULT_BATCHES.join(" and ")})`, parseWhole("--batch", 1))
    .option(
      "--atol <x>",
      `absolute tolerance, times the output's largest value if above 1 (default: ${DEFAULT_TOLERANCE.atol}; none for float16, int8 and int4 files, whose differences are reported)`,
      parseTolerance("--atol"),
    )
    .option("--rtol <x>", `relative tolerance (default: ${DEFAULT_TOLERANCE.rtol})`, parseTolerance("--rtol"))
    .option("--seed <n>", "seed of the random inputs", parseWhole("--seed", 0), 1)
    .option("--time-limit <seconds>", "leave out runs that do not fit; 0 for no limit", parseTimeLimit, 60)
    .option(
      "--plugin <module>",
      "a module with converters of layers or operators of your own; may be repeated",
      collect,
    )
    .addOption(new Option("--output <layer>").argParser(collect).hideHelp())
    .addOption(new Option("--logits").hideHelp())
    .action(run);
}

async function run(model: string, file: string, options: VerifyCommandOptions): Promise<void> {
  const places = placesOf(options);
  const plugins = await loadPlugins(options.plugin ?? []);
  const { readModel } = await import("../node/read-model.ts");
  const [raw, onnx] = await Promise.all([readModel(model), readOnnxFile(file)]);
  assertInstalled(packagesToVerify(places));
  const { timeLimit } = options;
  const reporter = reportVerification();
  const result = await verifyModel(raw, await readAnyModel(raw), onnx.bytes, {
    targets: places.map((place) => targetAt(place, onnx, timeLimit)),
    ...toleranceOf(options),
    batches: options.batch === undefined ? DEFAULT_BATCHES : [options.batch],
    seed: options.seed,
    exportOptions: {
      ...plugins,
      ...(options.output === undefined ? {} : { outputs: options.output }),
      ...(options.logits === true ? { logits: true } : {}),
    },
    timeLimit,
    onProgress: reporter.onProgress,
  }).finally(reporter.stop);
  if (!result.passed) process.exitCode = 1;
  if (options.json === true) printJson(result);
  else printVerification(result);
}

/** TF.js, which is compared with, and the runtimes of the file. */
export function packagesToVerify(places: readonly Place[]): string[] {
  const runtimes = places.flatMap(({ runtime }) => (runtime === "tfjs" ? [] : [`onnxruntime-${runtime}`]));
  return ["@tensorflow/tfjs", "@tensorflow/tfjs-backend-wasm", ...new Set(runtimes)];
}

/** A tolerance that is given holds for rounded weights too. */
function toleranceOf({ atol, rtol }: VerifyCommandOptions): { readonly tolerance?: Tolerance } {
  if (atol === undefined && rtol === undefined) return {};
  return { tolerance: { atol: atol ?? DEFAULT_TOLERANCE.atol, rtol: rtol ?? DEFAULT_TOLERANCE.rtol } };
}

/** A place to verify in. Of what is said while models are loaded there, each sentence is passed on once. */
function targetAt(place: Place, { externalData, header }: OnnxFile, timeLimit: number): Target {
  const loopLimit = hasLoop(header) ? timeLimit : null;
  const said = new Set<string>();
  const onNote = (sentence: string): void => {
    if (!said.has(sentence)) note(sentence);
    said.add(sentence);
  };
  return { ...place, load: (model) => loadAt(place, model, { externalData, onNote, loopLimit }) };
}

/** A line for every run, and the verdict. */
export function printVerification(verified: ModelVerification): void {
  for (const { runtime, provider, batch, sizes, outputs } of verified.runs) {
    const where = [`batch ${batch}`, ...Object.entries(sizes).map(([name, size]) => `${name} ${size}`)].join(", ");
    for (const { name, maxAbsDiff, relativeRms, passed, reason } of outputs) {
      const rounded = relativeRms === undefined ? "ok" : `${(100 * relativeRms).toFixed(2)} % in the root mean square`;
      const verdict = passed ? rounded : `DIFFERS: ${reason ?? ""}`;
      printLine(
        `  ${runtime}/${provider}, ${where}: ${name} differs by at most ${formatDifference(maxAbsDiff)}  ${verdict}`,
      );
    }
  }
  if (verified.note !== undefined) printLine(`  note: ${verified.note}`);
  for (const planned of verified.leftOut ?? []) printLine(`  left out: ${planned}`);
  printVerdict(verified);
  if (verified.firstDifference !== undefined) printLine(describeDifference(verified.firstDifference));
}

function printVerdict({ passed, reference, precision, relativeRms, atol, rtol }: ModelVerification): void {
  if (relativeRms === undefined) {
    printLine(
      passed ? { style: "good", text: "the same numbers as" } : { style: "bad", text: "NOT the same numbers as" },
      ` ${reference} (atol ${atol}, rtol ${rtol})`,
    );
    return;
  }
  printLine(
    passed ? { style: "good", text: "close to" } : { style: "bad", text: "NOT close to" },
    ` ${reference}: the weights are ${precision}, so that outputs may differ by ${100 * relativeRms} % in the root mean square`,
  );
}

function describeDifference({ layer, className, call, comparedWith, known }: FirstDifference): string {
  const which = call === 0 ? "" : `, call ${call} (from 0)`;
  const where = comparedWith === "tfjs" ? "" : ", where the file is not what this model exports to";
  const why = known === undefined ? "" : `\n  ${known}`;
  return `the first layer that differs: ${layer} (${className})${which}${where}${why}`;
}
