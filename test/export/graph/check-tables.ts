import { beforeAll, describe, expect, test, vi } from "vitest";

import { exportModel } from "../../../src/export/export-any.ts";
import type { ExportOptions } from "../../../src/export/export-model.ts";
import { allOps } from "../../../src/export/graph/registry.ts";

import { byOp, opsOf, TABLES } from "./ops/index.ts";
import type { OpCase } from "./op-case.ts";
import { checkCases, checkTfjs, reportOf } from "./run-cases.ts";

/** Operators that are no converter's: the front end makes values and regions of them. */
const STRUCTURE: ReadonlySet<string> = new Set([
  "Const",
  "Enter",
  "Exit",
  "If",
  "LookupTableImportV2",
  "LookupTableImport",
  "LoopCond",
  "Merge",
  "NextIteration",
  "NoOp",
  "PartitionedCall",
  "Placeholder",
  "StatelessIf",
  "StatelessWhile",
  "Switch",
  "While",
]);

const converters = allOps();

/** Whether there is a converter for every node; a case that is refused needs none. */
function isCovered(given: OpCase): boolean {
  return given.refused !== null || [...opsOf(given)].every((op) => STRUCTURE.has(op) || converters.has(op));
}

/**
 * Tests for the tables of some categories: each op in TF.js and, exported, on both runtimes.
 *
 * @param isReady Whether the export of a case is to be compared; without it, where there are converters for all of its nodes.
 * @param options For every export.
 */
export function checkTables(
  categories: readonly string[],
  isReady: (given: OpCase) => boolean = isCovered,
  options: ExportOptions = {},
): void {
  beforeAll(() => {
    // TF.js prints what Print nodes are given, and warns where executeAsync was not needed.
    vi.spyOn(console, "warn").mockReturnValue();
    vi.spyOn(console, "log").mockReturnValue();
  });

  describe.each(categories)("%s", (category) => {
    const cases = TABLES[category];
    if (cases === undefined) throw new TypeError(`there is no table ${category}`);

    test("no two cases have one name", () => {
      const names = cases.map(({ name }) => name);
      expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    });

    const covered = byOp(cases.filter(isReady));
    const waiting = byOp(cases.filter((given) => !isReady(given)));
    test.each([...covered])("%s", async (_op, group) => {
      expect(reportOf(await checkCases(group, async (artifacts) => exportModel(artifacts, options)))).toBe("");
    });
    for (const [op, group] of waiting) {
      test(`${op} in TF.js`, async () => {
        expect(reportOf(await checkTfjs(group))).toBe("");
      });
    }
  });
}
