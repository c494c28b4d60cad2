// src to dist: TypeScript to JavaScript and declarations, file by file, for tests and scripts; files that are JavaScript
// already are copied. Out of them dist/bundle, which is what users run: fewer files, because Node finds, reads and
// links each by itself. The page that `infer --browser` opens becomes one file, since a browser
// resolves no packages.
import { spawnSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

import { buildSync } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
const { status } = spawnSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json")], {
  cwd: root,
  stdio: ["ignore", 2, 2],
});
if (status !== 0) process.exit(status ?? 1);
cpSync(join(root, "src"), join(root, "dist"), {
  recursive: true,
  filter: (source) => !source.endsWith(".ts") || source.endsWith(".d.ts"),
});
const dist = join(root, "dist");
// A declaration that names TF.js by a file also names src/tfjs-absent.d.ts, which stands in where TF.js is not installed. TypeScript has
// no such line in the source, for there it would be a rule of lint broken for nothing: TF.js is installed in this repository.
for (const name of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
  if (!name.endsWith(".d.ts")) continue;
  const file = join(dist, name);
  const text = readFileSync(file, "utf8");
  if (!/"@tensorflow\/tfjs(?:-node)?\/dist\/index\.js"/u.test(text) || text.startsWith("/// <reference")) continue;
  const path = relative(dirname(file), join(dist, "tfjs-absent.d.ts")).split(sep).join("/");
  writeFileSync(file, `/// <reference path="${path.startsWith(".") ? path : `./${path}`}" />\n${text}`);
}
const bundle = join(dist, "bundle");
/**
 * What goes into the bundle of the package protobufjs: in files of their own, they would be found, read and linked 15 times at every
 * start. Its package "long" has a smaller stand-in.
 */
const resolveFrom = createRequire(import.meta.url).resolve;
const bundled = Object.fromEntries(
  ["protobufjs/minimal.js", "protobufjs/src/writer.js", "protobufjs/src/util/minimal.js"].map((name) => [
    name,
    resolveFrom(name),
  ]),
);
const protobufjs = resolveFrom("protobufjs/package.json");
const long = join(root, "scripts", "bundled-long.cjs");
const { metafile } = buildSync({
  // By the name that each has in dist/bundle, where all files lie side by side: workers are found beside their starters.
  entryPoints: {
    bin: join(dist, "cli", "bin.js"),
    index: join(dist, "index.js"),
    infer: join(dist, "infer", "index.js"),
    verify: join(dist, "verify", "index.js"),
    "drop-in": join(dist, "drop-in", "index.js"),
    "drop-in-node": join(dist, "node", "drop-in", "index.js"),
    train: join(dist, "train", "index.js"),
    "bench-worker": join(dist, "bench", "bench-worker.js"),
    "session-worker": join(dist, "node", "own-process", "session-worker.js"),
    "picture-worker": join(dist, "node", "picture-worker.js"),
    "serve-worker": join(dist, "serve", "serve-worker.js"),
    "feed-worker": join(dist, "train", "feed", "feed-worker.js"),
  },
  outdir: bundle,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  packages: "external",
  alias: { ...bundled, long },
  metafile: true,
  absWorkingDir: root,
});
// Afterwards, since another process may be running what was built before.
const wanted = new Set(Object.keys(metafile.outputs).map((file) => join(root, file)));
for (const name of readdirSync(bundle)) {
  const file = join(bundle, name);
  if (name.endsWith(".js") && !wanted.has(file)) rmSync(file);
}
const licenses = [dirname(protobufjs)].map((folder) => {
  const license = readFileSync(join(folder, "LICENSE"), "utf8");
  return `${basename(folder)}, parts of which are in these files:\n\n${license}`;
});
writeFileSync(join(bundle, "LICENSES.txt"), licenses.join("\n\n"));
buildSync({
  entryPoints: [join(dist, "infer", "remote", "page.js")],
  outfile: join(bundle, "page", "page.js"),
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  external: ["onnxruntime-web", "onnxruntime-web/*"],
});
