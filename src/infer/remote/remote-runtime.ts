import { InferenceError } from "../../errors.ts";
import { checkFeeds } from "../check-feeds.ts";
import { checkSessionOptions } from "../check-options.ts";
import { onnxBytes, readOnnxModel } from "../onnx-model.ts";
import { Queue } from "../queue.ts";
import type { Model, Runtime, RuntimeName, Session, SessionOptions } from "../runtime.ts";

import {
  decodeAnswer,
  encodeMessage,
  packTensors,
  unpackError,
  unpackTensors,
  type Answer,
  type Command,
  type Message,
} from "./wire.ts";

/** A line to the place that runs the models. */
export interface Line {
  /** @throws {InferenceError} when the line breaks */
  exchange(command: Uint8Array<ArrayBuffer>): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** A runtime elsewhere. The line is opened for the first session and closed after the last; a broken one is not used again. */
export function createRemoteRuntime(name: RuntimeName, open: (options: SessionOptions) => Promise<Line>): Runtime {
  let current: SharedLine | undefined;
  return {
    name,
    async load(model, options = {}) {
      checkSessionOptions(options);
      const packed = packModel(model, name, options);
      if (current === undefined || current.over) current = new SharedLine(open(options));
      const line = current;
      line.join();
      try {
        return await loadOver(line, name, packed, options);
      } catch (error) {
        await line.leave();
        throw error;
      }
    },
  };
}

/** A line that its last user closes. */
class SharedLine {
  readonly #opened: Promise<Line>;
  #users = 0;
  #over = false;

  constructor(opened: Promise<Line>) {
    this.#opened = opened;
  }

  /** Closed or broken. */
  get over(): boolean {
    return this.#over;
  }

  join(): void {
    this.#users++;
  }

  async leave(): Promise<void> {
    this.#users--;
    if (this.#users > 0) return;
    this.#over = true;
    // Who could not open it has been told.
    await this.#opened.then(
      (line) => line.close(),
      () => undefined,
    );
  }

  async exchange(command: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
    try {
      return await (await this.#opened).exchange(command);
    } catch (error) {
      this.#over = true;
      throw error;
    }
  }
}

/** See the command `load`. */
interface PackedModel {
  readonly form: "onnx" | "tfjs";
  readonly parts: readonly Uint8Array[];
  readonly locations: readonly string[];
}

/** @throws {InferenceError} when it is no model that the runtime takes */
function packModel(model: Model, runtime: RuntimeName, options: SessionOptions): PackedModel {
  if (runtime === "tfjs" && !(model instanceof Uint8Array)) {
    const json = new TextEncoder().encode(JSON.stringify(model.manifest));
    return { form: "tfjs", parts: model.weights === null ? [json] : [json, model.weights], locations: [] };
  }
  const bytes = onnxBytes(model, runtime);
  readOnnxModel(bytes, options);
  const files = [...(options.externalData ?? [])];
  return { form: "onnx", parts: [bytes, ...files.map(([, data]) => data)], locations: files.map(([name]) => name) };
}

async function loadOver(
  line: SharedLine,
  name: RuntimeName,
  { form, parts, locations }: PackedModel,
  options: SessionOptions,
): Promise<Session> {
  const { head } = await ask(
    line,
    {
      kind: "load",
      provider: options.provider ?? null,
      threads: options.threads ?? null,
      form,
      externalData: locations,
    },
    parts,
  );
  if (head.kind !== "loaded") throw unexpected(head);
  for (const note of head.notes) options.onNote?.(note);
  const { session, provider, elsewhere, inputs, outputs } = head;
  const queue = new Queue();
  let disposed: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    try {
      if (!line.over) await ask(line, { kind: "dispose", session });
    } finally {
      await line.leave();
    }
  };
  return {
    runtime: name,
    provider,
    elsewhere,
    inputs,
    outputs,
    async run(feeds) {
      if (disposed !== undefined) throw new InferenceError("the session was disposed; load the model again");
      checkFeeds(inputs, feeds);
      const { heads, parts: elements } = packTensors(feeds);
      const answer = await queue.run(() => ask(line, { kind: "run", session, feeds: heads }, elements));
      if (answer.head.kind !== "ran") throw unexpected(answer.head);
      return unpackTensors(answer.head.outputs, answer.parts);
    },
    dispose() {
      disposed ??= queue.run(end);
      return disposed;
    },
  };
}

/** @throws whatever was thrown there */
async function ask(line: SharedLine, command: Command, parts: readonly Uint8Array[] = []): Promise<Message<Answer>> {
  const answer = decodeAnswer(await line.exchange(encodeMessage(command, parts)));
  if (answer.head.kind === "failed") throw unpackError(answer.head);
  return answer;
}

function unexpected(answer: Answer): InferenceError {
  return new InferenceError(`an answer of the kind ${answer.kind} came out of turn`);
}
