// How well shipped recognisers read digits that are not MNIST's, prepared as `infer` prepares pictures; MNIST's own test
// set once as tensors and once as pictures.
//
//   node bench/digits-elsewhere.mjs [--models crnn-mnist,crnn-mnist-best] [--data MNIST_DIR] [--cheques DIR] [--optdigits]
//
// --cheques: a folder of scripts/cheque-digits.mjs, of which DIR/held is read. --optdigits takes the part of "Optical
// Recognition of Handwritten Digits" (E. Alpaydin, C. Kaynak, 1998) that scikit-learn's wheel holds, 1,797 digits of 8 x 8
// in 17 grey levels, from the Python registry. Nothing read here is trained on, but for the writers of the cheques: digits
// of other amounts may be by the same hands.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";

import { ensureBuild } from "../scripts/bootstrap.mjs";

ensureBuild();
const { findModel } = await import("../dist/node/open-recognizer.js");
const { getRuntime } = await import("../dist/infer/index.js");
const { fitMnist } = await import("../dist/infer/preprocess/mnist.js");
const { openDataset } = await import("../dist/node/datasets/open-dataset.js");
const { readPictures } = await import("../dist/node/datasets/pictures.js");
const { renderedDigits } = await import("../dist/data/digits/rendered-digits.js");

const { values } = parseArgs({
  options: {
    models: { type: "string", default: "crnn-mnist,crnn-mnist-best" },
    data: { type: "string" },
    cheques: { type: "string" },
    optdigits: { type: "boolean", default: false },
    limit: { type: "string", default: "10000" },
  },
});
const SIDE = 28;
const PIXELS = SIDE * SIDE;

/** @typedef {{ name: string, images: Float32Array[], labels: ArrayLike<number>, blank: number }} Source */
/** @typedef {{ width: number, height: number, data: Float32Array }} Plane */

/**
 * @param {string} name
 * @param {Plane[]} pictures light on dark
 * @param {ArrayLike<number>} labels
 * @returns {Source} those that `infer` calls blank count as wrong
 */
function prepared(name, pictures, labels) {
  let blank = 0;
  const images = pictures.map((picture) => {
    try {
      return fitMnist({ ...picture, channels: 1 }).data;
    } catch {
      blank++;
      return new Float32Array(PIXELS);
    }
  });
  return { name, images, labels, blank };
}

/**
 * The mean over boxes of a coarser raster.
 *
 * @param {Plane} picture
 * @param {number} side
 * @returns {Plane}
 */
function coarse({ width, height, data }, side) {
  const small = new Float32Array(side * side);
  const cover = (/** @type {number} */ from, /** @type {number} */ to, /** @type {number} */ pixel) =>
    Math.max(0, Math.min(to, pixel + 1) - Math.max(from, pixel));
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const [top, bottom] = [(row * height) / side, ((row + 1) * height) / side];
      const [left, right] = [(column * width) / side, ((column + 1) * width) / side];
      let sum = 0;
      for (let y = Math.floor(top); y < Math.ceil(bottom); y++) {
        for (let x = Math.floor(left); x < Math.ceil(right); x++) {
          sum += (data[y * width + x] ?? 0) * cover(top, bottom, y) * cover(left, right, x);
        }
      }
      small[row * side + column] = sum / ((bottom - top) * (right - left));
    }
  }
  return { width: side, height: side, data: small };
}

/** The drawing alone, as collections of 16 x 16 and 8 x 8 store their digits. @param {Plane} picture @returns {Plane} */
function cropped({ width, height, data }) {
  let [left, top, right, bottom] = [width, height, 0, 0];
  data.forEach((value, at) => {
    if (value < 0.15) return;
    const [x, y] = [at % width, Math.floor(at / width)];
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x + 1), Math.min(top, y), Math.max(bottom, y + 1)];
  });
  const side = Math.max(right - left, bottom - top);
  const [x0, y0] = [Math.floor((left + right - side) / 2), Math.floor((top + bottom - side) / 2)];
  const cut = new Float32Array(side * side);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const [fromX, fromY] = [x0 + x, y0 + y];
      const inside = fromX >= 0 && fromX < width && fromY >= 0 && fromY < height;
      cut[y * side + x] = inside ? (data[fromY * width + fromX] ?? 0) : 0;
    }
  }
  return { width: side, height: side, data: cut };
}

/** @param {Plane} picture @returns {Plane} */
const binary = (picture) => ({ ...picture, data: picture.data.map((value) => (value > 0.45 ? 1 : 0)) });

/** A margin of paper, as a picture of a digit has. @param {Plane} picture @returns {Plane} */
function framed({ width, height, data }) {
  const margin = Math.max(1, Math.round(width / 8));
  const wide = width + 2 * margin;
  const all = new Float32Array(wide * (height + 2 * margin));
  for (let y = 0; y < height; y++) all.set(data.subarray(y * width, (y + 1) * width), (y + margin) * wide + margin);
  return { width: wide, height: height + 2 * margin, data: all };
}

/** @param {{ images: number, pixels(index: number): Uint8Array }} set @returns {Plane[]} */
function planes(set) {
  return Array.from({ length: set.images }, (_, index) => ({
    width: SIDE,
    height: SIDE,
    data: Float32Array.from(set.pixels(index), (value) => value / 255),
  }));
}

/** @returns {{ pictures: Plane[], labels: number[] }} */
function optdigits() {
  const cache = process.env["XDG_CACHE_HOME"] ?? path.join(homedir(), ".cache");
  const folder = path.join(cache, "tfjs-to-onnx", "optdigits");
  const file = path.join(folder, "digits.csv.gz");
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true });
    const take =
      "import glob, sys, zipfile; open(sys.argv[1], 'wb').write(zipfile.ZipFile(glob.glob('*.whl')[0]).read('sklearn/datasets/data/digits.csv.gz'))";
    const download = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "scikit-learn==1.7.2"];
    for (const args of [download, ["-c", take, file]]) {
      const { status } = spawnSync("python3", args, { cwd: folder, stdio: ["ignore", 2, 2] });
      if (status !== 0) throw new Error(`python3 ${args.join(" ")} failed`);
    }
  }
  const rows = gunzipSync(readFileSync(file))
    .toString()
    .trim()
    .split("\n")
    .map((line) => line.split(",").map(Number));
  return {
    pictures: rows.map((row) => ({
      width: 8,
      height: 8,
      data: Float32Array.from(row.slice(0, 64), (grey) => grey / 16),
    })),
    labels: rows.map((row) => row[64] ?? 0),
  };
}

/** @returns {Promise<Source[]>} */
async function sources() {
  const limit = Number(values.limit);
  const { set: mnist } = await openDataset({ dataset: "mnist", split: "test", data: values.data, limit });
  const digits = planes(mnist);
  const { labels } = mnist;
  /** @param {string} name @param {(picture: Plane) => Plane} change */
  const changed = (name, change) => prepared(name, digits.map(change), labels);
  const rendered = renderedDigits({ split: "test", count: 2000 });
  const list = [
    { name: "MNIST test, as tensors", images: digits.map(({ data }) => data), labels, blank: 0 },
    changed("MNIST test, as pictures in a frame", framed),
    changed("… cut out, 16 x 16 grey", (picture) => framed(coarse(cropped(picture), 16))),
    changed("… cut out, 16 x 16 black and white", (picture) => framed(binary(coarse(cropped(picture), 16)))),
    changed("… cut out, 8 x 8 grey", (picture) => framed(coarse(cropped(picture), 8))),
    prepared("rendered digits, test part", planes(rendered).map(framed), rendered.labels),
  ];
  if (values.optdigits) {
    const { pictures, labels: answers } = optdigits();
    list.push(prepared("optdigits 8 x 8 (scikit-learn's 1,797)", pictures.map(framed), answers));
  }
  if (values.cheques !== undefined) {
    const { set, faults } = await readPictures(path.join(values.cheques, "held"), "test");
    const images = planes(set).map(({ data }) => data);
    list.push({
      name: "cheque digits held back (blank ones left out)",
      images,
      labels: set.labels,
      blank: faults.length,
    });
  }
  return list;
}

/**
 * @param {import("../dist/infer/index.js").Session} session
 * @param {Source} source
 */
async function accuracy(session, { images, labels }) {
  const input = session.inputs[0]?.name ?? "";
  let correct = 0;
  for (let start = 0; start < images.length; start += 500) {
    const part = images.slice(start, start + 500);
    const data = new Float32Array(part.length * PIXELS);
    part.forEach((image, row) => data.set(image, row * PIXELS));
    const outputs = await session.run({ [input]: { data, dims: [part.length, SIDE, SIDE, 1], dtype: "float32" } });
    const [scores] = Object.values(outputs);
    if (scores === undefined || !(scores.data instanceof Float32Array)) throw new Error("the model gave no scores");
    for (let row = 0; row < part.length; row++) {
      const own = scores.data.subarray(row * 10, row * 10 + 10);
      if (own.indexOf(Math.max(...own)) === labels[start + row]) correct++;
    }
  }
  return correct / images.length;
}

const models = values.models.split(",");
const runtime = await getRuntime("node");
/** @type {import("../dist/infer/index.js").Session[]} */
const sessions = [];
for (const name of models) sessions.push(await runtime.load((await findModel(name, "node")).model, {}));
const head = ["digits", "number", ...models];
const lines = [
  `| ${head.join(" | ")} |`,
  `| --- | ${head
    .slice(1)
    .map(() => "---:")
    .join(" | ")} |`,
];
for (const source of await sources()) {
  const cells = [source.name, `${source.images.length}`];
  for (const session of sessions) cells.push(`${(100 * (await accuracy(session, source))).toFixed(2)} %`);
  lines.push(`| ${cells.join(" | ")} |`);
}
process.stdout.write(`${lines.join("\n")}\n`);
for (const session of sessions) await session.dispose();
