import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";

import { importPackage } from "../../infer/import-package.ts";
import type { SessionOptions } from "../../infer/runtime.ts";
import { runProgram } from "../../train/native/programs.ts";

/** Creates one session and ends; its arguments are onnxruntime-node's address and the model's path. */
const PROGRAM = `
const [address, path] = process.argv.slice(1);
const { default: ort } = await import(address);
await ort.InferenceSession.create(path, { executionProviders: ["webgpu"], logSeverityLevel: 0 });
`;

/**
 * What onnxruntime-node logs, at its most talkative, while it creates a WebGPU session. Native code writes it to the
 * process's own stderr, so another process creates the session.
 */
export async function logCreation(model: Uint8Array, options: SessionOptions): Promise<string> {
  const { resolve } = createRequire(import.meta.url);
  const entry = await importPackage("onnxruntime-node", async () => resolve("onnxruntime-node"));
  const folder = await mkdtemp(join(tmpdir(), "tfjs-to-onnx-placement-"));
  try {
    const path = join(folder, "model.onnx");
    await writeFile(path, model);
    for (const [location, data] of options.externalData ?? []) await writeFile(join(folder, basename(location)), data);
    const args = ["--input-type=module", "--eval", PROGRAM, pathToFileURL(entry).href, path];
    const { output } = await runProgram([process.execPath, ...args]);
    return output;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
