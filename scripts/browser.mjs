// A Chromium for the tests in test/web: one that is installed, else Playwright's download, else the system's package
// manager where that needs nobody's password. What is not available is said, and those tests are skipped.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { root } from "./bootstrap.mjs";

const DOWNLOAD_MS = 240_000;
const INSTALL_MS = 420_000;
const START_MS = 30_000;

/**
 * Needs `dist`.
 *
 * @returns {Promise<string>} what the tests are to be told in CHROME_PATH: a browser that starts, or `none`
 */
export async function ensureBrowser() {
  const { findBrowsers } = await import("../dist/node/browser/find-browser.js");
  const { installCommand } = await import("../dist/train/native/install-command.js");
  // On Ubuntu what is on PATH may be a script that asks for a snap.
  const working = () => findBrowsers().find(starts);
  const named = process.env["CHROME_PATH"] ?? "";
  if (named !== "") return working() ?? refuse(named);
  for (const get of [() => undefined, download, ...(mayInstall() ? [install] : [])]) {
    get();
    const found = working();
    if (found !== undefined) return found;
  }
  process.stderr.write(
    `no Chromium is available; to run the tests in a browser too: ${installCommand(["chromium"])}\n`,
  );
  return "none";
}

/**
 * What the user chose is not replaced.
 *
 * @param {string} named
 */
function refuse(named) {
  if (named !== "none") throw new Error(`CHROME_PATH names a program that does not start: ${named}`);
  process.stderr.write("CHROME_PATH is none: the tests in a browser are skipped\n");
  return named;
}

/** @param {string} program */
function starts(program) {
  return spawnSync(program, ["--version"], { stdio: "ignore", timeout: START_MS }).status === 0;
}

function download() {
  process.stderr.write("no Chromium that starts here; downloading Playwright's ...\n");
  const cli = join(root, "node_modules", "playwright-core", "cli.js");
  run(process.execPath, [cli, "install", "chromium", "--no-shell"], DOWNLOAD_MS);
}

/** Root on Debian, as in a container; Ubuntu's package of that name is a snap, which containers cannot run. */
function mayInstall() {
  const debian = existsSync("/etc/os-release") && /^ID=debian$/mu.test(readFileSync("/etc/os-release", "utf8"));
  return debian && process.getuid?.() === 0;
}

function install() {
  process.stderr.write("installing Debian's chromium ...\n");
  if (run("apt-get", ["update", "-qq"], INSTALL_MS)) {
    run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "chromium", "libvulkan1"], INSTALL_MS);
  }
}

/**
 * Run quietly; of a failure, the last line.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {number} timeout milliseconds
 */
function run(command, args, timeout) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const { status, error, stderr } = spawnSync(command, args, {
    stdio: ["ignore", "ignore", "pipe"],
    timeout,
    env,
    encoding: "utf8",
  });
  if (status === 0) return true;
  const reason =
    error?.message ?? stderr.split("\n").find((line) => /error|fail/iu.test(line)) ?? `exit code ${status}`;
  process.stderr.write(`  that failed: ${reason.trim()}\n`);
  return false;
}
