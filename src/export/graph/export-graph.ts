import { ExportError } from "../../errors.ts";
import { show } from "../../onnx/dim.ts";
import { opsetOf, picturesInside } from "../export-layers.ts";
import type { ExportedModel, ExportedTap, ExportOptions } from "../export-model.ts";
import { finishModel, type Parts, type Unfinished } from "../finish-model.ts";
import { plainFeed } from "../input-feed.ts";
import { internalError } from "../internal-error.ts";
import { applyPrecision } from "../precision/apply.ts";
import type { RawModel } from "../source/model.ts";

import { convertGraph } from "./convert-graph.ts";
import { withDilatedConvolutions } from "./dilated-convolutions.ts";
import { graphPatterns } from "./patterns.ts";
import { allOps } from "./registry.ts";
import { readGraphModel, type GraphSource } from "./source/graph-model.ts";

/**
 * Turn a TF.js GraphModel into an ONNX file.
 *
 * @throws {ModelFormatError} when the model contradicts itself.
 * @throws {UnsupportedOpsError} naming every node that cannot be converted.
 * @throws {ExportError} when an option does not fit the model.
 */
export function exportGraph(raw: RawModel, options: ExportOptions = {}): ExportedModel {
  return exportGraphSource(readGraphModel(raw), options);
}

export function exportGraphSource(
  source: GraphSource,
  options: ExportOptions = {},
  { Pictures }: Pick<Parts, "Pictures"> = { Pictures: null },
): ExportedModel {
  return build(source, options, false, { applyPrecision, Pictures });
}

/** As {@link exportGraphSource}, with what every node gives, to find where two runs part. */
export function exportEveryNode(source: GraphSource, options: ExportOptions = {}): ExportedModel {
  return build(source, { ...options, logits: false }, true, { applyPrecision, Pictures: null });
}

function build(source: GraphSource, options: ExportOptions, everyNode: boolean, parts: Parts): ExportedModel {
  try {
    return buildModel(source, options, everyNode, parts);
  } catch (cause) {
    throw internalError(cause);
  }
}

function buildModel(source: GraphSource, options: ExportOptions, everyNode: boolean, parts: Parts): ExportedModel {
  const opset = opsetOf(options);
  if (options.logits === true) {
    throw new ExportError("a softmax at the end is left out of Layers models only", {
      hint: "choose what the softmax reads instead: --output NODE",
    });
  }
  const pictures = everyNode ? null : picturesInside(source, options, parts);
  const converted = convertGraph(withDilatedConvolutions(source), {
    opset,
    registry: allOps(options.opConverters),
    batch: typeof options.batch === "number" ? options.batch : null,
    inputShapes: new Map(Object.entries(options.inputShapes ?? {})),
    outputs: options.outputs ?? null,
    everyNode,
    feed: (graph, network) => pictures?.feed(graph, network) ?? plainFeed(graph, network),
  });
  const unfinished: Unfinished = {
    builder: converted.graph,
    name: "model",
    inputs: converted.inputs,
    outputs: converted.outputs,
    source,
    options,
    pictures,
    patterns: graphPatterns,
    about: {
      kind: "graph",
      layers: converted.nodes.map(({ name, op, values }) => ({
        path: name,
        className: op,
        call: 0,
        occurrence: 0,
        repeated: false,
        scope: `${name}/`,
        outputs: values.map((value) => value?.dims.map(show) ?? []),
      })),
      notes: [],
      taps: converted.taps.map(({ name, source: { node, output } }): ExportedTap => ({
        name,
        path: node,
        occurrence: 0,
        tensor: output,
      })),
    },
  };
  return finishModel(unfinished, parts);
}
