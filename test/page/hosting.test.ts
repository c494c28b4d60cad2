import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { browserFlags } from "../../src/node/browser/browser-flags.ts";
import { findBrowser } from "../../src/node/browser/find-browser.ts";

import { buildPages } from "./built-pages.ts";
import { draw, expectAlert, expectAnswer, ran } from "./hands.ts";
import { hostFolder, type StaticHost } from "./static-host.ts";

const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-hosting-"));
const first = join(folder, "first");
const second = join(folder, "second");
const executablePath = findBrowser();

/** The page as a next deploy has it: other text, of other files. */
function makeSecond(): void {
  cpSync(first, second, { recursive: true });
  const change = (name: string, from: RegExp, to: string): void => {
    const text = readFileSync(join(second, name), "utf8");
    expect(text).toMatch(from);
    writeFileSync(join(second, name), text.replace(from, to));
  };
  change("index.html", /<h1>Read a digit/, "<h1>Read a digit anew");
  change("service-worker.js", /"version":"/, '"version":"2');
}

describe.skipIf(executablePath === undefined)("the page on a static host, below a path", () => {
  let browser: Browser | undefined;
  let context: BrowserContext | undefined;
  let host: StaticHost | undefined;

  beforeAll(async () => {
    await buildPages(first);
    makeSecond();
    browser = await chromium.launch({
      ...(executablePath === undefined ? {} : { executablePath }),
      args: [...browserFlags],
    });
  }, 300_000);

  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  beforeEach(async () => {
    host = await hostFolder(first);
    context = await browser?.newContext();
  });

  afterEach(async () => {
    await context?.close();
    await host?.close();
  });

  async function newPage(): Promise<Page> {
    if (context === undefined) throw new Error("there is no browser");
    return context.newPage();
  }

  async function visit(page: Page): Promise<void> {
    await page.goto(host?.url ?? "");
    await ran(page, /^Ready: /);
  }

  async function expectOffline(page: Page, text: string): Promise<void> {
    await page.locator("#offline").filter({ hasText: text }).waitFor({ timeout: 20_000 });
  }

  test("runs on one thread without the headers for more, says so, and has threads once it is loaded again", async () => {
    const page = await newPage();
    await visit(page);
    await ran(page, /^Ready: onnxruntime-web on wasm, 1 thread$/);
    const threads = page.locator("#engine option[value=threads]");
    expect(await threads.textContent()).toContain("(not here: the page is not cross-origin isolated)");
    expect(await threads.isDisabled()).toBe(true);
    await expectOffline(page, "from now on. Once it is loaded again it runs on several threads too.");
    await page.reload();
    await expectOffline(page, "This page works without a network from now on.");
    expect(await page.locator("#offline").textContent()).not.toContain("threads");
    await page.locator("#engine").selectOption("threads");
    await ran(page, /^Ready: onnxruntime-web on wasm, [2-4] threads$/);
  });

  test("works without a network once it was loaded, by any of its addresses", async () => {
    const page = await newPage();
    await visit(page);
    await expectOffline(page, "works without a network");
    await host?.close();
    for (const address of ["", "index.html", "?from=elsewhere"]) {
      await page.goto(`${host?.url ?? ""}${address}`);
      await ran(page, /^Ready: /);
    }
  });

  test("offers a new version while tabs of the old one are open, which go on as they were until it is taken", async () => {
    const [page, other] = [await newPage(), await newPage()];
    await visit(page);
    await expectOffline(page, "works without a network");
    await visit(other);
    const update = page.getByRole("button", { name: "Load the new version" });
    expect(await update.isVisible()).toBe(false);
    host?.deploy(second);
    await page.reload();
    await update.waitFor();
    expect(await page.locator("h1").textContent()).toBe("Read a digit");
    await page.bringToFront();
    await draw(page, "7");
    await expectAnswer(page, "7");
    await update.click();
    for (const tab of [page, other]) {
      await tab.locator("h1", { hasText: "Read a digit anew" }).waitFor();
      await ran(tab, /^Ready: /);
      expect(await tab.getByRole("button", { name: "Load the new version" }).isVisible()).toBe(false);
    }
    expect(await page.evaluate(() => caches.keys())).toHaveLength(1);
  });

  test("takes the new version by itself once no tab of the old one is open", async () => {
    const page = await newPage();
    await visit(page);
    await expectOffline(page, "works without a network");
    host?.deploy(second);
    await page.reload();
    await page.getByRole("button", { name: "Load the new version" }).waitFor();
    await page.close();
    const next = await newPage();
    await expect
      .poll(async () => {
        await visit(next);
        return next.locator("h1").textContent();
      })
      .toBe("Read a digit anew");
  });

  test("works where there is no room to keep it, and where the browser keeps no pages, and says so", async () => {
    const page = await newPage();
    const devtools = await context?.newCDPSession(page);
    const origin = new URL(host?.url ?? "").origin;
    await devtools?.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1_000_000 });
    await visit(page);
    await expectOffline(page, "could not be kept for use without a network: not all of its files could be fetched, or");
    const unkept = await newPage();
    await unkept.addInitScript(() => Reflect.deleteProperty(Navigator.prototype, "serviceWorker"));
    await visit(unkept);
    await expectOffline(unkept, "is not kept for use without a network: this browser keeps no pages");
    for (const tab of [page, unkept]) {
      await tab.bringToFront();
      await draw(tab, "7");
      await expectAnswer(tab, "7");
    }
  });

  test.each([
    ["white", (values: Uint8ClampedArray) => values.fill(255)],
    ["noise", (values: Uint8ClampedArray) => values.forEach((_, at) => (values[at] = (at * 7919) % 256))],
  ])("says that the browser gives %s in place of what is drawn", async (_, spoil) => {
    const page = await newPage();
    await page.addInitScript(`
      const { prototype } = OffscreenCanvasRenderingContext2D;
      const { getImageData } = prototype;
      prototype.getImageData = function (...area) {
        const image = getImageData.apply(this, area);
        (${spoil.toString()})(image.data);
        return image;
      };
    `);
    await visit(page);
    await draw(page, "7");
    await expectAlert(
      page,
      /^this browser hides from the page what is on its pad.*\s+allow this page to read canvases/,
    );
    await expectAnswer(page, "\\s");
    await page.getByRole("button", { name: "Clear" }).click();
    expect(await page.getByRole("alert").isVisible()).toBe(false);
  });
});
