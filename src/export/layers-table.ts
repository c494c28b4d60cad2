import { layerNote } from "./layer-notes.ts";
import { builtIn } from "./layers/index.ts";
import { refusals } from "./layers/refusals.ts";

/** The support table, docs/layers.md, in Markdown. */
export function layersTable(): string {
  const rows = builtIn
    .toSorted((a, b) => a.className.localeCompare(b.className, "en"))
    .map(({ className, ops }) => `| ${className} | ${[...new Set(ops)].join(", ")} | ${layerNote(className)} |`);
  return [
    "# Layers that can be exported",
    "",
    "Written by `node scripts/layers-table.mjs` from the registry; a test holds it equal. InputLayer, and models within models,",
    "need no converter. A layer's activation may add its own operator. Integers are computed with as float32, and come out as",
    "integers where they do in TF.js.",
    "",
    "| Layer | ONNX operators | Notes |",
    "| --- | --- | --- |",
    ...rows,
    "",
    "## Not converted",
    "",
    "| Class | Why |",
    "| --- | --- |",
    ...[...refusals].map(([className, reason]) => `| ${className} | ${reason} |`),
    "",
  ].join("\n");
}
