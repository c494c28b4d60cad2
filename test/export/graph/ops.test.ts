import { readdirSync, readFileSync } from "node:fs";

import { beforeAll, describe, expect, test, vi } from "vitest";

import { byOp, opsOf, TABLES } from "./ops/index.ts";
import { checkTfjs, reportOf } from "./run-cases.ts";

beforeAll(() => {
  // TF.js prints what Print nodes are given, and warns where executeAsync was not needed.
  vi.spyOn(console, "warn").mockReturnValue();
  vi.spyOn(console, "log").mockReturnValue();
});

/** Names in TF.js's own lists, a file a category. */
function tfjsOps(): Set<string> {
  const folder = new URL("../../../node_modules/@tensorflow/tfjs-converter/dist/operations/op_list/", import.meta.url);
  const files = readdirSync(folder).filter((name) => name.endsWith(".js"));
  return new Set(
    files.flatMap((name) => {
      const text = readFileSync(new URL(name, folder), "utf8");
      return Array.from(text.matchAll(/'tfOpName': '(?<op>\w+)'/g), ({ groups }) => groups?.["op"] ?? name);
    }),
  );
}

test("every op of TF.js has a case", () => {
  const tested = new Set(Object.values(TABLES).flatMap((cases) => cases.flatMap((given) => [...opsOf(given)])));
  const ops = tfjsOps();
  expect(ops.size).toBe(248);
  expect([...ops].filter((op) => !tested.has(op))).toEqual([]);
});

describe.each(Object.entries(TABLES))("%s", (_category, cases) => {
  test("no two cases have one name", () => {
    const names = cases.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  test.each([...byOp(cases)])("TF.js computes the cases of %s", async (_op, group) => {
    expect(reportOf(await checkTfjs(group))).toBe("");
  });
});
