import { ModelFormatError, ToolError } from "../../errors.ts";

import { allocated, joined } from "./memory.ts";
import type { RawModel } from "./model.ts";
import { checkGroupSize, checkShardPath, inParallel, MAX_JSON_BYTES, parseManifest } from "./shards.ts";
import type { WeightGroup } from "./weights.ts";

const FETCHES_AT_ONCE = 6;
/** Far more bytes than any vocabulary of strings has. */
const MAX_STRING_BYTES = 256 * 2 ** 20;
const STALL_MS = 30_000;
/** Lower than the rate of the slowest modem, in bytes a second. */
const SLOWEST_BYTES_PER_MS = 1;

export interface FetchOptions {
  readonly signal?: AbortSignal;
  /** What each request is made with: headers, credentials. */
  readonly request?: RequestInit;
  /** Time to wait for an answer, or for its next piece, in milliseconds. */
  readonly stallMs?: number;
  /** Makes the requests; without it the global fetch. */
  readonly fetch?: typeof fetch;
  /** The address of a weight file, by its path in the model.json; without it, the file is beside the model.json. */
  readonly weightAddress?: (path: string) => string | URL | Promise<string | URL>;
  /** Told which part of the weights has arrived: 0 when the model.json has been read, 1 at the end. */
  readonly onProgress?: (fraction: number) => void;
}

/**
 * A TF.js model from a server: the model.json at `url`, and the weight files beside it. A query in the address (a
 * signature, a version) is used for all of them, after what a weight file's path has of its own.
 *
 * @throws {ToolError} when a request fails, stalls, or is aborted.
 * @throws {ModelFormatError} when what comes is not a model.json, or the weight files do not fit it.
 */
export async function fromFetch(url: string | URL, options: FetchOptions = {}): Promise<RawModel> {
  const address = modelAddress(url);
  const text = new TextDecoder().decode(await fetchBytes(address, MAX_JSON_BYTES, options));
  const { manifest, groups } = parseManifest(text, shownAddress(address));
  const shards = await Promise.all(
    groups.flatMap((group) =>
      group.paths.map(async (path, index) => ({ group, index, address: await weightAddress(address, path, options) })),
    ),
  );
  const parts = new Map(groups.map((group) => [group, Array<Uint8Array>(group.paths.length)]));
  const progress = new Progress(groups, options);
  await inParallel(shards, FETCHES_AT_ONCE, async (shard) => {
    const bytes = await fetchShard(shard.group, shard.address, { ...options, onPiece: (count) => progress.add(count) });
    parts.get(shard.group)?.splice(shard.index, 1, bytes);
  });
  progress.end();
  for (const [group, list] of parts)
    checkGroupSize(
      group,
      list.reduce((sum, part) => sum + part.byteLength, 0),
    );
  const all = [...parts.values()].flat();
  return { manifest, weights: all.length === 0 ? null : joined(all) };
}

/** Counts the bytes of all weight files that have arrived. */
class Progress {
  readonly #total: number;
  readonly #tell: (fraction: number) => void;
  #received = 0;

  constructor(groups: readonly WeightGroup[], { onProgress }: FetchOptions) {
    this.#total = groups.reduce((sum, { byteLength }) => sum + byteLength, 0);
    this.#tell = onProgress ?? (() => undefined);
    this.#tell(0);
  }

  add(count: number): void {
    this.#received += count;
    // Strings may take more bytes than the model.json tells. The end is told once.
    if (this.#received < this.#total) this.#tell(this.#received / this.#total);
  }

  end(): void {
    this.#tell(1);
  }
}

function modelAddress(url: string | URL): URL {
  let address: URL;
  try {
    address = typeof url === "string" ? new URL(url, globalThis.location?.href) : new URL(url.href);
  } catch (cause) {
    throw new ToolError(`${String(url)} is not an address`, { cause });
  }
  if (!isFetched(address)) {
    throw new ToolError(`cannot fetch a model over ${address.protocol} (${address.href})`, {
      hint: "give an http or https address",
    });
  }
  if (address.pathname.endsWith("/")) address.pathname += "model.json";
  address.hash = "";
  return address;
}

/** Browser extensions and packaged apps have schemes of their own: chrome-extension:, capacitor:, app:. A page may fetch from its own. */
function isFetched({ protocol }: URL): boolean {
  return /^(?:https?|[a-z]+-extension):$/u.test(protocol) || protocol === globalThis.location?.protocol;
}

/** Without a query, which may hold a signature. */
function shownAddress({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname}`;
}

async function weightAddress(model: URL, path: string, options: FetchOptions): Promise<URL> {
  if (options.weightAddress === undefined) return shardAddress(model, path);
  checkShardPath(path);
  return new URL(await options.weightAddress(path), globalThis.location?.href ?? model);
}

function shardAddress(model: URL, path: string): URL {
  checkShardPath(path);
  const folder = model.pathname.slice(0, model.pathname.lastIndexOf("/") + 1);
  const address = new URL(model.href);
  const [own = "", ...query] = path.split("?");
  address.pathname = folder + own.replaceAll("#", "%23");
  // A weight file may have a signature of its own.
  if (query.length > 0)
    address.search = [query.join("?"), ...address.search.slice(1).split("&")].filter(Boolean).join("&");
  // The parser resolves dots in spellings that checkShardPath may not know.
  if (address.protocol === model.protocol && address.host === model.host && address.pathname.startsWith(folder))
    return address;
  throw new ModelFormatError(`the weight file ${JSON.stringify(path)} is not within the folder of the model.json`);
}

/** Options of one request. */
interface RequestOptions extends FetchOptions {
  /** Told the size of each piece that arrives. */
  readonly onPiece?: (byteLength: number) => void;
}

async function fetchShard(group: WeightGroup, address: URL, options: RequestOptions): Promise<Uint8Array> {
  // The lengths of strings are known only from the file.
  const limit = group.hasStrings ? group.byteLength + MAX_STRING_BYTES : group.byteLength;
  return await fetchBytes(address, limit, options, () => checkGroupSize(group, limit + 1));
}

/** The body of an answer, of at most `limit` bytes. @param tooLong Throws a more specific error for longer bodies. */
async function fetchBytes(
  address: URL,
  limit: number,
  options: RequestOptions,
  tooLong?: () => void,
): Promise<Uint8Array> {
  const watch = new StallWatch(address, options);
  // The browser's own fetch must be called as a function of the page.
  const request: typeof fetch = options.fetch ?? ((...args) => fetch(...args));
  try {
    const response = await watch.within(request(address.href, { ...options.request, signal: watch.signal }));
    if (!response.ok) throw refused(address, response);
    const refuse = (): never => {
      tooLong?.();
      throw new ModelFormatError(`${shownAddress(address)} gives more than ${limit} bytes`);
    };
    return await readBody(response, limit, watch, refuse, options.onPiece);
  } catch (error) {
    if (error instanceof ToolError) throw error;
    throw watch.fault(error);
  } finally {
    watch.end();
  }
}

async function readBody(
  response: Response,
  limit: number,
  watch: StallWatch,
  tooLong: () => never,
  onPiece: ((byteLength: number) => void) | undefined,
): Promise<Uint8Array> {
  const { body } = response;
  if (!hasReader(body)) {
    // An answer without a body, or one that a fetch of the user's own made without a stream.
    const whole = new Uint8Array(await watch.within(response.arrayBuffer()));
    return whole.byteLength > limit ? tooLong() : whole;
  }
  const reader = body.getReader();
  const pieces: Uint8Array[] = [];
  let received = 0;
  for (;;) {
    const { done, value } = await watch.within(reader.read());
    if (done) break;
    received += value.byteLength;
    if (received > limit) tooLong();
    watch.expectPace(received);
    pieces.push(value);
    onPiece?.(value.byteLength);
  }
  return joined(pieces.length === 0 ? [allocated(0)] : pieces);
}

/** React Native's fetch gives no streams, whatever the type says. */
function hasReader(
  body: ReadableStream<Uint8Array<ArrayBuffer>> | null,
): body is ReadableStream<Uint8Array<ArrayBuffer>> {
  return typeof Reflect.get(Object(body), "getReader") === "function";
}

function refused(address: URL, { status, statusText }: Response): ToolError {
  const hints: Readonly<Record<number, string>> = {
    401: "the server wants you to sign in; give an address that needs none, or download the model yourself",
    403: "the server does not let you; the address may have expired, or need signing in",
    404: "check the address; it must be that of the model.json, with its weight files beside it",
  };
  const hint = hints[status];
  const answer = `${status} ${statusText}`.trim();
  return new ToolError(`${shownAddress(address)} answered ${answer}`, hint === undefined ? {} : { hint });
}

/** Aborts a request when its caller aborts it, or when no data arrives for a while. */
class StallWatch {
  readonly #controller = new AbortController();
  readonly #address: URL;
  readonly #outer: AbortSignal | undefined;
  readonly #stallMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stalled = false;
  readonly #started = performance.now();

  constructor(address: URL, { signal, stallMs = STALL_MS }: FetchOptions) {
    this.#address = address;
    this.#outer = signal;
    this.#stallMs = stallMs;
    if (signal?.aborted === true) this.#abort();
    signal?.addEventListener("abort", this.#abort);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  async within<T>(step: Promise<T>): Promise<T> {
    this.#timer = setTimeout(() => {
      this.#stalled = true;
      this.#abort();
    }, this.#stallMs);
    try {
      return await step;
    } finally {
      clearTimeout(this.#timer);
    }
  }

  /** Gives up on a server that keeps sending, but so slowly that it would never end. */
  expectPace(received: number): void {
    const elapsed = performance.now() - this.#started;
    if (elapsed < 2 * this.#stallMs || received > elapsed * SLOWEST_BYTES_PER_MS) return;
    this.#abort();
    throw new ToolError(
      `${shownAddress(this.#address)}: only ${received} bytes came in ${Math.round(elapsed / 1000)} s`,
      {
        hint: "try again later, or download the model yourself",
      },
    );
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#abort);
    // Frees the connection when the body was not read to its end.
    this.#abort();
  }

  fault(cause: unknown): ToolError {
    const address = shownAddress(this.#address);
    if (this.#outer?.aborted === true) return new ToolError(`interrupted while reading ${address}`, { cause });
    if (this.#stalled) {
      return new ToolError(`${address}: nothing came for ${this.#stallMs / 1000} s`, {
        hint: "try again later",
        cause,
      });
    }
    const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
    const reason = inner instanceof Error ? inner.message : String(inner);
    return new ToolError(`cannot reach ${address}: ${reason}`, {
      hint: "check the address and the network; in a browser, the server must allow other pages to read it (CORS)",
      cause,
    });
  }

  readonly #abort = (): void => {
    this.#controller.abort();
  };
}
