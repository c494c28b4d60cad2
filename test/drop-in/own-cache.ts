import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll } from "vitest";

/** Gives a test file a cache folder of its own, removed at the end. @returns where it is */
export function useOwnCache(): () => string {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-drop-in-"));
    process.env["TFJS_TO_ONNX_CACHE"] = folder;
  });
  afterAll(() => {
    delete process.env["TFJS_TO_ONNX_CACHE"];
    rmSync(folder, { recursive: true, force: true });
  });
  return () => folder;
}
