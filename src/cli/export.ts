import { basename, dirname, join, resolve, sep } from "node:path";

import { Option, type Command } from "commander";

import { ToolError, UsageError } from "../errors.ts";
import { exportAnySource, readAnyModel, type AnySource } from "../export/any-source.ts";
import type { ExportedModel, ExportOptions } from "../export/export-model.ts";
import type { Precision } from "../export/precision/options.ts";
import type { RawModel } from "../export/source/model.ts";
import { assertInstalled } from "../node/missing-packages.ts";
import { nameInUrl, parseModelAddress } from "../node/model-address.ts";
import { writeAside } from "../node/write-aside.ts";
import type { ModelVerification } from "../verify/verify-model.ts";

import { baseCommand, type CommonOptions } from "./base-command.ts";
import { formatBytes } from "./format.ts";
import { collect, parseShape, parseWhole } from "./option-parsers.ts";
import { claimStdout, readBack, writeOutput } from "./output-file.ts";
import { note, printJson, printLine, printSummary } from "./output.ts";
import { ownCommand, shellQuoted } from "../node/own-command.ts";
import {
  addPrecisionOptions,
  checkPrecisionOptions,
  describePrecision,
  exportRounded,
  isRounding,
  type PrecisionOptions,
  type RoundedExport,
} from "./export/precision.ts";
import { loadPlugins, type Plugins } from "./plugins.ts";
import { reportVerification } from "./verify-progress.ts";
import { DEFAULT_BATCHES, packagesToVerify, printVerification } from "./verify.ts";

interface ExportCommandOptions extends CommonOptions, PrecisionOptions {
  readonly out?: string;
  readonly opset?: number;
  readonly batch: number | "dynamic";
  readonly logits?: true;
  readonly inputShape?: Readonly<Record<string, readonly number[]>>;
  readonly output?: readonly string[];
  readonly plugin?: readonly string[];
  readonly withPreprocessing?: true;
  readonly recurrent: "native" | "portable";
  readonly triton?: string;
  readonly kserve?: string;
  readonly storageUri?: string;
  readonly name?: string;
  readonly verify: boolean;
}

/** A volume that the user makes. */
const STORAGE_URI = "pvc://models/repository";

export function create(summary: string): Command {
  const command = baseCommand("export", summary, [
    "export model.json -o model.onnx",
    "export ./my-model --opset 21 --batch 1",
    "export https://example.com/model.json --input-shape image=1,224,224,3",
    "export ./my-classifier --with-preprocessing",
    "export ./my-model --triton ./repository --kserve service.yaml --storage-uri s3://bucket/repository",
    "export ./my-model --output features --no-verify --json",
    "export ./my-model --precision int8",
    "export ./my-model --precision int4 --calibrate ./pictures --max-loss 0.02",
    "export ./my-model --plugin ./my-layers.mjs",
    "tfjs-to-onnx export ./my-model -o - | gzip > model.onnx.gz",
  ])
    .argument("<model>", "a model.json, the folder that holds it, or a URL")
    .option(
      "-o, --out <file>",
      "the ONNX file to write, - for stdout (default: beside model.json; in the current folder for a URL or a package in node_modules)",
    )
    .option("--opset <n>", "ONNX operator set, 13 to 21 (default: 17; 21 for int4 weights)", parseWhole("--opset", 1))
    .option("--batch <n|dynamic>", "size of the batch axis", parseBatch, "dynamic")
    .option("--logits", "leave out a final softmax")
    .option(
      "--input-shape <name=dims>",
      "fix the free dimensions of an input, e.g. image=1,64,64,3; may be repeated",
      parseShape,
    )
    .option("--output <layer>", "give this layer's output instead of the model's own; may be repeated", collect)
    .addOption(
      new Option("--recurrent <form>", "how recurrent layers are written: portable runs on every execution provider")
        .choices(["native", "portable"])
        .default("native"),
    )
    .option(
      "--with-preprocessing",
      "prepare pictures in the file, as the model's metadata says: uint8 [N, H, W, 3] of any size goes in, labels come out, in any language",
    );
  return addPrecisionOptions(command)
    .option(
      "--plugin <module>",
      "a module with converters of layers or operators of your own; may be repeated",
      collect,
    )
    .option(
      "--triton <dir>",
      "write the file into a model repository of NVIDIA Triton, as NAME/1/model.onnx with NAME/config.pbtxt",
    )
    .option("--kserve <file>", "write an InferenceService of KServe (YAML) that serves a --triton repository")
    .option("--storage-uri <uri>", `where --kserve finds the repository (default: ${STORAGE_URI})`)
    .option("--name <name>", "the model's name for --triton and --kserve (default: its folder's)")
    .option("--no-verify", "do not run the export beside TF.js")
    .action(run);
}

function parseBatch(text: string): number | "dynamic" {
  return text === "dynamic" ? text : parseWhole("--batch", 1)(text);
}

async function run(model: string, options: ExportCommandOptions): Promise<void> {
  const started = performance.now();
  const deployment = deploymentOf(model, options);
  const out = deployment?.file ?? options.out ?? defaultOut(model);
  const isStdout = claimStdout(out, options.json === true);
  if (options.opset !== undefined && (options.opset < 13 || options.opset > 21)) {
    throw new UsageError(`--opset takes 13 to 21; got ${options.opset}`);
  }
  checkPrecisionOptions(options);
  const plugins = await loadPlugins(options.plugin ?? []);
  const { readModel } = await import("../node/read-model.ts");
  const kserve = deployment?.kserve ?? null;
  const raw = await readModel(model, { outputs: kserve === null ? [out] : [out, kserve] });
  const source = await readAnyModel(raw);
  const exportOptions = toExportOptions(options, plugins);
  const rounded =
    options.precision !== undefined && isRounding(options.precision)
      ? await exportRounded(source, exportOptions, options)
      : null;
  const exported = rounded?.exported ?? (await exportAnySource(source, exportOptions));
  for (const each of exported.notes) note(`note: ${each}`);
  await writeOutput(out, exported.chunks);
  if (deployment !== null) await writeDeployment(deployment, exported);
  const seconds = (performance.now() - started) / 1000;

  // Of rounded weights, the file with exact ones is compared with TF.js; what the rounding loses is measured beside that file.
  const checked = {
    file: rounded?.exact ?? exported,
    options: { ...exportOptions, ...(rounded && { precision: "float32" as const }) },
  };
  const verified = options.verify
    ? await check(raw, source, checked.options, () =>
        checked.file === exported ? readBack(out, exported) : checked.file.bytes,
      )
    : null;
  if (verified !== null && !verified.passed) process.exitCode = 1;
  if (options.json === true) {
    const about =
      verified === null
        ? null
        : { file: comparedFile(checked.file, checked.file === exported ? out : null), ...verified };
    printJson(report(model, out, exported, seconds, about, rounded?.accuracy ?? null));
    return;
  }
  if (options.quiet !== true) {
    describeExport(isStdout ? "stdout" : out, exported, seconds);
    describePrecision(exported, rounded?.accuracy ?? null);
  }
  if (verified !== null && (options.quiet !== true || !verified.passed)) {
    if (rounded !== null) printLine("  beside TF.js, the same model with float32 weights:");
    printVerification(verified);
  }
  if (!options.verify) printSummary("not verified (--no-verify)");
  if (!isStdout && options.quiet !== true && process.exitCode !== 1) suggestNext(out, exported, source, verified);
}

/** What other servers need beside the file. */
interface Deployment {
  readonly name: string;
  /** The ONNX file in a model repository; null without one. */
  readonly file: string | null;
  readonly config: string | null;
  readonly kserve: string | null;
  readonly storageUri: string;
}

/** @throws {UsageError} for options that do not go together */
function deploymentOf(
  model: string,
  { out, triton, kserve, storageUri, name }: ExportCommandOptions,
): Deployment | null {
  if (triton !== undefined && out !== undefined) {
    throw new UsageError("--triton says where the ONNX file goes; leave out --out");
  }
  if (storageUri !== undefined && kserve === undefined) throw new UsageError("--storage-uri is for --kserve");
  if (triton === undefined && kserve === undefined) {
    if (name !== undefined) throw new UsageError("--name is for --triton and --kserve");
    return null;
  }
  const own = name ?? nameOfModel(model);
  if (!/^\w[\w.-]*$/u.test(own)) {
    throw new UsageError(`a model's name has letters, digits, "_", "." and "-"; got "${own}"`, {
      hint: "name it by --name",
    });
  }
  return {
    name: own,
    file: triton === undefined ? null : join(triton, own, "1", "model.onnx"),
    config: triton === undefined ? null : join(triton, own, "config.pbtxt"),
    kserve: kserve ?? null,
    storageUri: storageUri ?? STORAGE_URI,
  };
}

function nameOfModel(model: string): string {
  const address = parseModelAddress(model);
  if (address.kind === "url") return nameInUrl(address.url);
  const path = resolve(address.path);
  return basename(path.endsWith(".json") ? dirname(path) : path);
}

async function writeDeployment(
  { name, config, kserve, storageUri }: Deployment,
  exported: ExportedModel,
): Promise<void> {
  if (config !== null) {
    const { tritonConfig } = await import("../export/deploy/triton-config.ts");
    await writeAside(config, tritonConfig(name, exported));
    note(`wrote ${config}`);
  }
  if (kserve === null) return;
  const { kserveService } = await import("../export/deploy/kserve-service.ts");
  await writeAside(kserve, kserveService({ name, storageUri, byteLength: exported.byteLength }));
  note(`wrote ${kserve}, whose storageUri is ${storageUri}`);
}

function toExportOptions(options: ExportCommandOptions, plugins: Plugins): ExportOptions {
  return {
    ...plugins,
    ...(options.opset === undefined ? {} : { opset: options.opset }),
    ...(options.precision === undefined ? {} : { precision: options.precision }),
    batch: options.batch,
    logits: options.logits === true,
    recurrentForm: options.recurrent,
    ...(options.withPreprocessing === true ? { withPreprocessing: true } : {}),
    ...(options.inputShape === undefined ? {} : { inputShapes: options.inputShape }),
    ...(options.output === undefined ? {} : { outputs: options.output }),
  };
}

/**
 * `model.json` becomes `model.onnx` beside it, and a folder's model goes into the folder. For a URL, and for a model within
 * node_modules, where nothing of the user's belongs, the file goes into the current folder.
 */
function defaultOut(model: string): string {
  const address = parseModelAddress(model);
  if (address.kind === "url") return `${nameInUrl(address.url)}.onnx`;
  const { path } = address;
  const file = path.endsWith(".json") ? `${basename(path, ".json")}.onnx` : "model.onnx";
  const folder = path.endsWith(".json") ? dirname(path) : path;
  return resolve(folder).split(sep).includes("node_modules") ? file : join(folder, file);
}

/** Compares the export with TF.js; null, with a note why, when TF.js or a runtime is not installed, or it would take too long. */
async function check(
  raw: RawModel,
  source: AnySource,
  options: ExportOptions,
  bytesOf: () => Uint8Array | Promise<Uint8Array>,
): Promise<ModelVerification | null> {
  const { verifyModel } = await import("../verify/verify-model.ts");
  const reporter = reportVerification();
  try {
    assertInstalled(packagesToVerify([{ runtime: "node" }]));
    return await verifyModel(raw, source, await bytesOf(), {
      targets: [{ runtime: "node" }],
      batches: DEFAULT_BATCHES,
      seed: 1,
      exportOptions: options,
      onProgress: reporter.onProgress,
    }).finally(reporter.stop);
  } catch (error) {
    if (!(error instanceof ToolError) || !/^(SetupError|NotVerifiedError)$/.test(error.name)) throw error;
    note(`not verified: ${error.message}${error.hint === undefined ? "" : ` (${error.hint})`}`);
    return null;
  }
}

/** Which file a verification is of. */
interface ComparedFile {
  /** Null for the float32 twin of a file with rounded weights, which is compared in its place and not written. */
  readonly path: string | null;
  readonly precision: Precision;
  readonly bytes: number;
}

function comparedFile({ precision, byteLength }: ExportedModel, path: string | null): ComparedFile {
  return { path, precision: precision.name, bytes: byteLength };
}

function report(
  model: string,
  out: string,
  exported: ExportedModel,
  seconds: number,
  verified: (ModelVerification & { readonly file: ComparedFile }) | null,
  accuracy: RoundedExport["accuracy"],
): unknown {
  const { kind, opset, nodes, parameters, byteLength, inputs, outputs, precision, notes } = exported;
  const about = { model, out, kind, opset, nodes, parameters, bytes: byteLength, inputs, outputs };
  return { ...about, precision, accuracy, notes, seconds, verified };
}

function describeExport(
  out: string,
  { nodes, parameters, byteLength, opset, inputs, outputs }: ExportedModel,
  seconds: number,
): void {
  const size = `${parameters.toLocaleString("en")} parameters, ${formatBytes(byteLength)}`;
  printLine(
    { style: "strong", text: `wrote ${out}` },
    `: ${nodes} nodes, ${size}, opset ${opset}, ${seconds.toFixed(2)} s`,
  );
  for (const { name, dtype, dims } of inputs) printLine(`  input  ${name}: ${dtype} [${dims.join(", ")}]`);
  for (const { name, dtype, dims } of outputs) printLine(`  output ${name}: ${dtype} [${dims.join(", ")}]`);
}

/** What to do with the file, in commands that can be copied. */
function suggestNext(
  out: string,
  { inputs }: ExportedModel,
  { metadata }: AnySource,
  verified: ModelVerification | null,
): void {
  const command = ownCommand();
  const file = shellQuoted(out);
  const sizes = verified?.runs[0]?.sizes ?? {};
  const feeds = inputs.map((input) => ` --tensor ${shellQuoted(`${input.name}=${tryOut(input, sizes)}`)}`).join("");
  const example =
    "recognizer" in metadata ? `infer photo.png --model ${file}` : `infer --model ${file}${feeds} --out results`;
  printLine({ style: "hint", text: "next: " }, `${command} ${example}`);
  printLine(`      ${command} bench ${file}`);
}

/** Random values that the model takes: of its own shape, with the sizes that were verified. A batch is of one sample. */
function tryOut({ dims }: ExportedModel["inputs"][number], sizes: Readonly<Record<string, number>>): string {
  const isFree = dims.slice(1).some((dim) => typeof dim !== "number");
  if (!isFree) return "random";
  return `random:${dims.map((dim) => (typeof dim === "number" ? dim : (sizes[dim] ?? 1))).join(",")}`;
}
