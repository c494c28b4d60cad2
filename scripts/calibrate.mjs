// Fits the confidence of a digit recogniser and writes it into its model.json and model.onnx: on digits that it may know, and on drawings
// that are no digit (scribbles, shapes, letters, two digits, noise). Prints what it says of others, drawn from another seed and
// taken from test sets.
//
//   node scripts/calibrate.mjs models/crnn-mnist-best [--data MNIST_DIR] [--cheques DIR] [--each 100] [--dry]
//
// --cheques: a folder of scripts/cheque-digits.mjs. --each: drawings of each kind. --dry: print only.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { ensureBuild, ensureDependencies } from "./bootstrap.mjs";

ensureDependencies();
ensureBuild();
const { Random } = await import("../dist/data/random.js");
const { renderedDigits } = await import("../dist/data/digits/rendered-digits.js");
const { confidenceFigures, confidenceOf, UNSURE_BELOW } = await import("../dist/infer/confidence.js");
const { getRuntime, prepareImage } = await import("../dist/infer/index.js");
const { exportRaw } = await import("../dist/export/export-model.js");
const { openDataset } = await import("../dist/node/datasets/open-dataset.js");
const { readPictures } = await import("../dist/node/datasets/pictures.js");
const { readModel } = await import("../dist/node/read-model.js");
const { writeAside } = await import("../dist/node/write-aside.js");
const { default: sharp } = await import("sharp");

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: "string" },
    cheques: { type: "string" },
    each: { type: "string", default: "100" },
    dry: { type: "boolean", default: false },
  },
});
const folder = positionals[0];
if (folder === undefined) throw new Error("usage: node scripts/calibrate.mjs MODEL_FOLDER [options]");

/** Probabilities below count as this. */
const FLOOR = 1e-6;
/** Weight of the digits, all together, against that of everything else: as many images are digits as are not. */
const DIGITS_TO_OTHERS = 1;
const PIXELS = 28 * 28;
/** Of drawings, in the units of their paths. */
const SIDE = 200;
/** @type {import("../dist/metadata.js").ImageInput} */
const INPUT = { kind: "image", height: 28, width: 28, channels: 1, range: [0, 1], fit: "mnist" };

/** @typedef {{ name: string, images: Float32Array[], labels: number[] | null }} Part labels: null where nothing is a digit */
/** @typedef {readonly [x: number, y: number]} Point */

/** @param {readonly Point[]} points a smooth curve through them (Catmull-Rom) */
function curve(points) {
  /** @param {number} index */
  const at = (index) => points[Math.min(points.length - 1, Math.max(0, index))] ?? [0, 0];
  const parts = points.slice(1).map((_, index) => {
    const [[ax, ay], [bx, by], [cx, cy], [dx, dy]] = [at(index - 1), at(index), at(index + 1), at(index + 2)];
    return `C${bx + (cx - ax) / 6} ${by + (cy - ay) / 6} ${cx - (dx - bx) / 6} ${cy - (dy - by) / 6} ${cx} ${cy}`;
  });
  return `M${at(0).join(" ")}${parts.join("")}`;
}

/** @param {readonly Point[]} points */
function line(points) {
  return `M${points.map((point) => point.join(" ")).join("L")}`;
}

/**
 * @template Item
 * @param {number} count
 * @param {(index: number) => Item} make
 */
function times(count, make) {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** @typedef {(r: InstanceType<typeof Random>) => string} Kind */
/** @param {InstanceType<typeof Random>} r @returns {Point} */
const anywhere = (r) => [r.between(30, 170), r.between(30, 170)];

/** Drawings that are no digit, as paths in a square of 200. @type {Record<string, Kind>} */
const KINDS = {
  scribble: (r) => curve(times(5 + r.integer(10), () => anywhere(r))),
  tangle: (r) => curve(times(25 + r.integer(20), () => anywhere(r))),
  strokes: (r) => times(3 + r.integer(4), () => curve(times(3, () => anywhere(r)))).join(""),
  zigzag: (r) => {
    const [count, height] = [4 + r.integer(8), r.between(15, 60)];
    return line(
      times(count, (i) => [25 + (150 * i) / (count - 1), 100 + (i % 2 === 0 ? -height : height) + r.between(-10, 10)]),
    );
  },
  spiral: (r) => {
    const turns = r.between(1.5, 4);
    return curve(
      times(60, (i) => [
        100 + (5 + 1.2 * i) * Math.cos((i * turns) / 9.5),
        100 + (5 + 1.2 * i) * Math.sin((i * turns) / 9.5),
      ]),
    );
  },
  wave: (r) => {
    const periods = r.between(1.5, 4);
    return curve(times(40, (i) => [25 + 3.8 * i, 100 + 35 * Math.sin((i * periods) / 6.2)]));
  },
  loops: (r) =>
    curve(times(70, (i) => [30 + 2 * i + 22 * Math.cos(i * 0.6), 100 + 38 * Math.sin(i * 0.6) + r.between(-2, 2)])),
  hatching: (r) => {
    const [count, slant] = [3 + r.integer(5), r.between(-40, 40)];
    return times(count, (i) =>
      line([
        [30 + (140 * i) / count + slant, 30],
        [30 + (140 * i) / count - slant, 170],
      ]),
    ).join("");
  },
  star: (r) => {
    const [count, turn] = [5 + r.integer(3), r.between(0, 6)];
    return line(
      times(2 * count + 1, (i) => {
        const [angle, radius] = [turn + (i * Math.PI) / count, i % 2 === 0 ? 32 : 75];
        return [100 + radius * Math.cos(angle), 100 + radius * Math.sin(angle)];
      }),
    );
  },
  cross: (r) =>
    line([
      [40, 40 + r.between(-20, 20)],
      [160, 160],
    ]) +
    line([
      [160, 40 + r.between(-20, 20)],
      [40, 160],
    ]),
  box: (r) =>
    line([
      [r.between(25, 60), 40],
      [160, 40],
      [160, 150],
      [r.between(25, 60), 150],
      [40, 40],
    ]),
  triangle: (r) =>
    line([
      [100 + r.between(-20, 20), 30],
      [30, 160],
      [170, 160 + r.between(-20, 10)],
      [100, 30],
    ]),
  arrow: (r) =>
    line([
      [30, 100 + r.between(-20, 20)],
      [165, 100],
    ]) +
    line([
      [120, 60],
      [165, 100],
      [120, 140],
    ]),
  tick: (r) =>
    line([
      [40, 100 + r.between(-10, 20)],
      [80, 150],
      [165, 45 + r.between(-10, 20)],
    ]),
};

const FONTS = ["sans-serif", "serif", "monospace"];
/** Without those that people write as a digit is written. */
const LETTERS = "ACEFHKLMNPRUVWXadefhkmnprtuvwx";

/** @param {string} content @returns {Promise<Float32Array | null>} prepared as `infer` does; null when that calls it blank */
async function drawn(content) {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100" viewBox="0 0 ${SIDE} ${SIDE}"><rect width="${SIDE}" height="${SIDE}" fill="white"/>${content}</svg>`;
  const { data, info } = await sharp(Buffer.from(svg)).greyscale().raw().toBuffer({ resolveWithObject: true });
  return prepared({ width: info.width, height: info.height, channels: 1, data: Uint8Array.from(data) });
}

/** @param {{ width: number, height: number, channels: 1, data: Uint8Array }} pixels */
function prepared(pixels) {
  try {
    return prepareImage(pixels, INPUT);
  } catch {
    return null;
  }
}

/** @param {number} seed @param {number} each @returns {Promise<Part[]>} */
async function others(seed, each) {
  /** @type {Part[]} */
  const parts = [];
  /** @param {string} name @param {number} count @param {(r: InstanceType<typeof Random>) => Promise<Float32Array | null>} make */
  const add = async (name, count, make) => {
    const r = new Random(seed, parts.length);
    const images = [];
    for (let index = 0; index < count; index++) images.push(await make(r));
    parts.push({ name, images: images.filter((image) => image !== null), labels: null });
  };
  for (const [name, kind] of Object.entries(KINDS)) {
    await add(name, each, async (r) =>
      drawn(
        `<path d="${kind(r)}" fill="none" stroke="black" stroke-width="${r.between(5, 19)}" stroke-linecap="round" stroke-linejoin="round"/>`,
      ),
    );
  }
  /** @param {InstanceType<typeof Random>} r @param {string} text @param {number} size */
  const word = (r, text, size) =>
    `<text x="100" y="145" font-size="${size}" text-anchor="middle" font-family="${FONTS[r.integer(FONTS.length)] ?? ""}" font-weight="${r.integer(2) === 0 ? 400 : 700}" transform="rotate(${r.between(-12, 12)} 100 100)">${text}</text>`;
  await add("letters", 3 * each, async (r) =>
    drawn(word(r, LETTERS.charAt(r.integer(LETTERS.length)), r.between(110, 160))),
  );
  await add("two digits", each, async (r) => drawn(word(r, String(10 + r.integer(90)), r.between(90, 120))));
  await add("noise", each, async (r) =>
    prepared({ width: 40, height: 40, channels: 1, data: new Uint8Array(1600).map(() => r.integer(256)) }),
  );
  return parts;
}

/** @param {string} name @param {import("../dist/data/dataset.js").ImageSet} set @param {number} [start] @param {number} [count] @returns {Part} */
function digits(name, set, start = 0, count = set.images) {
  const indices = times(Math.min(count, set.images - start), (index) => start + index);
  return {
    name,
    images: indices.map((index) => Float32Array.from(set.pixels(index), (value) => value / 255)),
    labels: indices.map((index) => set.labels[index] ?? -1),
  };
}

const runtime = await getRuntime("node");

/** Probabilities of each image of a part. @param {Uint8Array} bytes @param {Part} part */
async function probabilities(bytes, { images }) {
  const session = await runtime.load(bytes);
  const rows = [];
  for (let start = 0; start < images.length; start += 200) {
    const batch = images.slice(start, start + 200);
    const data = new Float32Array(batch.length * PIXELS);
    batch.forEach((image, row) => data.set(image, row * PIXELS));
    const [input, output] = [session.inputs[0]?.name ?? "", session.outputs[0]?.name ?? ""];
    const { [output]: result } = await session.run({
      [input]: { dtype: "float32", dims: [batch.length, 28, 28, 1], data },
    });
    if (result?.dtype !== "float32") throw new Error("the model gives no float32");
    for (let row = 0; row < batch.length; row++) rows.push(result.data.slice(row * 10, row * 10 + 10));
  }
  await session.dispose();
  return rows;
}

/** @param {Float32Array} row */
function best(row) {
  return row.indexOf(Math.max(...row));
}

/** Logistic regression by Newton's method. @param {{ x: readonly number[], y: number, weight: number }[]} rows @param {number} size */
function fitted(rows, size) {
  let weights = times(size, () => 0);
  for (let iteration = 0; iteration < 100; iteration++) {
    const gradient = times(size, () => 0);
    const hessian = times(size, (i) => times(size, (j) => Number(i === j) * 1e-9));
    for (const { x, y, weight } of rows) {
      const p = 1 / (1 + Math.exp(-x.reduce((sum, value, i) => sum + value * (weights[i] ?? 0), 0)));
      for (let i = 0; i < size; i++) {
        gradient[i] = (gradient[i] ?? 0) + weight * (y - p) * (x[i] ?? 0);
        const slope = hessian[i] ?? [];
        for (let j = 0; j < size; j++) slope[j] = (slope[j] ?? 0) + weight * p * (1 - p) * (x[i] ?? 0) * (x[j] ?? 0);
      }
    }
    const change = solved(hessian, gradient);
    weights = weights.map((value, i) => value + (change[i] ?? 0));
  }
  return weights;
}

/** Solve a system of linear equations by elimination. @param {number[][]} matrix @param {number[]} right */
function solved(matrix, right) {
  const rows = matrix.map((row, i) => [...row, right[i] ?? 0]);
  for (const [i, row] of rows.entries()) {
    for (const [k, other] of rows.entries()) {
      if (k === i) continue;
      const factor = (other[i] ?? 0) / (row[i] ?? 1);
      row.forEach((value, j) => (other[j] = (other[j] ?? 0) - factor * value));
    }
  }
  return rows.map((row, i) => (row.at(-1) ?? 0) / (row[i] ?? 1));
}

const each = Number(values.each);
const mnist = /** @type {const} */ (["train", "test"]).map((split) =>
  openDataset({ dataset: "mnist", split, data: values.data }),
);
const [train, test] = await Promise.all(mnist);
const cheques = values.cheques === undefined ? null : values.cheques;
/** @param {"train" | "held"} part */
const chequePart = async (part) =>
  cheques === null ? [] : [digits(`cheque digits, ${part}`, (await readPictures(join(cheques, part), "train")).set)];
const known = [
  digits("MNIST train", train?.set ?? never(), 0, 4000),
  digits("rendered digits", renderedDigits({ split: "train", seed: 901, count: 1500 })),
  ...(await chequePart("train")),
];
const unknown = await others(1, each);
const raw = await readModel(folder);
const { bytes } = exportRaw(raw);

/** @param {Part[]} parts @param {number} share */
async function rowsOf(parts, share) {
  const count = parts.reduce((sum, { images }) => sum + images.length, 0);
  const rows = [];
  for (const part of parts) {
    for (const [index, row] of (await probabilities(bytes, part)).entries()) {
      const { margin, mean, spread } = confidenceFigures(row, FLOOR);
      const y = part.labels !== null && part.labels[index] === best(row) ? 1 : 0;
      rows.push({ x: [1, margin, mean, spread], y, weight: share / count });
    }
  }
  return rows;
}

const weights = fitted([...(await rowsOf(known, DIGITS_TO_OTHERS)), ...(await rowsOf(unknown, 1))], 4);
const [bias = 0, margin = 0, mean = 0, spread = 0] = weights.map((value) => Number(value.toPrecision(6)));
const confidence = { floor: FLOOR, bias, margin, mean, spread };
process.stdout.write(
  `${JSON.stringify(confidence)}\n\n| images | number | right | unsure | right but unsure | wrong but sure |\n| --- | ---: | ---: | ---: | ---: | ---: |\n`,
);

const scored = [
  digits("MNIST test", test?.set ?? never()),
  digits("rendered digits, test part", renderedDigits({ split: "test", seed: 902, count: 2000 })),
  ...(await chequePart("held")),
  ...(await others(2, each)),
];
/** @param {number} count @param {number} of */
const percent = (count, of) => `${((100 * count) / of).toFixed(1)} %`;
for (const part of scored) {
  const rows = (await probabilities(bytes, part)).map((row, index) => ({
    isRight: part.labels !== null && part.labels[index] === best(row),
    isUnsure: confidenceOf(row, confidence) < UNSURE_BELOW,
  }));
  /** @param {(row: { isRight: boolean, isUnsure: boolean }) => boolean} holds */
  const share = (holds) => percent(rows.filter(holds).length, rows.length);
  const right = part.labels === null ? "-" : share(({ isRight }) => isRight);
  const cells = [part.name, String(rows.length), right, share(({ isUnsure }) => isUnsure)];
  const wasted = part.labels === null ? "-" : share(({ isRight, isUnsure }) => isRight && isUnsure);
  process.stdout.write(
    `| ${[...cells, wasted, share(({ isRight, isUnsure }) => !isRight && !isUnsure)].join(" | ")} |\n`,
  );
}

if (!values.dry) {
  const path = join(folder, "model.json");
  /** @type {unknown} */
  const json = JSON.parse(readFileSync(path, "utf8"));
  const output = ["userDefinedMetadata", "recognizer", "output"].reduce(
    (/** @type {unknown} */ found, key) => Reflect.get(Object(found), key),
    json,
  );
  Reflect.set(Object(output), "confidence", confidence);
  await writeAside(path, `${JSON.stringify(json)}\n`);
  await writeAside(join(folder, "model.onnx"), exportRaw(await readModel(folder)).bytes);
  process.stdout.write(`\nwrote ${path} and model.onnx\n`);
}
process.exit();

/** @returns {never} */
function never() {
  throw new Error("MNIST was not opened");
}
