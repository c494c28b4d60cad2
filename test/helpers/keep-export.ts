import { createHash } from "node:crypto";
import { existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { inject } from "vitest";

import type { ExportedModel } from "../../src/export/export-model.ts";

/** Keep an exported file for the official checker (test/checker). The name says which layers it was made of. */
export function keepExport({ bytes, layers }: Pick<ExportedModel, "bytes" | "layers">): void {
  const hash = createHash("sha1").update(bytes).digest("hex").slice(0, 12);
  const classes = [...new Set(layers.map(({ className }) => className))].join("+").slice(0, 150);
  const file = join(inject("exportsFolder"), `${hash}-${classes}.onnx`);
  if (existsSync(file)) return;
  writeFileSync(`${file}.part${process.pid}`, bytes);
  renameSync(`${file}.part${process.pid}`, file);
}
