/** Version of the page and its files, which are fetched when it is installed; the build puts it here. */
declare const PRECACHE: { readonly version: string; readonly files: readonly string[] };

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

/** From the cache; what is not there yet (WebGPU's module, 27 MB), or must be fresh, from the network, and kept. */
async function respond(request: Request): Promise<Response> {
  const cache = await caches.open(cacheName);
  const isAnew = request.cache === "reload";
  const kept = isAnew ? undefined : await cache.match(request, { ignoreSearch: true, ignoreVary: true });
  if (kept !== undefined) return isolated(kept);
  const fetched = await fetch(request);
  // What there is no room to keep is served all the same.
  if (fetched.ok && fetched.type === "basic") await cache.put(request, fetched.clone()).catch(() => undefined);
  return isolated(fetched);
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
