import { escaped } from "./html.ts";
import type { CalibrationBin } from "./scores.ts";

export interface Line {
  readonly name: string;
  /** The part of the style sheet that colours it. */
  readonly style: "training" | "test";
  /** One value an epoch. */
  readonly values: readonly number[];
}

export const CHART_SIZE = { width: 372, height: 220 };
const { width: WIDTH, height: HEIGHT } = CHART_SIZE;
const PLOT = { left: 60, right: 362, top: 12, bottom: 188 };

/** Where the left upper corner of a chart is, in a picture of several. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

/** A drawing of lines over the epochs, beginning with epoch 1. */
export function lineChart(
  label: string,
  lines: readonly Line[],
  format: (value: number) => string,
  place?: Place,
): string {
  const values = lines.flatMap((line) => line.values).filter((value) => Number.isFinite(value));
  const epochs = Math.max(1, ...lines.map((line) => line.values.length));
  const { low, high, ticks } = scaleOf(Math.min(...values, Infinity), Math.max(...values, -Infinity));
  const x = (epoch: number): number => along(epochs === 1 ? 0.5 : (epoch - 1) / (epochs - 1), PLOT.left, PLOT.right);
  const y = (value: number): number => along((value - low) / (high - low), PLOT.bottom, PLOT.top);
  const grid = ticks.map(
    (tick) =>
      `<path class="grid" d="M${PLOT.left} ${fixed(y(tick))}H${PLOT.right}"/>` +
      `<text x="${PLOT.left - 6}" y="${fixed(y(tick) + 4)}" text-anchor="end">${format(tick)}</text>`,
  );
  const drawn = lines.map(({ values: own, style }) => {
    const points = own.map((value, index) => `${fixed(x(index + 1))},${fixed(y(value))}`);
    const dots = points.map((point) => `<circle class="${style}" cx="${point.replace(",", '" cy="')}" r="2.5"/>`);
    const line = own.length > 1 ? `<polyline class="${style}" points="${points.join(" ")}"/>` : "";
    return line + (own.length <= 30 ? dots.join("") : "");
  });
  const spoken = lines.map(({ name, values: own }) => `${name} ${format(own.at(-1) ?? Number.NaN)}`).join(", ");
  return drawing(
    `${label} by epoch; after the last: ${spoken}`,
    [
      ...grid,
      ...(epochs === 1
        ? []
        : [
            `<text x="${PLOT.left}" y="${HEIGHT - 14}">1</text>`,
            `<text x="${PLOT.right}" y="${HEIGHT - 14}" text-anchor="end">${epochs}</text>`,
          ]),
      `<text x="${(PLOT.left + PLOT.right) / 2}" y="${HEIGHT - 14}" text-anchor="middle">${epochs === 1 ? "epoch 1" : "epoch"}</text>`,
      upright(label.toLowerCase()),
      ...drawn,
    ],
    place,
  );
}

/** How often answers of a confidence are right: the closer to the diagonal, the better calibrated. */
export function calibrationChart(bins: readonly CalibrationBin[]): string {
  const x = (value: number): number => along(value, PLOT.left, PLOT.right);
  const y = (value: number): number => along(value, PLOT.bottom, PLOT.top);
  const grid = [0, 0.25, 0.5, 0.75, 1].map(
    (tick) =>
      `<path class="grid" d="M${PLOT.left} ${fixed(y(tick))}H${PLOT.right}"/>` +
      `<text x="${PLOT.left - 6}" y="${fixed(y(tick) + 4)}" text-anchor="end">${100 * tick} %</text>` +
      `<text x="${fixed(x(tick))}" y="${PLOT.bottom + 15}" text-anchor="${tick === 1 ? "end" : "middle"}">${100 * tick} %</text>`,
  );
  const most = Math.max(1, ...bins.map(({ images }) => images));
  const bars = bins
    .filter(({ images }) => images > 0)
    .map(({ low, high, images, accuracy, confidence }) => {
      const [left, right, top] = [x(low) + 1, x(high) - 1, y(accuracy)];
      const weight = 0.25 + 0.75 * Math.sqrt(images / most);
      const title = `${images} images of mean confidence ${(100 * confidence).toFixed(1)} %: ${(100 * accuracy).toFixed(1)} % right`;
      return (
        `<rect class="bar" x="${fixed(left)}" y="${fixed(top)}" width="${fixed(right - left)}" ` +
        `height="${fixed(PLOT.bottom - top)}" opacity="${weight.toFixed(2)}"><title>${title}</title></rect>`
      );
    });
  return drawing("share of right answers by confidence", [
    ...grid,
    ...bars,
    `<path class="ideal" d="M${x(0)} ${y(0)}L${x(1)} ${y(1)}"/>`,
    `<text x="${(PLOT.left + PLOT.right) / 2}" y="${HEIGHT - 2}" text-anchor="middle">confidence</text>`,
    upright("right answers"),
  ]);
}

/** What the vertical axis shows, written upwards beside it. */
function upright(text: string): string {
  const middle = (PLOT.top + PLOT.bottom) / 2;
  return `<text transform="translate(10 ${middle}) rotate(-90)" text-anchor="middle">${escaped(text)}</text>`;
}

function drawing(label: string, parts: readonly string[], place?: Place): string {
  const at = place === undefined ? "" : ` x="${place.x}" y="${place.y}" width="${WIDTH}" height="${HEIGHT}"`;
  return `<svg${at} viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(label)}">${parts.join("")}</svg>`;
}

function along(part: number, from: number, to: number): number {
  return from + part * (to - from);
}

function fixed(value: number): string {
  return value.toFixed(1);
}

/** Round numbers around the values, and three to six ticks at multiples of 1, 2 or 5. */
function scaleOf(
  least: number,
  most: number,
): { readonly low: number; readonly high: number; readonly ticks: number[] } {
  if (!(least <= most)) return { low: 0, high: 1, ticks: [0, 1] };
  const span = Math.max(most - least, Math.abs(most) * 1e-3, 1e-6);
  const rough = span / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.floor(least / step);
  const last = Math.max(first + 1, Math.ceil(most / step));
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
  return { low: first * step, high: last * step, ticks };
}
