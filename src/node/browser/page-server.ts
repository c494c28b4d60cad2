import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { extname, join } from "node:path";
import { pipeline } from "node:stream/promises";

import { InferenceError } from "../../errors.ts";

import { isolationHeaders } from "./browser-flags.ts";

/** A page on this machine only, with which this program exchanges messages. */
export interface PageServer {
  readonly url: string;
  /** What the page said first, once it is there. */
  readonly ready: Promise<Uint8Array>;
  /** Hand the page a command and take its answer; one at a time. @throws {InferenceError} when the page is gone */
  exchange(command: Uint8Array): Promise<Uint8Array>;
  /** Make what waits for the page fail, now and from now on. */
  fail(error: Error): void;
  close(): Promise<void>;
}

export interface Page {
  readonly html: string;
  /** Files served below these folders, by the first part of their address. */
  readonly folders: Readonly<Record<string, string>>;
}

/** A waiting page is told after this time that there is no command yet, and asks again. */
const PATIENCE_MS = 20_000;
const BROWSER_TOLD_WITHIN_MS = 300;

const TYPES: Readonly<Record<string, string>> = {
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

/** Serve a page at an address that no other program can guess. */
export async function servePage(page: Page): Promise<PageServer> {
  const turns = new Turns();
  const base = `/${randomUUID()}/`;
  let own = "";
  const server = createServer((request, response) => {
    // A host name that another server resolves to this machine would let that server's page read answers (DNS rebinding).
    if (request.headers.host !== own) {
      respond(response, 403, "text/plain", "this is no address of the page");
      return;
    }
    answer(page, turns, base, request, response).catch(() => response.destroy());
  });
  await listen(server);
  const address = server.address();
  if (address === null || typeof address === "string") throw new InferenceError("the page has no port");
  own = `127.0.0.1:${address.port}`;
  return {
    url: `http://${own}${base}`,
    ready: turns.ready,
    exchange: (command) => turns.exchange(command),
    fail: (error) => turns.fail(error),
    async close() {
      turns.fail(new InferenceError("the page was closed"));
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

async function listen(server: Server): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve());
  });
}

async function answer(
  { html, folders }: Page,
  turns: Turns,
  base: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  for (const [name, value] of Object.entries(isolationHeaders)) response.setHeader(name, value);
  const path = new URL(request.url ?? "/", "http://localhost").pathname;
  const [folder = "", file = "", ...deeper] = path.startsWith(base) ? path.slice(base.length).split("/") : ["?"];
  const root = Object.hasOwn(folders, folder) ? folders[folder] : undefined;
  if (folder === "") respond(response, 200, "text/html", html);
  else if (folder === "exchange" && request.method === "POST") turns.take(await bodyOf(request), response);
  else if (folder === "alive") watch(turns, response);
  else if (root !== undefined && file !== "" && deeper.length === 0) await sendFile(response, join(root, file));
  else respond(response, 404, "text/plain", "not here");
}

/** An open answer that ends when the page does, however it ends. A browser that took it along is told of first. */
function watch(turns: Turns, response: ServerResponse): void {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  response.flushHeaders();
  response.on("close", () => {
    const gone = new InferenceError("the browser's page is gone; it may have run out of memory", {
      hint: "run it again, on fewer images or values at a time",
    });
    setTimeout(() => turns.fail(gone), BROWSER_TOLD_WITHIN_MS);
  });
}

async function sendFile(response: ServerResponse, path: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found?.isFile() !== true) {
    respond(response, 404, "text/plain", "not here");
    return;
  }
  const type = TYPES[extname(path)] ?? "application/octet-stream";
  response.writeHead(200, { "Content-Type": type, "Content-Length": found.size });
  await pipeline(createReadStream(path), response);
}

function respond(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { "Content-Type": type }).end(body);
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) if (chunk instanceof Uint8Array) chunks.push(chunk);
  return Buffer.concat(chunks);
}

interface Waiting {
  readonly resolve: (answer: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

/** Commands that wait for the page, and the page that waits for a command. */
class Turns {
  readonly ready: Promise<Uint8Array>;
  #failure: Error | undefined;
  #command: Uint8Array | undefined;
  #caller: Waiting | undefined;
  #page: ServerResponse | undefined;

  constructor() {
    this.ready = new Promise((resolve, reject) => {
      this.#caller = { resolve, reject };
    });
    // Who waits for it is told; nobody else need be.
    this.ready.catch(() => undefined);
  }

  async exchange(command: Uint8Array): Promise<Uint8Array> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#caller !== undefined) throw new InferenceError("the page is at work; one command at a time");
    return new Promise((resolve, reject) => {
      this.#caller = { resolve, reject };
      this.#command = command;
      this.#meet();
    });
  }

  /** An answer of the page (empty: none yet), whose response is to be its next command. */
  take(answered: Uint8Array, response: ServerResponse): void {
    this.#page = response;
    const patience = setTimeout(() => {
      if (this.#page !== response) return;
      this.#page = undefined;
      response.writeHead(204).end();
    }, PATIENCE_MS);
    response.on("close", () => clearTimeout(patience));
    if (answered.length > 0) {
      const caller = this.#caller;
      this.#caller = undefined;
      caller?.resolve(answered);
    }
    this.#meet();
  }

  fail(error: Error): void {
    this.#failure ??= error;
    this.#caller?.reject(this.#failure);
    this.#caller = undefined;
  }

  #meet(): void {
    if (this.#page === undefined || this.#command === undefined) return;
    const [page, command] = [this.#page, this.#command];
    this.#page = undefined;
    this.#command = undefined;
    page.writeHead(200, { "Content-Type": "application/octet-stream", "Content-Length": command.byteLength });
    page.end(command);
  }
}
