import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

import { nodeResolve } from "@rollup/plugin-node-resolve";
import { build as esbuild } from "esbuild";
import { rollup } from "rollup";
import { build as vite } from "vite";
import { webpack, type Configuration, type Stats } from "webpack";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import manifest from "../package.json" with { type: "json" };

import { runNode } from "./helpers/command.ts";
import { identity } from "./helpers/tiny-onnx.ts";

const root = resolve(import.meta.dirname, "..");
const app = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-bundlers-"));
const page = join(app, "page.js");
const script = join(app, "script.mjs");

/** A user's project: this package, and of its optional peers onnxruntime-web alone. */
beforeAll(() => {
  const modules = join(app, "node_modules");
  const own = join(modules, "tfjs-to-onnx");
  mkdirSync(own, { recursive: true });
  writeFileSync(join(app, "package.json"), '{ "name": "app", "type": "module", "private": true }');
  cpSync(join(root, "package.json"), join(own, "package.json"));
  cpSync(join(root, "dist", "bundle"), join(own, "dist", "bundle"), { recursive: true });
  for (const name of ["onnxruntime-web", "onnxruntime-common", ...Object.keys(manifest.dependencies)]) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, "node_modules", name), join(modules, name));
  }
  const source = `import { getRuntime } from "tfjs-to-onnx/infer";
const activation = { name: "a", activation: "relu", batch_input_shape: [null, 2] };
const models = {
  node: new Uint8Array([${identity("float32").join(",")}]),
  tfjs: {
    manifest: { modelTopology: { class_name: "Sequential", config: { name: "s", layers: [{ class_name: "Activation", config: activation }] } } },
    weights: null,
  },
};
const reasons = [];
for (const [name, model] of Object.entries(models)) {
  try {
    await (await getRuntime(name)).load(model);
  } catch (error) {
    reasons.push(error.message);
  }
}
console.log(JSON.stringify(reasons));
`;
  writeFileSync(page, source);
  writeFileSync(script, source);
});

afterAll(() => rmSync(app, { recursive: true }));

/** The scripts in a folder as one text. */
function scriptsIn(folder: string): string {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => /\.m?js$/.test(name))
    .map((name) => readFileSync(join(folder, name), "utf8"))
    .join("\n");
}

/** A word of onnxruntime-web's, and one of this package's. */
function expectBoth(text: string): void {
  expect(text).toContain("InferenceError");
  expect(text).toContain("ort-wasm-simd-threaded");
}

async function runWebpack(configuration: Configuration): Promise<Stats> {
  return new Promise((fulfil, reject) => {
    webpack(configuration, (error, stats) => {
      if (error !== null || stats === undefined) reject(error ?? new TypeError("webpack gave nothing"));
      else fulfil(stats);
    });
  });
}

describe("a page that has onnxruntime-web, and none of the other optional packages, builds with", () => {
  test("esbuild", { timeout: 60_000 }, async () => {
    const outdir = join(app, "esbuild");
    const { errors } = await esbuild({
      entryPoints: [page],
      outdir,
      bundle: true,
      splitting: true,
      format: "esm",
      platform: "browser",
      logLevel: "silent",
    });
    expect(errors).toEqual([]);
    expectBoth(scriptsIn(outdir));
  });

  test("webpack 5", { timeout: 60_000 }, async () => {
    const path = join(app, "webpack");
    const stats = await runWebpack({ mode: "development", context: app, entry: page, output: { path } });
    const { errors = [] } = stats.toJson({ all: false, errors: true });
    expect(errors.map(({ message }) => message)).toEqual([]);
    expectBoth(scriptsIn(path));
  });

  test("Vite", { timeout: 60_000 }, async () => {
    writeFileSync(join(app, "index.html"), '<!doctype html><script type="module" src="./page.js"></script>');
    const outDir = join(app, "vite");
    await vite({
      root: app,
      configFile: false,
      logLevel: "silent",
      build: { outDir, target: "es2022", minify: false },
    });
    expectBoth(scriptsIn(outDir));
  });

  test("rollup", { timeout: 60_000 }, async () => {
    const dir = join(app, "rollup");
    const bundle = await rollup({
      input: page,
      plugins: [nodeResolve({ browser: true })],
      onLog: () => undefined,
    });
    await bundle.write({ dir, format: "es" });
    await bundle.close();
    expectBoth(scriptsIn(dir));
  });
});

test(
  "a script for Node builds with esbuild, and says what is not installed when that is asked for",
  { timeout: 60_000 },
  async () => {
    const outfile = join(app, "node", "script.mjs");
    const { errors } = await esbuild({
      entryPoints: [script],
      outfile,
      bundle: true,
      format: "esm",
      platform: "node",
      logLevel: "silent",
    });
    expect(errors).toEqual([]);
    const { status, stdout, stderr } = runNode([outfile], { cwd: app });
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual([
      "the package onnxruntime-node is not installed",
      "the package @tensorflow/tfjs is not installed",
    ]);
  },
);
