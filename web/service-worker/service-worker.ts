/**
 * Version of the pages; their files, which are fetched when it is installed; and files that are kept once they were used. The
 * build puts it here.
 */
declare const PRECACHE: {
  readonly version: string;
  readonly files: readonly string[];
  readonly later: readonly string[];
};

const worker = ((scope: unknown): ServiceWorkerGlobalScope => {
  if (scope instanceof ServiceWorkerGlobalScope) return scope;
  throw new TypeError("this script is a service worker's");
})(globalThis);

const PREFIX = "read-a-digit-";
const cacheName = `${PREFIX}${PRECACHE.version}`;

worker.addEventListener("install", (event) => {
  event.waitUntil(install());
});

worker.addEventListener("activate", (event) => {
  event.waitUntil(activate());
});

/** Sent by go-offline.ts. */
worker.addEventListener("message", ({ data }) => {
  if (data === "take over") void worker.skipWaiting();
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(worker.registration.scope)) return;
  event.respondWith(respond(request));
});

async function install(): Promise<void> {
  const cache = await caches.open(cacheName);
  await cache.addAll(PRECACHE.files.map((file) => new Request(file, { cache: "reload" })));
}

/** A new version waits until no page of the old one is open, whose files it takes away, or all of them are to be loaded again. */
async function activate(): Promise<void> {
  const old = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== cacheName);
  await Promise.all(old.map((name) => caches.delete(name)));
  await worker.clients.claim();
}

/** Files of the pages from the cache. What is not there yet, or must be fresh, comes from the network, and is kept. */
async function respond(request: Request): Promise<Response> {
  const cache = await caches.open(cacheName);
  const isAnew = request.cache === "reload";
  const kept = isAnew ? undefined : await cache.match(request, { ignoreSearch: true, ignoreVary: true });
  if (kept !== undefined) return isolated(kept);
  const fetched = await fetch(request);
  // What there is no room to keep is served all the same.
  if (isOurs(request) && fetched.ok && fetched.type === "basic")
    await cache.put(request, fetched.clone()).catch(() => undefined);
  return isolated(fetched);
}

/** Whether it is a file of the pages: a model that someone serves beside them is not kept. */
function isOurs({ url }: Request): boolean {
  const address = new URL(url);
  address.search = "";
  address.hash = "";
  return [...PRECACHE.files, ...PRECACHE.later].some(
    (name) => new URL(name, worker.registration.scope).href === address.href,
  );
}

/** With the headers that threads need, which a static host may not send. */
function isolated(response: Response): Response {
  if (response.type === "opaque" || response.type === "opaqueredirect" || response.status === 304) return response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
