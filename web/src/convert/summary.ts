import { ToolError, UnsupportedLayersError, UnsupportedOpsError } from "../../../src/errors.ts";
import { exportAnySource, readAnyModel, type AnySource } from "../../../src/export/any-source.ts";
import type { ExportedModel, ExportedValue } from "../../../src/export/export-model.ts";
import type { LayersSource, ModelSpec, RawModel } from "../../../src/export/source/model.ts";

import type { Hindrance, ModelSummary, UnsupportedPart } from "./messages.ts";
import { problemOf } from "./problem.ts";

/**
 * What is in a model, and whether it can be converted: by converting it, which touches no weights but small ones.
 *
 * @throws {ModelFormatError} when the model is incomplete, contradicts itself, or is none.
 */
export async function summarize(name: string, raw: RawModel): Promise<ModelSummary> {
  const source = await readAnyModel(raw);
  const exported = await attempt(source);
  const about = {
    name,
    kind: source.kind,
    madeBy: source.convertedBy ?? source.generatedBy,
    parameters: source.parameters,
    weightBytes: raw.weights?.byteLength ?? 0,
  };
  if ("problem" in exported) {
    return {
      ...about,
      operators: counted(operatorsOf(source)),
      inputs: source.kind === "graph" ? graphInputs(source) : [],
      outputs: [],
      notes: [],
      hindrance: exported,
    };
  }
  const { layers, inputs, outputs, notes } = exported;
  return {
    ...about,
    operators: counted(layers.map(({ className }) => className)),
    inputs,
    outputs,
    notes,
    hindrance: null,
  };
}

async function attempt(source: AnySource): Promise<ExportedModel | Hindrance> {
  try {
    return await exportAnySource(source);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    const parts = unsupportedParts(error);
    const { message, hint } = problemOf(error);
    const [headline = message] = message.split("\n");
    return { problem: { message: parts.length === 0 ? message : headline, hint }, parts };
  }
}

function unsupportedParts(error: ToolError): readonly UnsupportedPart[] {
  if (error instanceof UnsupportedLayersError) {
    return error.layers.map(({ layer, className, reason }) => ({ where: layer, what: className, reason }));
  }
  if (error instanceof UnsupportedOpsError) {
    return error.ops.map(({ node, op, reason }) => ({ where: node, what: op, reason }));
  }
  return [];
}

function operatorsOf(source: AnySource): readonly string[] {
  return source.kind === "graph" ? [...source.nodes.values()].map(({ op }) => op) : layerClasses(source.model);
}

function layerClasses({ layers }: ModelSpec): readonly string[] {
  return layers.flatMap(({ className, model }) => (model === null ? [className] : layerClasses(model)));
}

/** What is no operation is not counted. */
const SILENT = new Set(["InputLayer", "Placeholder", "Const", "NoOp"]);

function counted(names: readonly string[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const name of names) if (!SILENT.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
}

function graphInputs({ inputs }: Exclude<AnySource, LayersSource>): readonly ExportedValue[] {
  return inputs.flatMap(({ name, dtype, shape }) => {
    if (dtype === "complex64" || shape === null) return [];
    return [{ name, dtype, dims: shape.map((size, axis) => size ?? (axis === 0 ? "batch" : `axis${axis}`)) }];
  });
}
