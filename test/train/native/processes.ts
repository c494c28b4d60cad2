import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

import type { DriverJob } from "./driver.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The driver, compiled from the sources as they are; two folders below the root, as the compiled program is. */
export interface Driver {
  readonly path: string;
  remove(): void;
}

export async function compileDriver(name: string): Promise<Driver> {
  const folder = join(root, "runs", `test-${name}-${process.pid}`);
  const path = join(folder, "driver.mjs");
  await build({
    entryPoints: [fileURLToPath(new URL("driver.ts", import.meta.url))],
    outfile: path,
    bundle: true,
    format: "esm",
    platform: "node",
    packages: "external",
    logLevel: "error",
  });
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Run a program to its end. `env` is added to this process's; undefined takes a variable away. */
export async function runProcess(command: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const [program = "", ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

export async function runCli(driver: Driver, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  return runProcess([process.execPath, driver.path, "cli", ...args], env);
}

export async function runSetUp(driver: Driver, job: DriverJob, env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return runProcess([process.execPath, driver.path, "set-up", JSON.stringify(job)], env);
}

/** A folder to be the whole `PATH`, with shell scripts for programs. */
export function makePath(folder: string, scripts: Readonly<Record<string, string>>): string {
  mkdirSync(folder, { recursive: true });
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  return folder;
}
