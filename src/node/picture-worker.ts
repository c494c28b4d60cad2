import { parentPort, workerData, type MessagePort } from "node:worker_threads";

import { DataError } from "../errors.ts";
import type { ImageInput } from "../metadata.ts";

import type { PictureOrder, PictureReply, PictureSource, PictureWorkerStart } from "./picture-messages.ts";
import { prepareFile } from "./prepare-file.ts";

function isStart(value: unknown): value is PictureWorkerStart {
  return typeof value === "object" && value !== null && "input" in value;
}

function serve(port: MessagePort, input: ImageInput): void {
  const reply = (message: PictureReply): void => {
    port.postMessage(message, message.kind === "image" ? [message.image.buffer] : []);
  };
  const underWork = new Set<Promise<void>>();
  port.on("message", (order: PictureOrder) => {
    if (order === null) {
      void Promise.all(underWork).then(() => port.close());
      return;
    }
    const work = answer(order.id, order.picture, input)
      .then(reply)
      .finally(() => underWork.delete(work));
    underWork.add(work);
  });
  reply({ kind: "ready" });
}

async function answer(id: number, picture: PictureSource, input: ImageInput): Promise<PictureReply> {
  try {
    return { kind: "image", id, image: await prepareFile(picture, input) };
  } catch (error) {
    return error instanceof DataError ? { kind: "refused", id, message: error.message } : { kind: "failed", id };
  }
}

const data: unknown = workerData;
if (parentPort === null || !isStart(data)) throw new TypeError("a worker without its data");
serve(parentPort, data.input);
