import { DataError, InferenceError, ModelFormatError } from "../errors.ts";
import { createNodeRuntime } from "../infer/ort-node.ts";
import { readImages, readRecognizer } from "../infer/recognize.ts";
import type { Session, Tensors } from "../infer/runtime.ts";
import type { Recognizer } from "../metadata.ts";
import { prepareFile } from "../node/prepare-file.ts";
import { readOnnxHeader } from "../onnx/header.ts";

import type { Order, PictureAnswer, Reply } from "./messages.ts";
import { ofTensor, toTensor } from "./tensor-bytes.ts";

/** Likeliest labels that are named, as `infer` does. */
const TOP = 3;

interface Loaded {
  readonly session: Session;
  /** Why it reads no pictures, if it reads none. */
  readonly recognizer: Recognizer | string;
}

const runtime = createNodeRuntime();
const models = new Map<number, Loaded>();
/** Orders are done one after the other: a run stops this process's other work anyway. */
let last: Promise<void> = Promise.resolve();

// A terminal's Ctrl-C and a service manager's signal reach this process as well as the server, which still has requests for it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
process.on("disconnect", () => process.exit(0));
process.on("message", (order: Order) => {
  last = last.then(() => obey(order));
});
tell({ kind: "ready" });

async function obey(order: Order): Promise<void> {
  switch (order.kind) {
    case "load":
      return load(order);
    case "unload": {
      const loaded = models.get(order.model);
      models.delete(order.model);
      await loaded?.session.dispose();
      return undefined;
    }
    case "run":
    case "read":
      try {
        tell(await (order.kind === "run" ? run(order) : read(order)));
      } catch (error) {
        // What ONNX Runtime itself refuses comes with a cause.
        const isInvalid = error instanceof InferenceError && error.cause === undefined;
        tell({ kind: "failed", job: order.job, reason: textOf(error), isInvalid });
      }
      return undefined;
    default:
      return order satisfies never;
  }
}

async function load({ model, file, threads }: Extract<Order, { kind: "load" }>): Promise<void> {
  try {
    const recognizer = recognizerIn(readOnnxHeader(file.bytes).metadata);
    const { externalData } = file;
    const session = await runtime.load(file.bytes, { provider: "cpu", threads, externalData });
    models.set(model, { session, recognizer });
    const { inputs, outputs } = session;
    tell({
      kind: "loaded",
      model,
      values: { inputs, outputs, cannotRead: typeof recognizer === "string" ? recognizer : null },
    });
  } catch (error) {
    tell({ kind: "refused", model, reason: textOf(error) });
  }
}

function recognizerIn(metadata: ReadonlyMap<string, string>): Recognizer | string {
  try {
    return readRecognizer(metadata);
  } catch (error) {
    if (error instanceof ModelFormatError) return error.message;
    throw error;
  }
}

async function run(order: Extract<Order, { kind: "run" }>): Promise<Reply> {
  const { session } = loadedAs(order.model);
  const started = performance.now();
  const feeds: Tensors = Object.fromEntries(order.inputs.map((input) => [input.name, toTensor(input)]));
  const fed = performance.now();
  const results = await session.run(feeds);
  const ran = performance.now();
  const outputs = order.outputs.map((name) => {
    const tensor = Object.hasOwn(results, name) ? results[name] : undefined;
    if (tensor === undefined) throw new InferenceError(`the model gave no output "${name}"`);
    return ofTensor(name, tensor);
  });
  const ms = { input: fed - started, infer: ran - fed, output: performance.now() - ran };
  return { kind: "ran", job: order.job, outputs, ms };
}

async function read(order: Extract<Order, { kind: "read" }>): Promise<Reply> {
  const { session, recognizer } = loadedAs(order.model);
  if (typeof recognizer === "string") throw new InferenceError(recognizer);
  const started = performance.now();
  const prepared = await Promise.all(
    order.pictures.map(async (bytes) => {
      try {
        return await prepareFile(bytes, recognizer.input);
      } catch (error) {
        if (error instanceof DataError) return { error: error.message };
        throw error;
      }
    }),
  );
  const fed = performance.now();
  const images = prepared.flatMap((each) => (each instanceof Float32Array ? [each] : []));
  const fixed = session.inputs[0]?.dims[0];
  const missing = typeof fixed === "number" ? Math.max(0, fixed - images.length) : 0;
  const blanks = Array.from({ length: missing }, () => new Float32Array(images[0]?.length ?? 0));
  const readings = images.length === 0 ? [] : await readImages(session, recognizer, [...images, ...blanks], TOP);
  let next = 0;
  const { runtime: name, provider } = session;
  const answers = prepared.map((each): PictureAnswer => {
    if (!(each instanceof Float32Array)) return each;
    const reading = readings[next++];
    if (reading === undefined) throw new InferenceError("the model gave no answer for a picture");
    if (Number.isNaN(reading.confidence)) return { error: "the model's answer is not a number" };
    return { ...reading, runtime: name, provider };
  });
  const ms = { input: fed - started, infer: performance.now() - fed, output: 0 };
  return { kind: "read", job: order.job, answers, ms };
}

function loadedAs(model: number): Loaded {
  const loaded = models.get(model);
  if (loaded === undefined) throw new InferenceError(`model ${model} is not loaded`);
  return loaded;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A server that is gone is heard of by "disconnect". */
function tell(reply: Reply): void {
  process.send?.(reply, () => undefined);
}
