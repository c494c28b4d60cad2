import { ortWeb } from "../ort-web.ts";

import { createServer } from "./serve.ts";
import { encodeMessage, packError } from "./wire.ts";

/** No command for now. */
const NOTHING_YET = 204;

/**
 * A page's whole work: hand in an answer, get the next command for it, until the program at the other end is gone.
 * `exchange` and `alive` are served beside the page; the second tells the program that the page still stands.
 */
async function work(): Promise<void> {
  const serve = createServer(ortWeb);
  const alive = new EventSource("alive");
  let answer = encodeMessage({ kind: "ready", place: navigator.userAgent });
  for (;;) {
    const response = await fetch("exchange", { method: "POST", body: answer });
    if (response.status === NOTHING_YET) {
      answer = new Uint8Array();
    } else if (response.ok) {
      answer = await serve(new Uint8Array(await response.arrayBuffer()));
    } else {
      break;
    }
  }
  alive.close();
}

try {
  await work();
} catch (error) {
  await fetch("exchange", { method: "POST", body: encodeMessage(packError(error)) });
}
