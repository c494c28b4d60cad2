import type { Command } from "commander";

import { InferenceError, ModelFormatError } from "../errors.ts";
import { exportAnySource, readAnyModel } from "../export/any-source.ts";
import type { ExportedLayer, ExportedValue } from "../export/export-model.ts";
import { readPreprocessing } from "../infer/preprocessing-inside.ts";
import type { PreprocessingInside } from "../metadata.ts";
import { ELEMENT_TYPE, elementTypeName } from "../onnx/element-type.ts";
import { bodiesOf, type FileGraph, type FileModel, type FileNode, type FileValue } from "../onnx/file-model.ts";
import { readOnnxGraph } from "../node/read-onnx.ts";
import { readOnnx } from "../onnx/read.ts";
import { sizeOf } from "../tensor.ts";

import { baseCommand, type CommonOptions } from "./base-command.ts";
import { formatBytes } from "./format.ts";
import { note, printJson, printLine, printTable } from "./output.ts";

/** An input or an output, with what the file says of its type. */
interface OnnxValue extends Omit<ExportedValue, "dtype"> {
  /** An element type, or `sequence`, `map` and the like, `not a tensor`, `of no type`. */
  readonly dtype: string;
  /** The file does not say its shape. */
  readonly anyRank?: true;
}

/** What an ONNX file says of itself. */
interface OnnxSummary {
  readonly file: string;
  readonly kind: "onnx";
  readonly producer: string;
  readonly irVersion: number;
  readonly opsets: Readonly<Record<string, number>>;
  readonly bytes: number;
  readonly parameters: number;
  readonly nodes: number;
  /** Nodes by operator, the most frequent first. */
  readonly operators: Readonly<Record<string, number>>;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly metadata: Readonly<Record<string, string>>;
  /** What the file says of the pictures that it prepares itself; else null. */
  readonly preprocessing: PreprocessingInside | null;
}

export function create(summary: string): Command {
  return baseCommand("inspect", summary, ["inspect model.onnx", "inspect ./my-model", "inspect model.onnx --json"])
    .argument("<file>", "an ONNX file, or a TF.js model (model.json, its folder, or a URL)")
    .action(run);
}

async function run(file: string, options: CommonOptions): Promise<void> {
  if (file.endsWith(".onnx")) await inspectOnnx(file, options);
  else await inspectLayers(file, options);
}

async function inspectOnnx(file: string, options: CommonOptions): Promise<void> {
  const summary = summarise(file, (await readOnnxGraph(file)).bytes);
  if (options.json === true) printJson(summary);
  else printOnnx(summary);
}

function summarise(file: string, bytes: Uint8Array): OnnxSummary {
  const model = read(file, bytes);
  const { graph } = model;
  const nodes = allNodes(graph);
  const counts = new Map<string, number>();
  for (const { opType } of nodes) counts.set(opType, (counts.get(opType) ?? 0) + 1);
  const initializers = new Set([...graph.initializers, ...graph.sparseInitializers].map(({ name }) => name));
  return {
    file,
    kind: "onnx",
    producer: `${model.producerName} ${model.producerVersion}`.trim(),
    irVersion: model.irVersion,
    opsets: Object.fromEntries(
      Array.from(model.opsets, ([domain, version]) => [domain === "" ? "ai.onnx" : domain, version]),
    ),
    bytes: bytes.length,
    parameters: countParameters(graph),
    nodes: nodes.length,
    operators: Object.fromEntries([...counts].toSorted(([a, x], [b, y]) => y - x || a.localeCompare(b))),
    inputs: graph.inputs.filter(({ name }) => !initializers.has(name)).map(describe),
    outputs: graph.outputs.map(describe),
    metadata: Object.fromEntries(model.metadata),
    preprocessing: readPreprocessing(model.metadata),
  };
}

function read(file: string, bytes: Uint8Array): FileModel {
  try {
    return readOnnx(bytes);
  } catch (cause) {
    if (!(cause instanceof InferenceError)) throw cause;
    throw new ModelFormatError(`${file}: ${cause.message}`, { cause });
  }
}

/** Nodes of a graph and of all bodies in it. */
function allNodes(graph: FileGraph): FileNode[] {
  return graph.nodes.flatMap((node) => [node, ...bodiesOf(node).flatMap(allNodes)]);
}

/** Elements of the constants that may be weights: shapes and indices are not parameters. */
function countParameters(graph: FileGraph): number {
  const weights = new Set([
    ELEMENT_TYPE.float32,
    ELEMENT_TYPE.float16,
    ELEMENT_TYPE.float64,
    ELEMENT_TYPE.int8,
    ELEMENT_TYPE.uint8,
  ]);
  return graph.initializers
    .filter(({ elementType }) => weights.has(elementType))
    .reduce((sum, { dims }) => sum + sizeOf(dims), 0);
}

function describe({ name, type }: FileValue): OnnxValue {
  if (type.kind === "none") return { name, dtype: "of no type", dims: [], anyRank: true };
  if (type.kind === "unknown") return { name, dtype: "not a tensor", dims: [], anyRank: true };
  if (type.kind !== "tensor") return { name, dtype: type.kind, dims: [], anyRank: true };
  const dtype = type.elementType === 0 ? "of no type" : elementTypeName(type.elementType);
  if (type.dims === null) return { name, dtype, dims: [], anyRank: true };
  return { name, dtype, dims: type.dims.map((dim) => dim ?? "?") };
}

function printOnnx(summary: OnnxSummary): void {
  const opsets = Object.entries(summary.opsets).map(([domain, version]) => `${domain} ${version}`);
  printLine(
    `${summary.file}: ONNX, IR ${summary.irVersion}, ${opsets.join(", ")}, by ${summary.producer || "unknown"}`,
  );
  printLine(
    `${formatBytes(summary.bytes)}, ${summary.parameters.toLocaleString("en")} parameters, ${summary.nodes} nodes`,
  );
  printValues("input ", summary.inputs);
  printValues("output", summary.outputs);
  if (summary.preprocessing !== null) printPreprocessing(summary.preprocessing);
  printLine("");
  printTable(
    ["operator", "nodes"],
    Object.entries(summary.operators).map(([op, count]) => [op, String(count)]),
  );
  const entries = Object.entries(summary.metadata);
  if (entries.length > 0) printLine("\nmetadata");
  for (const [key, value] of entries) printLine(`  ${key}: ${value}`);
}

function printPreprocessing({ input, network, prepared, answers, leftOut }: PreprocessingInside): void {
  printLine(
    `  pictures of any size go in as ${input} (red, green, blue) and are prepared in the file; ${prepared} shows them as the network's input ${network.input} gets them`,
  );
  printLine(
    `  ${answers.label}, ${answers.index} and ${answers.confidence} are the answer; an index of -1 is a blank picture`,
  );
  for (const sentence of leftOut) printLine(`  not in the file: ${sentence}`);
}

async function inspectLayers(model: string, options: CommonOptions): Promise<void> {
  const { readModel } = await import("../node/read-model.ts");
  const raw = await readModel(model);
  const source = await readAnyModel(raw);
  const exported = await exportAnySource(source);
  const summary = {
    file: model,
    kind: source.kind,
    generatedBy: source.generatedBy,
    convertedBy: source.convertedBy,
    bytes: raw.weights?.length ?? 0,
    parameters: source.parameters,
    inputs: exported.inputs,
    outputs: exported.outputs,
    layers: exported.layers.map(({ path, className, call, outputs }) => ({ layer: path, className, call, outputs })),
    metadata: source.metadata,
  };
  if (options.json === true) {
    printJson(summary);
    return;
  }
  const by = source.convertedBy ?? source.generatedBy ?? "unknown";
  printLine(`${model}: TF.js ${source.kind === "graph" ? "GraphModel" : "LayersModel"}, written by ${by}`);
  printLine(`${formatBytes(summary.bytes)} of weights, ${summary.parameters.toLocaleString("en")} parameters`);
  printValues("input ", exported.inputs);
  printValues("output", exported.outputs);
  printLine("");
  printTable(
    source.kind === "graph" ? ["node", "operator", "output"] : ["layer", "class", "output"],
    exported.layers.map(layerRow),
  );
  note(`exported it would have ${exported.nodes} nodes and ${formatBytes(exported.byteLength)}`);
}

function layerRow({ path, className, call, outputs }: ExportedLayer): string[] {
  const name = call === 0 ? path : `${path} (call ${call + 1})`;
  return [name, className, outputs.map((dims) => `[${dims.join(", ")}]`).join(" ")];
}

function printValues(label: string, values: readonly OnnxValue[]): void {
  for (const { name, dtype, dims, anyRank } of values) {
    printLine(`  ${label} ${name}: ${dtype}${anyRank === true ? "" : ` [${dims.join(", ")}]`}`);
  }
}
