/** Keep the page for use without a network, where the browser allows it, and say what became of it. */
export async function goOffline(say: (text: string) => void): Promise<void> {
  if (import.meta.env.MODE !== "production") return;
  if (!("serviceWorker" in navigator) || !isSecureContext) {
    say("This page is not kept for use without a network: it is not served over https.");
    return;
  }
  try {
    const registration = await navigator.serviceWorker.register("./service-worker.js", { type: "module" });
    await Promise.race([navigator.serviceWorker.ready, failureOf(registration)]);
    say("This page works without a network from now on.");
  } catch (error) {
    say(
      `This page could not be kept for use without a network: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** Of a service worker that cannot be installed, which `ready` would wait for. */
function failureOf({ installing }: ServiceWorkerRegistration): Promise<never> {
  return new Promise((_, reject) => {
    installing?.addEventListener("statechange", () => {
      if (installing.state === "redundant") reject(new Error("not all of its files could be fetched"));
    });
  });
}
