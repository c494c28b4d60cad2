// Processor time to decode and prepare one picture, as `infer` does it, in one thread: medians after a warm-up.
//
//   node bench/prepare.mjs [--rounds 8] [--json]
//
// Processor time, not time on the clock, so that other programs on the machine disturb it less.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import sharp from "sharp";

import { ensureBuild } from "../scripts/bootstrap.mjs";

import { machine, median, table } from "./markdown.mjs";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "8" }, json: { type: "boolean", default: false } },
});

ensureBuild();
const { decodeImage } = await import("../dist/node/decode-image.js");
const { prepareImage } = await import("../dist/infer/preprocess/prepare-image.js");
const { renderedDigits } = await import("../dist/data/digits/rendered-digits.js");

const COUNT = 20;
const WARM_UP = 3;
/** @type {import("../dist/metadata.js").ImageInput} */
const input = { kind: "image", fit: "mnist", height: 28, width: 28, channels: 1, range: [0, 1] };

/**
 * @typedef {object} Kind
 * @property {string} name
 * @property {number} width
 * @property {number} height
 * @property {number} side of the digit
 * @property {"png" | "jpg"} form
 * @property {string} ground
 */

/** @type {readonly Kind[]} */
const kinds = [
  { name: "PNG, 260 x 260, on paper", width: 260, height: 260, side: 200, form: "png", ground: "white" },
  { name: "PNG, 260 x 260, in a black frame", width: 260, height: 260, side: 200, form: "png", ground: "black" },
  { name: "JPEG, 1000 x 760, on paper", width: 1000, height: 760, side: 700, form: "jpg", ground: "white" },
  { name: "JPEG, 1000 x 760, in a black frame", width: 1000, height: 760, side: 700, form: "jpg", ground: "black" },
];

function processorMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** @param {string} folder @param {Kind} kind */
async function draw(folder, { width, height, side, form, ground }) {
  const digits = renderedDigits({ split: "test", seed: 5, count: COUNT });
  /** @type {string[]} */
  const files = [];
  for (let index = 0; index < COUNT; index++) {
    const digit = sharp(
      Uint8Array.from(digits.pixels(index), (value) => 255 - value),
      {
        raw: { width: 28, height: 28, channels: 1 },
      },
    );
    const [across, down] = [(width - side) / 2, (height - side) / 2];
    const file = path.join(folder, `${width}-${ground}-${index}.${form}`);
    await digit
      .resize(side, side)
      .extend({ left: across, right: across, top: down, bottom: down, background: ground })
      .toColourspace("srgb")
      .toFile(file);
    files.push(file);
  }
  return files;
}

const folder = mkdtempSync(path.join(tmpdir(), "tfjs-to-onnx-prepare-"));
/** @type {{ name: string, decodeMs: number, prepareMs: number }[]} */
const results = [];
try {
  /** @type {{ name: string, files: string[], decode: number[], prepare: number[] }[]} */
  const all = [];
  for (const kind of kinds) all.push({ name: kind.name, files: await draw(folder, kind), decode: [], prepare: [] });
  for (let round = 0; round < WARM_UP + Number(values.rounds); round++) {
    for (const { files, decode, prepare } of all) {
      for (const file of files) {
        const started = processorMs();
        const image = await decodeImage(file, 512);
        const decoded = processorMs();
        prepareImage(image, input);
        const prepared = processorMs();
        if (round < WARM_UP) continue;
        decode.push(decoded - started);
        prepare.push(prepared - decoded);
      }
    }
  }
  for (const { name, decode, prepare } of all) {
    results.push({ name, decodeMs: median(decode), prepareMs: median(prepare) });
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

if (values.json) {
  console.log(JSON.stringify({ machine: machine(), results }));
} else {
  const rows = results.map(({ name, decodeMs, prepareMs }) => [
    name,
    `${decodeMs.toFixed(1)} ms`,
    `${prepareMs.toFixed(1)} ms`,
    `${(decodeMs + prepareMs).toFixed(1)} ms`,
  ]);
  console.log(`${machine()}\n\n${table(["picture", "decoding", "preparing", "both"], rows)}`);
}
