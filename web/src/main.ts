import type { Reading } from "../../src/infer/recognize.ts";

import { Bars, percent } from "./bars.ts";
import { goOffline } from "./go-offline.ts";
import { problemOf, type Engine, type Problem, type Response } from "./messages.ts";
import { Notice } from "./notice.ts";
import { Pad } from "./pad.ts";
import { openPicture, pictureIn } from "./picture.ts";
import { Reader } from "./reader.ts";

const DIGITS = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
const ENGINES: readonly Engine[] = ["wasm", "threads", "webgpu"];
/** A screen reader is told an answer, and everyone that there is none, once it has stood this long. */
const SETTLED_MS = 600;
/** Said of a dot, which is where a stroke begins. */
const TOO_LITTLE: Problem = { message: "There is too little on the pad to read.", hint: "Draw a whole digit." };

const page = {
  pad: element("pad", HTMLCanvasElement),
  undo: element("undo", HTMLButtonElement),
  clear: element("clear", HTMLButtonElement),
  file: element("file", HTMLInputElement),
  answer: element("answer", HTMLElement),
  sure: element("sure", HTMLElement),
  said: element("said", HTMLElement),
  seen: element("seen", HTMLCanvasElement),
  bars: element("bars", HTMLElement),
  engine: element("engine", HTMLSelectElement),
  ran: element("ran", HTMLElement),
  problem: element("problem", HTMLElement),
  again: element("again", HTMLButtonElement),
  instead: element("instead", HTMLButtonElement),
  offline: element("offline", HTMLElement),
  update: element("update", HTMLButtonElement),
};

const bars = new Bars(page.bars, DIGITS);
const notice = new Notice(page.problem);
const pad = new Pad(page.pad, () => {
  asked++;
  readPad();
});
let where = "";
let settled: ReturnType<typeof setTimeout> | undefined;
/** Counts what was drawn and given, so that a picture that opens late takes no later one's place. */
let asked = 0;
/** Pictures that are being opened. */
let opening = 0;
let engine: Engine = "wasm";
let reader = openReader();

page.undo.addEventListener("click", () => pad.undo());
page.clear.addEventListener("click", () => pad.clear());
page.engine.addEventListener("change", () => {
  engine = ENGINES.find((name) => name === page.engine.value) ?? "wasm";
  reopen();
});
page.again.addEventListener("click", () => {
  reopen(true);
  page.pad.focus();
});
page.instead.addEventListener("click", () => {
  runOnWasm();
  page.pad.focus();
});
page.file.addEventListener("change", () => {
  const file = page.file.files?.[0];
  page.file.value = "";
  if (file !== undefined) void showPicture(file);
});
document.addEventListener("paste", (event) => take(event.clipboardData, "pasted"));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  page.pad.classList.add("over");
});
document.addEventListener("dragleave", () => page.pad.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  page.pad.classList.remove("over");
  take(event.dataTransfer, "dropped");
});
offerEngines();
void goOffline({
  say(text) {
    page.offline.textContent = text;
  },
  onUpdate(load) {
    page.update.hidden = false;
    page.update.addEventListener("click", load, { once: true });
  },
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

/** @param fresh Fetch the network again, whatever was kept of it. */
function openReader(fresh = false): Reader {
  where = "";
  page.ran.textContent = "Loading …";
  offerWays("none");
  notice.takeBack("broken", "slow");
  return new Reader(engine, fresh, {
    onOpened: ({ runtime, provider, threads, elsewhere }) => {
      offerWays("none");
      notice.takeBack("slow");
      const library = runtime === "web" ? "onnxruntime-web" : runtime;
      const count = provider === "wasm" ? `, ${threads} ${threads === 1 ? "thread" : "threads"}` : "";
      const others = elsewhere.length === 0 ? "" : ` (not there: ${elsewhere.join(", ")})`;
      where = `${library} on ${provider}${count}${others}`;
      page.ran.textContent = `Ready: ${where}`;
      say(`Ready: ${where}`);
    },
    onSlow: tellSlow,
    onFailed: (problem) => {
      if (engine === "wasm") fail(problem);
      else fallBack(problem);
    },
    onCrashed: startAgain,
    onHung: (problem) => {
      if (engine === "wasm") startAgain(problem);
      else fallBack(problem);
    },
    onReading: showReading,
    onUnread: ({ blames, problem }) => {
      if (blames === "engine" && engine !== "wasm") {
        fallBack(problem);
        return;
      }
      clearAnswer();
      settle(() => notice.tell("unread", blames === "engine" || pad.hasPicture ? problem : TOO_LITTLE));
    },
  });
}

function reopen(fresh = false): void {
  reader.close();
  reader = openReader(fresh);
  readPad();
}

function runOnWasm(): void {
  engine = "wasm";
  page.engine.value = engine;
  reopen();
}

/** What was on the pad is not read again, which may have been too much. */
function startAgain({ message }: Problem): void {
  reader = openReader();
  clearAnswer();
  notice.tell("broken", { message, hint: "It was started again: go on drawing, or give the picture again." });
}

function tellSlow(seconds: number): void {
  const isWasm = engine === "wasm";
  const what = isWasm ? "The network" : (page.engine.selectedOptions[0]?.text ?? engine);
  offerWays(isWasm ? "again" : "instead");
  notice.tell("slow", {
    message: `${what} has not started in ${seconds} seconds.`,
    hint: `Over a slow connection it takes longer: wait, or ${isWasm ? "try again" : "run it on WASM"}.`,
  });
}

/** Buttons for a way on, where there is one. */
function offerWays(way: "again" | "instead" | "none"): void {
  page.again.hidden = way !== "again";
  page.instead.hidden = way !== "instead";
}

function fail(problem: Problem): void {
  reader.close();
  page.ran.textContent = "Nothing runs.";
  offerWays("again");
  notice.takeBack("slow");
  clearAnswer();
  notice.tell("broken", problem);
}

/** What any browser has takes over from what this one turned out not to have. */
function fallBack({ message }: Problem): void {
  runOnWasm();
  notice.tell("broken", { message, hint: "It runs on WASM with one thread instead." });
}

function readPad(): void {
  clearTimeout(settled);
  notice.takeBack("refused", "unread");
  if (pad.isEmpty) {
    reader.forget();
    clearAnswer();
    // Where something runs, this has been read by now.
    if (page.again.hidden === true) notice.takeBack("broken");
    return;
  }
  try {
    reader.read(pad.image());
  } catch (error) {
    reader.forget();
    clearAnswer();
    settle(() => notice.tell("unread", problemOf(error)));
  }
}

function take(transfer: DataTransfer | null, how: "dropped" | "pasted"): void {
  try {
    void showPicture(pictureIn(transfer, how));
  } catch (error) {
    refuse(problemOf(error));
  }
}

async function showPicture(file: File): Promise<void> {
  const turn = ++asked;
  notice.takeBack("refused");
  markOpening(1);
  try {
    const picture = await openPicture(file);
    if (turn !== asked) {
      picture.close();
      return;
    }
    // No answer of what was there before is told beside the picture.
    reader.forget();
    clearAnswer();
    pad.show(picture);
  } catch (error) {
    const { message, hint } = problemOf(error);
    if (turn === asked) refuse({ message: `${file.name}: ${message}`, hint });
  } finally {
    markOpening(-1);
  }
}

function markOpening(more: 1 | -1): void {
  opening += more;
  page.pad.ariaBusy = opening > 0 ? "true" : null;
}

/** What was given cannot be shown; an answer that stands is not its. */
function refuse({ message, hint }: Problem): void {
  const still = pad.isEmpty ? "" : "The pad and its answer are as they were";
  notice.tell("refused", { message, hint: [hint ?? "", still].filter(Boolean).join("\n") });
  notice.bringIntoView();
}

function showReading({ reading, seen, prepareMs, runMs }: Extract<Response, { kind: "reading" }>): void {
  page.answer.textContent = reading.text;
  page.sure.textContent = sureness(reading);
  showState(reading.unsure === true ? "unsure" : "read");
  bars.show(reading.top);
  drawSeen(seen);
  page.seen.ariaLabel = "What the network sees: the digit in white on black, 28 by 28 pixels";
  page.ran.textContent = `Ran on ${where}: ${runMs.toFixed(1)} ms, after ${prepareMs.toFixed(1)} ms to find the digit`;
  notice.takeBack("unread");
  say(
    reading.unsure === true
      ? `unsure: ${reading.text}? ${percent(reading.confidence)}`
      : `${reading.text}, ${percent(reading.confidence)}`,
  );
}

/** As `infer` says it: an answer that is more likely wrong than right is unsure. */
function sureness({ confidence, unsure }: Pick<Reading, "confidence" | "unsure">): string {
  return unsure === true ? `unsure: ${percent(confidence)}` : `${percent(confidence)} sure`;
}

function showState(state: "empty" | "read" | "unsure"): void {
  const box = page.answer.closest(".answer");
  box?.classList.toggle("empty", state === "empty");
  box?.classList.toggle("unsure", state === "unsure");
}

function clearAnswer(): void {
  page.answer.textContent = "\u00A0";
  page.sure.textContent = "";
  showState("empty");
  bars.clear();
  drawSeen(new Float32Array(28 * 28));
  page.seen.ariaLabel = "What the network sees: nothing yet";
  say("");
}

function say(text: string): void {
  settle(() => {
    page.said.textContent = text;
  });
}

function settle(task: () => void): void {
  clearTimeout(settled);
  settled = setTimeout(task, SETTLED_MS);
}

function drawSeen(values: Float32Array): void {
  const context = page.seen.getContext("2d");
  const image = new ImageData(28, 28);
  values.forEach((value, pixel) => image.data.fill(255 * value, 4 * pixel, 4 * pixel + 3));
  for (let alpha = 3; alpha < image.data.length; alpha += 4) image.data[alpha] = 255;
  context?.putImageData(image, 0, 0);
}

function element<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${kind.name} named ${id}`);
}
