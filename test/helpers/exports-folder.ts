import { mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { TestProject } from "vitest/node";

/** Where this run keeps every file that its tests export, for test/checker, which runs last and reads them all. */
export default function setup(project: TestProject): () => void {
  const folder = join(tmpdir(), `tfjs-to-onnx-exports-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  project.provide("exportsFolder", folder);
  return () => rmSync(folder, { recursive: true, force: true });
}

declare module "vitest" {
  interface ProvidedContext {
    exportsFolder: string;
  }
}
