import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import { expect, test } from "vitest";

import { opsTable } from "../../../src/export/graph/ops-table.ts";
import { builtInOps } from "../../../src/export/graph/ops/index.ts";
import { refusals } from "../../../src/export/graph/ops/refusals.ts";

test("docs/ops.md is what the registry says; else run: node scripts/ops-table.mjs", () => {
  expect(readFileSync(resolve(import.meta.dirname, "../../../docs/ops.md"), "utf8")).toBe(opsTable());
});

test("no operator is both converted and refused", () => {
  expect(builtInOps.flatMap(({ tfOps }) => tfOps).filter((op) => refusals.has(op))).toEqual([]);
});
