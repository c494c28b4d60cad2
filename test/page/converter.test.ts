import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { BlobWriter, TextReader, Uint8ArrayReader, ZipWriter } from "@zip.js/zip.js";
import { chromium, type BrowserContext, type Page } from "playwright-core";
import { preview, type PreviewServer } from "vite";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { browserFlags } from "../../src/node/browser/browser-flags.ts";
import { findBrowser } from "../../src/node/browser/find-browser.ts";
import { readModel } from "../../src/node/read-model.ts";
import { exportRaw } from "../../src/export/export-model.ts";
import { exportGraph } from "../../src/export/graph/export-graph.ts";
import { readOnnxHeader } from "../../src/onnx/header.ts";

import { buildPages } from "./built-pages.ts";
import { denseModel, graphModel, serveModels, unsupportedModel, wideModel, type ModelFiles } from "./models.ts";

const configFile = resolve(import.meta.dirname, "../../web/vite.config.ts");
const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-converter-"));
const executablePath = findBrowser();
const real = resolve(import.meta.dirname, "../../../shared/models");
if (!existsSync(real)) process.stderr.write("skipped: no ../shared/models beside this checkout\n");

describe.skipIf(executablePath === undefined)("the converter, in Chromium", () => {
  let server: PreviewServer | undefined;
  let elsewhere: { readonly url: string; readonly server: Server } | undefined;
  let context: BrowserContext | undefined;
  let url = "";
  let faults: string[] = [];
  /** Addresses of other sites that the page or its workers asked. */
  let foreign: string[] = [];

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
    elsewhere = await serveModels(graphModel());
    context = await chromium.launchPersistentContext(join(folder, "profile"), {
      ...(executablePath === undefined ? {} : { executablePath }),
      args: [...browserFlags],
    });
    context.on("request", (request) => {
      const address = request.url();
      if (!address.startsWith(url) && !address.startsWith("blob:")) foreign.push(address);
    });
  }, 300_000);

  afterAll(async () => {
    await context?.close();
    elsewhere?.server.closeAllConnections();
    elsewhere?.server.close();
    await stop();
    rmSync(folder, { recursive: true, maxRetries: 3 });
  });

  beforeEach(() => {
    faults = [];
    foreign = [];
  });

  async function stop(): Promise<void> {
    const stopped = server?.close();
    if (server !== undefined && "closeAllConnections" in server.httpServer) server.httpServer.closeAllConnections();
    server = undefined;
    await stopped;
  }

  async function open(): Promise<Page> {
    if (context === undefined) throw new Error("there is no browser");
    const page = await context.newPage();
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) faults.push(message.text());
    });
    page.on("pageerror", ({ message }) => faults.push(message));
    await page.goto(`${url}converter.html`);
    return page;
  }

  function give(page: Page, files: ModelFiles): Promise<void> {
    const given = Object.entries(files).map(([name, buffer]) => ({
      name,
      mimeType: "application/octet-stream",
      buffer,
    }));
    return page.locator("#files").setInputFiles(given);
  }

  async function convert(page: Page): Promise<Uint8Array> {
    await page.getByRole("button", { name: "Convert to ONNX" }).click();
    const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#download").click()]);
    return readFileSync(await download.path());
  }

  function problem(page: Page, text: RegExp): Promise<void> {
    return page.getByRole("alert").filter({ hasText: text }).waitFor({ timeout: 20_000 });
  }

  test("converts, compares, measures and hands out a Layers model, and asks no other site for anything", async () => {
    const page = await open();
    await give(page, denseModel());
    await page.locator("#summary").waitFor();
    const summary = await page.locator("#summary").innerText();
    for (const part of [
      "Layers model",
      "TensorFlow.js tfjs-layers v4.22.0",
      "Dense × 1",
      "[batch, time, 3]",
      "32 bytes",
    ]) {
      expect(summary).toContain(part);
    }
    const expected = exportRaw({
      manifest: JSON.parse(String(denseModel()["model.json"])),
      weights: Buffer.concat(Object.values(denseModel()).slice(1)),
    });
    const bytes = await convert(page);
    expect(Buffer.compare(bytes, expected.bytes)).toBe(0);
    expect(await page.locator("#download").getAttribute("download")).toBe("model.onnx");

    await page.getByRole("button", { name: "Compare" }).click();
    await page
      .locator("#checked .verdict", { hasText: /^The same numbers: over \d+ compared outputs/ })
      .waitFor({ timeout: 60_000 });
    expect(await page.locator("#checked tbody tr").count()).toBeGreaterThanOrEqual(2);
    expect(await page.locator("#checked").innerText()).toMatch(/batch 3, time \d+/);

    await page.getByRole("button", { name: "Measure" }).click();
    await page.locator("#measured .verdict", { hasText: /fast/ }).waitFor({ timeout: 60_000 });
    const measures = page.locator("#measured tbody tr");
    const rows = await measures.allInnerTexts();
    expect(rows[0]).toMatch(/^TensorFlow\.js · WASM, 1 thread\s+\d[\d.]* ms\s+\d[\d.]* ms\s+100$/);
    expect(rows[1]).toMatch(/^ONNX Runtime · WASM, 1 thread\s+\d[\d.]* ms\s+\d[\d.]* ms\s+100$/);
    expect(rows.join()).not.toContain("not measured");
    const bars = await measures
      .locator(".fill")
      .evaluateAll((fills) => fills.map((fill) => fill.getBoundingClientRect().width));
    expect(bars).toHaveLength(rows.length);
    expect(Math.min(...bars)).toBeGreaterThan(0);

    const code = page.locator("#panel");
    expect(await code.innerText()).toContain('results["scores"]');
    await page.getByRole("tab", { name: "JavaScript" }).press("ArrowRight");
    expect(await code.innerText()).toContain("import onnxruntime as ort");
    await page.setViewportSize({ width: 375, height: 667 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(375);
    expect([faults, foreign]).toEqual([[], []]);
    await page.close();
  }, 120_000);

  test("takes a zip, fixes free sizes, and compares on WebGPU too", async () => {
    const { "weights.bin": weights = Buffer.alloc(0) } = graphModel();
    const writer = new ZipWriter(new BlobWriter());
    for (const [name, bytes] of Object.entries(graphModel())) {
      await writer.add(`my model/${name}`, new Uint8ArrayReader(Uint8Array.from(bytes)), { level: 0 });
    }
    await writer.add("__MACOSX/my model/._model.json", new TextReader("no JSON"));
    const zip = Buffer.from(await (await writer.close()).arrayBuffer());
    const page = await open();
    await give(page, { "my model.zip": zip });
    await page.getByText("Options").click();
    await page.getByLabel("batch").first().fill("5");
    const { inputs } = readOnnxHeader(await convert(page));
    expect(inputs.map(({ name, dims }) => [name, dims])).toEqual([["image", [5, 4]]]);
    expect(await page.locator("#download").getAttribute("download")).toBe("my-model.onnx");
    await page.getByLabel("On WebGPU too").check();
    await page.getByRole("button", { name: "Compare" }).click();
    await page
      .locator("#checked tr", { hasText: /WebGPU, batch 5.*✓ same/ })
      .first()
      .waitFor({ timeout: 60_000 });
    expect([faults, foreign]).toEqual([[], []]);

    const damaged = Buffer.from(zip);
    // Stored as it is, so that only the checksum of the weights tells.
    const place = damaged.indexOf(weights.subarray(8, 24));
    damaged.writeUInt8(damaged.readUInt8(place) ^ 0xff, place);
    await give(page, { "damaged.zip": damaged });
    await problem(page, /my model\/weights\.bin in damaged\.zip cannot be unpacked: /i);
    await page.close();
  }, 120_000);

  test("rounds weights to the form that is chosen, the very file of the library, and says what that costs", async () => {
    const page = await open();
    const { "model.json": json = Buffer.alloc(0), "wide.bin": weights = Buffer.alloc(0) } = wideModel();
    await give(page, wideModel());
    await page.getByText("Options").click();
    for (const [precision, least] of [
      ["float16", 1.9],
      ["int8", 3.5],
    ] as const) {
      await page.getByLabel("Weights in the file").selectOption(precision);
      const bytes = await convert(page);
      expect(weights.length / bytes.length).toBeGreaterThan(least);
      const expected = exportRaw({ manifest: JSON.parse(String(json)), weights }, { precision });
      expect(Buffer.compare(bytes, expected.bytes)).toBe(0);
      expect(await page.locator("#file-facts").innerText()).toMatch(new RegExp(`Weights\\s+${precision}$`, "mu"));
      await page.getByRole("button", { name: "Compare" }).click();
      await page.locator("#checked tbody tr").first().waitFor({ timeout: 60_000 });
      expect(await page.locator("#checked").innerText()).toContain(
        "Whether rounded weights are good enough is told by",
      );
    }
    expect([faults, foreign]).toEqual([[], []]);
    await page.close();
  }, 120_000);

  test("takes a folder that is chosen, and one that is dropped", async () => {
    const path = join(folder, "given", "a-model");
    mkdirSync(join(path, "other"), { recursive: true });
    for (const [name, bytes] of Object.entries(denseModel())) writeFileSync(join(path, name), bytes);
    writeFileSync(join(path, "other", "notes.txt"), "of something else");
    const page = await open();
    await page.locator("#folder").setInputFiles(path);
    await page.locator("#facts", { hasText: "a-model" }).waitFor();

    await page.reload();
    const box = await page.locator("#drop").boundingBox();
    if (box === null) throw new Error("there is nowhere to drop");
    const devtools = await context?.newCDPSession(page);
    const data = { items: [], files: [path], dragOperationsMask: 1 };
    for (const type of ["dragEnter", "dragOver", "drop"] as const) {
      await devtools?.send("Input.dispatchDragEvent", { type, x: box.x + 20, y: box.y + 20, data });
    }
    await page.locator("#facts", { hasText: "a-model" }).waitFor();
    expect(await page.locator("#drop.over").count()).toBe(0);
    await page.close();
  });

  test("lists everything that cannot be converted, and offers no conversion", async () => {
    const page = await open();
    await give(page, unsupportedModel());
    await page.locator("#hindrance", { hasText: "2 layers cannot be converted" }).waitFor();
    const rows = await page.locator("#hindrance tbody tr").allInnerTexts();
    expect(rows.map((row) => row.split("\t").slice(0, 2))).toEqual([
      ["first", "Lambda"],
      ["second", "Lambda"],
    ]);
    expect(await page.getByRole("button", { name: "Convert to ONNX" }).isVisible()).toBe(false);
    await page.close();
  });

  test("says of files that are no model, or not all of one, what is wrong and what to do", async () => {
    const files = denseModel();
    const { "group1-shard1of2.bin": shard = Buffer.alloc(0) } = files;
    const cases: readonly (readonly [given: ModelFiles, message: RegExp])[] = [
      [
        { "notes.txt": Buffer.from("hello") },
        /no model\.json among the files: notes\.txt\s+choose the model\.json together/i,
      ],
      [{ "model.h5": Buffer.from("hello") }, /is a Keras model, not a TensorFlow\.js model\s+convert it with/i],
      [{ "model.json": Buffer.from("{") }, /model\.json is not JSON/i],
      [{ "model.json": Buffer.from('{"a": 1}') }, /modelTopology/i],
      [
        { "model.json": files["model.json"] ?? shard },
        /2 of the 2 weight files .* not among the files: .*shard1of2.*shard2of2/i,
      ],
      [
        { ...files, "group1-shard1of2.bin": shard.subarray(0, 8) },
        /too short: 16 bytes, where the model\.json lists weights of 32/i,
      ],
      [{ "model.zip": Buffer.from("PK\u0003\u0004cut") }, /model\.zip cannot be unpacked: .*\s+the zip is damaged/i],
    ];
    const page = await open();
    for (const [given, message] of cases) {
      await give(page, given);
      await problem(page, message);
      expect(await page.locator("#summary").isVisible()).toBe(false);
    }
    await give(page, files);
    await page.locator("#summary").waitFor();
    expect(await page.getByRole("alert").filter({ visible: true }).count()).toBe(0);
    expect(faults).toEqual([]);
    await page.close();
  });

  test("fetches a model from an address, says why it cannot, and stops when it is told to", async () => {
    const page = await open();
    const fetchFrom = async (address: string): Promise<void> => {
      await page.getByLabel("Or the address of a model.json").fill(address);
      await page.getByRole("button", { name: "Fetch" }).click();
    };
    const site = elsewhere?.url ?? "";
    await fetchFrom(`${site}/open/none.json`);
    await problem(page, /none\.json answered 404.*\s+check the address/i);
    await fetchFrom(`${site}/closed/model.json`);
    await problem(page, /cannot reach .*\s+.*let no other site read their files \(CORS\): then download/i);
    await fetchFrom(`${site}/page/model.json`);
    await problem(page, /is a web page, not a model\.json/i);
    await fetchFrom("ftp://example.com/model.json");
    await problem(page, /not an address of the web/i);

    await fetchFrom(`${site}/slow/model.json`);
    await page.locator("#working", { hasText: "Fetching the model" }).waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.locator("#working").waitFor({ state: "hidden" });
    expect(await page.getByRole("alert").filter({ visible: true }).count()).toBe(0);
    await page.getByRole("status").filter({ hasText: "Cancelled" }).waitFor({ state: "attached" });

    foreign = [];
    await fetchFrom(`${site}/open/model.json`);
    await page.locator("#summary", { hasText: "Graph model" }).waitFor();
    // The watch of the other tests sees what workers ask for, too.
    expect(foreign.toSorted()).toEqual([`${site}/open/model.json`, `${site}/open/weights.bin`]);
    foreign = [];
    const expected = exportGraph({
      manifest: JSON.parse(String(graphModel()["model.json"])),
      weights: graphModel()["weights.bin"] ?? null,
    });
    expect(Buffer.compare(await convert(page), expected.bytes)).toBe(0);
    expect(foreign).toEqual([]);
    await page.close();
  });

  test("is used on a phone: nothing is cut off, all that is pressed is large enough, in light and dark", async () => {
    const page = await open();
    await page.setViewportSize({ width: 375, height: 667 });
    await give(page, denseModel());
    await page.locator("#summary").waitFor();
    await page.getByText("Options").click();
    await page.getByRole("button", { name: "Convert to ONNX" }).click();
    await page.locator("#converted").waitFor();
    const [wide, small] = await page.evaluate(() => [
      document.documentElement.scrollWidth,
      [
        ...document.querySelectorAll<HTMLElement>(
          "button, .button, select, input:not([type=checkbox]), summary, .check",
        ),
      ]
        .filter(
          (one) => one.offsetParent !== null && !one.classList.contains("visually-hidden") && one.offsetHeight < 44,
        )
        .map((one) => one.outerHTML),
    ]);
    expect([wide, small]).toEqual([375, []]);
    const colours: string[] = [];
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      colours.push(await page.locator("#summary").evaluate((card) => getComputedStyle(card).backgroundColor));
    }
    expect(new Set(colours).size).toBe(2);
    await page.close();
  });

  test("is used by keyboard alone", async () => {
    const page = await open();
    const press = async (name: string): Promise<void> => {
      for (let step = 0; step < 40; step++) {
        await page.keyboard.press("Tab");
        const focused = await page.evaluate(() => document.activeElement?.textContent.trim());
        if (focused === name) return page.keyboard.press("Enter");
      }
      throw new Error(`${name} is not reached by the tab key`);
    };
    await press("Try an example");
    await page.locator("#summary", { hasText: "mnist-crnn" }).waitFor();
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("summary");
    await press("Convert to ONNX");
    await page.locator("#converted").waitFor();
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("download");
    await page.getByRole("status").filter({ hasText: "mnist-crnn.onnx is ready" }).waitFor({ state: "attached" });
    await page.close();
  });

  test("each page links to the other, and allows nothing from elsewhere", async () => {
    const page = await open();
    const policy = await page.locator("meta[http-equiv=Content-Security-Policy]").getAttribute("content");
    expect(policy).not.toMatch(/'unsafe-eval'|'unsafe-inline'|https?:|\*/);
    await page.getByRole("link", { name: "Read a digit" }).click();
    await page.locator("#pad").waitFor();
    await page.getByRole("link", { name: "Convert a model" }).click();
    await page.locator("#drop").waitFor();
    await page.close();
  });

  test.skipIf(!existsSync(real)).each([
    ["layers", "mini-xception-separable"],
    ["graph", "facemesh-detection-short"],
  ])(
    "gives the same numbers on a real %s model, %s",
    async (kind, name) => {
      const path = join(real, kind, name);
      const page = await open();
      const names = readdirSync(path).filter((each) => each !== "SOURCE.txt");
      await give(page, Object.fromEntries(names.map((each) => [each, readFileSync(join(path, each))])));
      await page.locator("#summary").waitFor();
      const bytes = await convert(page);
      const { manifest, weights } = await readModel(join(path, "model.json"));
      const raw = { manifest, weights };
      const expected = kind === "graph" ? exportGraph(raw) : exportRaw(raw);
      expect(Buffer.compare(bytes, expected.bytes)).toBe(0);
      await page.getByRole("button", { name: "Compare" }).click();
      await page.locator("#checked .verdict", { hasText: /^The same numbers/ }).waitFor({ timeout: 60_000 });
      expect([faults, foreign]).toEqual([[], []]);
      await page.close();
    },
    120_000,
  );

  test("works without a network after the first load, the comparison included", async () => {
    const page = await open();
    await page.locator("#offline", { hasText: "works without a network" }).waitFor({ timeout: 60_000 });
    await stop();
    await page.reload();
    await give(page, denseModel());
    await convert(page);
    await page.getByRole("button", { name: "Compare" }).click();
    await page.locator("#checked .verdict", { hasText: /^The same numbers/ }).waitFor({ timeout: 60_000 });
    expect(await page.locator("#checked").innerText()).toContain("Compared with TensorFlow.js");
    await page.close();
  }, 120_000);
});
