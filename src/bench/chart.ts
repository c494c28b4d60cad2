import { at } from "../require.ts";

import type { BenchRun } from "./bench-model.ts";

/**
 * A chart in SVG: one group of bars for each figure, a bar for each contender; readable on light and dark pages. A title
 * that is too long for its line is cut.
 */
export function benchChart(runs: readonly BenchRun[], title: string, below: string): string {
  const labels = runs.map(labelOf);
  const height = TOP + 2 * (panelHeight(runs.length) + GAP) + BOTTOM;
  const panels = PANELS.map((panel, index) => {
    const x = MARGIN + (index % 2) * (PANEL + GAP);
    const y = TOP + Math.floor(index / 2) * (panelHeight(runs.length) + GAP);
    return drawPanel(panel, runs, labels, x, y);
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title description">`,
    `<title id="title">${escaped(title)}</title>`,
    `<desc id="description">${escaped(describe(runs, labels))}</desc>`,
    `<style>${STYLE}</style>`,
    `<text class="head" x="${MARGIN}" y="26">${escaped(cut(title, TITLE_CHARS))}</text>`,
    ...panels,
    `<text class="foot" x="${MARGIN}" y="${height - 12}">${escaped(below)}</text>`,
    "</svg>\n",
  ].join("\n");
}

const WIDTH = 880;
const MARGIN = 20;
const GAP = 28;
const PANEL = (WIDTH - 2 * MARGIN - GAP) / 2;
const TOP = 46;
const BOTTOM = 14;
/** Least room for names and for figures, and what a character of theirs takes where letters are wide. */
const LABEL = 128;
const VALUE = 82;
const CHAR = 7.6;
const TITLE_CHARS = 82;
const ROW = 24;
const BAR = 14;
const PANEL_HEAD = 26;

const STYLE = [
  "text{font:12px system-ui,-apple-system,'Segoe UI',sans-serif;fill:#24292f}",
  ".head{font-size:16px;font-weight:600}.title{font-size:13px;font-weight:600}",
  ".foot,.hint{fill:#57606a;font-size:11px}.tfjs{fill:#e8710a}.onnx{fill:#2f6fdb}.tail{stroke:#24292f;stroke-width:1.5}",
  "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.foot,.hint{fill:#9198a1}.tfjs{fill:#f0883e}.onnx{fill:#58a6ff}",
  ".tail{stroke:#e6edf3}}",
].join("");

interface Panel {
  readonly title: string;
  readonly hint: string;
  /** Null where it was not measured. */
  value(run: BenchRun): number | null;
  /** End of a thin line beyond the bar. */
  tail?(run: BenchRun): number;
  show(run: BenchRun): string;
}

const PANELS: readonly Panel[] = [
  {
    title: "Cold start",
    hint: "new process to first answer; less is better",
    value: ({ coldStartMs }) => coldStartMs,
    show: ({ coldStartMs }) => showMs(coldStartMs),
  },
  {
    title: "One run",
    hint: "median, line to the 95th percentile; less is better",
    value: ({ medianMs }) => medianMs,
    tail: ({ p95Ms }) => p95Ms,
    show: ({ medianMs }) => showMs(medianMs),
  },
  {
    title: "Throughput",
    hint: "samples a second at the best batch size; more is better",
    value: ({ best }) => best.perSecond,
    show: ({ best }) => `${showRate(best.perSecond)} (${best.batch})`,
  },
  {
    title: "Peak memory",
    hint: "of a process that answers once; less is better",
    value: ({ peakBytes }) => peakBytes,
    show: ({ peakBytes }) => (peakBytes === null ? "not measured" : `${Math.round(peakBytes / 1e6)} MB`),
  },
];

function panelHeight(rows: number): number {
  return PANEL_HEAD + rows * ROW;
}

function drawPanel(panel: Panel, runs: readonly BenchRun[], labels: readonly string[], x: number, y: number): string {
  const left = x + roomFor(labels, LABEL);
  const figures = runs.map((run) => panel.show(run));
  const room = PANEL - (left - x) - roomFor(figures, VALUE);
  // A far outlier of the tails may not flatten the bars.
  const most = Math.max(...runs.map((run) => panel.value(run) ?? 0), 1e-9);
  const scale = (value: number): number => Math.round(Math.min(1, value / most) * room * 10) / 10;
  const rows = runs.map((run, index) => {
    const top = y + PANEL_HEAD + index * ROW;
    const middle = top + BAR / 2;
    const value = panel.value(run);
    const width = value === null ? 0 : Math.max(1.5, scale(value));
    const end = panel.tail === undefined ? width : Math.max(width, scale(panel.tail(run)));
    const kind = run.runtime === "tfjs" ? "tfjs" : "onnx";
    const tail =
      end > width ? `<line class="tail" x1="${left + width}" x2="${left + end}" y1="${middle}" y2="${middle}"/>` : "";
    return [
      `<text x="${x}" y="${middle + 4}">${escaped(at(labels, index))}</text>`,
      `<rect class="${kind}" x="${left}" y="${top}" width="${width}" height="${BAR}" rx="2"/>`,
      tail,
      `<text x="${left + end + 6}" y="${middle + 4}">${escaped(at(figures, index))}</text>`,
    ].join("");
  });
  const head = `<text class="title" x="${x}" y="${y + 12}">${panel.title} <tspan class="hint" font-weight="400">${panel.hint}</tspan></text>`;
  return [head, ...rows].join("\n");
}

function roomFor(texts: readonly string[], least: number): number {
  return Math.round(Math.max(least, ...texts.map((text) => text.length * CHAR + 6)));
}

const NAMES: Readonly<Record<string, string>> = {
  "tfjs/tensorflow": "TF.js native",
  "tfjs/wasm": "TF.js WASM",
  "tfjs/cpu": "TF.js plain",
  "node/cpu": "ORT node",
  "node/webgpu": "ORT node WebGPU",
  "web/wasm": "ORT web WASM",
  "web/webgpu": "ORT web WebGPU",
  "browser/wasm": "Browser WASM",
  "browser/webgpu": "Browser WebGPU",
};

function labelOf({ runtime, provider, threads, browser }: BenchRun): string {
  const where = `${browser ? "browser" : runtime}/${provider}`;
  const name = NAMES[where] ?? where;
  return threads === null ? name : `${name} × ${threads}`;
}

function describe(runs: readonly BenchRun[], labels: readonly string[]): string {
  return runs
    .map((run, index) => {
      const figures = PANELS.map((panel) => `${panel.title.toLowerCase()} ${panel.show(run)}`);
      return `${at(labels, index)}: ${figures.join(", ")}.`;
    })
    .join(" ");
}

export function showMs(value: number): string {
  if (value < 1) return `${value.toFixed(3)} ms`;
  return value < 100 ? `${value.toFixed(2)} ms` : `${Math.round(value).toLocaleString("en")} ms`;
}

/** Samples a second, which a slow machine may have less than one of. */
export function showRate(perSecond: number): string {
  return perSecond < 10 ? perSecond.toPrecision(2) : Math.round(perSecond).toLocaleString("en");
}

function cut(text: string, most: number): string {
  const characters = Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join("")}…`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
