// What a fresh clone needs before anything of ours can be imported: the locked dependencies and the compiled sources.
// Node's own modules only.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
const stamp = join(root, "node_modules", ".tfjs-to-onnx-lock");

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} why
 */
function run(command, args, why) {
  process.stderr.write(`${why}\n`);
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (status === 0) return;
  process.stderr.write(`error: ${command} ${args.join(" ")} failed${error ? `: ${error.message}` : ""}\n`);
  process.exit(1);
}

/** Install exactly what package-lock.json names, when that has not been done yet. */
export function ensureDependencies() {
  const hash = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return;
  run("npm", ["ci", "--ignore-scripts"], "installing dependencies (npm ci, no install scripts) ...");
  writeFileSync(stamp, hash);
}

/** The command line as users run it. */
export const cli = join(root, "dist", "bundle", "bin.js");

/** Compile src to dist when a source, or how it is compiled, is newer than the last compilation. */
export function ensureBuild() {
  const built = join(root, "dist", ".built");
  const script = join(root, "scripts", "build.mjs");
  const wanted = Math.max(newest(join(root, "src")), statSync(script).mtimeMs);
  if (existsSync(built) && statSync(built).mtimeMs >= wanted) return;
  mkdirSync(join(root, "dist"), { recursive: true });
  const started = new Date();
  run(process.execPath, [script], "compiling ...");
  writeFileSync(built, started.toISOString());
}

/**
 * Latest change of any file below a folder, in milliseconds.
 *
 * @param {string} folder
 * @returns {number}
 */
function newest(folder) {
  let latest = statSync(folder).mtimeMs;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    latest = Math.max(latest, entry.isDirectory() ? newest(path) : statSync(path).mtimeMs);
  }
  return latest;
}
