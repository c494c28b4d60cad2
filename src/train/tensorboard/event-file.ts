import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";

import { unwritable } from "../../node/write-aside.ts";

import { encodeEvent, type EventContent, type EventImage } from "./event.ts";
import { encodeRecord } from "./record.ts";

/** An event file that TensorBoard reads, also while it grows. Every record is whole in the file once it was written. */
export class EventFile {
  readonly path: string;
  readonly #file: number;
  readonly #now: () => number;

  /**
   * @param firstStep what earlier files of the folder hold of this step and later ones is void: a resumed run does them
   * again
   * @param now milliseconds since 1970
   * @throws {ToolError} when the folder cannot be written
   */
  constructor(folder: string, firstStep: number, now: () => number = Date.now) {
    this.#now = now;
    const seconds = Math.floor(now() / 1000);
    this.path = join(folder, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${firstStep}`);
    try {
      mkdirSync(folder, { recursive: true });
      this.#file = openSync(this.path, "a");
    } catch (cause) {
      throw unwritable(this.path, cause);
    }
    this.#write(0, { kind: "version" });
    this.#write(firstStep, { kind: "start" });
  }

  /** @param step steps done when the numbers were measured */
  scalars(step: number, scalars: Readonly<Record<string, number>>): void {
    this.#write(step, { kind: "scalars", scalars });
  }

  image(step: number, tag: string, image: EventImage): void {
    this.#write(step, { kind: "image", tag, image });
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(step: number, content: EventContent): void {
    const record = encodeRecord(encodeEvent(this.#now() / 1000, step, content));
    try {
      let written = 0;
      while (written < record.length) written += writeSync(this.#file, record, written);
    } catch (cause) {
      throw unwritable(this.path, cause);
    }
  }
}
