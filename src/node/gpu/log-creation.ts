import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, sep } from "node:path";
import { pathToFileURL } from "node:url";

import type { InferenceSession } from "onnxruntime-common";

import { importPackage } from "../../infer/import-package.ts";
import { runProgram } from "../../train/native/programs.ts";

/** Creates one session and ends; its arguments are onnxruntime-node's address, the model's path and its options. */
const PROGRAM = `
const [address, path, options] = process.argv.slice(1);
const { default: ort } = await import(address);
await ort.InferenceSession.create(path, JSON.parse(options));
`;

/** A location that leads elsewhere is not written, and the creation fails: nothing is logged. */
async function writeWithin(folder: string, location: string, data: Uint8Array): Promise<void> {
  const path = join(folder, location);
  if (!path.startsWith(folder + sep)) return;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, data);
}

/**
 * What onnxruntime-node logs while it creates a session. Native code writes it to the
 * process's own stderr, so another process creates the session.
 */
export async function logCreation(
  model: Uint8Array,
  externalData: ReadonlyMap<string, Uint8Array>,
  options: InferenceSession.SessionOptions,
): Promise<string> {
  const { resolve } = createRequire(import.meta.url);
  const entry = await importPackage("onnxruntime-node", async () => resolve("onnxruntime-node"));
  const folder = await mkdtemp(join(tmpdir(), "tfjs-to-onnx-placement-"));
  try {
    const path = join(folder, "model.onnx");
    await writeFile(path, model);
    for (const [location, data] of externalData) await writeWithin(folder, location, data);
    const args = [
      "--input-type=module",
      "--eval",
      PROGRAM,
      pathToFileURL(entry).href,
      path,
      JSON.stringify({ ...options, externalData: undefined }),
    ];
    const { output } = await runProgram([process.execPath, ...args], { keptOutput: Infinity });
    return output;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
