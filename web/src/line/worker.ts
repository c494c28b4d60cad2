import { DataError, InferenceError } from "../../../src/errors.ts";
import { ortWeb } from "../../../src/infer/ort-web.ts";
import { prepareImage } from "../../../src/infer/preprocess/prepare-image.ts";
import { readLineImages } from "../../../src/infer/read-lines.ts";
import { readRecognizer } from "../../../src/infer/recognize.ts";
import type { Session } from "../../../src/infer/runtime.ts";
import type { ImageInput, SequenceOutput } from "../../../src/metadata.ts";
import { readOnnxHeader } from "../../../src/onnx/header.ts";
import { problemOf } from "../messages.ts";

import type { Provider, Request, Response } from "./messages.ts";

/** Steps of the first line, which is blank. */
const FIRST_WIDTH = 256;

interface Opened {
  readonly session: Session;
  readonly input: ImageInput;
  readonly output: SequenceOutput;
}

let opened: Promise<Opened> | undefined;

addEventListener("message", (event: MessageEvent<Request>) => {
  const request = event.data;
  if (request.kind === "open") void open(request.provider);
  else void read(request);
});

async function open(provider: Provider): Promise<void> {
  try {
    opened = load(provider);
    const { session } = await opened;
    answer({ kind: "opened", provider: session.provider });
  } catch (error) {
    answer({ kind: "failed", problem: problemOf(error) });
  }
}

async function load(provider: Provider): Promise<Opened> {
  const bytes = await fetchModel();
  const { input, output } = readRecognizer(readOnnxHeader(bytes).metadata);
  if (output.kind !== "ctc") throw new InferenceError("the network came damaged: it does not read lines");
  const session = await ortWeb.load(bytes, { provider, threads: 1 });
  // The first run compiles and allocates; it would make the first picture wait.
  await readLineImages(session, input, output, [new Float32Array(input.height * FIRST_WIDTH)]);
  return { session, input, output };
}

async function fetchModel(): Promise<Uint8Array> {
  const broken = (cause: unknown): never => {
    throw new InferenceError("the network cannot be fetched: the connection failed", { cause });
  };
  const response = await fetch(new URL("../../../models/line-print/model.onnx", import.meta.url)).catch(broken);
  if (!response.ok) {
    throw new InferenceError(`the network cannot be fetched: the server answered ${response.status}`);
  }
  return new Uint8Array(await response.arrayBuffer().catch(broken));
}

async function read({ id, width, height, data }: Extract<Request, { kind: "read" }>): Promise<void> {
  try {
    if (opened === undefined) throw new InferenceError("the network is not open yet");
    const { session, input, output } = await opened;
    const started = performance.now();
    const seen = Float32Array.from(prepareImage({ width, height, channels: 4, data }, input));
    const prepared = performance.now();
    const [reading] = await readLineImages(session, input, output, [seen]);
    if (reading === undefined) throw new InferenceError("the network gave no answer");
    const times = { prepareMs: prepared - started, runMs: performance.now() - prepared };
    answer({ kind: "reading", id, reading, seen, height: input.height, ...times });
  } catch (error) {
    const blames = error instanceof DataError ? "picture" : "engine";
    answer({ kind: "unread", id, blames, problem: problemOf(error) });
  }
}

function answer(response: Response): void {
  postMessage(response);
}
