// How well and how fast shipped models read lines, and tesseract.js beside them in the same run.
//
//   node bench/lines.mjs [--captcha DIR:KEPT] [--cheque DIR:KEPT] [--print DIR] [--tesseract DIR] [--runtimes node,web] [--limit N] [--record]
//
// DIR:KEPT are the KEPT lines of a folder that `train --data DIR --validation KEPT` keeps apart, in grey; --print is a folder
// with one folder for each source, each with labels.tsv. --tesseract is a folder
// in which `npm install tesseract.js @tesseract.js-data/eng` was run; it reads the printed lines with the model best_int,
// as single lines. Quotes, dashes and runs of blanks are made alike before texts are compared. Times are processor time
// for a line: its picture in memory as a file, then decoded, prepared, read, one line after the other; and the network
// alone in batches. --record writes the tables into README.md and docs/benchmarks.md.
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { ensureBuild } from "../scripts/bootstrap.mjs";

import { bytes, machine, record, table } from "./markdown.mjs";

ensureBuild();
const { findModel } = await import("../dist/node/open-recognizer.js");
const { getRuntime, prepareImage, readImages } = await import("../dist/infer/index.js");
const { decodeImage } = await import("../dist/node/decode-image.js");
const { editDistance } = await import("../dist/data/lines/edit-distance.js");
const { exportRaw } = await import("../dist/export/export-model.js");
const { readModel } = await import("../dist/node/read-model.js");
const { readLineFolder } = await import("../dist/node/datasets/lines.js");
const { encodeGreyPng } = await import("../dist/node/png.js");
const { keptApart } = await import("../dist/train/line-run.js");
const { wilson } = await import("../dist/cli/infer/score-lines.js");

const { values } = parseArgs({
  options: {
    captcha: { type: "string" },
    cheque: { type: "string" },
    print: { type: "string" },
    tesseract: { type: "string" },
    runtimes: { type: "string", default: "node,web" },
    limit: { type: "string", default: "100000" },
    record: { type: "boolean", default: false },
  },
});
/** @type {readonly ("node" | "web")[]} */
const RUNTIMES = values.runtimes.split(",").map((name) => (name === "web" ? "web" : "node"));
const LIMIT = Number(values.limit);
const LONGEST_SIDE = 32_768;
const MODELS = path.resolve(import.meta.dirname, "..", "models");
/** Lines that go through the network together in the second timing. */
const BATCH = 16;

/**
 * @typedef {{ readonly source: string, readonly file: Uint8Array, readonly text: string }} Sample
 * @typedef {(file: Uint8Array) => Promise<string>} Reader
 * @typedef {{ right: number, lines: number, errors: number, characters: number, cpu: number }} Tally
 */

/** @param {string} text */
function alike(text) {
  return text
    .replaceAll(/[\u2018\u2019\u201A\u2032`\u00B4]/g, "'")
    .replaceAll(/[\u201C\u201D\u201E]|''/g, '"')
    .replaceAll(/[\u2010-\u2015]|--+/g, "-")
    .replaceAll("\u2026", "...")
    .replaceAll("\uFB01", "fi")
    .replaceAll("\uFB02", "fl")
    .replaceAll(/\s+/g, " ")
    .trim();
}

/**
 * Lines of labels.tsv.
 *
 * @param {string} folder
 * @param {string} source
 * @returns {Sample[]}
 */
function samplesIn(folder, source) {
  const rows = readFileSync(path.join(folder, "labels.tsv"), "utf8")
    .split(/\r?\n/)
    .filter((row) => row.includes("\t"))
    .map((row) => row.split("\t"));
  return rows.slice(0, LIMIT).map(([file = "", text = ""]) => {
    return { source, file: readFileSync(path.join(folder, file)), text };
  });
}

/**
 * @param {string} given DIR:KEPT, or a folder of folders of lines
 * @returns {Promise<Sample[]>}
 */
async function samplesOf(given) {
  const [, folder, kept] = /^(.+):(\d+)$/.exec(given) ?? [];
  if (folder === undefined) {
    const sources = readdirSync(given).filter((name) => existsSync(path.join(given, name, "labels.tsv")));
    return sources.flatMap((name) => samplesIn(path.join(given, name), name));
  }
  const { set } = await readLineFolder(folder, { height: 32, stepsOf: () => Number.POSITIVE_INFINITY });
  const apart = keptApart(set.samples.length, Number(kept));
  return set.samples
    .filter((_, index) => apart.has(index))
    .slice(0, LIMIT)
    .map(({ text, pixels, width, height }) => ({ source: "kept", text, file: encodeGreyPng(pixels, height, width) }));
}

/** @returns {Tally} */
function noLines() {
  return { right: 0, lines: 0, errors: 0, characters: 0, cpu: 0 };
}

/**
 * Reads lines one by one; scores by source, and of all under "all".
 *
 * @param {readonly Sample[]} samples
 * @param {Reader} read
 */
async function score(samples, read) {
  const first = samples[0];
  if (first !== undefined) await read(first.file);
  /** @type {Map<string, Tally>} */
  const tallies = new Map();
  for (const { source, file, text } of samples) {
    const before = process.cpuUsage();
    const answer = alike(await read(file));
    const { user, system } = process.cpuUsage(before);
    const truth = alike(text);
    for (const key of [source, "all"]) {
      const tally = tallies.get(key) ?? noLines();
      tallies.set(key, tally);
      tally.lines++;
      if (answer === truth) tally.right++;
      tally.errors += editDistance(truth, answer);
      tally.characters += Array.from(truth).length;
      tally.cpu += (user + system) / 1000;
    }
  }
  return tallies;
}

/**
 * A shipped model on a runtime, on one thread.
 *
 * @param {string} name
 * @param {"node" | "web"} runtimeName
 */
async function openModel(name, runtimeName) {
  const runtime = await getRuntime(runtimeName);
  const found = await findModel(name, runtimeName);
  const about = found.recognizer();
  const provider = runtimeName === "web" ? { provider: /** @type {const} */ ("wasm") } : {};
  const session = await runtime.load(found.model, { ...provider, threads: 1 });
  /** @param {Uint8Array} file */
  const prepare = async (file) => prepareImage(await decodeImage(file, LONGEST_SIDE), about.input);
  /** @type {Reader} */
  const read = async (file) => {
    try {
      const [reading] = await readImages(session, about, [await prepare(file)]);
      return reading?.text ?? "";
    } catch (error) {
      if (error instanceof Error && error.name === "DataError") return "";
      throw error;
    }
  };
  return { session, about, prepare, read };
}

/**
 * Processor time of the network and of decoding for a line, in batches of lines of like widths.
 *
 * @param {Awaited<ReturnType<typeof openModel>>} opened
 * @param {readonly Sample[]} samples
 */
async function inBatches({ session, about, prepare }, samples) {
  /** @type {Float32Array[]} */
  const images = [];
  for (const { file } of samples) {
    const image = await prepare(file).catch(() => undefined);
    if (image !== undefined) images.push(image);
  }
  images.sort((a, b) => a.length - b.length);
  const before = process.cpuUsage();
  for (let start = 0; start < images.length; start += BATCH) {
    await readImages(session, about, images.slice(start, start + BATCH));
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / images.length;
}

/**
 * tesseract.js on one thread of its own.
 *
 * @param {string} folder
 * @returns {Promise<{ readonly name: string, readonly read: Reader, close(): Promise<unknown> }>}
 */
async function openTesseract(folder) {
  const require = createRequire(path.join(path.resolve(folder), "package.json"));
  const language = path.dirname(require.resolve("@tesseract.js-data/eng/4.0.0_best_int/eng.traineddata.gz"));
  /** @type {unknown} */
  const tesseract = require("tesseract.js");
  /** @type {unknown} */
  const about = JSON.parse(readFileSync(require.resolve("tesseract.js/package.json"), "utf8"));
  if (!isTesseract(tesseract) || !hasVersion(about)) throw new Error(`${folder} holds no tesseract.js 7`);
  const { version } = about;
  const worker = await tesseract.createWorker("eng", 1, { langPath: language, cacheMethod: "none", gzip: true });
  await worker.setParameters({ tessedit_pageseg_mode: "7" });
  return {
    name: `tesseract.js ${version}`,
    read: async (file) => (await worker.recognize(Buffer.from(file))).data.text,
    close: () => worker.terminate(),
  };
}

/**
 * @param {unknown} value
 * @returns {value is Tesseract}
 */
function isTesseract(value) {
  return typeof value === "object" && value !== null && "createWorker" in value;
}

/**
 * @param {unknown} value
 * @returns {value is { readonly version: string }}
 */
function hasVersion(value) {
  return typeof value === "object" && value !== null && "version" in value && typeof value.version === "string";
}

/**
 * @typedef {object} Tesseract
 * @property {(language: string, mode: number, options: object) => Promise<TesseractWorker>} createWorker
 *
 * @typedef {object} TesseractWorker
 * @property {(parameters: Record<string, string>) => Promise<unknown>} setParameters
 * @property {(image: Buffer) => Promise<{ readonly data: { readonly text: string } }>} recognize
 * @property {() => Promise<unknown>} terminate
 */

/** @param {number} share */
function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

/** @param {Tally} tally */
function rowOf({ right, lines, errors, characters, cpu }) {
  const [low, high] = wilson(right, lines);
  return [
    String(lines),
    percent(right / lines),
    `${(100 * low).toFixed(1)} to ${percent(high)}`,
    `${((100 * errors) / characters).toFixed(2)} %`,
    `${(cpu / lines).toFixed(1)} ms`,
  ];
}

const given = [
  { name: "line-captcha", folder: values.captcha },
  { name: "line-cheque", folder: values.cheque },
  { name: "line-print", folder: values.print },
];
/** The reader whose weights are stored as int8, and the bytes of its file. */
const INT8 = "line-print as int8";
let int8Bytes = 0;

/**
 * The path of a model's file with its weights as int8.
 *
 * @param {string} name
 */
async function writeInt8(name) {
  const { bytes: file } = exportRaw(await readModel(path.join(MODELS, name)), { precision: "int8" });
  int8Bytes = file.length;
  const target = path.join(mkdtempSync(path.join(tmpdir(), "tfjs-to-onnx-lines-")), "int8.onnx");
  writeFileSync(target, file);
  return target;
}

/** On the test set of ORAND-CAR-A, by their authors, with twice the training images. */
const CHEQUE_OTHERS = "89.75 % (ResNet, RNN and CTC), 92.2 % (CNN and CTC)";
/** @type {string[][]} */
const accuracy = [];
/** @type {string[][]} */
const speed = [];
/** @type {Map<string, Tally>} Of all lines, by reader. */
const totals = new Map();
/** @type {string | undefined} */
let peer;
for (const { name, folder } of given) {
  if (folder === undefined) continue;
  const samples = await samplesOf(folder);
  for (const runtimeName of RUNTIMES) {
    const opened = await openModel(name, runtimeName);
    const tallies = await score(samples, opened.read);
    const reader = `${name}, onnxruntime-${runtimeName}`;
    if (runtimeName === "node") accuracy.push(...accuracyRows(name, tallies));
    speed.push(speedRow(reader, tallies, `${(await inBatches(opened, samples)).toFixed(1)} ms`));
    await opened.session.dispose();
  }
  if (name === "line-print") {
    const opened = await openModel(await writeInt8(name), "node");
    totals.set(INT8, (await score(samples, opened.read)).get("all") ?? noLines());
    await opened.session.dispose();
  }
  if (name === "line-print" && values.tesseract !== undefined) {
    const tesseract = await openTesseract(values.tesseract);
    peer = tesseract.name;
    const tallies = await score(samples, tesseract.read);
    accuracy.push(...accuracyRows(peer, tallies));
    speed.push(speedRow(peer, tallies, ""));
    await tesseract.close();
  }
}

/**
 * @param {string} name
 * @param {ReadonlyMap<string, Tally>} tallies
 */
function accuracyRows(name, tallies) {
  const sources = [...tallies.keys()].filter((source) => source !== "all" && tallies.size > 2);
  return [...sources, "all"].map((source) => [name, source, ...rowOf(tallies.get(source) ?? noLines())]);
}

/**
 * @param {string} reader
 * @param {ReadonlyMap<string, Tally>} tallies
 * @param {string} batched
 */
function speedRow(reader, tallies, batched) {
  const all = tallies.get("all") ?? noLines();
  totals.set(reader, all);
  return [reader, `${(all.cpu / all.lines).toFixed(1)} ms`, batched, percent(all.right / all.lines)];
}

/** @param {string} name */
function sizeOf(name) {
  const file = path.join(MODELS, name, "model.onnx");
  return existsSync(file) ? bytes(statSync(file).size) : "";
}

/** The table of README.md. */
function summary() {
  /** @param {string} reader @param {(tally: Tally) => string} show */
  const of = (reader, show) => {
    const tally = totals.get(reader);
    return tally === undefined ? "" : show(tally);
  };
  const whole = (/** @type {Tally} */ { right, lines }) => {
    const [low, high] = wilson(right, lines);
    return `${percent(right / lines)} of ${lines} (${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)})`;
  };
  const wrong = (/** @type {Tally} */ { errors, characters }) => `${((100 * errors) / characters).toFixed(2)} %`;
  const time = (/** @type {Tally} */ { cpu, lines }) => `${(cpu / lines).toFixed(1)} ms`;
  const [node, web] = ["line-print, onnxruntime-node", "line-print, onnxruntime-web"];
  const other = peer ?? "";
  /** @param {(tally: Tally) => string} show */
  const byPeer = (show) => (peer === undefined ? "" : `${peer}: ${of(other, show)}`);
  return table(
    ["model", "measure", "others", "ours"],
    [
      ["line-captcha", "whole strings right", "", of("line-captcha, onnxruntime-node", whole)],
      ["line-cheque", "whole strings right", CHEQUE_OTHERS, of("line-cheque, onnxruntime-node", whole)],
      ["line-print", "whole lines right", byPeer(whole), of(node, whole)],
      ["", "characters wrong", byPeer(wrong), of(node, wrong)],
      ["", "processor time a line, onnxruntime-node", byPeer(time), of(node, time)],
      ["", "processor time a line, onnxruntime-web", "", of(web, time)],
      ["", "file", peer === undefined ? "" : "2.95 MB, gzipped", sizeOf("line-print")],
      ["", "file as int8, and its whole lines right", "", of(INT8, (tally) => `${bytes(int8Bytes)}, ${whole(tally)}`)],
    ],
    3,
  );
}

const sizes = given.map(({ name }) => `${name} ${sizeOf(name)}`);
const scores = table(
  ["model", "source", "lines", "whole lines right", "95 % interval", "characters wrong", "time a line"],
  accuracy,
  2,
);
const times = table(
  ["reader, one thread", "time a line, one by one", `network alone, ${BATCH} at once`, "whole lines right"],
  speed,
);
const command = `\`node bench/lines.mjs ${process.argv
  .slice(2)
  .filter((word) => word.startsWith("--"))
  .join(" ")}\``;
const text =
  `${command}, ${machine()}. Files: ${sizes.join(", ")}. Times are processor time, decoding of the picture and ` +
  `preparation included.\n\n${scores}\n\n${times}`;
console.log(`${summary()}\n\n${text}`);
if (values.record) {
  record("lines of text", text);
  record("lines of text", summary(), "README.md");
}
process.exit(0);
