import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

import { SetupError } from "../../errors.ts";

import type { SetupListener } from "./events.ts";
import { diskFull } from "./faults.ts";
import { digestFile } from "./manifest.ts";
import { wheelPython, type TensorFlowPin } from "./pins.ts";
import { findProgram, lastLines, runProgram } from "./programs.ts";
import type { Environment } from "../../node/environment.ts";

/** A program that can download a wheel made for another Python than its own. */
export interface Downloader {
  /** As a user would type it: `python3 -m pip`. */
  readonly name: string;
  readonly command: readonly string[];
  readonly version: string;
}

export interface DownloadOptions {
  readonly env: Environment;
  readonly listener: SetupListener;
  readonly signal?: AbortSignal | undefined;
}

const pips: readonly (readonly string[])[] = [["python3", "-m", "pip"], ["python", "-m", "pip"], ["pip3"], ["pip"]];

const WATCH_MS = 250;

/** The pip that works best and uv, as far as this machine has them. */
export async function findDownloaders(env: Environment = process.env): Promise<readonly Downloader[]> {
  const [uv, ...found] = await Promise.all([findUv(env), ...pips.map((command) => probe(command, ["--version"], env))]);
  return [found.find((pip) => pip !== undefined), uv].filter((downloader) => downloader !== undefined);
}

/** uv has no `pip download`; it runs the real pip as a tool, fetching that (2 MB) when it must. */
async function findUv(env: Environment): Promise<Downloader | undefined> {
  const uv = await probe(["uv"], ["--version"], env);
  if (uv === undefined) return undefined;
  return { name: "uv tool run pip", command: [...uv.command, "tool", "run", "pip"], version: uv.version };
}

async function probe(
  command: readonly string[],
  args: readonly string[],
  env: Environment,
): Promise<Downloader | undefined> {
  const [program = "", ...rest] = command;
  const path = findProgram(program, env);
  if (path === undefined) return undefined;
  const { ok, output } = await runProgram([path, ...rest, ...args], { env });
  const version = /\d+(\.\d+)+/.exec(output)?.[0];
  return ok && version !== undefined ? { name: command.join(" "), command: [path, ...rest], version } : undefined;
}

/** The arguments after `pip` that download the pinned wheel into a folder. */
export function downloadArguments(pin: TensorFlowPin, folder: string): readonly string[] {
  return [
    "download",
    "--no-deps",
    "--only-binary=:all:",
    "--implementation",
    "cp",
    "--python-version",
    wheelPython,
    "--platform",
    pin.wheelPlatform,
    "--dest",
    folder,
    `${pin.project}==${pin.version}`,
  ];
}

/** The command by which a user downloads the pinned wheel by hand, on a machine that is online. */
export function downloadByHand(pin: TensorFlowPin): string {
  return `python3 -m pip ${downloadArguments(pin, ".").join(" ")}`;
}

/**
 * Download the pinned wheel into a folder and check its digest. A damaged download is tried once more.
 *
 * @returns the path of the wheel.
 * @throws {SetupError} when no downloader brings it, or what it brings is not the pinned wheel.
 */
export async function downloadWheel(
  pin: TensorFlowPin,
  folder: string,
  downloaders: readonly Downloader[],
  options: DownloadOptions,
): Promise<string> {
  const wheel = await fetchWheel(pin, folder, downloaders, options);
  options.listener({ kind: "stage", stage: "verify", text: "checking the download" });
  if ((await digestFile(wheel, options.signal)) === pin.sha256) return wheel;
  await rm(wheel);
  options.listener({ kind: "stage", stage: "verify", text: "the download was damaged; once more" });
  const again = await fetchWheel(pin, folder, downloaders, options);
  await assertPinned(pin, again, options.signal);
  return again;
}

/** @throws {SetupError} when a file is not the pinned wheel. */
export async function assertPinned(pin: TensorFlowPin, wheel: string, signal?: AbortSignal): Promise<void> {
  const found = await digestFile(wheel, signal);
  if (found === pin.sha256) return;
  throw new SetupError(
    `${wheel} is not the pinned wheel of ${pin.project} ${pin.version} for ${pin.target}: ` +
      `its SHA-256 is ${found}, expected ${pin.sha256}`,
    { hint: `download it again: ${downloadByHand(pin)}` },
  );
}

async function fetchWheel(
  pin: TensorFlowPin,
  folder: string,
  downloaders: readonly Downloader[],
  options: DownloadOptions,
): Promise<string> {
  const [first, ...others] = downloaders;
  if (first === undefined) throw cannotDownload(pin, "there is no pip or uv");
  const text = `downloading TensorFlow ${pin.version} with ${first.name}`;
  options.listener({ kind: "stage", stage: "download", text });
  const result = await watchDownload(pin, folder, first, options);
  if (result.wheel !== undefined) return result.wheel;
  if (/no space left on device|disk quota exceeded/i.test(result.output)) throw diskFull(folder);
  if (others.length > 0) return fetchWheel(pin, folder, others, options);
  throw cannotDownload(pin, `${first.name} says\n${lastLines(result.output, 4)}`);
}

function cannotDownload(pin: TensorFlowPin, reason: string): SetupError {
  return new SetupError(`cannot download ${pin.project} ${pin.version}: ${reason}`, {
    hint:
      "check the network and pip's index (pip config list) and run it again; or, on a machine that is online, run\n" +
      `  ${downloadByHand(pin)}\nand set TFJS_TO_ONNX_TENSORFLOW_WHEEL to the path of the wheel`,
  });
}

interface DownloadResult {
  readonly wheel: string | undefined;
  readonly output: string;
}

async function watchDownload(
  pin: TensorFlowPin,
  folder: string,
  downloader: Downloader,
  options: DownloadOptions,
): Promise<DownloadResult> {
  const temporary = join(folder, "pip");
  await mkdir(temporary, { recursive: true });
  const watch = setInterval(() => {
    void largestFile(folder).then((bytes) =>
      options.listener({ kind: "progress", stage: "download", done: Math.min(bytes, pin.bytes), total: pin.bytes }),
    );
  }, WATCH_MS);
  try {
    const quiet = ["--no-input", "--no-cache-dir", "--disable-pip-version-check", "--progress-bar", "off"];
    const { ok, output } = await runProgram([...downloader.command, ...downloadArguments(pin, folder), ...quiet], {
      // pip gathers the file in its temporary folder, which must not be a small RAM disk.
      env: { ...options.env, TMPDIR: temporary, PIP_REQUIRE_VIRTUALENV: "0" },
      signal: options.signal,
      tethered: true,
    });
    const wheel = (await readdir(folder)).find((name) => name.endsWith(".whl"));
    return { wheel: ok && wheel !== undefined ? join(folder, wheel) : undefined, output };
  } finally {
    clearInterval(watch);
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Size of the largest file below a folder: the download while it grows, counted once when pip copies it. */
async function largestFile(folder: string): Promise<number> {
  try {
    const entries = await readdir(folder, { recursive: true });
    const sizes = await Promise.all(
      entries.map(async (entry) =>
        stat(join(folder, entry)).then(
          (found) => (found.isFile() ? found.size : 0),
          () => 0,
        ),
      ),
    );
    return Math.max(0, ...sizes);
  } catch {
    return 0;
  }
}
