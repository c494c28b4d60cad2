import { layerNote } from "./layer-notes.ts";
import { builtIn } from "./layers/index.ts";
import { refusals } from "./layers/refusals.ts";
import { maskRuleOf, type MaskRule } from "./source/layer-classes.ts";

/** The support table, docs/layers.md, in Markdown. */
export function layersTable(): string {
  const rows = builtIn
    .toSorted((a, b) => a.className.localeCompare(b.className, "en"))
    .map(({ className, ops }) => [className, [...new Set(ops)].join(", "), masksOf(className), layerNote(className)])
    .map((cells) => `| ${cells.join(" | ")} |`);
  return [
    "# Layers that can be exported",
    "",
    "Written by `node scripts/layers-table.mjs` from the registry; a test holds it equal. InputLayer, and models within models,",
    "need no converter. A layer's activation may add its own operator. Integers are computed with as float32, and come out as",
    "integers where they do in TF.js. The mask of a layer's input passes to its output, or ends there if nothing is said; Keras's",
    "rules count for models that TF.js cannot load.",
    "",
    "| Layer | ONNX operators | Mask | Notes |",
    "| --- | --- | --- | --- |",
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

const MASKS: Readonly<Record<MaskRule, string>> = { ends: "", passes: "passes", own: "computed" };

function masksOf(className: string): string {
  const [tfjs, keras] = [maskRuleOf(className, false), maskRuleOf(className, true)];
  return tfjs === keras ? MASKS[tfjs] : `${MASKS[keras]} in Keras only`;
}
