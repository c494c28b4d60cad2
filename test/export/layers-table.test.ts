import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import { expect, test } from "vitest";

import { layerNotes } from "../../src/export/layer-notes.ts";
import { builtIn } from "../../src/export/layers/index.ts";
import { layersTable } from "../../src/export/layers-table.ts";

test("docs/layers.md is what the registry says; else run: node scripts/layers-table.mjs", () => {
  const written = readFileSync(resolve(import.meta.dirname, "../../docs/layers.md"), "utf8");
  expect(written).toBe(layersTable());
});

test("every note is of a layer that is converted", () => {
  const classes = builtIn.map(({ className }) => className);
  expect([...layerNotes.keys()].filter((className) => !classes.includes(className))).toEqual([]);
});
