import { InferenceError } from "../../errors.ts";
import { at } from "../../require.ts";
import type { Runtime, Session, TfjsModel } from "../runtime.ts";

import {
  decodeCommand,
  encodeMessage,
  packError,
  packTensors,
  unpackTensors,
  type Message,
  type Command,
} from "./wire.ts";

/** Answers commands with one runtime; the other end is {@link createRemoteRuntime}. */
export function createServer(runtime: Runtime): (command: Uint8Array) => Promise<Uint8Array<ArrayBuffer>> {
  const sessions = new Map<number, Session>();
  let loaded = 0;
  const sessionOf = (number: number): Session => {
    const session = sessions.get(number);
    if (session === undefined) throw new InferenceError(`there is no session ${number} here`);
    return session;
  };
  const answer = async ({ head, parts }: Message<Command>): Promise<Uint8Array<ArrayBuffer>> => {
    switch (head.kind) {
      case "load": {
        const notes: string[] = [];
        const [model, ...files] = parts;
        if (model === undefined) throw new InferenceError("a command to load came without a model");
        const session = await runtime.load(head.form === "onnx" ? model : tfjsModel(model, files), {
          ...(head.provider === null ? {} : { provider: head.provider }),
          ...(head.threads === null ? {} : { threads: head.threads }),
          externalData: new Map(head.externalData.map((location, index) => [location, at(files, index)])),
          onNote: (note) => notes.push(note),
        });
        const { provider, elsewhere, inputs, outputs } = session;
        sessions.set(++loaded, session);
        return encodeMessage({ kind: "loaded", session: loaded, provider, elsewhere, inputs, outputs, notes });
      }
      case "run": {
        const { heads, parts: elements } = packTensors(
          await sessionOf(head.session).run(unpackTensors(head.feeds, parts)),
        );
        return encodeMessage({ kind: "ran", outputs: heads }, elements);
      }
      case "dispose":
        await sessionOf(head.session).dispose();
        sessions.delete(head.session);
        return encodeMessage({ kind: "disposed" });
      default:
        return head satisfies never;
    }
  };
  return async (command) => {
    try {
      return await answer(decodeCommand(command));
    } catch (error) {
      return encodeMessage(packError(error));
    }
  };
}

function tfjsModel(json: Uint8Array, [weights]: readonly Uint8Array[]): TfjsModel {
  const manifest: unknown = JSON.parse(new TextDecoder().decode(json));
  return { manifest, weights: weights ?? null };
}
