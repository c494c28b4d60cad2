// The size of the library bundled for a browser by esbuild: minified, and zipped as a server sends it; its largest parts.
//
//   node bench/bundle.mjs [--record]
import path from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";

import { build, version } from "esbuild";

import { bytes, machine, record, table } from "./markdown.mjs";

const { values } = parseArgs({ options: { record: { type: "boolean", default: false } } });
const root = path.resolve(import.meta.dirname, "..");
const { outputFiles, metafile } = await build({
  entryPoints: [path.join(root, "src", "index.ts")],
  absWorkingDir: root,
  bundle: true,
  minify: true,
  platform: "browser",
  format: "esm",
  write: false,
  outdir: "out",
  metafile: true,
});
const minified = outputFiles[0]?.contents ?? new Uint8Array();
/** @type {Map<string, number>} */
const parts = new Map();
for (const { inputs } of Object.values(metafile.outputs)) {
  for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
    const part = path.dirname(file);
    parts.set(part, (parts.get(part) ?? 0) + bytesInOutput);
  }
}
const largest = [...parts].toSorted((a, b) => b[1] - a[1]).slice(0, 8);
const text = [
  "## The library in a browser",
  `\`node bench/bundle.mjs\`, ${machine()}; esbuild ${version}.`,
  table(
    ['`import { exportModel } from "tfjs-to-onnx"`', "minified", "and gzipped"],
    [["everything it needs", bytes(minified.length), bytes(gzipSync(minified, { level: 9 }).length)]],
  ),
  "Its largest parts, minified:",
  table(
    ["folder", "bytes"],
    largest.map(([part, size]) => [part, bytes(size)]),
  ),
].join("\n\n");
process.stdout.write(`${text}\n`);
if (values.record) record("bundle", text);
