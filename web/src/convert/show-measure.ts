import { make } from "./dom.ts";
import { showMs } from "./format.ts";
import type { Contender, Measured, Problem } from "./messages.ts";

/** A contender, and its times once it was measured, or why it was not. */
export interface Row {
  readonly contender: Contender;
  readonly result: Measured | Problem | null;
}

export function nameOf({ library, place, threads }: Contender): string {
  const where = place === "webgpu" ? "WebGPU" : `WASM, ${threads} ${threads === 1 ? "thread" : "threads"}`;
  return `${library === "tfjs" ? "TensorFlow.js" : "ONNX Runtime"} · ${where}`;
}

/** Show a bar for each contender, as long as its median run. */
export function showMeasures(box: HTMLElement, rows: readonly Row[]): void {
  const longest = Math.max(...rows.map(({ result }) => (isMeasured(result) ? result.medianMs : 0)));
  const body = rows.map(({ contender, result }) => {
    const name = make("th", { scope: "row" }, nameOf(contender));
    if (!isMeasured(result)) {
      const why = result === null ? "…" : `not measured: ${result.message}`;
      return make("tr", {}, name, make("td", { colspan: "4", class: "why" }, why));
    }
    const fill = make("span", { class: `fill ${contender.library}` });
    fill.style.width = `${(100 * result.medianMs) / longest}%`;
    const cpu = result.elsewhere === 0 ? [] : [make("small", {}, ` ${result.elsewhere} nodes on the CPU`)];
    return make(
      "tr",
      {},
      name,
      make("td", { class: "bar" }, make("span", { class: "track", "aria-hidden": "true" }, fill), ...cpu),
      make("td", { class: "median" }, showMs(result.medianMs)),
      make("td", {}, showMs(result.p95Ms)),
      make("td", {}, String(result.runs)),
    );
  });
  const head = ["", "", "Median", "95 of 100 within", "Runs"].map((text, index) =>
    index < 2 ? make("td", {}, text) : make("th", { scope: "col" }, text),
  );
  box.replaceChildren(
    make(
      "table",
      { class: "measures" },
      make("caption", { class: "visually-hidden" }, "Time of one run, in milliseconds"),
      make("thead", {}, make("tr", {}, ...head)),
      make("tbody", {}, ...body),
    ),
    make("p", { class: "verdict" }, rows.every(({ result }) => result !== null) ? speedup(rows) : ""),
    make(
      "p",
      { class: "help" },
      "Time of one run on this device, the inputs given and the outputs read each time; shorter is faster.",
    ),
  );
}

/** How many times as fast ONNX Runtime is, at its fastest, as TensorFlow.js at its own. */
export function speedup(rows: readonly Row[]): string {
  const fastest = (library: Contender["library"]): number =>
    Math.min(
      ...rows.map(({ contender, result }) =>
        contender.library === library && isMeasured(result) ? result.medianMs : Infinity,
      ),
    );
  const ratio = fastest("tfjs") / fastest("onnx");
  if (!Number.isFinite(ratio) || ratio === 0) return "";
  const [faster, slower, times] =
    ratio >= 1 ? ["ONNX Runtime", "TensorFlow.js", ratio] : ["TensorFlow.js", "ONNX Runtime", 1 / ratio];
  if (times < 1.05) return "Both are equally fast here.";
  return `${faster} takes ${(100 / times).toFixed(0)} % of the time of ${slower}: ${times.toFixed(times < 10 ? 1 : 0)} times as fast, each at its fastest.`;
}

export function isMeasured(result: Row["result"]): result is Measured {
  return result !== null && "medianMs" in result;
}
