import { renameSync } from "node:fs";
import { join } from "node:path";

import { chromium, type Browser, type BrowserContext, type Page, type Route } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { browserFlags } from "../../src/node/browser/browser-flags.ts";

import { draw, expectAlert, expectAnswer, expectUsable, ran } from "./hands.ts";

/** How files fail to come, by what the page then says. */
const failures: readonly (readonly [files: string, answer: (route: Route) => Promise<void>, said: RegExp])[] = [
  ["**/*.onnx", (route) => route.fulfill({ status: 404 }), /^the network cannot be fetched: .* answered 404$/],
  ["**/*.onnx", (route) => route.abort(), /^the network cannot be fetched: the connection failed$/],
  ["**/*.onnx", cutShort, /^the network came damaged: not an ONNX file, or one cut short/],
  [
    "**/*.onnx",
    (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><p>Sign in" }),
    /^the network came damaged: not an ONNX file/,
  ],
  ["**/*.wasm", (route) => route.fulfill({ status: 404 }), /^ONNX Runtime does not start: /],
  ["**/reader-worker*.js", (route) => route.abort(), /^the reader does not load/],
];

async function cutShort(route: Route): Promise<void> {
  const whole = await (await route.fetch()).body();
  await route.fulfill({ body: whole.subarray(0, whole.length / 2) });
}

/** Suite of the page: what does not come or breaks while it runs is told, and there is a way on. */
export function expectBreakdownsTold(executablePath: string | undefined, url: () => string, dist: string): void {
  describe("where the network or what runs it", () => {
    let browser: Browser | undefined;
    let context: BrowserContext | undefined;

    beforeAll(async () => {
      browser = await chromium.launch({
        ...(executablePath === undefined ? {} : { executablePath }),
        args: [...browserFlags],
      });
      // What a service worker fetches cannot be made to fail.
      context = await browser.newContext({ serviceWorkers: "block" });
    });

    afterAll(async () => {
      await browser?.close();
    });

    async function newPage(): Promise<Page> {
      if (context === undefined) throw new Error("there is no browser");
      return context.newPage();
    }

    test("does not come, or comes damaged: the page says which, each time it tries again, until it comes", async () => {
      const page = await newPage();
      const again = page.getByRole("button", { name: "Try again" });
      for (const [index, [files, answer, said]] of failures.entries()) {
        await page.unrouteAll();
        await page.route(files, answer);
        if (index === 0) await page.goto(url());
        else await again.click();
        await expectAlert(page, said);
        await ran(page, /^Nothing runs\.$/);
      }
      await draw(page, "7");
      await expectAlert(page, failures.at(-1)?.[2] ?? /none/);
      await page.unrouteAll();
      await again.click();
      await expectAnswer(page, "7");
      expect(await page.getByRole("alert").isVisible()).toBe(false);
      expect(await again.isVisible()).toBe(false);
      expect(await page.evaluate(() => document.activeElement?.id)).toBe("pad");
      await page.close();
    });

    test("has no graphics adapter, it runs on WASM and says why", async () => {
      const page = await newPage();
      await page.route("**/reader-worker*.js", async (route) => {
        const response = await route.fetch();
        const body = `navigator.gpu.requestAdapter = () => Promise.resolve(null);${await response.text()}`;
        await route.fulfill({ response, body });
      });
      await page.goto(url());
      await ran(page, /^Ready: /);
      await draw(page, "7");
      await page.locator("#engine").selectOption("webgpu");
      const why = /^WebGPU finds no graphics adapter here\s+It runs on WASM with one thread instead\.$/;
      await expectAlert(page, why);
      await expectAnswer(page, "7");
      await expectAlert(page, why);
      await ran(page, /^Ran on onnxruntime-web on wasm, 1 thread/);
      expect(await page.locator("#engine").inputValue()).toBe("wasm");
      await expectUsable(page);
      await page.close();
    });

    test("does not start on WebGPU, it is said, and runs on WASM when asked", async () => {
      const page = await newPage();
      await page.clock.install();
      await page.route("**/reader-worker*.js", async (route) => {
        const response = await route.fetch();
        const body = `navigator.gpu.requestAdapter = () => new Promise(() => undefined);${await response.text()}`;
        await route.fulfill({ response, body });
      });
      await page.goto(url());
      await ran(page, /^Ready: /);
      await draw(page, "7");
      await page.locator("#engine").selectOption("webgpu");
      await page.clock.runFor(28_000);
      expect(await page.getByRole("alert").isVisible()).toBe(false);
      await page.clock.runFor(4000);
      await expectAlert(page, /^WebGPU has not started in 30 seconds\.\s+Over a slow connection .* run it on WASM\.$/);
      await ran(page, /^Loading …$/);
      expect(await page.getByRole("button", { name: "Try again" }).isVisible()).toBe(false);
      await page.getByRole("button", { name: "Run on WASM" }).click();
      await expectAnswer(page, "7");
      await ran(page, /^Ran on onnxruntime-web on wasm, 1 thread/);
      expect(await page.locator("#engine").inputValue()).toBe("wasm");
      expect(await page.getByRole("alert").isVisible()).toBe(false);
      expect(await page.getByRole("button", { name: "Run on WASM" }).isVisible()).toBe(false);
      await expectUsable(page);
      await page.close();
    });

    test("comes slowly, it is said until it is there", async () => {
      const page = await newPage();
      await page.clock.install();
      let come: (() => void) | undefined;
      const waited = new Promise<void>((resolve) => {
        come = resolve;
      });
      await page.route("**/*.onnx", async (route) => {
        await waited;
        await route.continue();
      });
      await page.goto(url());
      await ran(page, /^Loading …$/);
      await page.clock.runFor(32_000);
      await expectAlert(page, /^The network has not started in 30 seconds\.\s+.* wait, or try again\.$/);
      expect(await page.getByRole("button", { name: "Try again" }).isVisible()).toBe(true);
      come?.();
      await ran(page, /^Ready: /);
      expect(await page.getByRole("alert").isVisible()).toBe(false);
      expect(await page.getByRole("button", { name: "Try again" }).isVisible()).toBe(false);
      await page.close();
    });

    test.each([
      ["threads", /^the reader has given no answer for 15 seconds\s+It runs on WASM with one thread instead\.$/, "7"],
      ["wasm", /^the reader has given no answer for 15 seconds\s+It was started again/, "\\s"],
    ] as const)("hangs on %s, it goes on and says how", async (engine, said, answer) => {
      const page = await newPage();
      await page.clock.install();
      await page.goto(url());
      await ran(page, /^Ready: /);
      await page.locator("#engine").selectOption(engine);
      await ran(page, engine === "threads" ? /^Ready: .* threads/ : /^Ready: /);
      await page.workers()[0]?.evaluate(() => {
        setTimeout(() => {
          for (;;);
        });
      });
      await draw(page, "7");
      await page.clock.runFor(17_000);
      await expectAlert(page, said);
      await ran(page, /^(Ready|Ran on)\W+onnxruntime-web on wasm, 1 thread/);
      await expectAnswer(page, answer);
      await expectUsable(page);
      await page.close();
    });

    test("stops, it starts again and says so", async () => {
      const page = await newPage();
      await page.goto(url());
      await ran(page, /^Ready: /);
      await draw(page, "7");
      await expectAnswer(page, "7");
      await page.workers()[0]?.evaluate(() => {
        setTimeout(() => {
          throw new Error("out of order");
        });
      });
      await expectAlert(page, /^the reader stopped: .*out of order\s+It was started again/);
      await expectAnswer(page, "\\s");
      await ran(page, /^Ready: /);
      await expectUsable(page);
      await page.close();
    });

    test("cannot be kept, because a file of the page is missing: the page works and says so", async () => {
      const [icon, away] = [join(dist, "icon.svg"), join(dist, "..", "icon.svg")];
      renameSync(icon, away);
      if (browser === undefined) throw new Error("there is no browser");
      const page = await browser.newPage();
      try {
        await page.goto(url());
        const told = "This page could not be kept for use without a network: not all of its files could be fetched";
        await page.locator("#offline", { hasText: told }).waitFor({ timeout: 20_000 });
      } finally {
        renameSync(away, icon);
      }
      await expectUsable(page);
      await page.close();
    });
  });
}
