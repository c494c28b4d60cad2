import { cpSync, existsSync, renameSync } from "node:fs";
import { resolve } from "node:path";

import { build } from "vite";
import { inject } from "vitest";

import { withLock } from "../../src/train/native/lock.ts";

const configFile = resolve(import.meta.dirname, "../../web/vite.config.ts");
const BUILD_LIMIT_MS = 240_000;

/** Build the pages of web/ into a folder. The first test of a run that asks builds them, the others copy. */
export async function buildPages(outDir: string): Promise<void> {
  const folder = inject("pageFolder");
  await withLock(`${folder}.lock`, { staleMs: BUILD_LIMIT_MS }, async () => {
    if (existsSync(folder)) return;
    await build({ configFile, logLevel: "error", build: { outDir: `${folder}.part` } });
    renameSync(`${folder}.part`, folder);
  });
  cpSync(folder, outDir, { recursive: true });
}
