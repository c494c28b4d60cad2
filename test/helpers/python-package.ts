import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

import { cacheDir } from "../../src/node/cache-dir.ts";
import { withLock } from "../../src/train/native/lock.ts";

const INSTALL_LIMIT_MS = 240_000;

/** How to start a Python that has a package. */
export interface Python {
  readonly command: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * A Python that has a package: the machine's own where it has one, else with a copy in the user's cache.
 *
 * @param requirement the version to install, e.g. "onnx==1.23.2"
 * @param module what must be importable
 * @param more further arguments of pip: other packages, or options
 * @returns a sentence when neither is available
 */
export async function pythonWith(
  requirement: string,
  module: string,
  more: readonly string[] = [],
): Promise<Python | string> {
  const folder = join(cacheDir(), requirement.replace("==", "-"));
  const choices = ["python3", "python"].flatMap((command) => [
    { command, env: { ...process.env, PYTHONPATH: folder } },
    { command, env: process.env },
  ]);
  const imports = ({ command, env }: Python): boolean =>
    spawnSync(command, ["-c", `import ${module}`], { env, stdio: "ignore" }).status === 0;
  const found = choices.find(imports);
  if (found !== undefined) return found;
  mkdirSync(cacheDir(), { recursive: true });
  const lock = { staleMs: INSTALL_LIMIT_MS };
  const failure = await withLock(`${folder}.lock`, lock, async () =>
    Promise.resolve(install([requirement, ...more], folder)),
  );
  return (
    failure ?? choices.find(imports) ?? `${folder} is there, but ${module} cannot be imported; delete it to try again`
  );
}

/** @returns why it failed, or null */
function install(requirements: readonly string[], folder: string): string | null {
  if (existsSync(folder)) return null;
  const part = `${folder}.part${process.pid}`;
  process.stderr.write(`installing ${requirements.join(" ")} into ${folder} for the tests ...\n`);
  const options = ["--quiet", "--disable-pip-version-check", "--no-input", "--target", part];
  const { status, stderr, error } = spawnSync("python3", ["-m", "pip", "install", ...options, ...requirements], {
    encoding: "utf8",
    timeout: INSTALL_LIMIT_MS,
  });
  if (status === 0) renameSync(part, folder);
  rmSync(part, { recursive: true, force: true });
  if (status === 0) return null;
  return `pip install ${requirements.join(" ")} failed: ${error?.message ?? stderr.trim().split("\n").at(-1) ?? ""}`;
}
