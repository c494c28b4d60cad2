/** What the page's service worker hears when it is to take over; also in service-worker.ts. */
const TAKE_OVER = "take over";

/** What is told of keeping the page. */
export interface OfflineEvents {
  say(text: string): void;
  /** A newer version of the page is kept and waits for the tabs of this one to close; `load` shows it at once, in all of them. */
  onUpdate(load: () => void): void;
}

/** Keep the page for use without a network, where the browser allows it, and say what became of it. */
export async function goOffline(events: OfflineEvents): Promise<void> {
  if (import.meta.env.MODE !== "production") return;
  const why = hindrance();
  if (why !== undefined) {
    events.say(`This page is not kept for use without a network: ${why}.`);
    return;
  }
  const isKept = navigator.serviceWorker.controller !== null;
  followController(isKept);
  try {
    const registration = await navigator.serviceWorker.register("./service-worker.js");
    await Promise.race([navigator.serviceWorker.ready, failureOf(registration)]);
    const isolatesNext = !crossOriginIsolated && !isKept && top === globalThis.window;
    const threads = isolatesNext ? " Once it is loaded again it runs on several threads too." : "";
    events.say(`This page works without a network from now on.${threads}`);
    watchForUpdates(registration, (waiting) => events.onUpdate(() => waiting.postMessage(TAKE_OVER, [])));
  } catch (error) {
    events.say(`This page could not be kept for use without a network: ${reasonOf(error)}`);
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.name === "SecurityError" ? "this browser's settings let no page keep anything" : error.message;
}

function hindrance(): string | undefined {
  if (!isSecureContext) return "it is not served over https";
  if (!("serviceWorker" in navigator)) return "this browser keeps no pages, or none in private windows";
  return undefined;
}

/** Files of the old version are gone once a new one took over; the first service worker takes over from none. */
function followController(isControlled: boolean): void {
  let had = isControlled;
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    if (had) location.reload();
    had = true;
  });
}

function watchForUpdates(registration: ServiceWorkerRegistration, tell: (waiting: ServiceWorker) => void): void {
  const look = (): void => {
    if (registration.waiting !== null && navigator.serviceWorker.controller !== null) tell(registration.waiting);
  };
  const follow = (): void => registration.installing?.addEventListener("statechange", look);
  registration.addEventListener("updatefound", follow);
  follow();
  look();
}

/** Of a service worker that cannot be installed, which `ready` would wait for. */
function failureOf({ installing }: ServiceWorkerRegistration): Promise<never> {
  return new Promise((_, reject) => {
    installing?.addEventListener("statechange", () => {
      if (installing.state === "redundant") {
        reject(new Error("not all of its files could be fetched, or there is no room for them"));
      }
    });
  });
}
