import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

import { cacheDir } from "../../src/node/cache-dir.ts";

/** The official package, as far as it was tried; `pip install` takes about 25 MB with what it needs. */
const PACKAGE = "onnx==1.23.2";
const INSTALL_LIMIT_MS = 240_000;

/** How to start a Python that has the official `onnx` package. */
export interface PythonOnnx {
  readonly command: string;
  readonly env: NodeJS.ProcessEnv;
}

/** The machine's own package where there is one, else a copy in the user's cache; a sentence when neither can be had. */
export function findPythonOnnx(): PythonOnnx | string {
  const folder = join(cacheDir(), PACKAGE.replace("==", "-"));
  const choices = ["python3", "python"].flatMap((command) => [
    { command, env: { ...process.env, PYTHONPATH: folder } },
    { command, env: process.env },
  ]);
  const found = choices.find(hasOnnx);
  if (found !== undefined) return found;
  const failure = install(folder);
  return failure ?? choices.find(hasOnnx) ?? `${PACKAGE} was installed, but cannot be imported`;
}

function hasOnnx({ command, env }: PythonOnnx): boolean {
  return spawnSync(command, ["-c", "import onnx.checker"], { env, stdio: "ignore" }).status === 0;
}

/** @returns why it failed, or null */
function install(folder: string): string | null {
  if (existsSync(folder)) return `${folder} is there, but Python cannot import onnx from it; delete it to try again`;
  mkdirSync(cacheDir(), { recursive: true });
  const part = `${folder}.part${process.pid}`;
  process.stderr.write(`installing ${PACKAGE} into ${folder} for the official checker ...\n`);
  const options = ["--quiet", "--disable-pip-version-check", "--no-input", "--target", part];
  const { status, stderr, error } = spawnSync("python3", ["-m", "pip", "install", ...options, PACKAGE], {
    encoding: "utf8",
    timeout: INSTALL_LIMIT_MS,
  });
  if (status === 0) {
    if (!existsSync(folder)) renameSync(part, folder);
    return null;
  }
  rmSync(part, { recursive: true, force: true });
  return `pip install ${PACKAGE} failed: ${error?.message ?? stderr.trim().split("\n").at(-1) ?? ""}`;
}
