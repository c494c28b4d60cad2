// One core's rate of `infer - --json --keep-going --threads 1 --workers 0`, in processor time a picture, and what a billion pictures a
// day would take at that rate; and the memory of one process over a long list of lines.
//
//   node bench/scale.mjs [--rounds 3] [--lines 1000000] [--share 0.02] [--json] [--record]
//
// Of the long list, --share names pictures, the others no files. --record puts the tables into docs/scale.md. Linux alone: it reads /proc.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import sharp from "sharp";

import { cli, ensureBuild } from "../scripts/bootstrap.mjs";

import { machine, median, record, table } from "./markdown.mjs";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    lines: { type: "string", default: "1000000" },
    share: { type: "string", default: "0.02" },
    json: { type: "boolean", default: false },
    record: { type: "boolean", default: false },
  },
});

ensureBuild();
const { renderedDigits } = await import("../dist/data/digits/rendered-digits.js");

const A_DAY = 86_400;
const BILLION = 1e9;
/** Answers that are not counted: the process starts, and V8 compiles. */
const WARM = 64;
/** Ticks of a second in /proc, on every Linux that Node runs on. */
const TICKS = 100;

/** @param {number} pid seconds of processor time, and the most memory it has had in MB */
function used(pid) {
  const after = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return {
    cpu: (Number(after[11]) + Number(after[12])) / TICKS,
    peak: Number(/^VmHWM:\s*(\d+) kB$/mu.exec(status)?.[1]) / 1024,
    now: Number(/^VmRSS:\s*(\d+) kB$/mu.exec(status)?.[1]) / 1024,
  };
}

/**
 * @typedef {object} Run
 * @property {number} cpu seconds of processor time a picture, once it runs
 * @property {number} start seconds of processor time before the first answers
 * @property {number} peak most memory in MB
 * @property {number[]} memory in MB at each hundredth of the lines
 */

/**
 * @param {(index: number) => string} line
 * @param {number} count
 * @returns {Promise<Run>}
 */
async function infer(line, count) {
  const args = [cli, "infer", "-", "--json", "--keep-going", "--threads", "1", "--workers", "0", "--quiet"];
  const child = spawn(process.execPath, [...args, "--model", "crnn-mnist"], { stdio: ["pipe", "pipe", "inherit"] });
  const pid = child.pid ?? Number.NaN;
  let lines = 0;
  let start = Number.NaN;
  let last = { cpu: Number.NaN, peak: Number.NaN, now: Number.NaN };
  /** @type {number[]} */
  const memory = [];
  child.stdout.on("data", (/** @type {Buffer} */ data) => {
    for (const byte of data) if (byte === 10) lines++;
    const isMarked = memory.length < Math.floor((100 * lines) / count);
    if (!(Number.isNaN(start) && lines >= WARM) && !isMarked && lines < count) return;
    last = used(pid);
    if (Number.isNaN(start)) start = last.cpu;
    while (memory.length < Math.floor((100 * lines) / count)) memory.push(last.now);
  });
  /** @type {Promise<number | null>} */
  const ended = new Promise((resolve) => {
    child.on("close", resolve);
  });
  /** @type {Promise<void>} */
  const answered = new Promise((resolve) => {
    child.stdout.on("data", () => {
      if (lines >= count) resolve();
    });
  });
  for (let index = 0; index < count; index++) {
    if (!child.stdin.write(`${line(index)}\n`)) await once(child.stdin, "drain");
  }
  // The last answers come while the process waits for more, so that what it has used can still be read.
  await Promise.race([answered, ended]);
  child.stdin.end();
  const status = await ended;
  if (status !== 0 || lines !== count) throw new Error(`infer failed (${status}) after ${lines} of ${count} lines`);
  return { cpu: (last.cpu - start) / (count - WARM), start, peak: last.peak, memory };
}

/** @type {readonly { name: string, count: number, size: number, extension: string }[]} */
const kinds = [
  { name: "PNG, 28 x 28, grey", count: 1000, size: 28, extension: "png" },
  { name: "PNG, 260 x 260, colour", count: 200, size: 260, extension: "png" },
  { name: "JPEG, 1000 x 760, colour", count: 200, size: 760, extension: "jpg" },
];
const FILES = 20;

const work = mkdtempSync(path.join(tmpdir(), "tfjs-to-onnx-scale-"));
/** @type {Map<string, Run[]>} */
const runs = new Map();
/** @type {Run | null} */
let long = null;
const lines = Number(values.lines);
const share = Number(values.share);
const load = loadavg()[0] ?? Number.NaN;
try {
  const digits = renderedDigits({ split: "test", seed: 5, count: FILES });
  for (const [place, { size, extension }] of kinds.entries()) {
    mkdirSync(path.join(work, String(place)));
    for (let index = 0; index < FILES; index++) {
      const raw = { width: 28, height: 28, channels: /** @type {const} */ (1) };
      const digit = sharp(Uint8Array.from(digits.pixels(index)), { raw });
      const picture =
        size === 28
          ? digit
          : digit
              .negate()
              .resize(size - 60, size - 60)
              .extend({ left: 30, right: size === 760 ? 270 : 30, top: 30, bottom: 30, background: "white" })
              .toColourspace("srgb");
      await picture.toFile(path.join(work, String(place), `${index}.${extension}`));
    }
  }
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [place, { name, count, extension }] of kinds.entries()) {
      const run = await infer((index) => path.join(work, String(place), `${index % FILES}.${extension}`), count);
      runs.set(name, [...(runs.get(name) ?? []), run]);
    }
    process.stderr.write(`round ${round + 1} of ${values.rounds}\n`);
  }
  if (lines > 0) {
    const each = Math.round(1 / share);
    long = await infer((index) => {
      const name = index % each === 0 ? path.join(work, "0", `${index % FILES}.png`) : `/none/${index}.png`;
      return JSON.stringify({ id: index, input: name });
    }, lines);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

const results = kinds.map(({ name }) => {
  const own = runs.get(name) ?? [];
  const cpu = median(own.map((run) => run.cpu));
  return {
    name,
    milliseconds: cpu * 1000,
    picturesPerCoreSecond: 1 / cpu,
    coresForABillionADay: (cpu * BILLION) / A_DAY,
    start: median(own.map((run) => run.start)),
    peak: Math.max(...own.map((run) => run.peak)),
  };
});
const marks = [1, 10, 25, 50, 75, 100];

if (values.json) {
  const memory = long === null ? null : marks.map((percent) => ({ percent, mb: long.memory[percent - 1] }));
  console.log(JSON.stringify({ machine: machine(), load, results, lines, peak: long?.peak, memory }));
} else {
  const rows = results.map(({ name, milliseconds, picturesPerCoreSecond, coresForABillionADay, start, peak }) => [
    name,
    `${milliseconds.toFixed(2)} ms`,
    picturesPerCoreSecond.toFixed(0),
    Math.ceil(coresForABillionADay).toLocaleString("en"),
    `${((Math.ceil(coresForABillionADay) * peak) / 1024).toFixed(0)} GB`,
    `${start.toFixed(1)} s`,
    `${peak.toFixed(0)} MB`,
  ]);
  const head = [
    "picture",
    "processor time",
    "a second and core",
    "cores for 10⁹ a day",
    "their memory",
    "until 64 answers",
    "peak memory",
  ];
  const parts = [
    `\`node bench/scale.mjs --rounds ${values.rounds} --lines ${lines} --share ${share}\`: crnn-mnist, rendered digits, medians; ${machine()}; load average ${load.toFixed(1)} from other work at the start.`,
    table(head, rows),
  ];
  if (long !== null) {
    const cells = marks.map((percent) => (long.memory[percent - 1] ?? Number.NaN).toFixed(0));
    const title = `${lines.toLocaleString("en")} lines, ${share * 100} % of them pictures`;
    parts.push(
      table(
        [title, ...marks.map((percent) => `${percent} %`), "peak"],
        [["memory, MB", ...cells, long.peak.toFixed(0)]],
      ),
    );
  }
  const text = parts.join("\n\n");
  if (values.record) record("scale", text, "docs/scale.md");
  console.log(text);
}
