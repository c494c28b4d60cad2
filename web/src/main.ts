import { Bars, percent } from "./bars.ts";
import { goOffline } from "./go-offline.ts";
import type { Engine, Problem, Response } from "./messages.ts";
import { Pad } from "./pad.ts";
import { openPicture, pictureIn } from "./picture.ts";
import { Reader } from "./reader.ts";

const DIGITS = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
const ENGINES: readonly Engine[] = ["wasm", "threads", "webgpu"];
/** A screen reader is told an answer once it has stood this long. */
const SETTLED_MS = 600;

const page = {
  pad: element("pad", HTMLCanvasElement),
  undo: element("undo", HTMLButtonElement),
  clear: element("clear", HTMLButtonElement),
  file: element("file", HTMLInputElement),
  answer: element("answer", HTMLElement),
  said: element("said", HTMLElement),
  seen: element("seen", HTMLCanvasElement),
  bars: element("bars", HTMLElement),
  engine: element("engine", HTMLSelectElement),
  ran: element("ran", HTMLElement),
  problem: element("problem", HTMLElement),
  offline: element("offline", HTMLElement),
};

const bars = new Bars(page.bars, DIGITS);
const pad = new Pad(page.pad, readPad);
let where = "";
let settled: ReturnType<typeof setTimeout> | undefined;
let engine: Engine = "wasm";
let reader = openReader(engine);

page.undo.addEventListener("click", () => pad.undo());
page.clear.addEventListener("click", () => pad.clear());
page.engine.addEventListener("change", () => {
  engine = ENGINES.find((name) => name === page.engine.value) ?? "wasm";
  reader.close();
  reader = openReader(engine);
  readPad();
});
page.file.addEventListener("change", () => {
  void showPicture(page.file.files?.[0]);
  page.file.value = "";
});
document.addEventListener("paste", (event) => void showPicture(pictureIn(event.clipboardData)));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  page.pad.classList.add("over");
});
document.addEventListener("dragleave", () => page.pad.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  page.pad.classList.remove("over");
  void showPicture(pictureIn(event.dataTransfer));
});
offerEngines();
void goOffline((text) => {
  page.offline.textContent = text;
});

/** Take away what this browser cannot do, saying why. */
function offerEngines(): void {
  if (!crossOriginIsolated) disable("threads", "not here: the page is not cross-origin isolated");
  if (!("gpu" in navigator)) disable("webgpu", "not here: this browser has none");
}

function disable(name: Engine, why: string): void {
  for (const option of page.engine.options) {
    if (option.value !== name) continue;
    option.disabled = true;
    option.textContent += ` (${why})`;
  }
}

function openReader(wanted: Engine): Reader {
  where = "";
  page.ran.textContent = "Loading …";
  showProblem(undefined);
  return new Reader(wanted, {
    onOpened: ({ runtime, provider, threads, elsewhere }) => {
      const library = runtime === "web" ? "onnxruntime-web" : runtime;
      const count = provider === "wasm" ? `, ${threads} ${threads === 1 ? "thread" : "threads"}` : "";
      const others = elsewhere.length === 0 ? "" : ` (not there: ${elsewhere.join(", ")})`;
      where = `${library} on ${provider}${count}${others}`;
      page.ran.textContent = `Ready: ${where}`;
    },
    onFailed: (problem) => {
      page.ran.textContent = "Nothing runs.";
      clearAnswer();
      showProblem(problem);
    },
    onReading: showReading,
    onUnread: (problem) => {
      clearAnswer();
      showProblem(problem);
    },
  });
}

function readPad(): void {
  showProblem(undefined);
  if (pad.isEmpty) {
    reader.forget();
    clearAnswer();
    return;
  }
  reader.read(pad.image());
}

async function showPicture(file: File | undefined): Promise<void> {
  if (file === undefined) return;
  try {
    pad.show(await openPicture(file));
  } catch (error) {
    showProblem({ message: error instanceof Error ? error.message : String(error), hint: "PNG and JPEG always are" });
  }
}

function showReading({ reading, seen, prepareMs, runMs }: Extract<Response, { kind: "reading" }>): void {
  page.answer.textContent = reading.text;
  page.answer.parentElement?.classList.remove("empty");
  bars.show(reading.top);
  drawSeen(seen);
  page.seen.ariaLabel = "What the network sees: the digit in white on black, 28 by 28 pixels";
  page.ran.textContent = `Ran on ${where}: ${runMs.toFixed(1)} ms, after ${prepareMs.toFixed(1)} ms to find the digit`;
  say(`${reading.text}, ${percent(reading.confidence)}`);
}

function clearAnswer(): void {
  page.answer.textContent = "\u00A0";
  page.answer.parentElement?.classList.add("empty");
  bars.clear();
  drawSeen(new Float32Array(28 * 28));
  page.seen.ariaLabel = "What the network sees: nothing yet";
  say("");
}

function say(text: string): void {
  clearTimeout(settled);
  settled = setTimeout(() => {
    page.said.textContent = text;
  }, SETTLED_MS);
}

function drawSeen(values: Float32Array): void {
  const context = page.seen.getContext("2d");
  const image = new ImageData(28, 28);
  values.forEach((value, pixel) => image.data.fill(255 * value, 4 * pixel, 4 * pixel + 3));
  for (let alpha = 3; alpha < image.data.length; alpha += 4) image.data[alpha] = 255;
  context?.putImageData(image, 0, 0);
}

function showProblem(problem: Problem | undefined): void {
  page.problem.hidden = problem === undefined;
  page.problem.textContent = problem === undefined ? "" : [problem.message, problem.hint ?? ""].join("\n").trim();
}

function element<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${kind.name} named ${id}`);
}
