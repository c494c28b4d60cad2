import { InferenceError } from "../../errors.ts";
import { checkFeeds } from "../check-feeds.ts";
import { checkSessionOptions } from "../check-options.ts";
import { onnxBytes, readOnnxModel } from "../onnx-model.ts";
import { Queue } from "../queue.ts";
import type { Runtime, RuntimeName, Session, SessionOptions } from "../runtime.ts";

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
      const bytes = onnxBytes(model, name);
      readOnnxModel(bytes, options);
      if (current === undefined || current.over) current = new SharedLine(open(options));
      const line = current;
      line.join();
      try {
        return await loadOver(line, name, bytes, options);
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

async function loadOver(
  line: SharedLine,
  name: RuntimeName,
  model: Uint8Array,
  options: SessionOptions,
): Promise<Session> {
  const files = [...(options.externalData ?? [])];
  const { head } = await ask(
    line,
    {
      kind: "load",
      provider: options.provider ?? null,
      threads: options.threads ?? null,
      externalData: files.map(([location]) => location),
    },
    [model, ...files.map(([, data]) => data)],
  );
  if (head.kind !== "loaded") throw unexpected(head);
  for (const note of head.notes) options.onNote?.(note);
  const { session, provider, elsewhere, inputs, outputs } = head;
  const queue = new Queue();
  let disposed: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    try {
      await ask(line, { kind: "dispose", session });
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
      const { heads, parts } = packTensors(feeds);
      const answer = await queue.run(() => ask(line, { kind: "run", session, feeds: heads }, parts));
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
