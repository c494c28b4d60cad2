import { readFile } from "node:fs/promises";
import type { Command } from "commander";

import { ModelFormatError } from "../errors.ts";
import { exportSource, type ExportedLayer, type ExportedValue } from "../export/export-model.ts";
import { onnx } from "../export/onnx/proto.js";
import { readLayersModel } from "../export/source/layers-model.ts";
import { ELEMENT_TYPE, elementTypeName } from "../onnx/element-type.ts";

import { baseCommand, type CommonOptions } from "./base-command.ts";
import { formatBytes } from "./format.ts";
import { note, printJson, printLine, printTable } from "./output.ts";

/** An input or an output, with what the file says of its type. */
interface OnnxValue extends Omit<ExportedValue, "dtype"> {
  /** An element type, or `not a tensor`, `of no type`. */
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
  const summary = summarise(file, await readBytes(file));
  if (options.json === true) printJson(summary);
  else printOnnx(summary);
}

async function readBytes(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ModelFormatError(`cannot read ${file}: ${reason}`, { cause });
  }
}

function summarise(file: string, bytes: Uint8Array): OnnxSummary {
  const model = decode(file, bytes);
  const nodes = allNodes(model.graph ?? {});
  const counts = new Map<string, number>();
  for (const { opType } of nodes) counts.set(opType ?? "", (counts.get(opType ?? "") ?? 0) + 1);
  const initializers = new Set((model.graph?.initializer ?? []).map(({ name }) => name ?? ""));
  return {
    file,
    kind: "onnx",
    producer: `${model.producerName ?? ""} ${model.producerVersion ?? ""}`.trim(),
    irVersion: model.irVersion ?? 0,
    opsets: Object.fromEntries(
      (model.opsetImport ?? []).map(({ domain, version }) => [nonEmpty(domain) ?? "ai.onnx", version ?? 0]),
    ),
    bytes: bytes.length,
    parameters: countParameters(model.graph ?? {}),
    nodes: nodes.length,
    operators: Object.fromEntries([...counts].toSorted(([a, x], [b, y]) => y - x || a.localeCompare(b))),
    inputs: (model.graph?.input ?? []).filter(({ name }) => !initializers.has(name ?? "")).map(describe),
    outputs: (model.graph?.output ?? []).map(describe),
    metadata: Object.fromEntries((model.metadataProps ?? []).map(({ key, value }) => [key ?? "", value ?? ""])),
  };
}

function decode(file: string, bytes: Uint8Array): onnx.ModelProto {
  try {
    const model = onnx.ModelProto.decode(bytes);
    if (model.graph != null && (model.irVersion ?? 0) > 0) return model;
  } catch (cause) {
    throw new ModelFormatError(`${file} is not an ONNX file, or is damaged`, { cause });
  }
  throw new ModelFormatError(`${file} is not an ONNX file: it has no graph`);
}

type Graph = onnx.GraphProto.$Properties;

/** Nodes of a graph and of all bodies in it. */
function allNodes(graph: Graph): onnx.NodeProto.$Properties[] {
  return (graph.node ?? []).flatMap((node) => [
    node,
    ...(node.attribute ?? []).flatMap((attribute) => (attribute.g == null ? [] : allNodes(attribute.g))),
  ]);
}

/** Elements of the floating-point constants; shapes and indices are not parameters. */
function countParameters(graph: Graph): number {
  const floating = new Set([
    ELEMENT_TYPE.float32,
    ELEMENT_TYPE.float16,
    ELEMENT_TYPE.float64,
    ELEMENT_TYPE.int8,
    ELEMENT_TYPE.uint8,
  ]);
  return (graph.initializer ?? [])
    .filter(({ dataType }) => floating.has(dataType ?? 0))
    .reduce((sum, { dims }) => sum + (dims ?? []).reduce((size, dim) => size * dim, 1), 0);
}

/** In protobuf an empty string means that there is none. */
function nonEmpty(text: string | null | undefined): string | undefined {
  return text === null || text === "" ? undefined : text;
}

function describe({ name, type }: onnx.ValueInfoProto.$Properties): OnnxValue {
  const shape = type?.tensorType?.shape;
  const dims = (shape?.dim ?? []).map(({ dimParam, dimValue }) => nonEmpty(dimParam) ?? dimValue ?? "?");
  return { name: name ?? "", dtype: nameType(type), dims, ...(shape == null ? { anyRank: true } : {}) };
}

function nameType(type: onnx.ValueInfoProto.$Properties["type"]): string {
  if (type == null) return "of no type";
  const code = type.tensorType?.elemType;
  if (code == null) return "not a tensor";
  return elementTypeName(code);
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
  printLine("");
  printTable(
    ["operator", "nodes"],
    Object.entries(summary.operators).map(([op, count]) => [op, String(count)]),
  );
  const entries = Object.entries(summary.metadata);
  if (entries.length > 0) printLine("\nmetadata");
  for (const [key, value] of entries) printLine(`  ${key}: ${value}`);
}

async function inspectLayers(model: string, options: CommonOptions): Promise<void> {
  const { readModel } = await import("../node/read-model.ts");
  const raw = await readModel(model);
  const source = readLayersModel(raw);
  const exported = exportSource(source);
  const summary = {
    file: model,
    kind: "layers",
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
  printLine(`${model}: TF.js LayersModel, written by ${by}`);
  printLine(`${formatBytes(summary.bytes)} of weights, ${summary.parameters.toLocaleString("en")} parameters`);
  printValues("input ", exported.inputs);
  printValues("output", exported.outputs);
  printLine("");
  printTable(["layer", "class", "output"], exported.layers.map(layerRow));
  note(`exported it would have ${exported.nodes} nodes and ${formatBytes(exported.bytes.length)}`);
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
