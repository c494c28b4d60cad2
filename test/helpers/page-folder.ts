import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { TestProject } from "vitest/node";

/** Where the pages of web/ are built, once for all tests of a run that need them; see test/page/built-pages.ts. */
export default function setup(project: TestProject): () => void {
  const folder = join(tmpdir(), `tfjs-to-onnx-pages-${process.pid}`);
  project.provide("pageFolder", folder);
  return () => {
    for (const path of [folder, `${folder}.lock`]) rmSync(path, { recursive: true, force: true });
  };
}

declare module "vitest" {
  interface ProvidedContext {
    pageFolder: string;
  }
}
