import { builtInOps } from "./ops/index.ts";
import { refusals } from "./ops/refusals.ts";

/** What the driver converts itself. */
const CONTROL: readonly (readonly [op: string, ops: string])[] = [
  ["Const", ""],
  ["Enter, Exit, LoopCond, NextIteration", "Loop"],
  ["If, StatelessIf", "If"],
  ["Merge, Switch", "If"],
  ["PartitionedCall, StatefulPartitionedCall", ""],
  ["StatelessWhile, While", "Loop"],
];

/** The support table of Graph models, docs/ops.md, in Markdown. */
export function opsTable(): string {
  const rows = builtInOps
    .flatMap(({ tfOps, ops }) => tfOps.map((op): readonly [string, string] => [op, [...new Set(ops)].join(", ")]))
    .concat(CONTROL)
    .toSorted(([a], [b]) => a.localeCompare(b, "en"))
    .map(([op, ops]) => `| ${op} | ${ops} |`);
  return [
    "# Operators of Graph models that can be exported",
    "",
    "Written by `node scripts/ops-table.mjs` from the registry; a test holds it equal. An operator may add Cast, Reshape and",
    "Transpose where types and layouts differ. docs/custom-ops.md shows how to add an operator of your own.",
    "",
    "| TensorFlow operator | ONNX operators |",
    "| --- | --- |",
    ...rows,
    "",
    "## Not converted",
    "",
    "| Operator | Why |",
    "| --- | --- |",
    ...[...refusals].map(([op, reason]) => `| ${op} | ${reason} |`),
    "",
  ].join("\n");
}
