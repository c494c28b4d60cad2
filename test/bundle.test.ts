import { readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { createContext, runInContext } from "node:vm";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";
import { beforeAll, describe, expect, test } from "vitest";

import { exportRaw } from "../src/export/export-model.ts";
import { readModel } from "../src/node/read-model.ts";

const root = resolve(import.meta.dirname, "..");
const folder = resolve(root, "models/crnn-mnist");
/**
 * Bytes that a browser loads at first, gzipped. Models and options that need more load it: recurrent and less frequent layers, weights
 * in other forms than float32, Graph models, models from an address or from files.
 */
const LIMIT = 80_000;

let script = "";

/** As its sources, and as it ships. */
const SHIPPED = "dist/bundle/index.js";
const entries = ["src/index.ts", SHIPPED];

/** A script for browsers; esbuild fails on a module of Node's. */
async function bundle(entry: string, external: readonly string[] = []): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [resolve(root, entry)],
    bundle: true,
    minify: true,
    platform: "browser",
    format: "iife",
    globalName: "library",
    external: ["@tensorflow/*", "onnxruntime-*", ...external],
    logLevel: "silent",
    write: false,
  });
  return outputFiles[0]?.text ?? "";
}

/** What a page loads at first, the entry and what that imports in turn; the rest of what it may load. */
async function loads(entry: string): Promise<{ readonly first: string; readonly later: string }> {
  const { outputFiles, metafile } = await build({
    entryPoints: [resolve(root, entry)],
    bundle: true,
    splitting: true,
    minify: true,
    platform: "browser",
    format: "esm",
    outdir: resolve(root, "out"),
    external: ["@tensorflow/*", "onnxruntime-*"],
    logLevel: "silent",
    metafile: true,
    write: false,
    absWorkingDir: root,
  });
  const texts = new Map(outputFiles.map(({ path, text }) => [relative(root, path), text]));
  const start = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint === entry)?.[0] ?? "";
  const reached = new Set([start]);
  for (const path of reached) {
    for (const { path: next, kind } of metafile.outputs[path]?.imports ?? []) {
      if (kind === "import-statement" && texts.has(next)) reached.add(next);
    }
  }
  const joined = (paths: readonly string[]): string => paths.map((path) => texts.get(path) ?? "").join("");
  return { first: joined([...reached]), later: joined([...texts.keys()].filter((path) => !reached.has(path))) };
}

describe.each(["dist/bundle/infer.js", "dist/bundle/verify.js", "dist/bundle/drop-in.js"])(
  "%s bundled for a browser",
  (entry) => {
    test("needs nothing of Node's", async () => {
      expect(await bundle(entry)).toContain("InferenceError");
    });
  },
);

test("the library's own code names nothing of Node's; protobufjs asks whether it is there", async () => {
  const own = (await bundle("src/index.ts", ["protobufjs"])).replaceAll(/__require\("protobufjs\/[^"]+"\)/g, "");
  expect(own.match(/["'`]node:|\brequire\(|\bprocess\b|\bBuffer\b|__dirname/g)).toBe(null);
});

test(`the library as it ships loads less than ${LIMIT} bytes at first, zipped`, async () => {
  const { first } = await loads(SHIPPED);
  expect(gzipSync(first, { level: 9 }).length).toBeLessThan(LIMIT);
});

describe.each(entries)("the library bundled for a browser, %s", (entry) => {
  beforeAll(async () => {
    script = await bundle(entry);
  });

  test("loads at first what every Layers model needs", async () => {
    const { first, later } = await loads(entry);
    expect(first).toContain("exportModel");
    // Words of Graph models, recurrent layers, less frequent layers, forms of weights, addresses and files.
    const rare = [
      "NextIteration",
      "Sigmoid,Tanh,Tanh",
      "is not one of a dense layer",
      "the model does not store these numbers quantised",
      "interrupted while reading",
      "webkitRelativePath",
    ];
    expect(rare.filter((word) => first.includes(word))).toEqual([]);
    expect(rare.filter((word) => !later.includes(word))).toEqual([]);
  });

  test("exports a model where there is nothing but what browsers have, the same file", async () => {
    const raw = await readModel(folder);
    const browser = createContext({ TextEncoder, TextDecoder, URL, atob });
    runInContext(script, browser);
    const given = JSON.stringify({
      manifest: readFileSync(resolve(folder, "model.json"), "utf8"),
      weights: readFileSync(resolve(folder, "weights.bin")).toString("base64"),
    });
    const run = `(async (given) => {
      const { manifest, weights } = JSON.parse(given);
      const { weightsManifest, ...artifacts } = JSON.parse(manifest);
      const weightSpecs = weightsManifest.flatMap((group) => group.weights);
      const weightData = Uint8Array.from(atob(weights), (letter) => letter.charCodeAt(0)).buffer;
      const { bytes } = await library.exportModel({ ...artifacts, weightSpecs, weightData });
      return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
    })`;
    const inBrowser: unknown = runInContext(run, browser);
    if (typeof inBrowser !== "function") throw new TypeError("the script is no function");
    const text: unknown = await Reflect.apply(inBrowser, undefined, [given]);
    if (typeof text !== "string") throw new TypeError("the script gave no text");
    expect(Buffer.from(text, "latin1").equals(exportRaw(raw).bytes)).toBe(true);
  });
});
