import { basename, extname, join } from "node:path";

import { Option, type Command } from "commander";

import { DIGIT_SIDE, type ImageSet } from "../data/dataset.ts";
import { imageTensor } from "../data/image-tensor.ts";
import { DataError, InferenceError, UsageError } from "../errors.ts";
import { prepareImage } from "../infer/preprocess/prepare-image.ts";
import { bestClass, classScores, readImages, type Reading } from "../infer/recognize.ts";
import type { Provider, Runtime, RuntimeName, Session } from "../infer/runtime.ts";
import { getRuntime, providersOf } from "../infer/runtimes.ts";
import type { Recognizer } from "../metadata.ts";
import { decodeImage } from "../node/decode-image.ts";
import { imageFiles } from "../node/image-files.ts";
import { encodeNpy, readNpy } from "../node/npy.ts";
import { findModel, type FoundModel } from "../node/open-recognizer.ts";
import { writeAside } from "../node/write-aside.ts";
import type { Tensor } from "../tensor.ts";

import { baseCommand, type CommonOptions } from "./base-command.ts";
import { interruptSignal } from "./interrupt.ts";
import { loadNative } from "./native-tensorflow.ts";
import { collect, parseWhole } from "./option-parsers.ts";
import { note, printJson, printLine, startProgress } from "./output.ts";

const EXIT_INTERRUPTED = 130;
const SAMPLE = 1000;
const SHOWN = 3;

interface InferOptions extends CommonOptions {
  readonly model?: string;
  readonly runtime: RuntimeName;
  readonly provider?: Provider | "auto";
  readonly threads?: number;
  readonly batchSize: number;
  readonly dataset?: string;
  readonly data?: string;
  readonly limit?: number;
  readonly tensor?: readonly string[];
  readonly out?: string;
  readonly browser?: true;
}

export function create(summary: string): Command {
  return baseCommand("infer", summary, [
    "infer photo.png scans/ 'more/*.jpg'",
    "infer --runtime web",
    "infer photo.png --runtime web --browser --provider webgpu",
    "infer --dataset mnist --data ~/mnist --json",
    "find . -name '*.png' | tfjs-to-onnx infer - --json",
    "infer --model model.onnx --tensor input=x.npy --out results",
  ])
    .argument("[input...]", "pictures, folders, globs, - for a list on stdin; without one, a sample of the test set")
    .option("--model <file|name>", "an ONNX file or a shipped model (default: the last export here, else crnn-mnist)")
    .addOption(new Option("--runtime <name>", "what runs it").choices(["node", "web", "tfjs"]).default("node"))
    .addOption(
      new Option("--provider <name>", "where it runs (default: the runtime's own)").choices([
        "auto",
        "cpu",
        "wasm",
        "webgpu",
        "tensorflow",
      ]),
    )
    .option("--threads <n>", "threads of one operator", parseWhole("--threads", 1))
    .option("--batch-size <n>", "pictures in one run", parseWhole("--batch-size", 1), 64)
    .addOption(new Option("--dataset <name>", "score a labelled test set").choices(["auto", "mnist", "digits"]))
    .option("--data <dir>", "folder of MNIST's files")
    .option("--limit <n>", "take the first images only", parseWhole("--limit", 1))
    .option("--tensor <name=file>", "a raw input tensor, .npy; may be repeated", collect)
    .option("--out <dir>", "folder for the outputs of --tensor, each NAME.npy")
    .addOption(
      new Option("--browser", "in headless Chromium instead of this process: --runtime web").implies({
        runtime: "web",
      }),
    )
    .action(run);
}

async function run(inputs: readonly string[], options: InferOptions): Promise<void> {
  checkUsage(inputs, options);
  const found = await findModel(options.model, options.runtime);
  const runtime = await openRuntime(options);
  const session = await runtime.load(found.model, {
    ...(options.provider === undefined ? {} : { provider: options.provider }),
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    onNote: note,
  });
  try {
    if (options.tensor !== undefined) await runTensors(session, options.tensor, options.out ?? ".", options);
    else if (inputs.length > 0) await readFiles(session, found, inputs, options);
    else if (options.dataset === undefined) await showSample(session, found, options);
    else await score(session, options.dataset, options);
  } finally {
    await session.dispose();
  }
}

function checkUsage(inputs: readonly string[], options: InferOptions): void {
  if (options.browser === true && options.runtime !== "web") {
    throw new UsageError(`--browser goes with --runtime web; got ${options.runtime}`);
  }
  if (options.tensor !== undefined && inputs.length > 0) {
    throw new UsageError("give pictures or --tensor, not both");
  }
  const { provider, runtime } = options;
  const provided: readonly string[] = providersOf[runtime];
  if (provider !== undefined && provider !== "auto" && !provided.includes(provider)) {
    throw new UsageError(`the runtime ${runtime} has the providers ${provided.join(", ")}; got ${provider}`);
  }
}

async function openRuntime({ browser, runtime }: InferOptions): Promise<Runtime> {
  if (browser !== true) return getRuntime(runtime, { loadNative });
  return (await import("../node/browser/browser-runtime.ts")).browserRuntime;
}

function summaryLine(session: Session, what: string, seconds: number): string {
  return `${what} in ${seconds.toFixed(2)} s by ${session.runtime} on ${session.provider}`;
}

/** Decodes the next batch while the runtime works on this one; an error of one file is a line of its own. */
async function readFiles(
  session: Session,
  found: FoundModel,
  inputs: readonly string[],
  options: InferOptions,
): Promise<void> {
  const recognizer = found.recognizer();
  const signal = interruptSignal();
  const started = performance.now();
  let [read, failed] = [0, 0];
  let pending: Promise<readonly Answer[]> = Promise.resolve([]);
  const flush = async (): Promise<void> => {
    for (const answer of await pending) {
      if ("error" in answer) failed++;
      else read++;
      printAnswer(answer, session, options);
    }
  };
  for await (const files of batchesOf(imageFiles(inputs), options.batchSize)) {
    if (signal.aborted) break;
    const prepared = Promise.all(files.map((file) => prepareFile(file, recognizer)));
    await flush();
    pending = answers(session, recognizer, await prepared);
  }
  await flush();
  const what = `${read} ${read === 1 ? "picture" : "pictures"} read${failed === 0 ? "" : `, ${failed} not`}`;
  note(summaryLine(session, what, (performance.now() - started) / 1000));
  if (read + failed === 0) throw new DataError("no pictures there", { hint: "name PNG or JPEG files, or a folder" });
  if (failed > 0) process.exitCode = 1;
  if (signal.aborted) process.exitCode = EXIT_INTERRUPTED;
}

async function* batchesOf(files: AsyncIterable<string>, size: number): AsyncGenerator<string[]> {
  let batch: string[] = [];
  for await (const file of files) {
    batch.push(file);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

type Prepared = { readonly input: string; readonly image: Float32Array } | Refused;
type Answer = ({ readonly input: string } & Reading) | Refused;

interface Refused {
  readonly input: string;
  readonly error: string;
}

async function prepareFile(input: string, recognizer: Recognizer): Promise<Prepared> {
  try {
    return { input, image: prepareImage(await decodeImage(input), recognizer.input) };
  } catch (error) {
    if (error instanceof DataError) return { input, error: error.message };
    throw error;
  }
}

async function answers(
  session: Session,
  recognizer: Recognizer,
  prepared: readonly Prepared[],
): Promise<readonly Answer[]> {
  const images = prepared.flatMap((each) => ("image" in each ? [each.image] : []));
  const readings = images.length === 0 ? [] : await readImages(session, recognizer, images);
  let next = 0;
  return prepared.map((each): Answer => {
    if ("error" in each) return each;
    const reading = readings[next++];
    if (reading === undefined) throw new InferenceError(`no answer for ${each.input}`);
    return { input: each.input, ...reading };
  });
}

function printAnswer(answer: Answer, { runtime, provider }: Session, { json }: InferOptions): void {
  if (json === true) printJson({ ...answer, runtime, provider });
  else if ("error" in answer) note(`${answer.input}: ${answer.error}`);
  else printLine(`${answer.input}: ${answer.text} (${percent(answer.confidence)})`);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

interface Scored {
  readonly accuracy: number;
  readonly seconds: number;
}

async function score(session: Session, dataset: string, options: InferOptions): Promise<void> {
  const set = await openTest(dataset, options);
  const { accuracy, seconds } = await accuracyOf(session, set, options.batchSize);
  const { runtime, provider } = session;
  if (options.json === true) {
    printJson({ dataset: set.name, split: set.split, images: set.images, accuracy, seconds, runtime, provider });
  } else {
    printLine(`${set.name}, ${set.split} set: ${percent(accuracy)} of ${set.images.toLocaleString("en")} images`);
  }
  note(summaryLine(session, `${set.images} images scored`, seconds));
}

async function openTest(dataset: string, { data, limit }: InferOptions): Promise<ImageSet> {
  if (dataset !== "auto" && dataset !== "mnist" && dataset !== "digits") {
    throw new UsageError(`--dataset takes auto, mnist or digits; got "${dataset}"`);
  }
  const { openDataset } = await import("../node/datasets/open-dataset.ts");
  const opened = await openDataset({ dataset, split: "test", data, limit });
  note(opened.note);
  return opened.set;
}

async function accuracyOf(session: Session, set: ImageSet, batchSize: number): Promise<Scored> {
  const progress = startProgress("scoring", set.images);
  const started = performance.now();
  let correct = 0;
  for (let start = 0; start < set.images; start += batchSize) {
    const count = Math.min(batchSize, set.images - start);
    // One batch at a time: a runtime uses all cores for it.
    const scores = await classScores(session, imageTensor(set, start, count));
    for (let row = 0; row < count; row++) if (bestClass(scores, row) === set.labels[start + row]) correct++;
    progress.update(start + count);
  }
  progress.stop();
  return { accuracy: correct / set.images, seconds: (performance.now() - started) / 1000 };
}

/** Without arguments: some test images in the terminal with what was read beside them, and the accuracy of a sample. */
async function showSample(session: Session, found: FoundModel, options: InferOptions): Promise<void> {
  const recognizer = found.recognizer();
  note(`model ${found.path}`);
  const set = await openTest("auto", { ...options, limit: options.limit ?? SAMPLE });
  const count = Math.min(SHOWN, set.images);
  const size = DIGIT_SIDE * DIGIT_SIDE;
  const tensor = imageTensor(set, 0, count);
  if (tensor.dtype === "float32" && options.json !== true) {
    const images = Array.from({ length: count }, (_, row) => tensor.data.subarray(row * size, (row + 1) * size));
    const readings = await readImages(session, recognizer, images);
    images.forEach((image, row) => printDigit(image, readings[row], set.labels[row]));
  }
  const { accuracy, seconds } = await accuracyOf(session, set, options.batchSize);
  const { runtime, provider } = session;
  if (options.json === true) {
    printJson({ dataset: set.name, split: set.split, images: set.images, accuracy, seconds, runtime, provider });
  } else {
    printLine(`${percent(accuracy)} of the first ${set.images.toLocaleString("en")} images of ${set.name}'s test set`);
  }
  note(summaryLine(session, `${set.images} images scored`, seconds));
}

const INK = " .:-=+*#%@";

/** Two rows of pixels to a line of text, since characters are twice as tall as wide. */
function printDigit(image: Float32Array, reading: Reading | undefined, label: number | undefined): void {
  if (reading === undefined) return;
  const beside = [
    `read as ${reading.text} (${percent(reading.confidence)})`,
    `labelled ${label ?? "?"}`,
    ...reading.top.slice(1).map(({ label: other, probability }) => `or ${other} (${percent(probability)})`),
  ];
  for (let y = 2; y < DIGIT_SIDE - 2; y += 2) {
    const cells = Array.from({ length: DIGIT_SIDE }, (_, x) => {
      const value = ((image[y * DIGIT_SIDE + x] ?? 0) + (image[(y + 1) * DIGIT_SIDE + x] ?? 0)) / 2;
      return INK[Math.min(INK.length - 1, Math.floor(value * INK.length))];
    });
    printLine(`${cells.join("")}  ${beside[(y - 8) / 2] ?? ""}`.trimEnd());
  }
  printLine("");
}

async function runTensors(
  session: Session,
  given: readonly string[],
  out: string,
  { json }: InferOptions,
): Promise<void> {
  const feeds: [string, Tensor][] = await Promise.all(given.map(readFeed));
  const started = performance.now();
  const outputs = await session.run(Object.fromEntries(feeds));
  const seconds = (performance.now() - started) / 1000;
  const written = await Promise.all(
    Object.entries(outputs).map(async ([name, tensor]) => {
      const file = join(out, `${fileName(name)}.npy`);
      await writeAside(file, encodeNpy(tensor));
      return { name, dtype: tensor.dtype, dims: tensor.dims, file };
    }),
  );
  const { runtime, provider } = session;
  if (json === true) printJson({ outputs: written, seconds, runtime, provider });
  else
    for (const { name, dtype, dims, file } of written) printLine(`${name}: ${dtype} [${dims.join(", ")}] -> ${file}`);
  note(summaryLine(session, `${written.length} outputs`, seconds));
}

async function readFeed(text: string): Promise<[string, Tensor]> {
  const cut = text.indexOf("=");
  if (cut < 1 || extname(text) !== ".npy") throw new UsageError(`--tensor takes NAME=file.npy; got "${text}"`);
  return [text.slice(0, cut), await readNpy(text.slice(cut + 1))];
}

/** A tensor's name may hold slashes and colons. */
function fileName(name: string): string {
  return basename(name.replaceAll(/[/\\:]/g, "_"));
}
