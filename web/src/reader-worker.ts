import { DataError, InferenceError } from "../../src/errors.ts";
import { readOnnxHeader } from "../../src/onnx/header.ts";
import { ortWeb } from "../../src/infer/ort-web.ts";
import { prepareImage } from "../../src/infer/preprocess/prepare-image.ts";
import { readImages, readRecognizer } from "../../src/infer/recognize.ts";
import type { Session, SessionOptions } from "../../src/infer/runtime.ts";
import type { Recognizer } from "../../src/metadata.ts";

import { problemOf, type Engine, type Request, type Response } from "./messages.ts";

/** More threads than this do not help a network as small as this one. */
const MOST_THREADS = 4;

interface Opened {
  readonly session: Session;
  readonly recognizer: Recognizer;
}

let opened: Promise<Opened> | undefined;

addEventListener("message", (event: MessageEvent<Request>) => {
  const request = event.data;
  if (request.kind === "open") void open(request);
  else void read(request);
});

async function open({ engine, fresh }: Extract<Request, { kind: "open" }>): Promise<void> {
  const options = optionsOf(engine);
  try {
    opened = load(options, fresh);
    const { session } = await opened;
    const { runtime, provider, elsewhere } = session;
    answer({ kind: "opened", runtime, provider, threads: options.threads ?? 1, elsewhere });
  } catch (error) {
    answer({ kind: "failed", problem: problemOf(error) });
  }
}

function optionsOf(engine: Engine): SessionOptions {
  if (engine === "webgpu") return { provider: "webgpu", threads: 1 };
  if (engine === "wasm") return { provider: "wasm", threads: 1 };
  return { provider: "wasm", threads: Math.min(MOST_THREADS, Math.max(2, navigator.hardwareConcurrency)) };
}

async function load(options: SessionOptions, fresh: boolean): Promise<Opened> {
  const bytes = await fetchModel(fresh);
  const recognizer = recognizerOf(bytes);
  const session = await ortWeb.load(bytes, options);
  // The first run compiles and allocates; it would make the first stroke wait.
  const blank = new Float32Array(recognizer.input.height * (recognizer.input.width ?? 1) * recognizer.input.channels);
  await readImages(session, recognizer, [blank]);
  return { session, recognizer };
}

async function fetchModel(fresh: boolean): Promise<Uint8Array> {
  const url = new URL("../../models/crnn-mnist-best/model.onnx", import.meta.url);
  const broken = (cause: unknown): never => {
    throw new InferenceError("the network cannot be fetched: the connection failed", { cause });
  };
  const response = await fetch(url, { cache: fresh ? "reload" : "default" }).catch(broken);
  if (!response.ok) {
    throw new InferenceError(`the network cannot be fetched: the server answered ${response.status}`);
  }
  return new Uint8Array(await response.arrayBuffer().catch(broken));
}

function recognizerOf(bytes: Uint8Array): Recognizer {
  try {
    return readRecognizer(readOnnxHeader(bytes).metadata);
  } catch (cause) {
    throw new InferenceError(`the network came damaged: ${problemOf(cause).message}`, { cause });
  }
}

async function read({ id, width, height, data }: Extract<Request, { kind: "read" }>): Promise<void> {
  try {
    if (opened === undefined) throw new InferenceError("the network is not open yet");
    const { session, recognizer } = await opened;
    const started = performance.now();
    const seen = prepareImage({ width, height, channels: 4, data }, recognizer.input);
    const prepared = performance.now();
    const [reading] = await readImages(session, recognizer, [seen], labelsOf(recognizer));
    if (reading === undefined) throw new InferenceError("the network gave no answer");
    answer({ kind: "reading", id, reading, seen, prepareMs: prepared - started, runMs: performance.now() - prepared });
  } catch (error) {
    const blames = error instanceof DataError ? "picture" : "engine";
    answer({ kind: "unread", id, blames, problem: problemOf(error) });
  }
}

function labelsOf({ output }: Recognizer): number {
  return output.kind === "classes" ? output.labels.length : output.characters.length;
}

function answer(response: Response): void {
  postMessage(response);
}
