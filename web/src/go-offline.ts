/** Keep the page for use without a network, where the browser allows it, and say what became of it. */
export async function goOffline(say: (text: string) => void): Promise<void> {
  if (import.meta.env.MODE !== "production") return;
  if (!("serviceWorker" in navigator) || !isSecureContext) {
    say("This page is not kept for use without a network: it is not served over https.");
    return;
  }
  try {
    await navigator.serviceWorker.register("./service-worker.js", { type: "module" });
    await navigator.serviceWorker.ready;
    say("This page works without a network from now on.");
  } catch (error) {
    say(
      `This page could not be kept for use without a network: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
