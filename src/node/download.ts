import { createHash } from "node:crypto";

import { ToolError } from "../errors.ts";

/** What came of a file so far; `file` is the last part of its address. */
export interface DownloadProgress {
  readonly file: string;
  readonly receivedBytes: number;
  readonly totalBytes: number;
}

export interface DownloadOptions {
  /** Addresses of the same file, tried in order. */
  readonly urls: readonly string[];
  /** Of the whole file, in hexadecimal. */
  readonly sha256: string;
  /** Size of the whole file. */
  readonly bytes: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** Time to wait for a server's first answer. */
  readonly connectMs?: number | undefined;
  /** Time to wait for the next piece of a file. */
  readonly stallMs?: number | undefined;
}

export interface Downloaded {
  readonly content: Uint8Array;
  /** Index of the address that gave it. */
  readonly from: number;
}

const CONNECT_MS = 15_000;
const STALL_MS = 20_000;

/**
 * A file from the first address that gives it whole, checked against its size and sha256. Held in memory: nothing is
 * written.
 *
 * @throws {ToolError} naming every address and what was wrong with it; or that `signal` was aborted.
 */
export async function download(options: DownloadOptions): Promise<Downloaded> {
  const faults: string[] = [];
  for (const [from, url] of options.urls.entries()) {
    try {
      return { content: await downloadFrom(url, options), from };
    } catch (error) {
      if (options.signal?.aborted === true)
        throw new ToolError(`interrupted while downloading ${url}`, { cause: error });
      faults.push(`  ${url}: ${reasonOf(error)}`);
    }
  }
  throw new ToolError(`cannot be downloaded:\n${faults.join("\n")}`);
}

async function downloadFrom(url: string, options: DownloadOptions): Promise<Uint8Array> {
  const { signal, connectMs = CONNECT_MS, stallMs = STALL_MS } = options;
  const watch = new Watch();
  watch.expect(connectMs, `no answer within ${connectMs / 1000} s`);
  try {
    const response = await fetch(url, {
      // A server that packs a .gz file once more would have fetch unpack it.
      headers: { "accept-encoding": "identity" },
      signal: signal === undefined ? watch.signal : AbortSignal.any([signal, watch.signal]),
    });
    if (!response.ok) throw new Error(`the server answered ${response.status} ${response.statusText}`.trim());
    if (response.body === null) throw new Error("the server answered without a file");
    const stalled = `stalled: nothing came for ${stallMs / 1000} s`;
    watch.expect(stallMs, stalled);
    const content = await collect(response.body, url, options, () => watch.expect(stallMs, stalled));
    const found = createHash("sha256").update(content).digest("hex");
    if (found !== options.sha256) throw new Error(`damaged: sha256 ${found}, expected ${options.sha256}`);
    return content;
  } finally {
    watch.end();
  }
}

async function collect(
  body: ReadableStream<Uint8Array>,
  url: string,
  { bytes, onProgress }: DownloadOptions,
  onPiece: () => void,
): Promise<Uint8Array> {
  const content = new Uint8Array(bytes);
  const file = new URL(url).pathname.split("/").at(-1) ?? url;
  let received = 0;
  for await (const piece of body) {
    onPiece();
    if (received + piece.length > bytes) throw new Error(`too long: expected ${bytes} bytes, got more`);
    content.set(piece, received);
    received += piece.length;
    onProgress?.({ file, receivedBytes: received, totalBytes: bytes });
  }
  if (received < bytes) throw new Error(`cut short: got ${received} of ${bytes} bytes`);
  return content;
}

/** Aborts its signal when what was expected does not come in time. */
class Watch {
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  expect(ms: number, otherwise: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#controller.abort(new Error(otherwise)), ms);
  }

  /** Stop waiting, and let go of a connection that still sends. */
  end(): void {
    clearTimeout(this.#timer);
    this.#controller.abort();
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause instanceof AggregateError) return reasonOf(cause.errors[0]);
  return cause instanceof Error && cause.message !== "" ? `${error.message}: ${cause.message}` : error.message;
}
