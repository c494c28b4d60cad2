/** What turns a model into an ONNX file, in a module that is loaded when no kept file is found. */
import { InternalError } from "../errors.ts";
import { exportAnySource, readAnyModel, type AnySource } from "../export/any-source.ts";
import type { ExportedModel } from "../export/export-model.ts";
import { readLayersModel } from "../export/source/layers-model.ts";
import type { RawModel } from "../export/source/model.ts";

import type { Conversion } from "./convert.ts";
import { factsOf, type ModelFacts } from "./facts.ts";
import type { DropInOptions } from "./options.ts";
import type { ConvertedModel } from "./record.ts";

export interface NewlyConverted extends Pick<ConvertedModel, "facts" | "outputs"> {
  readonly exported: ExportedModel;
}

/** Read a model, and convert it. */
export async function convert({ model, kind, outputs, options }: Conversion): Promise<NewlyConverted> {
  const source = await readKind(await model.read(), kind, options);
  const exported = await exportAnySource(source, {
    ...options.exportOptions,
    ...(outputs === null ? {} : { outputs }),
  });
  if (outputs === null) {
    const facts = factsOf(source, exported, model.manifest);
    return { exported, facts, outputs: exported.outputs.map(({ name }) => name) };
  }
  return { exported, facts: null, outputs: outputs.map((name, index) => outputName(exported, name, index)) };
}

async function readKind(raw: RawModel, kind: ModelFacts["kind"], options: DropInOptions): Promise<AnySource> {
  if (kind === "graph") return readAnyModel(raw);
  return readLayersModel(raw, { ignoreUnused: options.strict === false });
}

/** A layer with several outputs has them all in the file: the first has its name. A Graph model has one for each name. */
function outputName(exported: ExportedModel, wanted: string, index: number): string {
  const own =
    exported.kind === "graph" ? exported.outputs[index] : exported.outputs.find(({ name }) => name === wanted);
  if (own !== undefined) return own.name;
  throw new InternalError(`the output ${wanted} was asked for and is not in the exported model`);
}
