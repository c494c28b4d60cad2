import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { basename, dirname, extname, join, resolve } from "node:path";

import type { Command } from "commander";

import { benchModel, type BenchModel, type BenchResult } from "../bench/bench-model.ts";
import { benchChart, showMs, showRate } from "../bench/chart.ts";
import { usualContenders, type Contender } from "../bench/contender.ts";
import { BATCH } from "../bench/job.ts";
import { ToolError, UsageError } from "../errors.ts";
import { readOnnxFile } from "../node/read-onnx.ts";
import { assertWritable, writeAside } from "../node/write-aside.ts";
import type { FeedSpec } from "../verify/feeds.ts";
import type { InputDomain } from "../verify/input-domains.ts";

import { baseCommand, type CommonOptions } from "./base-command.ts";
import { formatBytes, formatDifference } from "./format.ts";
import { interruptSignal } from "./interrupt.ts";
import { parseShape, parseWhole } from "./option-parsers.ts";
import { note, printJson, printLine, printTable } from "./output.ts";
import { addPlaceListOptions, inBrowser, type PlaceFlags } from "./place-options.ts";
import { startProgress } from "./progress.ts";

const EXIT_INTERRUPTED = 130;
/** Prefix of the temporary folder for an export. */
const FOLDER = "tfjs-to-onnx-bench-";
/** Size of free dimensions, except the batch, that --input-shape does not give. */
const FREE_SIZE = 32;

interface BenchCommandOptions extends CommonOptions, PlaceFlags {
  readonly on?: readonly Contender[];
  readonly rounds: number;
  readonly batches: readonly number[];
  readonly inputShape?: Readonly<Record<string, readonly number[]>>;
  readonly svg?: string;
}

export function create(summary: string): Command {
  const command = baseCommand("bench", summary, [
    "bench my-model/model.json --svg bench.svg",
    "bench model.onnx --on node/cpu,web/wasm,web/webgpu --rounds 3",
    "bench model.onnx --on web/wasm,browser/wasm,browser/webgpu --threads 2",
    "bench model.onnx --input-shape image=1,224,224,3 --batches 1,8 --json",
  ]).argument(
    "<model>",
    "a model.json, its folder or URL, or an ONNX file or its folder, with its model.json beside it if TF.js is to be measured too",
  );
  return addPlaceListOptions(command, "tfjs/tensorflow, tfjs/wasm, node/cpu, web/wasm on one thread and on all")
    .option("--rounds <n>", "how many times everything is measured", parseWhole("--rounds", 1), 5)
    .option("--batches <list>", "batch sizes, where the model has a free batch size", parseBatches, [1, 4, 16, 64, 256])
    .option(
      "--input-shape <name=dims>",
      `sizes of an input's free dimensions, e.g. image=1,64,64,3 (default: ${FREE_SIZE}); may be repeated`,
      parseShape,
    )
    .option("--svg <file>", "draw the figures as a chart in this SVG file", parseSvg)
    .action(run);
}

function parseBatches(text: string): number[] {
  const sizes = text.split(",").map(parseWhole("--batches", 1));
  return [...new Set(sizes)].toSorted((a, b) => a - b);
}

async function run(given: string, options: BenchCommandOptions): Promise<void> {
  const contenders = contendersOf(options);
  if (options.svg !== undefined) await assertWritable(dirname(resolve(options.svg)));
  const signal = interruptSignal();
  const busy = busyness();
  if (busy !== null) note(busy);
  try {
    const result = await measureIn(await mkdtemp(join(tmpdir(), FOLDER)), given, contenders, options, signal);
    await report(given, result, options);
  } catch (error) {
    if (signal.aborted) process.exitCode = EXIT_INTERRUPTED;
    else throw error;
  }
}

/** Measure with a temporary folder for the export, removed before anything is printed, because printing may end the process. */
async function measureIn(
  folder: string,
  given: string,
  contenders: readonly Contender[],
  options: BenchCommandOptions,
  signal: AbortSignal,
): Promise<BenchResult> {
  try {
    const { model, fixedBatch } = await openModel(given, options, folder);
    return await measured(model, fixedBatch, contenders, options, signal);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measured(
  model: BenchModel,
  fixedBatch: number | null,
  contenders: readonly Contender[],
  options: BenchCommandOptions,
  signal: AbortSignal,
): Promise<BenchResult> {
  const progress = startProgress("measuring", contenders.length * (options.rounds + 1));
  try {
    return await benchModel(model, {
      contenders,
      rounds: options.rounds,
      batches: fixedBatch === null ? options.batches : [fixedBatch],
      signal,
      onProgress: (done, _, what) => progress.update(done, what),
    });
  } finally {
    progress.stop();
  }
}

function contendersOf({ on, threads, browser }: BenchCommandOptions): Contender[] {
  const wished = threads === undefined ? {} : { threads };
  const here = on?.map((each) => ({ ...each, ...wished })) ?? usualContenders(availableParallelism(), threads);
  if (browser !== true) return here;
  if (!here.some(({ runtime }) => runtime === "web")) {
    throw new UsageError("--browser goes with the runtime web, which --on leaves out");
  }
  return here.map(inBrowser);
}

interface OpenedModel {
  readonly model: BenchModel;
  /** Batch size that is fixed in the model; null where it is free. */
  readonly fixedBatch: number | null;
}

async function openModel(given: string, { inputShape }: BenchCommandOptions, folder: string): Promise<OpenedModel> {
  const path = onnxOf(given);
  const isOnnx = isOnnxName(path);
  const onnx = isOnnx ? path : join(folder, "model.onnx");
  const { json, noJson, domains } = isOnnx ? await readBeside(path) : await readJson(path, onnx);
  const { header } = await readOnnxFile(onnx);
  const { inputs } = header;
  const fixedBatch = fixedBatchOf(inputs);
  assertShapesFit(inputShape ?? {}, inputs);
  const specs = inputs.map(({ name, dtype, dims }): FeedSpec => {
    const sizes = dims.map((dim, axis) => {
      if (typeof dim === "number") return dim;
      return axis === 0 ? BATCH : (inputShape?.[name]?.[axis] ?? FREE_SIZE);
    });
    return { name, dtype, dims: sizes, domain: domains.get(name) ?? { kind: "normal" } };
  });
  return { model: { onnx: resolve(onnx), json, noJson, inputs: specs }, fixedBatch };
}

/** The fixed batch size: the first axis of the first input, or 1 where no input has a free first axis. */
function fixedBatchOf(inputs: readonly Pick<FeedSpec, "dims">[]): number | null {
  const first = inputs[0]?.dims[0];
  if (typeof first === "number") return first;
  const isFree = inputs.some(({ dims }) => dims.length > 0 && typeof dims[0] !== "number");
  return isFree ? null : 1;
}

/** @throws {UsageError} when a size is for an unknown input, or differs from a fixed size of the model */
function assertShapesFit(
  shapes: Readonly<Record<string, readonly number[]>>,
  inputs: readonly Pick<FeedSpec, "name" | "dims">[],
): void {
  for (const [name, shape] of Object.entries(shapes)) {
    const dims = inputs.find((input) => input.name === name)?.dims;
    if (dims === undefined) {
      const names = inputs.map((input) => input.name).join(", ");
      throw new UsageError(`--input-shape: unknown input "${name}"; the model has ${names}`);
    }
    if (shape.length !== dims.length) {
      throw new UsageError(`--input-shape ${name} has ${shape.length} dimensions; the model's has ${dims.length}`);
    }
    const fits = dims.every((dim, axis) => typeof dim !== "number" || dim === shape[axis]);
    if (!fits)
      throw new UsageError(`--input-shape ${name}=${shape.join()} does not fit the model's [${dims.join(", ")}]`);
  }
}

/** The model.onnx of a folder that has no model.json; else what was given. */
function onnxOf(given: string): string {
  const onnx = join(given, "model.onnx");
  return existsSync(onnx) && !existsSync(join(given, "model.json")) ? onnx : given;
}

function isOnnxName(path: string): boolean {
  return /\.onnx$/i.test(path);
}

interface TfjsSide extends Pick<BenchModel, "json" | "noJson"> {
  readonly domains: ReadonlyMap<string, InputDomain>;
}

/** The model.json beside an ONNX file, which may belong to another model: one that cannot be read does not stop the rest. */
async function readBeside(onnx: string): Promise<TfjsSide> {
  const without = { json: null, domains: new Map<string, InputDomain>() };
  const json = jsonBeside(onnx);
  if (json === null) return { ...without, noJson: "there is no model.json beside the ONNX file" };
  return readJson(json, null).catch((error: unknown) => {
    if (!(error instanceof ToolError)) throw error;
    return { ...without, noJson: `${json}: ${error.message}` };
  });
}

/** @throws {UsageError} for another kind of file, such as the model itself, which the chart would replace */
function parseSvg(text: string): string {
  if (extname(text).toLowerCase() === ".svg") return text;
  throw new UsageError(`--svg takes the name of an .svg file; got "${text}"`);
}

/** The model.json an ONNX file was made of: of the same name, or the folder's. */
function jsonBeside(onnx: string): string | null {
  const names = [`${basename(onnx, extname(onnx))}.json`, "model.json"];
  return names.map((name) => join(dirname(onnx), name)).find((path) => existsSync(path)) ?? null;
}

/** What to feed each input with; writes the export to `out` where there is none yet. */
async function readJson(json: string, out: string | null): Promise<TfjsSide> {
  const [{ readModel }, { exportAnySource, readAnyModel }, { inputDomains }, { graphDomains }] = await Promise.all([
    import("../node/read-model.ts"),
    import("../export/any-source.ts"),
    import("../verify/input-domains.ts"),
    import("../verify/graph-domains.ts"),
  ]);
  const raw = await readModel(json);
  const source = await readAnyModel(raw);
  if (out !== null) await writeAside(out, (await exportAnySource(source)).chunks);
  if (source.kind === "graph") return { json, noJson: "", domains: graphDomains(source) };
  const domains = inputDomains(source);
  const ofInputs = source.model.inputs.map(
    ({ layer }, index) => [layer, domains[index] ?? { kind: "normal" }] as const,
  );
  return { json, noJson: "", domains: new Map<string, InputDomain>(ofInputs) };
}

async function report(name: string, { runs, notRun }: BenchResult, options: BenchCommandOptions): Promise<void> {
  const where = machine();
  if (options.json === true) printJson({ model: name, machine: where, rounds: options.rounds, runs, notRun });
  else printFigures(runs);
  for (const { name: place, provider, failure, elsewhere } of runs) {
    if (elsewhere.length > 0) note(`${place}: not on ${provider} but on the CPU: ${elsewhere.join(", ")}`);
    if (failure !== null) note(`${place} fails at batch ${failure.batch}: ${failure.reason}`);
  }
  for (const each of notRun) note(`not run: ${each.name}: ${each.reason}`);
  note(where);
  if (runs.length === 0) process.exitCode = 1;
  else if (options.svg !== undefined) {
    const title = `${basename(name) === "model.json" ? basename(dirname(resolve(name))) : basename(name)}, side by side`;
    await writeAside(options.svg, benchChart(runs, title, where));
    if (options.json !== true) printLine(`wrote ${options.svg}`);
  }
}

/** Other programs slow some contenders more than others. */
function busyness(): string | null {
  const [load = 0] = loadavg();
  const cores = availableParallelism();
  if (load < cores / 2) return null;
  return `this machine is busy (load ${load.toFixed(1)} on ${cores} cores), so the figures will be worse than they could be`;
}

function machine(): string {
  const processor = cpus()[0]?.model.trim() ?? "unknown processor";
  const date = new Date().toISOString().slice(0, 10);
  return `${date}, Node ${process.version}, ${process.platform} ${process.arch}, ${availableParallelism()} x ${processor}`;
}

function printFigures(runs: BenchResult["runs"]): void {
  if (runs.length === 0) return;
  const [first] = runs;
  const one = `batch ${first?.batch ?? 1}`;
  printTable(
    [
      "runtime",
      "cold start",
      "first run",
      `median, ${one}`,
      `95 %, ${one}`,
      "best samples/s",
      "peak memory",
      "differs by",
    ],
    runs.map((each, index) => [
      each.name,
      showMs(each.coldStartMs),
      showMs(each.firstRunMs),
      showMs(each.medianMs),
      showMs(each.p95Ms),
      `${showRate(each.best.perSecond)} (batch ${each.best.batch})`,
      each.peakBytes === null ? "-" : formatBytes(each.peakBytes),
      index === 0 ? "-" : formatDifference(each.maxAbsDiff),
    ]),
  );
}
