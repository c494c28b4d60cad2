import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { chromium, type BrowserContext, type Page } from "playwright-core";
import sharp from "sharp";
import { preview, type PreviewServer } from "vite";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { renderedDigits } from "../../src/data/digits/rendered-digits.ts";
import { browserFlags } from "../../src/node/browser/browser-flags.ts";
import { findBrowser } from "../../src/node/browser/find-browser.ts";

import { expectBadPicturesTold } from "./bad-pictures.ts";
import { expectBreakdownsTold } from "./breakdowns.ts";
import { buildPages } from "./built-pages.ts";
import { draw, expectAlert, expectAnswer, expectUsable, ran, strokes } from "./hands.ts";

const configFile = resolve(import.meta.dirname, "../../web/vite.config.ts");
const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-page-"));
const executablePath = findBrowser();
const dark = { red: 20, green: 30, blue: 60 };

describe.skipIf(executablePath === undefined)("the page, in Chromium", () => {
  let server: PreviewServer | undefined;
  let context: BrowserContext | undefined;
  let url = "";
  let faults: string[] = [];

  beforeAll(async () => {
    const outDir = join(folder, "dist");
    await buildPages(outDir);
    server = await preview({
      configFile,
      logLevel: "error",
      build: { outDir },
      preview: { port: 0, strictPort: false },
    });
    url = server.resolvedUrls?.local[0] ?? "";
    context = await chromium.launchPersistentContext(join(folder, "profile"), {
      ...(executablePath === undefined ? {} : { executablePath }),
      args: [...browserFlags],
    });
  }, 300_000);

  afterAll(async () => {
    await context?.close();
    await stop();
    rmSync(folder, { recursive: true, maxRetries: 3 });
  });

  beforeEach(() => {
    faults = [];
  });

  async function stop(): Promise<void> {
    const stopped = server?.close();
    // The browser keeps its connections open for a next request.
    if (server !== undefined && "closeAllConnections" in server.httpServer) server.httpServer.closeAllConnections();
    server = undefined;
    await stopped;
  }

  /** The page, once the network is ready. Whatever the browser complains of is kept. */
  async function open(address = url): Promise<Page> {
    if (context === undefined) throw new Error("there is no browser");
    const page = await context.newPage();
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) faults.push(message.text());
    });
    page.on("pageerror", ({ message }) => faults.push(message));
    await page.goto(address);
    await ran(page, /^Ready: /);
    return page;
  }

  test("reads what a mouse draws, says where it ran and how long it took, and fills the bars", async () => {
    const page = await open();
    for (const digit of Object.keys(strokes).filter((name) => /^\d$/.test(name))) {
      await draw(page, digit);
      await expectAnswer(page, digit);
      const shares = await page.locator(".bars .share").allTextContents();
      const total = shares.reduce((sum, share) => sum + Number.parseFloat(share), 0);
      expect(shares).toHaveLength(10);
      expect(Math.abs(total - 100)).toBeLessThan(1);
      expect(await page.locator(".bars .best").textContent()).toContain(digit);
      await page.getByRole("button", { name: "Clear" }).click();
      await expectAnswer(page, "\\s");
    }
    await draw(page, "7");
    await expectAnswer(page, "7");
    expect(await ran(page, /^Ran on /)).toMatch(
      /^Ran on onnxruntime-web on wasm, 1 thread: \d+\.\d ms, after \d+\.\d ms/,
    );
    expect(faults).toEqual([]);
    await page.close();
  });

  test("calls a scribble unsure, with the answer in view on a phone", async () => {
    const page = await open();
    await page.setViewportSize({ width: 375, height: 667 });
    await draw(page, "7");
    await page.locator("#sure", { hasText: /^\d+\.\d % sure$/ }).waitFor();
    const answer = await page.locator(".read").boundingBox();
    expect((answer?.y ?? Infinity) + (answer?.height ?? 0)).toBeLessThanOrEqual(667);
    await page.getByRole("button", { name: "Clear" }).click();
    await draw(page, "scribble");
    await page.locator(".unsure #sure", { hasText: /^unsure: \d+\.\d %$/ }).waitFor();
    await page
      .getByRole("status")
      .filter({ hasText: /^unsure: \d\? \d+\.\d %$/ })
      .waitFor({ state: "attached" });
    await page.close();
  }, 120_000);

  test("takes the last stroke back", async () => {
    const page = await open();
    await draw(page, "1");
    await expectAnswer(page, "1");
    await page.getByRole("button", { name: "Undo" }).click();
    await expectAnswer(page, "\\s");
    await page.close();
  });

  test("says that a dot is too little to read once it has stood, and nothing of it while a stroke goes on", async () => {
    const page = await open();
    const alerts = await page.evaluateHandle(() => {
      const said: string[] = [];
      const problem = document.querySelector<HTMLElement>("#problem");
      if (problem === null) throw new Error("the page has no #problem");
      new MutationObserver(() => said.push(problem.innerText)).observe(problem, { childList: true, subtree: true });
      return said;
    });
    await draw(page, "1");
    await expectAnswer(page, "1");
    expect(await alerts.jsonValue()).toEqual([]);
    await page.getByRole("button", { name: "Clear" }).click();
    await page.locator("#pad").click();
    await expectAlert(page, /^There is too little on the pad to read\.\s+Draw a whole digit\.$/);
    await expectUsable(page);
    await page.close();
  });

  test("is drawn on by keyboard alone, and says the answer to a screen reader", async () => {
    const page = await open();
    await page.locator("#pad").focus();
    await page.keyboard.press("Space");
    for (let step = 0; step < 12; step++) await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Space");
    await expectAnswer(page, "1");
    await page
      .getByRole("status")
      .filter({ hasText: /^1, \d+\.\d %$/ })
      .waitFor({ state: "attached" });
    await page.keyboard.press("Delete");
    await expectAnswer(page, "\\s");
    await page.close();
  });

  test("reads a picture that is chosen or dropped: coloured, on any ground, turned by its EXIF", async () => {
    const set = renderedDigits({ split: "test", seed: 4, count: 40 });
    const index = set.labels.indexOf(4);
    const mask = await sharp(Buffer.from(set.pixels(index)), { raw: { width: 28, height: 28, channels: 1 } })
      .resize(300, 300)
      .toColourspace("b-w")
      .raw()
      .toBuffer();
    const pixels = Buffer.alloc(300 * 300 * 3);
    mask.forEach((ink, pixel) => {
      pixels[3 * pixel] = 240 - (ink * (240 - dark.red)) / 255;
      pixels[3 * pixel + 1] = 230 - (ink * (230 - dark.green)) / 255;
      pixels[3 * pixel + 2] = 200 - (ink * (200 - dark.blue)) / 255;
    });
    const picture = sharp(pixels, { raw: { width: 300, height: 300, channels: 3 } });
    const turned = await picture.rotate(90).jpeg().withMetadata({ orientation: 8 }).toBuffer();
    const page = await open();
    await page.locator("#file").setInputFiles({ name: "four.jpg", mimeType: "image/jpeg", buffer: turned });
    await expectAnswer(page, "4");
    await page.getByRole("button", { name: "Clear" }).click();
    await expectAnswer(page, "\\s");
    await page.evaluate(
      (bytes) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([Uint8Array.from(bytes)], "four.jpg", { type: "image/jpeg" }));
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
      },
      [...turned],
    );
    await expectAnswer(page, "4");
    expect(faults).toEqual([]);
    await page.close();
  });

  describe("given a picture", () => {
    expectBadPicturesTold(open, folder);
  });

  expectBreakdownsTold(executablePath, () => url, join(folder, "dist"));

  test("runs on several threads and on WebGPU when asked, on WASM once the device is lost, and says so", async () => {
    const page = await open();
    await page.locator("#engine").selectOption("threads");
    await ran(page, /^Ready: onnxruntime-web on wasm, [2-4] threads$/);
    await draw(page, "7");
    await expectAnswer(page, "7");
    await page.locator("#engine").selectOption("webgpu");
    expect(await ran(page, /^Ran on .* webgpu/)).toMatch(/^Ran on onnxruntime-web on webgpu: /);
    await expectAnswer(page, "7");
    await page.getByRole("button", { name: "Clear" }).click();
    const devtools = await context?.newCDPSession(page);
    await devtools?.send("Browser.crashGpuProcess");
    await draw(page, "7");
    await expectAlert(page, /^the graphics device was lost: .*\s+It runs on WASM with one thread instead\.$/);
    await expectAnswer(page, "7");
    await ran(page, /^Ran on onnxruntime-web on wasm, 1 thread/);
    await expectUsable(page);
    await page.close();
  }, 120_000);

  test("fits a phone, where no text is cut off and all that is pressed is large enough, and what is wrong is in view", async () => {
    const page = await open();
    await page.setViewportSize({ width: 320, height: 640 });
    const [wide, small] = await page.evaluate(() => [
      document.documentElement.scrollWidth,
      [...document.querySelectorAll<HTMLElement>("button:not([hidden]), .button, select")].filter(
        (one) => one.offsetHeight < 44,
      ).length,
    ]);
    expect([wide, small]).toEqual([320, 0]);
    await page.locator("#file").setInputFiles({ name: "x.png", mimeType: "image/png", buffer: Buffer.from("no") });
    await page.getByRole("alert").waitFor();
    const alert = await page.locator("#problem").boundingBox();
    expect(alert?.y).toBeGreaterThanOrEqual(0);
    expect((alert?.y ?? 0) + (alert?.height ?? 0)).toBeLessThan(641);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(320);
    await page.close();
  });

  test("shows bars and strokes where the system sets all colours, as in high contrast", async () => {
    const page = await open();
    await draw(page, "7");
    await expectAnswer(page, "7");
    await page.emulateMedia({ forcedColors: "active", colorScheme: "dark" });
    const colours = async (): Promise<string[]> =>
      page.evaluate(() =>
        [document.body, document.querySelector(".bars .best .fill")].map((one) =>
          one === null ? "none" : getComputedStyle(one).backgroundColor,
        ),
      );
    await expect.poll(colours).toEqual(["rgb(0, 0, 0)", "rgb(255, 255, 255)"]);
    const stroke = async (): Promise<number | undefined> =>
      page.evaluate(() => {
        const pad = document.querySelector<HTMLCanvasElement>("#pad");
        return pad?.getContext("2d")?.getImageData(0.5 * pad.width, 0.2 * pad.height, 1, 1).data[0];
      });
    await expect.poll(stroke).toBe(255);
    await page.close();
  });

  test("shows the pad and the answer beside each other on a desk, and what is wrong where it is looked for", async () => {
    const page = await open();
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.locator("#file").setInputFiles({ name: "x.png", mimeType: "image/png", buffer: Buffer.from("no") });
    await page.getByRole("alert").waitFor();
    const [pad, bars, alert] = await Promise.all(
      ["#pad", "#bars", "#problem"].map((part) => page.locator(part).boundingBox()),
    );
    if (!pad || !bars || !alert) throw new Error("a part is not there");
    expect(bars.x).toBeGreaterThan(pad.x + pad.width);
    expect(bars.width).toBeLessThanOrEqual(pad.width);
    expect(alert.y).toBeLessThan(pad.y + pad.height);
    await page.close();
  });

  test("allows no eval and nothing from elsewhere", async () => {
    const page = await open();
    const policy = await page.locator("meta[http-equiv=Content-Security-Policy]").getAttribute("content");
    expect(policy).toContain("'wasm-unsafe-eval'");
    expect(policy).not.toMatch(/'unsafe-eval'|'unsafe-inline'|https?:|\*/);
    const evaluated = await page.evaluate(() => {
      const button = document.createElement("button");
      button.setAttribute("onclick", "document.title = 'ran'");
      button.click();
      return document.title;
    });
    expect(evaluated).not.toBe("ran");
    await page.close();
  });

  test("fetches the network again when what was kept of it is damaged", async () => {
    const page = await open();
    await page.locator("#offline", { hasText: "works without a network" }).waitFor({ timeout: 60_000 });
    const spoilt = await page.evaluate(async () => {
      const names: string[] = [];
      for (const name of await caches.keys()) {
        const cache = await caches.open(name);
        for (const request of await cache.keys()) {
          if (!request.url.endsWith(".onnx")) continue;
          await cache.put(request, new Response("<p>Sign in"));
          names.push(request.url);
        }
      }
      return names;
    });
    expect(spoilt).toHaveLength(1);
    await page.reload();
    await expectAlert(page, /^the network came damaged/);
    await page.getByRole("button", { name: "Try again" }).click();
    await ran(page, /^Ready: /);
    await page.reload();
    await ran(page, /^Ready: /);
    await page.close();
  });

  test("works without a network after the first load", async () => {
    const page = await open();
    await page.locator("#offline", { hasText: "works without a network" }).waitFor({ timeout: 60_000 });
    await stop();
    await page.reload();
    await ran(page, /^Ready: /);
    await draw(page, "7");
    await expectAnswer(page, "7");
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    await page.close();
  });
});
