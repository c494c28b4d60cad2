import type { Engine, Problem, Request, Response } from "./messages.ts";

export interface ReaderEvents {
  onOpened(opened: Extract<Response, { kind: "opened" }>): void;
  onFailed(problem: Problem): void;
  onReading(reading: Extract<Response, { kind: "reading" }>): void;
  onUnread(problem: Problem): void;
}

/** The network in a worker, so that drawing never waits for it. Of pictures that come faster than it reads, the last counts. */
export class Reader {
  readonly #worker: Worker;
  readonly #events: ReaderEvents;
  #id = 0;
  #busy = true;
  #waiting: ImageData | undefined;

  constructor(engine: Engine, events: ReaderEvents) {
    this.#events = events;
    this.#worker = new Worker(new URL("./reader-worker.ts", import.meta.url), { type: "module" });
    this.#worker.addEventListener("message", (event: MessageEvent<Response>) => this.#hear(event.data));
    this.#worker.addEventListener("error", (event) => {
      events.onFailed({ message: `the reader stopped: ${event.message}`, hint: "load the page again" });
    });
    this.#ask({ kind: "open", engine });
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
    this.#worker.postMessage(request, request.kind === "read" ? [request.data.buffer] : []);
  }

  #hear(response: Response): void {
    if (response.kind === "failed") {
      this.#events.onFailed(response.problem);
      return;
    }
    this.#busy = false;
    if (response.kind === "opened") this.#events.onOpened(response);
    else if (response.id === this.#id) {
      if (response.kind === "reading") this.#events.onReading(response);
      else this.#events.onUnread(response.problem);
    }
    this.#next();
  }
}
