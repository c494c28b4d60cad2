import { stat } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";

import { packageRoot } from "./package-root.ts";

/** Files that one program writes together, or one checkout, differ by less. */
const TOLERANCE_MS = 100;

/**
 * A warning when the model.json beside an ONNX file was changed after the file was written, so that the file is likely an
 * export of an older model. Null when all is well, and for the models that ship, whose times are those of an installation.
 *
 * @param onnx Path of the ONNX file.
 * @param json Path of the model.json it should be an export of; by default the one of the same name, or model.json, beside it.
 */
export async function staleExportNote(onnx: string, json?: string): Promise<string | null> {
  if (resolve(onnx).startsWith(join(packageRoot, "models"))) return null;
  const written = await timeOf(onnx);
  const beside = [`${basename(onnx, extname(onnx))}.json`, "model.json"].map((name) => join(dirname(onnx), name));
  for (const path of json === undefined ? beside : [json]) {
    const changed = await timeOf(path);
    if (written === null || changed === null) continue;
    if (changed <= written + TOLERANCE_MS) return null;
    return `warning: ${onnx} is older than ${path}, so it may be an export of an older model; export it again`;
  }
  return null;
}

async function timeOf(path: string): Promise<number | null> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => null,
  );
}
