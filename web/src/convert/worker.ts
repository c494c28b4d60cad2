import { ExportError } from "../../../src/errors.ts";
import { exportAnySource, readAnyModel, type AnySource } from "../../../src/export/any-source.ts";
import type { ExportedModel, ExportedValue, ExportOptions } from "../../../src/export/export-model.ts";
import { valueOf } from "../../../src/require.ts";
import type { FeedSpec } from "../../../src/verify/feeds.ts";
import { graphDomains } from "../../../src/verify/graph-domains.ts";
import { inputDomains } from "../../../src/verify/input-domains.ts";
import { DEFAULT_TOLERANCE } from "../../../src/verify/compare.ts";
import { verifyModel, type ModelVerification } from "../../../src/verify/verify-model.ts";

import { ownBytes, readGiven, type ReadModel } from "./given.ts";
import { measure } from "./measure.ts";
import type { Answers, Converted, GivenModel, KeptWeights, Opened, Request, Response, Settings } from "./messages.ts";
import { problemOf } from "./problem.ts";
import { summarize } from "./summary.ts";
import { placeTfjs } from "./tfjs-files.ts";

type RequestOf<Kind extends Request["kind"]> = Extract<Request, { kind: Kind }>;

addEventListener("message", (event: MessageEvent<Request>) => {
  void work(event.data);
});

async function work(request: Request): Promise<void> {
  try {
    tell({ kind: "answer", answer: await answerTo(request) });
  } catch (error) {
    tell({ kind: "failed", problem: problemOf(error) });
  }
}

async function answerTo(request: Request): Promise<Answers[keyof Answers]> {
  switch (request.kind) {
    case "open":
      return open(request);
    case "convert":
      return convert(request);
    case "check":
      return check(request);
    case "measure":
      return measure(request, () => read(request.given), progress);
    default:
      return request satisfies never;
  }
}

function read(given: GivenModel): Promise<ReadModel> {
  const task = given.kind === "address" ? "Fetching the model" : "Reading the model";
  progress(task, 0, null);
  return readGiven(given, (done, of) => progress(task, done, of));
}

async function open({ given }: RequestOf<"open">): Promise<Opened> {
  const found = await read(given);
  progress("Looking at the model", 0, null);
  return { model: await summarize(found.name, found.raw), given: found.keep() };
}

async function convert({ given, inputs, settings }: RequestOf<"convert">): Promise<Converted> {
  const { raw } = await read(given);
  progress("Converting", 0, null);
  const source = await readAnyModel(raw);
  const exported = await exportAnySource(source, exportOptions(inputs, settings));
  const parts: Blob[] = [];
  let written = 0;
  for (const chunk of exported.chunks) {
    // Blobs are kept outside of the page's memory.
    parts.push(new Blob([ownBytes(chunk)]));
    written += chunk.byteLength;
    progress("Writing the file", written, exported.byteLength);
  }
  const { nodes, opset, outputs, notes } = exported;
  const precision = keptWeights(exported.precision);
  const onnx = new Blob(parts, { type: "application/octet-stream" });
  const domains = domainsOf(source);
  const feeds = exported.inputs.map((input): FeedSpec => ({
    ...input,
    domain: domains.get(input.name) ?? { kind: "normal" },
  }));
  return { onnx, nodes, opset, precision, inputs: exported.inputs, outputs, notes, feeds };
}

function keptWeights({ name, weights }: ExportedModel["precision"]): KeptWeights {
  const large = weights.filter(({ type }) => type === "float32").length;
  return { name, small: weights.length - large, large, isRounded: weights.some(({ loss }) => loss > 0) };
}

function domainsOf(source: AnySource): ReadonlyMap<string, FeedSpec["domain"]> {
  if (source.kind === "graph") return graphDomains(source);
  const domains = inputDomains(source);
  return new Map(source.model.inputs.map(({ layer }, index) => [layer, domains[index] ?? { kind: "normal" }]));
}

/** @throws {ExportError} when an input has some of its free sizes fixed, and others not */
function exportOptions(
  inputs: readonly ExportedValue[],
  { opset, logits, portable, precision, ...settings }: Settings,
): ExportOptions {
  const sizes = new Map(Object.entries(settings.sizes));
  const shapes: [string, number[]][] = [];
  for (const { name, dims } of inputs) {
    const free = dims.filter((size) => typeof size === "string");
    const left = free.filter((size) => !sizes.has(size));
    const others = free.filter((size) => size !== BATCH);
    if (free.length > 0 && left.length === 0) {
      shapes.push([name, dims.map((size) => (typeof size === "number" ? size : valueOf(sizes, size)))]);
    } else if (others.some((size) => sizes.has(size))) {
      throw new ExportError(`the input ${name} has some of its sizes fixed and ${left.join(", ")} free`, {
        hint: `give a size for ${left.join(", ")} too, or for none of them`,
      });
    }
  }
  const batch = sizes.get(BATCH);
  return {
    opset,
    logits,
    precision,
    recurrentForm: portable ? "portable" : "native",
    ...(batch === undefined ? {} : { batch }),
    ...(shapes.length === 0 ? {} : { inputShapes: Object.fromEntries(shapes) }),
  };
}

const BATCH = "batch";

async function check({ given, onnx, place }: RequestOf<"check">): Promise<ModelVerification> {
  const { raw } = await read(given);
  progress("Loading TensorFlow.js and ONNX Runtime", 0, null);
  await placeTfjs(1);
  const source = await readAnyModel(raw);
  return verifyModel(raw, source, new Uint8Array(await onnx.arrayBuffer()), {
    targets: [{ runtime: "web", provider: place }],
    tolerance: DEFAULT_TOLERANCE,
    batches: [1, 3],
    seed: 1,
    onProgress({ task, layers, seconds, expected }) {
      const part = layers === null ? "" : ` (${layers.done} of ${layers.of} layers)`;
      progress(`Comparing: ${task}${part}`, seconds, expected);
    },
  });
}

/** When a task was last told of: a page has no use for more than ten reports in a second. */
const told = { task: "", at: 0 };

function progress(task: string, done: number, of: number | null): void {
  const now = performance.now();
  if (told.task === task && now - told.at < 100) return;
  Object.assign(told, { task, at: now });
  tell({ kind: "progress", task, done, of });
}

function tell(response: Response): void {
  postMessage(response);
}
