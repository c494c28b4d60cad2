import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");

/** Writes the named JavaScript files of a document of docs/ into a folder, where they find this package and TF.js by name. */
export function writeDocumentedModules(document: string, folder: string): void {
  const text = readFileSync(join(root, "docs", document), "utf8");
  for (const [, name, code] of text.matchAll(/```js (\S+)\n(.*?)```/gs))
    writeFileSync(join(folder, name ?? ""), code ?? "");
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules/tfjs-to-onnx"));
  symlinkSync(join(root, "node_modules/@tensorflow"), join(folder, "node_modules/@tensorflow"));
}
