import { at, byteAt, floatAt, intAt } from "../../require.ts";

import { components } from "./components.ts";
import { BLACK, edgesOf, STRONGEST } from "./edges.ts";
import { toGrey, type Pixels, type Plane } from "./image.ts";
import { grown, withoutMarks } from "./morphology.ts";
import type { Box } from "./resize.ts";
import { quantile } from "./statistics.ts";

/** Where a picture is drawn on. */
export interface Drawing {
  /** 1 where something is drawn, [H, W]. */
  readonly mask: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** The smallest box around it. */
  readonly box: Box;
  /** Whether it is darker or lighter than its ground. */
  readonly marks: Marks;
  readonly score: number;
}

export type Marks = "dark" | "light";

/** A guess at what is ink. */
interface Guess {
  readonly marks: Marks;
  /** How far each pixel is from its ground, in a unit of the guess's own. [H, W] */
  readonly distance: Float32Array;
}

/** Thresholds at which a guess is cut, as shares of its largest distance. */
const CUTS = [0.4, 0.7];
/** A part of the drawing smaller than this share of its main part is a speck. */
const SPECK = 0.04;
/** A part that touches the picture's edge and is smaller than this share of the main part was cut off from something else. */
const CUT_OFF = 0.4;
/** Other parts have edges at least so strong, as a share of the main part's. */
const ALIKE = 0.5;

/** A drawing of at least this score, on an even ground, is taken at once. */
const SURE = 6.5;
/** Range of the ground's light, without its outermost twentieths, up to which it is even. */
const EVEN = 0.1;

/**
 * What is drawn on a picture, whatever its colour, the ground's and the light: of several guesses at the ground, each cut at
 * two thresholds, the one whose parts look most like pen strokes. Null when nothing stands out.
 *
 * @param pixels a small copy, about 64 pixels a side
 */
export function findDrawing(pixels: Pixels): Drawing | null {
  const scene = new Scene(pixels);
  let best: Drawing | null = null;
  for (const { marks, distance } of guesses(scene)) {
    const most = quantile(distance, 0.997, 2);
    if (most <= 0) continue;
    for (const cut of CUTS) {
      const drawing = scene.judge(distance, cut * most, marks);
      if (drawing === null || (best !== null && drawing.score <= best.score)) continue;
      best = drawing;
      if (best.score >= SURE && scene.isEvenAround(best)) return best;
    }
  }
  return best;
}

/** Reach of the windows that find the ground under dark or light marks, as shares of the shorter side. */
const REACHES = [0.06, 0.14];

/** The quick ones come first. */
function* guesses({ plane }: Scene): Generator<Guess> {
  const { width, height, data } = plane;
  const light = Math.max(quantile(data, 0.95), 0.02);
  yield { marks: "dark", distance: data.map((value) => 1 - value / light) };
  const dark = quantile(data, 0.05);
  yield { marks: "light", distance: data.map((value) => value - dark) };
  for (const share of REACHES) {
    const reach = Math.max(2, Math.round(share * Math.min(width, height)));
    const above = withoutMarks(plane, "dark", reach).data;
    yield { marks: "dark", distance: data.map((value, pixel) => 1 - value / Math.max(floatAt(above, pixel), 0.02)) };
    const below = withoutMarks(plane, "light", reach).data;
    const ratio = (value: number, pixel: number): number => Math.log((value + BLACK) / (floatAt(below, pixel) + BLACK));
    yield { marks: "light", distance: data.map(ratio) };
  }
}

export function channelOf({ width, height, channels, data }: Pixels, channel: number): Plane {
  const plane = new Float32Array(width * height);
  for (let pixel = 0; pixel < plane.length; pixel++) plane[pixel] = floatAt(data, pixel * channels + channel);
  return { width, height, data: plane };
}

/** A part of a mask. */
class Part {
  size = 0;
  /** Pixels along its edge, and the sum of the edges' strength there. */
  rim = 0;
  edge = 0;
  /** Pixels on the picture's border, and at its four corners. */
  border = 0;
  corners = 0;
  left = Infinity;
  right = -1;
  top = Infinity;
  bottom = -1;

  get meanEdge(): number {
    return this.rim === 0 ? 0 : this.edge / this.rim;
  }
}

/** Range of the differences between channels up to which a picture is grey, or of one colour. */
const COLOURFUL = 0.12;

function isColourful({ channels, data }: Pixels): boolean {
  if (channels === 1) return false;
  const count = data.length / 3;
  const [first, second] = [new Float32Array(count), new Float32Array(count)];
  for (let pixel = 0; pixel < count; pixel++) {
    const green = floatAt(data, pixel * 3 + 1);
    first[pixel] = 1 + floatAt(data, pixel * 3) - green;
    second[pixel] = 1 + floatAt(data, pixel * 3 + 2) - green;
  }
  return [first, second].some((each) => quantile(each, 0.99, 2) - quantile(each, 0.01, 2) > COLOURFUL);
}

/** How much a channel's edges outdo grey's before it is looked at instead. */
const BETTER = 1.15;

/** A picture, and what all guesses at its drawing are judged by. */
class Scene {
  /** Grey, or the channel in which edges are much stronger: red ink on green paper may be as light as that. */
  readonly plane: Plane;
  /** Of all channels the strongest edge at each pixel. */
  readonly #edges: Float32Array;
  readonly #total: number;
  readonly #strongest: number;

  constructor(pixels: Pixels) {
    const grey = toGrey(pixels);
    const planes = isColourful(pixels) ? [grey, ...[0, 1, 2].map((channel) => channelOf(pixels, channel))] : [grey];
    let [plane, most] = [grey, 0];
    const edges = new Float32Array(grey.data.length);
    for (const each of planes) {
      const own = edgesOf(each);
      let sum = 0;
      for (let pixel = 0; pixel < own.length; pixel++) {
        const edge = floatAt(own, pixel);
        sum += edge;
        if (edge > floatAt(edges, pixel)) edges[pixel] = edge;
      }
      if (sum <= most * (plane === grey ? BETTER : 1)) continue;
      [plane, most] = [each, sum];
    }
    this.plane = plane;
    this.#edges = edges;
    this.#total = Math.max(
      1e-6,
      edges.reduce((sum, edge) => sum + edge, 0),
    );
    this.#strongest = Math.max(0.05, quantile(edges, 0.985, STRONGEST));
  }

  /** The drawing of a guess, or null where the threshold cuts nothing out, or nearly all. */
  judge(distance: Float32Array, threshold: number, marks: Marks): Drawing | null {
    const { width, height } = this.plane;
    const mask = new Uint8Array(distance.length);
    let area = 0;
    for (let pixel = 0; pixel < mask.length; pixel++) {
      if (floatAt(distance, pixel) < threshold) continue;
      mask[pixel] = 1;
      area++;
    }
    if (area === 0 || area > 0.8 * mask.length) return null;
    const { part, count } = components(mask, width, height);
    const parts = this.#measure(part, count);
    const main = this.#mainOf(parts);
    if (main === null) return null;
    const kept = Uint8Array.from(parts, (each) => (isKept(each, main) ? 1 : 0));
    for (let pixel = 0; pixel < mask.length; pixel++) mask[pixel] = byteAt(kept, intAt(part, pixel));
    return { mask, width, height, marks, box: boxOf(parts, kept), score: this.#score(part, parts, main, kept) };
  }

  /** Whether all that is not drawn is about as light. */
  isEvenAround({ mask, width, height }: Drawing): boolean {
    const near = grown(mask, width, height, 1);
    const ground = this.plane.data.filter((_, pixel) => byteAt(near, pixel) === 0);
    return ground.length > 0 && quantile(ground, 0.95) - quantile(ground, 0.05) < EVEN;
  }

  /** Parts by their number; part 0 is not one. */
  #measure(part: Int32Array, count: number): Part[] {
    const { width, height } = this.plane;
    const parts = Array.from({ length: count + 1 }, () => new Part());
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const pixel = y * width + x;
        const label = intAt(part, pixel);
        if (label === 0) continue;
        const own = at(parts, label);
        own.size++;
        if (x < own.left) own.left = x;
        if (x > own.right) own.right = x;
        if (y < own.top) own.top = y;
        own.bottom = y;
        const sides = (x === 0 ? 1 : 0) + (x === width - 1 ? 1 : 0) + (y === 0 ? 1 : 0) + (y === height - 1 ? 1 : 0);
        if (sides > 0) own.border++;
        if (sides > 1) own.corners++;
        if (!isRim(part, x, y, width, height)) continue;
        own.rim++;
        own.edge += floatAt(this.#edges, pixel);
      }
    }
    return parts;
  }

  #mainOf(parts: readonly Part[]): Part | null {
    const { width, height } = this.plane;
    const around = 2 * (width + height) - 4;
    let [main, most]: [Part | null, number] = [null, 0];
    for (const part of parts) {
      const value = part.edge * at(AT_CORNERS, part.corners) * (1 - part.border / around);
      if (value > most) [main, most] = [part, value];
    }
    return main;
  }

  /**
   * How much the parts that are kept look like strokes of a pen, as a logarithm. The weights were fitted to 700 made-up
   * photographs of 70 kinds, so that the right guess comes first.
   */
  #score(part: Int32Array, parts: readonly Part[], main: Part, kept: Uint8Array): number {
    const { width, height } = this.plane;
    const [across, down] = [main.right - main.left + 1, main.bottom - main.top + 1];
    const longer = Math.max(across, down);
    let [explained, area] = [0, 0];
    parts.forEach((each, label) => {
      if (byteAt(kept, label) === 0) return;
      explained += each.edge;
      area += each.size;
    });
    return (
      3.2 * log(explained / this.#total) +
      1.9 * log(this.#evenness(part, parts, main)) -
      2.2 * log(main.size / main.rim / longer) -
      0.85 * Math.min(2, main.corners) +
      0.9 * log(longer / Math.max(width, height)) +
      1.6 * log(Math.min(1.2, main.meanEdge / this.#strongest)) -
      0.9 * log(area / (width * height)) -
      1.35 * log(main.size / (across * down)) -
      2.25 * log(parts.length - 1) -
      SQUARE_COST * Math.max(0, main.size / longer ** 2 - LARGEST_SQUARE)
    );
  }

  /** The share of a part's rim where its edge is about as strong as elsewhere: a pen's is, that of a shadow and ink together is not. */
  #evenness(part: Int32Array, parts: readonly Part[], main: Part): number {
    const { width, height } = this.plane;
    const edges = new Float32Array(main.rim);
    let rims = 0;
    for (let y = main.top; y <= main.bottom; y++) {
      for (let x = main.left; x <= main.right; x++) {
        const pixel = y * width + x;
        if (at(parts, intAt(part, pixel)) !== main || !isRim(part, x, y, width, height)) continue;
        edges[rims++] = floatAt(this.#edges, pixel);
      }
    }
    const strong = 0.45 * quantile(edges, 0.8, STRONGEST);
    let even = 0;
    for (let index = 0; index < rims; index++) if (floatAt(edges, index) >= strong) even++;
    return even / rims;
  }
}

/** Of the square around its longer side a drawing covers at most this share; a sheet on a table or in a frame covers more. */
const LARGEST_SQUARE = 0.6;
const SQUARE_COST = 20;

function log(value: number): number {
  return Math.log(Math.max(value, 1e-3));
}

/** What a part's edges count for, by how many of the picture's corners it covers. */
const AT_CORNERS = [1, 0.6, 0.25, 0.08, 0.02];

function isRim(part: Int32Array, x: number, y: number, width: number, height: number): boolean {
  const pixel = y * width + x;
  return (
    (x > 0 && intAt(part, pixel - 1) === 0) ||
    (x < width - 1 && intAt(part, pixel + 1) === 0) ||
    (y > 0 && intAt(part, pixel - width) === 0) ||
    (y < height - 1 && intAt(part, pixel + width) === 0)
  );
}

function isKept(part: Part, main: Part): boolean {
  if (part === main) return true;
  const least = (part.border > 0 ? CUT_OFF : SPECK) * main.size;
  return part.size > 0 && part.size >= least && part.corners === 0 && part.meanEdge >= ALIKE * main.meanEdge;
}

function boxOf(parts: readonly Part[], kept: Uint8Array): Box {
  let [left, right, top, bottom] = [Infinity, -1, Infinity, -1];
  parts.forEach((each, label) => {
    if (byteAt(kept, label) === 0) return;
    [left, right] = [Math.min(left, each.left), Math.max(right, each.right)];
    [top, bottom] = [Math.min(top, each.top), Math.max(bottom, each.bottom)];
  });
  return { left, top, width: right - left + 1, height: bottom - top + 1 };
}
