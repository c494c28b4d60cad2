import type { Engine, Problem, Request, Response } from "./messages.ts";
import { Patience } from "./patience.ts";

/** Seconds in which the network is open unless the connection is slow or something hangs; nothing tells the two apart. */
const OPEN_WITHIN = 30;
/** Seconds in which any picture is read, on any device, unless something hangs. */
const READ_WITHIN = 15;

export interface ReaderEvents {
  onOpened(opened: Extract<Response, { kind: "opened" }>): void;
  /** It is still being opened after so many seconds. */
  onSlow(seconds: number): void;
  /** It cannot be opened. */
  onFailed(problem: Problem): void;
  /** It was open and its worker ended. */
  onCrashed(problem: Problem): void;
  /** It was open and gave no answer; its worker was ended. */
  onHung(problem: Problem): void;
  onReading(reading: Extract<Response, { kind: "reading" }>): void;
  onUnread(unread: Extract<Response, { kind: "unread" }>): void;
}

/** The network in a worker, so that drawing never waits for it. Of pictures that come faster than it reads, the last counts. */
export class Reader {
  readonly #worker: Worker;
  readonly #events: ReaderEvents;
  readonly #patience = new Patience();
  #id = 0;
  #isOpen = false;
  #busy = true;
  #waiting: ImageData | undefined;

  /** @param fresh Fetch the network again, whatever was kept of it. */
  constructor(engine: Engine, fresh: boolean, events: ReaderEvents) {
    this.#events = events;
    this.#worker = new Worker(new URL("./reader-worker.ts", import.meta.url), { type: "module" });
    this.#worker.addEventListener("message", (event: MessageEvent<Response>) => this.#hear(event.data));
    this.#worker.addEventListener("error", (event) => this.#end(event));
    this.#ask({ kind: "open", engine, fresh });
  }

  read(image: ImageData): void {
    this.#waiting = image;
    this.#next();
  }

  /** Answers of pictures that are still being read are no longer told. */
  forget(): void {
    this.#waiting = undefined;
    this.#id++;
  }

  close(): void {
    this.#patience.stop();
    this.#worker.terminate();
  }

  #next(): void {
    if (this.#busy || this.#waiting === undefined) return;
    const { width, height, data } = this.#waiting;
    this.#waiting = undefined;
    this.#busy = true;
    this.#ask({ kind: "read", id: ++this.#id, width, height, data: Uint8ClampedArray.from(data) });
  }

  #ask(request: Request): void {
    if (request.kind === "open") this.#patience.start(OPEN_WITHIN, () => this.#events.onSlow(OPEN_WITHIN));
    else this.#patience.start(READ_WITHIN, () => this.#giveUp());
    this.#worker.postMessage(request, request.kind === "read" ? [request.data.buffer] : []);
  }

  #hear(response: Response): void {
    this.#patience.stop();
    if (response.kind === "failed") {
      this.#events.onFailed(response.problem);
      return;
    }
    this.#busy = false;
    if (response.kind === "opened") {
      this.#isOpen = true;
      this.#events.onOpened(response);
    } else if (response.id === this.#id) {
      if (response.kind === "reading") this.#events.onReading(response);
      else this.#events.onUnread(response);
    }
    this.#next();
  }

  #giveUp(): void {
    this.close();
    this.#events.onHung({ message: `the reader has given no answer for ${READ_WITHIN} seconds`, hint: undefined });
  }

  /** A worker whose script does not load says nothing of why. */
  #end(event: Event): void {
    this.close();
    const message =
      event instanceof ErrorEvent
        ? `the reader stopped: ${event.message}`
        : "the reader does not load: its script could not be fetched";
    const problem = { message, hint: undefined };
    if (this.#isOpen) this.#events.onCrashed(problem);
    else this.#events.onFailed(problem);
  }
}
