import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { SetupError } from "../../../src/errors.ts";
import { findBrowser, findBrowsers, type Surroundings } from "../../../src/node/browser/find-browser.ts";

let home = "";
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-browser-"));
});
afterEach(() => rmSync(home, { recursive: true }));

function program(path: string): string {
  const full = join(home, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, "#!/bin/sh\n");
  chmodSync(full, 0o755);
  return full;
}

/** A Mac. This machine has none of its applications. */
function elsewhere(env: NodeJS.ProcessEnv = {}): Partial<Surroundings> {
  return { env, platform: "darwin", home };
}

test("takes what CHROME_PATH names, before all else", () => {
  const named = program("mine/chrome");
  const PATH = dirname(program("bin/chromium"));
  expect(findBrowser(elsewhere({ PATH, CHROME_PATH: named }))).toBe(named);
});

test("refuses a CHROME_PATH that is no program, even where another browser is found", () => {
  const PATH = dirname(program("bin/chromium"));
  expect(() => findBrowser(elsewhere({ PATH, CHROME_PATH: join(home, "nothing") }))).toThrow(SetupError);
  expect(() => findBrowser(elsewhere({ PATH, CHROME_PATH: home }))).toThrow(`names no program: ${home}`);
});

test("finds one on PATH, Chromium before Chrome, and steps over folders of that name", () => {
  mkdirSync(join(home, "first/chromium"), { recursive: true });
  const chrome = program("second/google-chrome");
  const PATH = [join(home, "first"), join(home, "second")].join(":");
  expect(findBrowser(elsewhere({ PATH }))).toBe(chrome);
  const chromium = program("second/chromium");
  expect(findBrowser(elsewhere({ PATH }))).toBe(chromium);
});

test("finds an application in the home folder on a Mac", () => {
  const app = program("Applications/Chromium.app/Contents/MacOS/Chromium");
  expect(findBrowser(elsewhere())).toBe(app);
});

test("finds the newest of Playwright's downloads", () => {
  program("Library/Caches/ms-playwright/chromium-999/chrome-mac/Chromium.app/Contents/MacOS/Chromium");
  program("Library/Caches/ms-playwright/firefox-2000/firefox/firefox");
  const newest = program("Library/Caches/ms-playwright/chromium-1200/chrome-mac/Chromium.app/Contents/MacOS/Chromium");
  expect(findBrowser(elsewhere())).toBe(newest);
  const own = program("own/chromium-7/chrome-linux/chrome");
  expect(findBrowser(elsewhere({ PLAYWRIGHT_BROWSERS_PATH: join(home, "own") }))).toBe(own);
});

test("lists every browser in that order, since the first may not start", () => {
  const PATH = join(home, "bin");
  const [chromium, chrome] = [program("bin/chromium"), program("bin/google-chrome")];
  const downloaded = program("own/chromium-7/chrome-linux/chrome");
  const env = { PATH, PLAYWRIGHT_BROWSERS_PATH: join(home, "own") };
  expect(findBrowsers(elsewhere(env))).toEqual([chromium, chrome, downloaded]);
  expect(findBrowsers(elsewhere({ ...env, CHROME_PATH: chrome }))).toEqual([chrome]);
});

test("finds none where CHROME_PATH is none", () => {
  const PATH = dirname(program("bin/chromium"));
  expect(findBrowser(elsewhere({ PATH, CHROME_PATH: "none" }))).toBeUndefined();
});

test("finds nothing where there is nothing", () => {
  expect(findBrowser(elsewhere())).toBeUndefined();
});
