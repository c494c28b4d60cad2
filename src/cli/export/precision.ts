import { Option, type Command } from "commander";

import { DataError, ToolError, UsageError } from "../../errors.ts";
import { exportAnySource, type AnySource } from "../../export/any-source.ts";
import type { ExportedModel, ExportOptions } from "../../export/export-model.ts";
import { PRECISIONS, type Precision } from "../../export/precision/options.ts";
import { isRecognizer } from "../../metadata.ts";
import { loadAt } from "../../node/place.ts";
import { first } from "../../require.ts";
import type { AccuracyReport } from "../../verify/accuracy/measure-accuracy.ts";
import type { Samples } from "../../verify/accuracy/samples.ts";
import type { Target } from "../../verify/verify-model.ts";
import { formatBytes, formatDifference } from "../format.ts";
import { parseTolerance, parseWhole } from "../option-parsers.ts";
import { note, printLine } from "../output.ts";

export interface PrecisionOptions {
  readonly precision?: Precision;
  readonly compute?: "float32" | "float16";
  readonly activations?: "float32" | "int8";
  readonly calibrate?: string;
  readonly calibrateRange?: readonly [number, number];
  readonly dataset?: "mnist" | "digits";
  readonly data?: string;
  readonly limit?: number;
  readonly maxLoss?: number;
  readonly onLoss?: "fallback" | "fail";
}

/** Options of `export` that choose how weights are kept and what that may cost. */
export function addPrecisionOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--precision <form>",
        "how weights are kept: stored as the model has them (a quantised model stays small), or rounded to a smaller form (default: stored)",
      ).choices(PRECISIONS),
    )
    .addOption(
      new Option(
        "--compute <type>",
        "what a float16 file computes in (default: float32); float16 is for WebGPU with shader-f16",
      ).choices(["float32", "float16"]),
    )
    .addOption(
      new Option(
        "--activations <type>",
        "what an int8 file computes in (default: under --calibrate whichever is faster here, else float32); int8 needs --calibrate",
      ).choices(["float32", "int8"]),
    )
    .option("--calibrate <dir>", "pictures or .npy arrays to measure a smaller form on")
    .option(
      "--calibrate-range <black,white>",
      "values of black and white in the model's input, for pictures (default: 0,1, or as the model says)",
      parseRange,
    )
    .addOption(
      new Option("--dataset <name>", "a labelled test set to measure the loss on").choices(["mnist", "digits"]),
    )
    .option("--data <dir>", "folder of MNIST's files")
    .option("--limit <n>", "take the first images of the test set only", parseWhole("--limit", 1))
    .option(
      "--max-loss <x>",
      "what a smaller form may lose: of a test set the share of right answers, else the root mean square error relative to the output, e.g. 0.01",
      parseTolerance("--max-loss"),
    )
    .addOption(
      new Option("--on-loss <action>", "above --max-loss, keep the weights that matter most as float32, or fail")
        .choices(["fallback", "fail"])
        .default("fallback"),
    );
}

function parseRange(text: string): readonly [number, number] {
  const [black, white, ...rest] = text.split(",").map(Number);
  if (black === undefined || white === undefined || rest.length > 0 || ![black, white].every(Number.isFinite)) {
    throw new UsageError(`--calibrate-range takes two numbers, e.g. -1,1; got "${text}"`);
  }
  return [black, white];
}

/** @throws {UsageError} for options that say nothing without others */
export function checkPrecisionOptions(options: PrecisionOptions & { readonly opset?: number }): void {
  const { precision, calibrate, dataset } = options;
  const isRounded = precision !== undefined && isRounding(precision);
  if (calibrate !== undefined && dataset !== undefined) throw new UsageError("give --calibrate or --dataset, not both");
  for (const [name, value] of Object.entries({
    "--calibrate": calibrate,
    "--dataset": dataset,
    "--max-loss": options.maxLoss,
  })) {
    if (value === undefined || isRounded) continue;
    throw new UsageError(`${name} is for smaller weights: --precision float16, int8 or int4`);
  }
  if (options.compute === "float16" && precision !== "float16") {
    throw new UsageError("--compute float16 goes with --precision float16");
  }
  if (options.activations === "int8" && (precision !== "int8" || calibrate === undefined)) {
    throw new UsageError(
      "--activations int8 goes with --precision int8 and --calibrate DIR, whose numbers it is set to",
    );
  }
  if (dataset === undefined && (options.data !== undefined || options.limit !== undefined)) {
    throw new UsageError("--data and --limit are for --dataset");
  }
  if (calibrate === undefined && options.calibrateRange !== undefined) {
    throw new UsageError("--calibrate-range is for --calibrate");
  }
  if (precision === "int4" && options.opset !== undefined && options.opset < 21) {
    throw new UsageError(`--precision int4 needs opset 21; got --opset ${options.opset}`);
  }
}

/** Whether weights lose something by it. */
export function isRounding(precision: Precision): boolean {
  return precision === "float16" || precision === "int8" || precision === "int4";
}

/** A file with rounded weights, the float32 file beside it, and what was measured; null when nothing could be. */
export interface RoundedExport {
  readonly exported: ExportedModel;
  readonly exact: ExportedModel;
  readonly accuracy:
    | (AccuracyReport & { readonly maxLoss: number | null; readonly float32Weights: readonly string[] })
    | null;
}

const FEW_SAMPLES = 16;

/**
 * Export with smaller weights, within the limit where there is one, and measure the loss.
 *
 * @throws {ToolError} when the file loses more than `--max-loss` and is to fail
 * @throws {DataError} when the data do not fit the model
 */
export async function exportRounded(
  source: AnySource,
  exportOptions: ExportOptions,
  options: PrecisionOptions & { readonly verify: boolean },
): Promise<RoundedExport> {
  const isAsked = (options.maxLoss ?? options.calibrate ?? options.dataset) !== undefined;
  const isMeasured = options.verify || isAsked || options.compute === "float16";
  const found = isMeasured ? await measuredOrNull(source, exportOptions, options, isAsked) : null;
  const exact = await exportAnySource(source, { ...exportOptions, precision: "float32" });
  const exported = await exportAnySource(source, { ...roundedOptions(exportOptions, options), ...found?.chosen });
  return { exported, exact, accuracy: found?.accuracy ?? null };
}

/** What is measured decides which nodes and weights stay float32, and whether nodes compute with integers. */
interface Measured {
  readonly accuracy: NonNullable<RoundedExport["accuracy"]>;
  readonly chosen: Pick<ExportOptions, "float32Weights" | "float32Nodes" | "activationRanges">;
}

function roundedOptions(exportOptions: ExportOptions, { compute }: PrecisionOptions): ExportOptions {
  return compute === undefined ? exportOptions : { ...exportOptions, compute };
}

/** Measures the network alone, without pictures that the file prepares. */
async function measuredOrNull(
  source: AnySource,
  exportOptions: ExportOptions,
  options: PrecisionOptions,
  isAsked: boolean,
): Promise<Measured | null> {
  const { withPreprocessing: _, ...network } = exportOptions;
  try {
    return await measured(source, network, options);
  } catch (error) {
    if (isAsked || !(error instanceof ToolError)) throw error;
    note(`the loss was not measured: ${error.message}; --calibrate DIR gives inputs of your own`);
    return null;
  }
}

async function measured(source: AnySource, exportOptions: ExportOptions, options: PrecisionOptions): Promise<Measured> {
  const { compareSessions } = await import("../../verify/accuracy/compare-sessions.ts");
  const { limitLoss } = await import("../../verify/accuracy/limit-loss.ts");
  const { lossOf, measureAccuracy, withSessions } = await import("../../verify/accuracy/measure-accuracy.ts");
  const { measureLatency } = await import("../../verify/accuracy/latency.ts");
  const { firstSample } = await import("../../verify/accuracy/rows.ts");
  const { fewSamples, firstBatch } = await import("../../verify/accuracy/samples.ts");
  const exact = await exportAnySource(source, { ...exportOptions, precision: "float32" });
  const samples = await samplesFor(source, exact, options);
  const { maxLoss } = options;
  let chosen = await rangesFor(exact, samples, options);
  const exportWith = (more: ExportOptions): Promise<ExportedModel> =>
    exportAnySource(source, { ...roundedOptions(exportOptions, options), ...chosen, ...more });
  let exported = await exportWith({});
  if (options.activations === undefined && chosen.activationRanges !== undefined) {
    const { activationRanges: _, ...plain } = chosen;
    const other = await exportAnySource(source, { ...roundedOptions(exportOptions, options), ...plain });
    const feeds = firstSample(exact.inputs, firstBatch(samples));
    const { before, after } = await withSessions(other.bytes, exported.bytes, NODE, (floats, integers) =>
      measureLatency(floats, integers, feeds),
    );
    if (after > FASTER * before) [chosen, exported] = [plain, other];
    const times = `${after.toFixed(2)} ms with integers, ${before.toFixed(2)} ms in float32`;
    note(`${exported === other ? "computes in float32" : "computes with integers"}: a sample takes ${times}`);
  }
  if (maxLoss !== undefined && options.onLoss !== "fail") {
    const few = fewSamples(samples, FEW_SAMPLES);
    const lossOn = (on: Samples, rounded: ExportedModel): Promise<number> =>
      withSessions(exact.bytes, rounded.bytes, NODE, async (before, after) =>
        lossOf(await compareSessions(before, after, on)),
      );
    const limited = await limitLoss(exported, maxLoss, {
      exportWith: (float32Weights) => exportWith({ float32Weights }),
      lossOf: (rounded) => lossOn(samples, rounded),
      roughLossOf: (rounded) => lossOn(few, rounded),
    });
    exported = limited.exported;
    chosen = { ...chosen, float32Weights: limited.float32Weights };
  }
  const report = await measureAccuracy(exact, exported, samples, await targets(exact));
  if (maxLoss !== undefined && !(report.loss <= maxLoss)) {
    throw new ToolError(
      `${exported.precision.name} weights lose ${formatDifference(report.loss)}; at most ${maxLoss} is allowed (--max-loss)`,
      { hint: "leave --on-loss fail out, so that the weights that matter most stay float32, or choose a larger form" },
    );
  }
  const float32Weights = chosen.float32Weights ?? [];
  return { accuracy: { ...report, maxLoss: maxLoss ?? null, float32Weights }, chosen };
}

/** Integers are computed with where a run takes at most this share of the time. */
const FASTER = 0.9;

/** What the ranges of tensors on the samples are needed for: nodes that are too large for float16, or integers. */
async function rangesFor(
  exact: ExportedModel,
  samples: Samples,
  { precision, compute, calibrate, activations }: PrecisionOptions,
): Promise<Measured["chosen"]> {
  const isInteger = precision === "int8" && calibrate !== undefined && activations !== "float32";
  if (compute !== "float16" && !isInteger) return {};
  const { nodesTooLargeForHalf, rangesOf } = await import("../../verify/accuracy/ranges.ts");
  const ranges = await rangesOf(exact.bytes, samples);
  return isInteger ? { activationRanges: ranges } : { float32Nodes: nodesTooLargeForHalf(exact.bytes, ranges) };
}

const NODE: Target = { runtime: "node", load: (bytes) => loadAt({ runtime: "node" }, bytes) };

/** Where latency is measured: every runtime that is installed. */
async function targets(exact: ExportedModel): Promise<readonly Target[]> {
  const web: Target = { runtime: "web", load: (bytes) => loadAt({ runtime: "web", provider: "wasm" }, bytes) };
  const atHand: Target[] = [];
  for (const target of [NODE, web]) {
    try {
      const session = await target.load?.(exact.bytes);
      await session?.dispose();
      atHand.push(target);
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
    }
  }
  return atHand;
}

async function samplesFor(source: AnySource, exact: ExportedModel, options: PrecisionOptions): Promise<Samples> {
  if (options.dataset !== undefined) return labelledSamples(options.dataset, exact, options);
  if (options.calibrate !== undefined) {
    const { calibrationSamples } = await import("../../node/calibration-data.ts");
    const { recognizer } = source.metadata;
    return calibrationSamples(options.calibrate, {
      inputs: exact.inputs,
      image: isRecognizer(recognizer) ? recognizer.input : null,
      range: options.calibrateRange ?? [0, 1],
    });
  }
  const [{ domainsOf }, { randomSamples }] = await Promise.all([
    import("../../verify/original.ts"),
    import("../../verify/accuracy/samples.ts"),
  ]);
  return randomSamples(exact, domainsOf(source));
}

const LABELLED_BATCH = 100;

async function labelledSamples(
  dataset: "mnist" | "digits",
  { inputs }: ExportedModel,
  { data, limit }: PrecisionOptions,
): Promise<Samples> {
  const [{ openDataset }, { imageTensor }] = await Promise.all([
    import("../../node/datasets/open-dataset.ts"),
    import("../../data/image-tensor.ts"),
  ]);
  const input = first(inputs);
  const { set, note: sentence } = await openDataset({ dataset, split: "test", data, limit, onNote: note });
  note(sentence);
  const wanted = [set.height, set.width, 1].join(", ");
  if (inputs.length > 1 || input.dims.slice(1).join(", ") !== wanted || typeof input.dims[0] === "number") {
    throw new DataError(`images of ${dataset} do not fit the input "${input.name}": [${input.dims.join(", ")}]`, {
      hint: `the input must be [batch, ${wanted}], with a free size of the batch`,
    });
  }
  const starts = Array.from({ length: Math.ceil(set.images / LABELLED_BATCH) }, (_, index) => index * LABELLED_BATCH);
  return {
    kind: "labelled",
    source: `${set.name}, test set`,
    count: set.images,
    labels: set.labels,
    *batches() {
      for (const start of starts) {
        yield { [input.name]: imageTensor(set, start, Math.min(LABELLED_BATCH, set.images - start)) };
      }
    },
  };
}

/** How the weights are kept, and what that costs and gains. */
export function describePrecision({ precision }: ExportedModel, accuracy: RoundedExport["accuracy"]): void {
  const { name, weights } = precision;
  if (weights.length === 0) return;
  const kept = weights.filter(({ type }) => type === "float32");
  const form = name === "stored" ? "as the model stores them" : `as ${name}`;
  printLine(`  weights ${form}: ${weights.length - kept.length} of ${weights.length} large ones`);
  for (const { name: weight, reason: own } of kept.slice(0, SHOWN)) {
    const reason = accuracy?.float32Weights.includes(weight) === true ? "to lose at most --max-loss" : own;
    printLine(`    float32: ${weight}${reason === undefined ? "" : ` (${reason})`}`);
  }
  if (kept.length > SHOWN) printLine(`    and ${kept.length - SHOWN} more; --json lists them`);
  const { compute, float32Nodes } = precision;
  if (compute !== "float32") printLine(`  computes in ${compute}; inputs and outputs are float32`);
  for (const node of float32Nodes.slice(0, SHOWN)) printLine(`    in float32: ${node.name} (${node.reason})`);
  if (float32Nodes.length > SHOWN) printLine(`    and ${float32Nodes.length - SHOWN} more; --json lists them`);
  if (accuracy === null) return;
  const { data, outputs, bytes, latency } = accuracy;
  printLine(
    `  file: ${formatBytes(bytes.after)} instead of ${formatBytes(bytes.before)}; beside float32 on ${data.count} samples (${data.source}):`,
  );
  for (const output of outputs) {
    const agreement = output.agreement === null ? "" : `, same largest element in ${percent(output.agreement)}`;
    printLine(
      `    ${output.name}: differs by at most ${formatDifference(output.maxAbsDiff)}, ${percent(output.loss)} in the root mean square${agreement}`,
    );
  }
  if (accuracy.accuracy !== null) {
    const { before, after } = accuracy.accuracy;
    printLine(`    right answers: ${percent(after)}, with float32 ${percent(before)}`);
  }
  for (const { runtime, provider, before, after } of latency) {
    printLine(`    ${runtime}/${provider}: ${after.toFixed(2)} ms a sample, with float32 ${before.toFixed(2)} ms`);
  }
}

const SHOWN = 8;

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
