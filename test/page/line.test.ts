import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { chromium, type Browser, type Page } from "playwright-core";
import { preview, type PreviewServer } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { browserFlags } from "../../src/node/browser/browser-flags.ts";
import { findBrowser } from "../../src/node/browser/find-browser.ts";
import { encodeGreyPng } from "../../src/node/png.ts";

import { buildPages } from "./built-pages.ts";

const configFile = resolve(import.meta.dirname, "../../web/vite.config.ts");
const picture = resolve(import.meta.dirname, "../../docs/line.png");
const TEXT = "Some years ago, never mind how long precisely,";
const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-line-page-"));
const executablePath = findBrowser();

describe.skipIf(executablePath === undefined)("the page that reads a line, in Chromium", () => {
  let server: PreviewServer | undefined;
  let browser: Browser | undefined;
  let url = "";
  const faults: string[] = [];

  beforeAll(async () => {
    const outDir = join(folder, "dist");
    await buildPages(outDir);
    const options = { port: 0, strictPort: false };
    server = await preview({ configFile, logLevel: "error", build: { outDir }, preview: options });
    url = `${server.resolvedUrls?.local[0] ?? ""}line.html`;
    browser = await chromium.launch({
      ...(executablePath === undefined ? {} : { executablePath }),
      args: [...browserFlags],
    });
  }, 300_000);

  afterAll(async () => {
    await browser?.close();
    await server?.close();
    rmSync(folder, { recursive: true, maxRetries: 3 });
  });

  async function open(): Promise<Page> {
    if (browser === undefined) throw new Error("there is no browser");
    const page = await browser.newPage();
    page.on("pageerror", ({ message }) => faults.push(message));
    page.on("console", (message) => {
      if (message.type() === "error") faults.push(message.text());
    });
    await page.goto(url);
    await page.locator("#ran", { hasText: /^Ready: onnxruntime-web on wasm/ }).waitFor({ timeout: 60_000 });
    return page;
  }

  test(
    "reads a picture, shows it as the network sees it, and tells what holds no line",
    { timeout: 120_000 },
    async () => {
      const page = await open();
      await page.locator("#file").setInputFiles(picture);
      await page.locator("#text", { hasText: TEXT }).waitFor({ timeout: 30_000 });
      expect(await page.locator("#ran").textContent()).toMatch(/^Ran on wasm: [\d.]+ ms/);
      expect(await page.locator("#seen").evaluate((canvas) => "height" in canvas && canvas.height)).toBe(32);
      expect(await page.locator("#copy").isVisible()).toBe(true);

      const blank = join(folder, "blank.png");
      writeFileSync(blank, encodeGreyPng(new Uint8Array(6000).fill(255), 60, 100));
      await page.locator("#photo").setInputFiles(blank);
      await page.locator("#problem", { hasText: "there is no line in the picture: it is blank" }).waitFor();
      expect(await page.locator("#text").textContent()).toBe("");

      const broken = join(folder, "broken.png");
      writeFileSync(broken, "no picture at all");
      await page.locator("#file").setInputFiles(broken);
      await page.locator("#problem", { hasText: "broken.png: " }).waitFor();

      // The last good picture of three that are given at once is the one that is read.
      await page.locator("#photo").setInputFiles(blank);
      await page.locator("#file").setInputFiles(picture);
      await page.locator("#text", { hasText: TEXT }).waitFor({ timeout: 30_000 });
      expect(await page.locator("#problem").isVisible()).toBe(false);
      expect(faults).toEqual([]);
    },
  );
});
