import { last } from "../require.ts";

import type { LayerFacts, ModelFacts } from "./facts.ts";

const LINE_LENGTH = 65;
const POSITIONS: readonly number[] = [0.45, 0.85, 1];

/** A model's layers as a table, in the manner of TF.js's `summary`. */
export function summaryOf(
  { layers, parameters }: ModelFacts,
  lineLength: number = LINE_LENGTH,
  positions: readonly number[] = POSITIONS,
): string[] {
  const ends = last(positions) <= 1 ? positions.map((part) => Math.floor(lineLength * part)) : positions;
  const row = (...fields: readonly string[]): string => {
    let line = "";
    for (const [index, field] of fields.entries()) {
      if (index > 0) line = `${line.slice(0, -1)} `;
      line = (line + field).slice(0, ends[index]).padEnd(ends[index] ?? 0);
    }
    return line.trimEnd();
  };
  return [
    "_".repeat(lineLength),
    row("Layer (type)", "Output shape", "Param #"),
    "=".repeat(lineLength),
    ...layers.flatMap((layer, index) => [
      row(`${layer.name} (${layer.className})`, shapesOf(layer), String(layer.parameters)),
      (index === layers.length - 1 ? "=" : "_").repeat(lineLength),
    ]),
    `Total params: ${parameters}`,
    "_".repeat(lineLength),
  ];
}

function shapesOf({ outputShapes }: LayerFacts): string {
  const shapes = outputShapes.map((shape) => `[${shape.map((size) => size ?? "null").join(",")}]`);
  return shapes.length === 0 ? "not used" : shapes.join(",");
}
