import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { dirname, extname, join, resolve } from "node:path";

import { chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { build as viteBuild } from "vite";
import webpack from "webpack";

import { browserFlags } from "../src/node/browser/browser-flags.ts";
import { findBrowser } from "../src/node/browser/find-browser.ts";

import { pythonWith } from "./helpers/python-package.ts";

const root = resolve(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-examples-"));
const model = join(root, "models", "crnn-mnist");
/** What the network answers to an empty image, by Python, Node and a browser alike. */
const answer = "0.008 0.926 0.002 0.002 0.017 0.004 0.027 0.002 0.006 0.006";

beforeAll(() => {
  cpSync(join(root, "examples"), folder, { recursive: true });
  for (const name of ["tfjs-to-onnx", "onnxruntime-node", "onnxruntime-common", "onnxruntime-web", "@tensorflow"]) {
    const target = join(folder, "node_modules", name);
    mkdirSync(dirname(target), { recursive: true });
    symlinkSync(name === "tfjs-to-onnx" ? root : join(root, "node_modules", name), target);
  }
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("node: exports, compares and runs", () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["index.mjs", model], {
    cwd: join(folder, "node"),
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  expect(status).toBe(0);
  expect(stdout).toBe(`the same numbers as TF.js\nsoftmax ${answer}\n`);
});

test("drop-in: runs a program of TF.js's with another loader, and converts once", () => {
  const run = (): string => {
    const { stdout, stderr } = spawnSync(process.execPath, ["index.mjs", model], {
      cwd: join(folder, "drop-in"),
      encoding: "utf8",
      env: { ...process.env, TFJS_TO_ONNX_CACHE: join(folder, "cache") },
    });
    return stderr + stdout;
  };
  const rest = `for node cpu\nsoftmax ${answer}\n0 tensors left\n`;
  expect(run()).toBe(`converted ${rest}`);
  expect(run()).toBe(`found in the cache ${rest}`);
});

test("python: runs the file", { timeout: 300_000 }, async ({ skip }) => {
  const python = await pythonWith("onnxruntime==1.23.2", "onnxruntime");
  const { command, env } = typeof python === "string" ? skip(python) : python;
  const args = [join(folder, "python", "run.py"), join(model, "model.onnx")];
  const { stdout, stderr } = spawnSync(command, args, { encoding: "utf8", env });
  expect(stderr).toBe("");
  expect(stdout).toBe(`softmax float32 (1, 10)\n${answer}\n`);
});

describe("in a browser", { timeout: 240_000 }, () => {
  test("vite: builds, exports and runs", async ({ skip }) => {
    const site = join(folder, "vite");
    cpSync(model, join(site, "public", "my-model"), { recursive: true });
    await viteBuild({ root: site, configFile: join(site, "vite.config.js"), logLevel: "error" });
    const shown = await resultOf(join(site, "dist"));
    if (shown === null) skip("no Chromium here");
    expect(shown).toBe(`20 nodes\n${answer}`);
  });

  test("webpack: builds, exports and runs", async ({ skip }) => {
    const site = join(folder, "webpack");
    expect(await pack(await import(join(site, "webpack.config.mjs")))).toBe("");
    cpSync(join(site, "index.html"), join(site, "dist", "index.html"));
    cpSync(model, join(site, "dist", "my-model"), { recursive: true });
    const shown = await resultOf(join(site, "dist"));
    if (shown === null) skip("no Chromium here");
    expect(shown).toBe(`20 nodes\n${answer}`);
  });
});

/** Build by webpack as a module with its configuration says. @returns its errors and warnings */
async function pack(config: { readonly default?: webpack.Configuration }): Promise<string> {
  return new Promise((done, fail) => {
    // Minimising onnxruntime-web takes most of a minute.
    webpack({ ...config.default, optimization: { minimize: false } }, (error, stats) => {
      if (error !== null || stats === undefined) fail(error ?? new Error("webpack gave no statistics"));
      else done(stats.toString({ all: false, errors: true, warnings: true }));
    });
  });
}

/** The text that a page ends with; null where there is no browser. */
async function resultOf(site: string): Promise<string | null> {
  const executablePath = findBrowser();
  if (executablePath === undefined) return null;
  const { server, address } = await serve(site);
  const browser = await chromium.launch({ executablePath, args: [...browserFlags] });
  try {
    const page = await browser.newPage();
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(error.message));
    await page.goto(address);
    const result = page.locator("#result");
    await expect
      .poll(async () => [await result.textContent(), ...faults], { timeout: 40_000 })
      .not.toEqual(["working"]);
    expect(faults).toEqual([]);
    return await result.textContent();
  } finally {
    await browser.close();
    server.close();
  }
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

async function serve(site: string): Promise<{ readonly server: Server; readonly address: string }> {
  const server = createServer(({ url = "/" }, response) => {
    const { pathname } = new URL(url, "http://localhost");
    const path = join(site, pathname === "/" ? "index.html" : pathname);
    try {
      const content = readFileSync(path);
      response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream" });
      response.end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((done) => {
    server.listen(0, "127.0.0.1", done);
  });
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new TypeError("the server has no port");
  return { server, address: `http://127.0.0.1:${address.port}/` };
}
