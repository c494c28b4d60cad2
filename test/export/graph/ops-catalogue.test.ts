import { readdirSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { opsOf, TABLES } from "./ops/index.ts";

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
