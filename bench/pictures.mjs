// `infer` on folders of pictures, by 0 to as many threads as this machine has cores, in turns: pictures a second, and memory while
// it goes through the last folder, whose files are one picture under many names.
//
//   node bench/pictures.mjs [--rounds 3] [--files 100000] [--json] [--record]
//
// --record puts the tables into docs/benchmarks.md.
import { spawn } from "node:child_process";
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import sharp from "sharp";

import { cli, ensureBuild } from "../scripts/bootstrap.mjs";

import { machine, median, record, table } from "./markdown.mjs";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    files: { type: "string", default: "100000" },
    json: { type: "boolean", default: false },
    record: { type: "boolean", default: false },
  },
});

ensureBuild();
const { renderedDigits } = await import("../dist/data/digits/rendered-digits.js");

/**
 * A folder of pictures to read.
 *
 * @typedef {object} Kind
 * @property {string} name
 * @property {number} count
 * @property {(digit: import("sharp").Sharp) => import("sharp").Sharp} draw from a digit as MNIST has them
 * @property {string} extension
 */

/** @type {readonly Kind[]} */
const kinds = [
  { name: "PNG, 28 x 28, grey", count: 2000, extension: "png", draw: (digit) => digit },
  { name: "PNG, 260 x 260, colour", count: 300, extension: "png", draw: (digit) => onPaper(digit, 200, 30, 30) },
  { name: "JPEG, 1000 x 760, colour", count: 150, extension: "jpg", draw: (digit) => onPaper(digit, 700, 150, 30) },
];

/** @param {import("sharp").Sharp} digit @param {number} side @param {number} across @param {number} down */
function onPaper(digit, side, across, down) {
  return digit
    .negate()
    .resize(side, side)
    .extend({ left: across, right: across, top: down, bottom: down, background: "white" })
    .toColourspace("srgb");
}

/** @param {string} folder @param {Kind} kind */
async function fill(folder, { count, draw, extension }) {
  mkdirSync(folder);
  const digits = renderedDigits({ split: "test", seed: 5, count });
  for (let index = 0; index < count; index++) {
    const digit = sharp(Uint8Array.from(digits.pixels(index)), { raw: { width: 28, height: 28, channels: 1 } });
    await draw(digit).toFile(path.join(folder, `${String(index).padStart(5, "0")}.${extension}`));
  }
}

/** @param {number} pid kilobytes resident; NaN where there is no /proc, or when the process has ended */
function resident(pid) {
  try {
    return Number(/^VmRSS:\s*(\d+) kB$/mu.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  } catch {
    return Number.NaN;
  }
}

/**
 * Seconds that `infer` itself counts, and its memory at each hundredth of the pictures, in MB.
 *
 * @param {string} folder
 * @param {number} count
 * @param {number} workers
 * @returns {Promise<{seconds: number, memory: number[]}>}
 */
function infer(folder, count, workers) {
  const args = [cli, "infer", folder, "--workers", String(workers), "--model", "crnn-mnist"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let [lines, errors] = [0, ""];
  /** @type {number[]} */
  const memory = [];
  child.stdout.on("data", (/** @type {Buffer} */ data) => {
    for (const byte of data) if (byte === 10) lines++;
    while (memory.length < Math.floor((100 * lines) / count)) memory.push(resident(child.pid ?? 0) / 1024);
  });
  child.stderr.on("data", (data) => (errors += String(data)));
  return new Promise((resolve, reject) => {
    child.on("close", (status) => {
      const seconds = /images? read in (\d+\.\d+) s/u.exec(errors)?.[1];
      if (status === 0 && lines === count && seconds !== undefined) resolve({ seconds: Number(seconds), memory });
      else reject(new Error(`infer failed (${status}) after ${lines} pictures: ${errors}`));
    });
  });
}

/** Names that file systems let a file have, at least. */
const NAMES = 1000;

const threads = [...new Set([0, 1, 2, 4, 8].filter((count) => count <= availableParallelism()))];
const work = mkdtempSync(path.join(tmpdir(), "tfjs-to-onnx-pictures-"));
/** @type {Map<string, number[]>} */
const rates = new Map();
/** @type {number[]} */
let memory = [];
const files = Number(values.files);
let seconds = Number.NaN;
try {
  for (const [place, kind] of kinds.entries()) await fill(path.join(work, String(place)), kind);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [place, { name, count }] of kinds.entries()) {
      for (const workers of threads) {
        const run = await infer(path.join(work, String(place)), count, workers);
        const key = `${name} ${workers}`;
        rates.set(key, [...(rates.get(key) ?? []), count / run.seconds]);
      }
    }
    process.stderr.write(`round ${round + 1} of ${values.rounds}\n`);
  }
  if (files > 0) {
    const many = path.join(work, "many");
    mkdirSync(many);
    const digit = renderedDigits({ split: "test", seed: 5, count: 1 }).pixels(0);
    const raw = { width: 28, height: 28, channels: /** @type {const} */ (1) };
    const png = await sharp(Uint8Array.from(digit), { raw }).png().toBuffer();
    for (let index = 0; index < files; index++) {
      const first = path.join(many, `${index - (index % NAMES)}.png`);
      if (index % NAMES === 0) writeFileSync(first, png);
      else linkSync(first, path.join(many, `${index}.png`));
    }
    ({ seconds, memory } = await infer(many, files, Math.min(8, availableParallelism())));
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

const results = kinds.map(({ name }) => {
  const each = threads.map((workers) => ({
    workers,
    picturesPerSecond: median(rates.get(`${name} ${workers}`) ?? []),
  }));
  return { name, threads: each };
});
const at = [1, 10, 25, 50, 75, 100].map((percent) => ({ percent, mb: memory[percent - 1] ?? Number.NaN }));

if (values.json) {
  console.log(JSON.stringify({ machine: machine(), results, files, seconds, memory: at }));
} else {
  const rows = results.map(({ name, threads: each }) => {
    const own = each[0]?.picturesPerSecond ?? Number.NaN;
    const cells = each.map(({ picturesPerSecond: rate }) => `${rate.toFixed(0)} (${(rate / own).toFixed(2)} x)`);
    return [name, ...cells];
  });
  const head = ["pictures a second", ...threads.map((count) => `--workers ${count}`)];
  const growth = table(
    [`${files.toLocaleString("en")} files in ${seconds.toFixed(0)} s`, ...at.map(({ percent }) => `${percent} %`)],
    [["memory resident, MB", ...at.map(({ mb }) => mb.toFixed(0))]],
  );
  const parts = [
    "## Folders of pictures",
    `\`node bench/pictures.mjs\`: \`infer FOLDER\` with crnn-mnist, medians of ${values.rounds} rounds in turn; rendered digits.`,
    machine(),
    table(head, rows),
    ...(files > 0 ? [growth] : []),
  ];
  const text = parts.join("\n\n");
  if (values.record) record("pictures", text);
  console.log(text);
}
