/** Mean loss (nats) and accuracy (0 to 1) of one epoch: on what was trained on, and on one part kept apart. */
export interface EpochRecord {
  /** From 1. */
  readonly epoch: number;
  readonly loss: number;
  readonly accuracy: number;
  /** Present where there is no validation part. */
  readonly testLoss?: number;
  readonly testAccuracy?: number;
  readonly validationLoss?: number;
  readonly validationAccuracy?: number;
  /** Of lines: wrong, missing and added characters of the part kept apart, for each one of its labels. */
  readonly characterErrors?: number;
  /** Of the epoch's last step. */
  readonly learningRate: number;
  readonly msPerStep: number;
}

/** The epoch that scored best on the validation part: most right, and of several the lowest loss, then the first. */
export function bestOf(history: readonly EpochRecord[]): EpochRecord | undefined {
  return history.reduce<EpochRecord | undefined>(
    (best, record) => (best === undefined || isBetter(record, best) ? record : best),
    undefined,
  );
}

function isBetter(one: EpochRecord, other: EpochRecord): boolean {
  const difference = (one.validationAccuracy ?? 0) - (other.validationAccuracy ?? 0);
  if (difference !== 0) return difference > 0;
  return (one.validationLoss ?? Infinity) < (other.validationLoss ?? Infinity);
}

/** The score of the part kept apart, whichever it is. */
export function heldOut(record: EpochRecord): { readonly loss: number; readonly accuracy: number } {
  const { validationLoss, validationAccuracy, testLoss, testAccuracy } = record;
  return {
    loss: validationLoss ?? testLoss ?? Number.NaN,
    accuracy: validationAccuracy ?? testAccuracy ?? Number.NaN,
  };
}

const WIDTH = 720;
const HEIGHT = 300;
const PANEL = { width: 290, height: 200, top: 50 };
const COLOURS = { train: "#2563eb", test: "#d9480f" };

/** Curves of loss and accuracy over the epochs: a picture of two panels, one line for training, one for the part kept apart. */
export function curvesSvg(history: readonly EpochRecord[], title: string): string {
  const panels = [
    panel(50, "loss", history, (record) => [record.loss, heldOut(record).loss]),
    panel(405, "accuracy", history, (record) => [record.accuracy, heldOut(record).accuracy]),
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    `<text x="50" y="22" font-size="14">${escaped(title)}</text>`,
    legend(WIDTH - 210, history.some(({ validationLoss }) => validationLoss !== undefined) ? "validation" : "test"),
    ...panels,
    "</svg>",
    "",
  ].join("\n");
}

function legend(x: number, heldOutName: string): string {
  const entry = (at: number, colour: string, text: string): string =>
    `<rect x="${at}" y="13" width="14" height="4" fill="${colour}"/><text x="${at + 20}" y="20">${text}</text>`;
  return entry(x, COLOURS.train, "training") + entry(x + 95, COLOURS.test, heldOutName);
}

function panel(
  left: number,
  label: string,
  history: readonly EpochRecord[],
  pair: (record: EpochRecord) => readonly [train: number, test: number],
): string {
  const values = history.flatMap((record) => [...pair(record)]);
  const low = Math.min(...values);
  const high = Math.max(...values, low + 1e-6);
  const x = (epoch: number): number => left + ((epoch - 1) / Math.max(1, history.length - 1)) * PANEL.width;
  const y = (value: number): number => PANEL.top + (1 - (value - low) / (high - low)) * PANEL.height;
  const line = (which: 0 | 1, colour: string): string => {
    const points = history.map((record) => `${x(record.epoch).toFixed(1)},${y(pair(record)[which]).toFixed(1)}`);
    const dots = points.map((point) => `<circle cx="${point.replace(",", '" cy="')}" r="2.5" fill="${colour}"/>`);
    return `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${points.join(" ")}"/>${dots.join("")}`;
  };
  const bottom = PANEL.top + PANEL.height;
  return [
    `<path d="M${left} ${PANEL.top}V${bottom}H${left + PANEL.width}" fill="none" stroke="#999"/>`,
    `<text x="${left - 4}" y="${PANEL.top + 4}" text-anchor="end">${short(high)}</text>`,
    `<text x="${left - 4}" y="${bottom}" text-anchor="end">${short(low)}</text>`,
    `<text x="${left}" y="${bottom + 16}">1</text>`,
    `<text x="${left + PANEL.width}" y="${bottom + 16}" text-anchor="end">${history.length}</text>`,
    `<text x="${left + PANEL.width / 2}" y="${bottom + 32}" text-anchor="middle">${label} by epoch</text>`,
    line(0, COLOURS.train),
    line(1, COLOURS.test),
  ].join("\n");
}

function short(value: number): string {
  return value.toPrecision(3);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
