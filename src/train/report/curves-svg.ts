import { type EpochRecord, heldOut } from "../history.ts";

import { CHART_SIZE, lineChart, type Place } from "./charts.ts";
import { escaped } from "./html.ts";

const GAP = 16;
const TOP = 40;
const WIDTH = 2 * CHART_SIZE.width + GAP;
const HEIGHT = TOP + CHART_SIZE.height;

/** The colours of the report on white paper: a picture in a README does not know the colours of the page around it. */
const STYLE = `
text { fill: #3d4650; font: 11px system-ui, sans-serif; }
.title { font-size: 14px; fill: #1b1f24; }
.grid { stroke: #d8dee4; }
polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
polyline.training { stroke: #bc4c00; stroke-dasharray: 6 3; } polyline.test { stroke: #0969da; }
circle.training { fill: #bc4c00; } circle.test { fill: #0969da; }
`;

/** Loss and accuracy over the epochs, as report.html draws them: one line for training, one for the part kept apart. */
export function curvesSvg(history: readonly EpochRecord[], title: string): string {
  const apart = nameOfHeldOut(history);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}">`,
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    `<text class="title" x="12" y="22">${escaped(title)}</text>`,
    legend(WIDTH - 200, "training", "training"),
    legend(WIDTH - 100, "test", apart),
    lossChart(history, apart, { x: 0, y: TOP }),
    accuracyChart(history, apart, { x: CHART_SIZE.width + GAP, y: TOP }),
    "</svg>",
    "",
  ].join("\n");
}

/** A short line as the charts draw it, and its name. */
function legend(x: number, style: "training" | "test", name: string): string {
  return `<polyline class="${style}" points="${x},18 ${x + 26},18"/><text x="${x + 32}" y="22">${name}</text>`;
}

/** What the epochs were scored on beside training. */
export function nameOfHeldOut(history: readonly EpochRecord[]): "validation" | "test" {
  return history.some(({ validationLoss }) => validationLoss !== undefined) ? "validation" : "test";
}

export function lossChart(history: readonly EpochRecord[], apart: string, place?: Place): string {
  const lines = [
    { name: "training", style: "training", values: history.map(({ loss }) => loss) },
    { name: apart, style: "test", values: history.map((record) => heldOut(record).loss) },
  ] as const;
  return lineChart("Loss", lines, short, place);
}

export function accuracyChart(history: readonly EpochRecord[], apart: string, place?: Place): string {
  const lines = [
    { name: "training", style: "training", values: history.map(({ accuracy }) => accuracy) },
    { name: apart, style: "test", values: history.map((record) => heldOut(record).accuracy) },
  ] as const;
  return lineChart("Accuracy", lines, (value) => `${short(100 * value)} %`, place);
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}
