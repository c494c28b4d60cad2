// What smaller weights cost and gain: size, loss and latency of every --precision, beside onnxruntime.quantization on the same file;
// and the sizes of published models that are quantised.
//
//   node bench/precision.mjs [--models DIR] [--mnist DIR] [--limit N] [--only NAME,...] [--kept FILE] [--json] [--record]
//
// --models: a folder with graph/ and layers/, each with folders of a model.json. Each row is told as it is measured, and kept in
// --kept (a line of JSON each): rows that are there are not measured again. PYTHONPATH may lead to onnx and onnxruntime; without it, the
// Python of the other benches is used (bench/peers.mjs installs it).
import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { ensureBuild } from "../scripts/bootstrap.mjs";
import { field } from "./json.mjs";
import { bytes, machine, milliseconds, record, table } from "./markdown.mjs";
import { setUpPeers } from "./peers.mjs";

const { values } = parseArgs({
  options: {
    models: { type: "string" },
    mnist: { type: "string" },
    limit: { type: "string", default: "10000" },
    only: { type: "string" },
    kept: { type: "string" },
    json: { type: "boolean", default: false },
    record: { type: "boolean", default: false },
  },
});

ensureBuild();
const { exportAnySource, readAnyModel } = await import("../dist/export/any-source.js");
const { readModel } = await import("../dist/node/read-model.js");
const { openDataset } = await import("../dist/node/datasets/open-dataset.js");
const { imageTensor } = await import("../dist/data/image-tensor.js");
const { getRuntime } = await import("../dist/infer/runtimes.js");
const { compareSessions } = await import("../dist/verify/accuracy/compare-sessions.js");
const { measureLatency } = await import("../dist/verify/accuracy/latency.js");
const { firstSample } = await import("../dist/verify/accuracy/rows.js");
const { firstBatch, randomSamples } = await import("../dist/verify/accuracy/samples.js");
const { domainsOf } = await import("../dist/verify/original.js");

const root = path.resolve(import.meta.dirname, "..");
const folder = mkdtempSync(path.join(tmpdir(), "tfjs-to-onnx-precision-"));
const only = values.only?.split(",") ?? null;

/** @typedef {import("../dist/verify/accuracy/samples.js").Samples} Samples */
/** @typedef {import("../dist/export/export-model.js").ExportedModel} ExportedModel */

/**
 * @typedef {object} Row
 * @property {string} model
 * @property {string} form
 * @property {number} bytes
 * @property {number | null} loss of the worst output, relative to its root mean square
 * @property {number | null} agreement of the largest element
 * @property {number | null} right share of right answers
 * @property {{ readonly before: number, readonly after: number } | null} node milliseconds of the float32 file and of this one, in turns
 * @property {{ readonly before: number, readonly after: number } | null} web
 * @property {string} [error]
 */

/** @type {Row[]} */
const rows = [];
/** @typedef {{ model: string, stored: number, float32: number, published: number, forms: string }} Published */
/** @type {Published[]} */
const published = [];
const kept = values.kept !== undefined && existsSync(values.kept) ? readKept(values.kept) : [];
const python = process.env["PYTHONPATH"] === undefined ? setUpPeers() : "python3";

/** Models that are measured in every form, by their folder; sizes of free dimensions. */
const roster = [
  { name: "crnn-mnist", at: path.join(root, "models/crnn-mnist"), mnist: true },
  { name: "crnn-mnist-best", at: path.join(root, "models/crnn-mnist-best"), mnist: true },
  ...["line-captcha", "line-cheque", "line-print"].map((name) => ({
    name,
    at: path.join(root, "models", name),
    mnist: false,
  })),
  ...["foulshot-bilstm", "face-emotion-mobilenet", "teachable-machine-image", "sentiment-embedding-bilstm"].map(
    (name) => ({
      name,
      at: path.join(values.models ?? "", "layers", name),
      mnist: false,
    }),
  ),
  ...["blazeface", "bodypix-050-float-s16", "handtrack"].map((name) => ({
    name,
    at: path.join(values.models ?? "", "graph", name),
    mnist: false,
  })),
];

for (const { name, at, mnist } of roster) {
  if (!existsSync(path.join(at, "model.json")) || (only !== null && !only.includes(name))) continue;
  await measure(name, at, mnist);
}
if (values.models !== undefined) for (const kind of ["layers", "graph"]) await sizes(path.join(values.models, kind));
rmSync(folder, { recursive: true });
print();

/** @param {string} name @param {string} at @param {boolean} isMnist */
async function measure(name, at, isMnist) {
  const source = await readAnyModel(await readModel(at));
  const exact = await exportAnySource(source, { precision: "float32" });
  const samples = (isMnist ? await mnistSamples(exact) : null) ?? randomSamples(exact, domainsOf(source));
  const file = path.join(folder, "float32.onnx");
  writeFileSync(file, exact.bytes);
  for (const precision of /** @type {const} */ (["float32", "stored", "float16", "int8", "int4"])) {
    if (precision === "stored" && source.quantizations.length === 0) continue;
    await add(name, precision, async () => {
      const exported = await exportAnySource(source, { precision });
      return row(name, precision, exact.bytes, exported.bytes, samples);
    });
  }
  for (const form of ["int8", "int4"]) {
    const out = path.join(folder, `${form}.onnx`);
    const script = path.join(import.meta.dirname, "precision_peers.py");
    const label = `Python's ${form}`;
    await add(name, label, async () => {
      const { status, stderr } = spawnSync(python, [script, file, form, out], { encoding: "utf8", timeout: 120_000 });
      if (status === 0) return row(name, label, exact.bytes, readFileSync(out), samples);
      process.stderr.write(`${name}, ${label}: ${stderr.trim().split("\n").at(-1)}\n`);
      return null;
    });
  }
}

/** @param {string} model @param {string} form @param {Uint8Array} before @param {Uint8Array} after @param {Samples} samples @returns {Promise<Row>} */
async function row(model, form, before, after, samples) {
  /** @type {Row} */
  const found = { model, form, bytes: after.length, loss: null, agreement: null, right: null, node: null, web: null };
  for (const runtime of /** @type {const} */ (["node", "web"])) {
    const loader = await getRuntime(runtime);
    try {
      const sessions = [await loader.load(before, { threads: 1 }), await loader.load(after, { threads: 1 })];
      const [exact, rounded] = sessions;
      if (exact === undefined || rounded === undefined) continue;
      if (runtime === "node") {
        const { outputs, accuracy } = await compareSessions(exact, rounded, samples);
        found.loss = Math.max(...outputs.map(({ loss }) => loss));
        found.agreement = Math.min(...outputs.flatMap(({ agreement }) => agreement ?? []));
        found.right = accuracy?.after ?? null;
      }
      const feeds = firstSample(exact.inputs, firstBatch(samples));
      found[runtime] = await measureLatency(exact, rounded, feeds);
      for (const session of sessions) await session.dispose();
    } catch (error) {
      found.error = `${runtime}: ${String(error).slice(0, 120)}`;
    }
  }
  return found;
}

/** Measure a row, unless it is kept. @param {string} model @param {string} form @param {() => Promise<Row | null>} measured */
async function add(model, form, measured) {
  const before = kept.find((line) => isRow(line) && line.model === model && line.form === form);
  const found = isRow(before) ? before : await measured();
  if (found === null) return;
  rows.push(found);
  if (found !== before) keep(found);
  process.stderr.write(`${cells(found).join("  ")}\n`);
}

/** @param {Row | Published} line */
function keep(line) {
  if (values.kept !== undefined) appendFileSync(values.kept, `${JSON.stringify(line)}\n`);
}

/** A last line that was cut is left out. @param {string} file @returns {readonly unknown[]} */
function readKept(file) {
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.slice(0, -1).map((line) => {
    /** @type {unknown} */
    const parsed = JSON.parse(line);
    return parsed;
  });
}

/** @param {unknown} line @returns {line is Row} */
function isRow(line) {
  return typeof field(line, "form") === "string" && typeof field(line, "bytes") === "number";
}

/** @param {unknown} line @returns {line is Published} */
function isPublished(line) {
  return typeof field(line, "stored") === "number" && typeof field(line, "float32") === "number";
}

/** @param {ExportedModel} model @returns {Promise<Samples | null>} */
async function mnistSamples({ inputs }) {
  if (values.mnist === undefined) return null;
  const { set } = await openDataset({
    dataset: "mnist",
    split: "test",
    data: values.mnist,
    limit: Number(values.limit),
  });
  const input = inputs[0]?.name ?? "";
  return {
    kind: "labelled",
    source: "MNIST",
    count: set.images,
    labels: set.labels,
    *batches() {
      for (let start = 0; start < set.images; start += 100) {
        yield { [input]: imageTensor(set, start, Math.min(100, set.images - start)) };
      }
    },
  };
}

/** Sizes of the published models of a folder that are quantised. @param {string} at */
async function sizes(at) {
  for (const model of existsSync(at) ? readdirSync(at) : []) {
    const own = path.join(at, model);
    if (only !== null && !only.includes(model)) continue;
    const before = kept.find((line) => isPublished(line) && line.model === model);
    if (isPublished(before)) {
      published.push(before);
      continue;
    }
    const raw = await readModel(own);
    const source = await readAnyModel(raw);
    if (source.quantizations.length === 0) continue;
    const stored = await exportAnySource(source);
    const float32 = await exportAnySource(source, { precision: "float32" });
    const forms = [...new Set(source.quantizations.map(({ dtype }) => dtype))].join(", ");
    const found = {
      model,
      forms,
      published: (raw.weights?.length ?? 0) + readFileSync(path.join(own, "model.json")).length,
      stored: stored.byteLength,
      float32: float32.byteLength,
    };
    published.push(found);
    keep(found);
  }
}

/** @param {Row} row */
function cells({ model, form, bytes: size, loss, agreement, right, node, web, error }) {
  /** @param {number | null} share */
  const percent = (share) => (share === null || !Number.isFinite(share) ? "" : `${(100 * share).toFixed(2)} %`);
  /** @param {Row["node"]} ms */
  const time = (ms) => (ms === null ? "" : `${milliseconds(ms.after)} (${(ms.after / ms.before).toFixed(2)})`);
  return [
    model,
    form,
    bytes(size),
    percent(loss),
    percent(agreement),
    percent(right),
    time(node),
    error === undefined ? time(web) : `fails (${error})`,
  ];
}

function print() {
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ machine: machine(), rows, published }, null, 1)}\n`);
    return;
  }
  const text = [
    "## Smaller weights",
    `\`node bench/precision.mjs\`, ${machine()}; one thread, batch 1. The loss is the root mean square error of the worst output beside the float32 file, agreement that of its largest element. Times are of one run; in brackets, as a share of the float32 file's time, measured in turns with it.`,
    table(
      ["model", "form", "file", "loss", "agreement", "right answers", "onnxruntime-node", "onnxruntime-web"],
      rows.map(cells),
      2,
    ),
    ...(published.length === 0
      ? []
      : [
          "Models that are published quantised, model.json and weights, beside the exported file:",
          table(
            ["model", "weights", "published", "exported as stored", "as float32"],
            published.map((each) => [
              each.model,
              each.forms,
              bytes(each.published),
              bytes(each.stored),
              bytes(each.float32),
            ]),
            2,
          ),
        ]),
  ].join("\n\n");
  process.stdout.write(`${text}\n`);
  if (values.record) record("precision", text, "docs/precision.md");
}
