import { accessSync, constants, readdirSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, isAbsolute, join, posix, win32 } from "node:path";

import { SetupError } from "../../errors.ts";
import { installCommand } from "../../train/native/install-command.ts";
import type { Environment } from "../environment.ts";

/** Where to look; the machine this runs on without it. */
export interface Surroundings {
  readonly env: Environment;
  readonly platform: NodeJS.Platform;
  readonly home: string;
}

const NAMES: readonly string[] = [
  "chromium",
  "chromium-browser",
  "google-chrome",
  "google-chrome-stable",
  "chrome",
  "microsoft-edge",
];

/** Installed outside `PATH`. */
const LINUX_PLACES: readonly string[] = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/opt/google/chrome/chrome",
  "/opt/microsoft/msedge/msedge",
  "/snap/bin/chromium",
];

const MAC_APPS: readonly string[] = [
  "Google Chrome.app/Contents/MacOS/Google Chrome",
  "Chromium.app/Contents/MacOS/Chromium",
  "Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
];

const WINDOWS_PROGRAMS: readonly string[] = [
  "Google\\Chrome\\Application\\chrome.exe",
  "Chromium\\Application\\chrome.exe",
  "Microsoft\\Edge\\Application\\msedge.exe",
];

/** Programs inside one folder of Playwright's downloads, on any system. */
const PLAYWRIGHT_PROGRAMS: readonly string[] = [
  "chrome-linux/chrome",
  "chrome-linux64/chrome",
  "chrome-mac/Chromium.app/Contents/MacOS/Chromium",
  "chrome-mac-arm64/Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing",
  "chrome-mac-x64/Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing",
  "chrome-win/chrome.exe",
  "chrome-win64/chrome.exe",
];

/** Value of `$CHROME_PATH` with which no browser is found. */
const NONE = "none";

/**
 * Path of a Chromium, Chrome or Edge: the first of {@link findBrowsers}. Undefined without one.
 *
 * @throws {SetupError} when `$CHROME_PATH` names no program
 */
export function findBrowser(surroundings: Partial<Surroundings> = {}): string | undefined {
  return findBrowsers(surroundings)[0];
}

/**
 * Paths of every Chromium, Chrome and Edge: the one that `$CHROME_PATH` names, alone, or those on `PATH`, in known places of
 * this system and among Playwright's downloads. Whether they start is not tried. None when `$CHROME_PATH` is `none`.
 *
 * @throws {SetupError} when `$CHROME_PATH` names no program
 */
export function findBrowsers(surroundings: Partial<Surroundings> = {}): string[] {
  const { env = process.env, platform = process.platform, home = homedir() } = surroundings;
  const named = env["CHROME_PATH"];
  if (named === undefined || named === "") return candidates({ env, platform, home }).filter(isProgram);
  if (named === NONE) return [];
  if (isProgram(named)) return [named];
  throw new SetupError(`CHROME_PATH names no program: ${named}`, {
    hint: "set it to the path of Chromium or Chrome, or unset it",
  });
}

/** As {@link findBrowser}. @throws {SetupError} with the command that installs one, when there is none */
export function requireBrowser(): string {
  const found = findBrowser();
  if (found !== undefined) return found;
  if (process.env["CHROME_PATH"] === NONE) {
    throw new SetupError(`no browser is to be used: CHROME_PATH is ${NONE}`, { hint: "unset it" });
  }
  throw new SetupError("there is no Chromium, Chrome or Edge on this machine", {
    hint: `run: ${installCommand(["chromium"])}; or name one in CHROME_PATH`,
  });
}

function candidates(surroundings: Surroundings): string[] {
  return [...onPath(surroundings), ...knownPlaces(surroundings), ...playwrightDownloads(surroundings)];
}

function onPath({ env, platform }: Surroundings): string[] {
  if (platform === "win32") return [];
  const folders = (env["PATH"] ?? "").split(delimiter).filter((folder) => isAbsolute(folder));
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
}

function knownPlaces({ env, platform, home }: Surroundings): readonly string[] {
  if (platform === "darwin") {
    return ["/Applications", posix.join(home, "Applications")].flatMap((folder) =>
      MAC_APPS.map((app) => posix.join(folder, app)),
    );
  }
  if (platform !== "win32") return LINUX_PLACES;
  const roots = ["PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"].flatMap((name) => env[name] ?? []);
  return roots.flatMap((root) => WINDOWS_PROGRAMS.map((program) => win32.join(root, program)));
}

/** The newest first. */
function playwrightDownloads(surroundings: Surroundings): string[] {
  const folder = playwrightFolder(surroundings);
  const versions = entries(folder).filter((name) => /^chromium-\d+$/u.test(name));
  const revision = (name: string): number => Number(name.slice("chromium-".length));
  return versions
    .toSorted((a, b) => revision(b) - revision(a))
    .flatMap((version) => PLAYWRIGHT_PROGRAMS.map((program) => join(folder, version, program)));
}

function playwrightFolder({ env, platform, home }: Surroundings): string {
  const own = env["PLAYWRIGHT_BROWSERS_PATH"];
  if (own !== undefined && isAbsolute(own)) return own;
  if (platform === "darwin") return join(home, "Library", "Caches", "ms-playwright");
  if (platform === "win32") return join(env["LOCALAPPDATA"] ?? join(home, "AppData", "Local"), "ms-playwright");
  return join(env["XDG_CACHE_HOME"] ?? join(home, ".cache"), "ms-playwright");
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
