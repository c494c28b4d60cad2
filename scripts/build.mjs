// src to dist: TypeScript to JavaScript and declarations; files that are JavaScript already are copied; the page that
// `infer --browser` opens becomes one file, since a browser resolves no packages.
import { spawnSync } from "node:child_process";
import { cpSync } from "node:fs";
import { join } from "node:path";
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
buildSync({
  entryPoints: [join(root, "dist", "infer", "remote", "page.js")],
  outfile: join(root, "dist", "infer", "remote", "page.bundle.js"),
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  external: ["onnxruntime-web", "onnxruntime-web/*"],
});
