// The size of the library bundled for a browser by esbuild: minified, and zipped as a server sends it; its largest parts. What only
// some models and options need is loaded when they need it: recurrent and less frequent layers, weights in other forms than float32,
// Graph models, pictures in the file, models from an address or from files.
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
  splitting: true,
  minify: true,
  platform: "browser",
  format: "esm",
  write: false,
  outdir: "out",
  // As scripts/build.mjs has it.
  alias: { long: path.join(root, "scripts", "bundled-long.cjs") },
  metafile: true,
});
/** @type {Map<string, Uint8Array>} */
const contents = new Map(outputFiles.map((file) => [path.relative(root, file.path), file.contents]));
const entry = Object.entries(metafile.outputs).find(
  ([, output]) => output.entryPoint !== undefined && output.entryPoint === "src/index.ts",
);
const first = new Set(entry === undefined ? [] : [entry[0]]);
for (const file of first) {
  for (const { path: next, kind } of metafile.outputs[file]?.imports ?? []) {
    if (kind === "import-statement" && contents.has(next)) first.add(next);
  }
}
/** @type {Map<string, number>} */
const parts = new Map();
for (const file of first) {
  for (const [input, { bytesInOutput }] of Object.entries(metafile.outputs[file]?.inputs ?? {})) {
    const part = path.dirname(input);
    parts.set(part, (parts.get(part) ?? 0) + bytesInOutput);
  }
}

/**
 * @param {string} what
 * @param {Iterable<string>} files
 */
function row(what, files) {
  const minified = Buffer.concat([...files].map((file) => contents.get(file) ?? new Uint8Array()));
  return [what, bytes(minified.length), bytes(gzipSync(minified, { level: 9 }).length)];
}

const largest = [...parts].toSorted((a, b) => b[1] - a[1]).slice(0, 8);
const text = [
  "## The library in a browser",
  `\`node bench/bundle.mjs\`, ${machine()}; esbuild ${version}.`,
  table(
    ['`import { exportModel } from "tfjs-to-onnx"`', "minified", "and gzipped"],
    [row("loaded at first", first), row("with all that is loaded when it is needed", contents.keys())],
  ),
  "The largest parts of what is loaded at first, minified:",
  table(
    ["folder", "bytes"],
    largest.map(([part, size]) => [part, bytes(size)]),
  ),
].join("\n\n");
process.stdout.write(`${text}\n`);
if (values.record) record("bundle", text);
