import { percent } from "../bars.ts";
import { contextOf } from "../canvas.ts";
import { goOffline } from "../go-offline.ts";
import { problemOf, type Problem } from "../messages.ts";
import { Notice } from "../notice.ts";
import { openPicture, pictureIn } from "../picture.ts";

import type { Provider, Request, Response } from "./messages.ts";

/** Longer side, in pixels, above which a picture is made smaller before it is read. */
const LONGEST_SIDE = 4096;
/** Characters below this confidence are marked. */
const UNSURE = 0.8;

const page = {
  drop: element("drop", HTMLElement),
  file: element("file", HTMLInputElement),
  photo: element("photo", HTMLInputElement),
  given: element("given", HTMLCanvasElement),
  seen: element("seen", HTMLCanvasElement),
  text: element("text", HTMLElement),
  confidence: element("confidence", HTMLElement),
  copy: element("copy", HTMLButtonElement),
  problem: element("problem", HTMLElement),
  provider: element("provider", HTMLSelectElement),
  ran: element("ran", HTMLElement),
  offline: element("offline", HTMLElement),
  update: element("update", HTMLButtonElement),
};

const notice = new Notice(page.problem);
let provider: Provider = "wasm";
/** Of the picture that was given last; answers for others are not shown. */
let id = 0;
let picture: ImageData | undefined;
let worker = openWorker();

for (const input of [page.file, page.photo]) {
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    input.value = "";
    if (file !== undefined) void show(file);
  });
}
document.addEventListener("paste", (event) => take(event.clipboardData, "pasted"));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  page.drop.classList.add("over");
});
document.addEventListener("dragleave", () => page.drop.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  page.drop.classList.remove("over");
  take(event.dataTransfer, "dropped");
});
page.copy.addEventListener("click", () => void navigator.clipboard.writeText(page.text.textContent));
page.provider.addEventListener("change", () => run(page.provider.value === "webgpu" ? "webgpu" : "wasm"));
if (!("gpu" in navigator)) {
  for (const option of page.provider.options) {
    if (option.value !== "webgpu") continue;
    option.disabled = true;
    option.textContent += " (not here: this browser has none)";
  }
}
void goOffline({
  say(text) {
    page.offline.textContent = text;
  },
  onUpdate(load) {
    page.update.hidden = false;
    page.update.addEventListener("click", load, { once: true });
  },
});

function openWorker(): Worker {
  const made = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  made.addEventListener("message", (event: MessageEvent<Response>) => hear(event.data));
  made.addEventListener("error", (event) => {
    fail({ message: `the reader stopped: ${event.message || "its script could not be fetched"}`, hint: undefined });
  });
  page.ran.textContent = "Loading …";
  ask({ kind: "open", provider }, made);
  return made;
}

function ask(request: Request, to: Worker = worker): void {
  to.postMessage(request, []);
}

/** Starts the network anew at another place; the picture that is shown is read again. */
function run(where: Provider): void {
  provider = where;
  page.provider.value = where;
  notice.takeBack("broken");
  worker.terminate();
  worker = openWorker();
  read();
}

function read(): void {
  if (picture === undefined) return;
  const { width, height, data } = picture;
  ask({ kind: "read", id: ++id, width, height, data: Uint8ClampedArray.from(data) });
}

function hear(response: Response): void {
  switch (response.kind) {
    case "opened":
      page.ran.textContent = `Ready: onnxruntime-web on ${response.provider}`;
      return;
    case "failed":
      fail(response.problem);
      return;
    case "reading":
      if (response.id === id) showReading(response);
      return;
    case "unread":
      if (response.id !== id) return;
      clearAnswer();
      if (response.blames === "engine") fail(response.problem);
      else notice.tell("unread", response.problem);
  }
}

/** What any browser has takes over from what this one turned out not to have. */
function fail({ message, hint }: Problem): void {
  if (provider === "wasm") {
    page.ran.textContent = "Nothing runs.";
    notice.tell("broken", { message, hint: hint ?? "Load the page again." });
    return;
  }
  run("wasm");
  notice.tell("broken", { message, hint: "It runs on WASM instead." });
}

function take(transfer: DataTransfer | null, how: "dropped" | "pasted"): void {
  try {
    void show(pictureIn(transfer, how));
  } catch (error) {
    notice.tell("refused", problemOf(error));
  }
}

async function show(file: File): Promise<void> {
  const turn = ++id;
  notice.takeBack("refused", "unread");
  page.drop.ariaBusy = "true";
  try {
    const bitmap = await openPicture(file, LONGEST_SIDE);
    const { width, height } = bitmap;
    if (turn === id) {
      page.given.width = width;
      page.given.height = height;
      const context = contextOf(page.given);
      context.drawImage(bitmap, 0, 0);
      picture = context.getImageData(0, 0, width, height);
      page.given.hidden = false;
      clearAnswer();
      read();
    }
    bitmap.close();
  } catch (error) {
    const { message, hint } = problemOf(error);
    if (turn === id) notice.tell("refused", { message: `${file.name}: ${message}`, hint });
  } finally {
    page.drop.ariaBusy = null;
  }
}

function showReading({ reading, seen, height, prepareMs, runMs }: Extract<Response, { kind: "reading" }>): void {
  page.text.replaceChildren(
    ...reading.characters.map(({ text, confidence }) => {
      const shown = document.createElement(confidence < UNSURE ? "mark" : "span");
      shown.textContent = text;
      shown.title = `${text}: ${percent(confidence)}`;
      return shown;
    }),
  );
  page.confidence.textContent = reading.text === "" ? "no text was read" : `${percent(reading.confidence)} sure of all`;
  page.copy.hidden = reading.text === "";
  drawSeen(seen, height);
  page.ran.textContent = `Ran on ${provider}: ${runMs.toFixed(1)} ms, after ${prepareMs.toFixed(1)} ms to find the line`;
}

function clearAnswer(): void {
  page.text.textContent = "";
  page.confidence.textContent = "";
  page.copy.hidden = true;
  page.seen.hidden = true;
}

/** Ink in black on white. */
function drawSeen(values: Float32Array, height: number): void {
  const width = values.length / height;
  page.seen.width = width;
  page.seen.height = height;
  page.seen.hidden = false;
  const image = new ImageData(width, height);
  values.forEach((ink, pixel) => {
    image.data.fill(255 * (1 - Math.max(0, ink)), 4 * pixel, 4 * pixel + 3);
    image.data[4 * pixel + 3] = 255;
  });
  contextOf(page.seen).putImageData(image, 0, 0);
}

function element<Kind extends HTMLElement>(id_: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id_);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${kind.name} named ${id_}`);
}
