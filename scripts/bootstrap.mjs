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

/** Whether what package-lock.json names is installed. */
export function hasDependencies() {
  return existsSync(stamp) && readFileSync(stamp, "utf8") === lockHash();
}

/** Install exactly what package-lock.json names, when that has not been done yet. */
export function ensureDependencies() {
  if (hasDependencies()) return;
  run("npm", ["ci", "--ignore-scripts"], "installing dependencies (npm ci, no install scripts) ...");
  writeFileSync(stamp, lockHash());
}

function lockHash() {
  return createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
}

/** The command line as users run it. */
export const cli = join(root, "dist", "bundle", "bin.js");

const built = join(root, "dist", ".built");
const buildScript = join(root, "scripts", "build.mjs");

/** Whether dist is newer than every source and than how it is compiled. */
export function hasBuild() {
  const wanted = Math.max(newest(join(root, "src")), statSync(buildScript).mtimeMs);
  return existsSync(built) && statSync(built).mtimeMs >= wanted;
}

/** Compile src to dist where {@link hasBuild} is not so. */
export function ensureBuild() {
  if (hasBuild()) return;
  mkdirSync(join(root, "dist"), { recursive: true });
  const started = new Date();
  run(process.execPath, [buildScript], "compiling ...");
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
