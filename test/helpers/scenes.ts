import { writeGlyph } from "../../src/data/digits/glyphs.ts";
import { applyHand, randomHand } from "../../src/data/digits/hand.ts";
import { Pen } from "../../src/data/digits/pen.ts";
import { Sheet } from "../../src/data/digits/raster.ts";
import { Random } from "../../src/data/random.ts";
import type { Image } from "../../src/infer/preprocess/image.ts";

type Colour = readonly [number, number, number];

/** How a digit is photographed; lengths and places are shares of the picture's sides, 0 to 1, x to the right, y down. */
export interface Scene {
  readonly width?: number;
  readonly height?: number;
  /** Height of the digit, as a share of the picture's smaller side. */
  readonly size?: number;
  /** Centre of the digit. */
  readonly place?: readonly [number, number];
  /** Width of the pen, as a share of the digit's height. */
  readonly pen?: number;
  readonly paper?: Colour;
  readonly ink?: Colour;
  /** How much of the ground's own colour is left at a place, in pixels: 0.7 on a printed line, 1 elsewhere. */
  readonly print?: (x: number, y: number) => number;
  /** Colour of what lies beside the paper, or null where there is paper. */
  readonly beside?: (u: number, v: number) => Colour | null;
  /** Share of the full light that falls on a place. */
  readonly light?: (u: number, v: number) => number;
  /** Reach of the evenly spread grain of a sensor. */
  readonly grain?: number;
  /** Reach of the steps between blocks of 8 x 8 pixels. */
  readonly blocks?: number;
}

const BLACK: Colour = [0.12, 0.12, 0.14];
const WHITE: Colour = [0.93, 0.92, 0.88];

/** A handwritten digit photographed in a scene, in colours; the same for the same digit, seed and scene everywhere. */
export function photograph(digit: number, seed: number, scene: Scene): Image {
  const { width = 320, height = 240, size = 0.6, place = [0.5, 0.5], pen = 0.1 } = scene;
  const { paper = WHITE, ink = BLACK, print, beside, light, grain = 0.02, blocks = 0 } = scene;
  const random = new Random(seed, digit);
  const sheet = write(digit, random, { width, height, size: size * Math.min(width, height), place, pen });
  const steps = Array.from({ length: Math.ceil(width / 8) * Math.ceil(height / 8) }, () => random.unit() - 0.5);
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [u, v] = [(x + 0.5) / width, (y + 0.5) / height];
      const other = beside?.(u, v) ?? null;
      const strength = other === null ? Math.min(1, sheet.ink[y * width + x] ?? 0) : 0;
      const printed = other === null ? (print?.(x, y) ?? 1) : 1;
      const shine = light?.(u, v) ?? 1;
      const step = blocks * (steps[Math.floor(y / 8) * Math.ceil(width / 8) + Math.floor(x / 8)] ?? 0);
      const error = step + 2 * grain * (random.unit() - 0.5);
      for (const channel of [0, 1, 2] as const) {
        const ground = (other ?? paper)[channel] * printed;
        const value = shine * (ground + strength * (ink[channel] - ground)) + error;
        data[(y * width + x) * 3 + channel] = Math.round(255 * Math.min(1, Math.max(0, value)));
      }
    }
  }
  return { width, height, channels: 3, data };
}

interface Writing {
  readonly width: number;
  readonly height: number;
  readonly size: number;
  readonly place: readonly [number, number];
  readonly pen: number;
}

/** The digit's ink on a sheet as large as the picture. */
function write(digit: number, random: Random, { width, height, size, place, pen: nib }: Writing): Sheet {
  const pen = new Pen(random);
  const hand = randomHand(random);
  pen.clear(hand.shake);
  writeGlyph(digit, pen, random);
  applyHand(pen, hand);
  const [xs, ys] = [pen.x.subarray(0, pen.length), pen.y.subarray(0, pen.length)];
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const scale = size / Math.max(bottom - top, right - left);
  const sheet = new Sheet(height, width);
  const radius = Math.max(0.5, (nib * size) / 2);
  const across = (point: number): number => place[0] * width + ((xs[point] ?? 0) - (left + right) / 2) * scale;
  const down = (point: number): number => place[1] * height + ((ys[point] ?? 0) - (top + bottom) / 2) * scale;
  for (let point = 1; point < pen.length; point++) {
    if (pen.starts[point] === 1) continue;
    sheet.line(across(point - 1), down(point - 1), radius, across(point), down(point), radius);
  }
  return sheet;
}

/** A digit in black on white, or the reverse, cut out of its sheet with a margin of so many pixels. */
export function cutOut(
  digit: number,
  seed: number,
  { pen, margin, marks }: { readonly pen: number; readonly margin: number; readonly marks: "dark" | "light" },
): Image {
  const side = 240;
  const sheet = write(digit, new Random(seed, digit), { width: side, height: side, size: 150, place: [0.5, 0.5], pen });
  const ink = sheet.ink.map((strength) => Math.min(1, strength));
  const drawn = [...ink.keys()].filter((pixel) => (ink[pixel] ?? 0) > 0.3);
  const [across, down] = [drawn.map((pixel) => pixel % side), drawn.map((pixel) => Math.floor(pixel / side))];
  const [left, top] = [Math.min(...across) - margin, Math.min(...down) - margin];
  const [width, height] = [Math.max(...across) + margin - left + 1, Math.max(...down) + margin - top + 1];
  const data = Float32Array.from({ length: width * height }, (_, pixel) => {
    const strength = ink[(top + Math.floor(pixel / width)) * side + left + (pixel % width)] ?? Number.NaN;
    return marks === "light" ? strength : 1 - strength;
  });
  return { width, height, channels: 1, data };
}

/** The same picture with its paper transparent: what is drawn is in the alpha, [H, W, 4]. */
export function onGlass(digit: number, seed: number, colour: readonly [number, number, number]): Image {
  const [width, height] = [200, 200];
  const sheet = write(digit, new Random(seed, digit), { width, height, size: 140, place: [0.5, 0.5], pen: 0.1 });
  const data = new Uint8Array(width * height * 4);
  sheet.ink.forEach((strength, pixel) => {
    data.set([...colour.map((value) => Math.round(255 * value)), Math.round(255 * Math.min(1, strength))], pixel * 4);
  });
  return { width, height, channels: 4, data };
}

/** A line of print every so many pixels. */
const ruled =
  (every: number, left: number) =>
  (_: number, y: number): number =>
    y % every < 2 ? left : 1;

const squared =
  (every: number, left: number) =>
  (x: number, y: number): number =>
    x % every < 1 || y % every < 1 ? left : 1;

/** Full light on one side of a line across the picture, a share of it beyond; half-shadow within `soft` of the line. */
const shadow =
  (across: number, down: number, from: number, left: number, soft: number) =>
  (u: number, v: number): number => {
    const into = Math.min(1, Math.max(0, (across * u + down * v - from) / soft + 0.5));
    return 1 - (1 - left) * into;
  };

/** Whether light falls between the bars of a window, of two panes from -reach to reach. */
function barred(from: number, reach: number): boolean {
  return Math.abs(from) < reach && Math.abs(from) > 0.02;
}

const chalk: Scene = { paper: [0.16, 0.24, 0.2], ink: [0.85, 0.85, 0.8] };
const pencil: Scene = { ink: [0.66, 0.66, 0.66], pen: 0.06 };
const table: Colour = [0.25, 0.16, 0.1];

/** Scenes by name, as sentences of a test go on: "a digit on ...". */
export const SCENES: Readonly<Record<string, Scene>> = {
  "white paper": {},
  "ruled paper": { print: ruled(24, 0.7) },
  "squared paper": { print: squared(16, 0.75) },
  "paper in a gradient of light": { light: (u, v) => 1 - 0.6 * (0.7 * u + 0.3 * v) },
  "paper in a steep gradient": { light: (u) => 1 - 0.85 * u },
  "paper with a hard shadow down the middle": { light: shadow(1, 0, 0.5, 0.45, 0.005) },
  "paper with a hard, slanting shadow": { light: shadow(0.8, 0.6, 0.7, 0.4, 0.005) },
  "paper with a deep shadow": { light: shadow(0.6, 0.8, 0.7, 0.25, 0.01) },
  "paper with a soft shadow": { light: shadow(0.7, 0.7, 0.7, 0.4, 0.15) },
  "paper with a shadow over a corner": { light: shadow(0.7, 0.7, 1.05, 0.35, 0.01) },
  "paper with a shadow over a fifth of it": { light: shadow(1, 0, 0.82, 0.4, 0.01) },
  "paper with light through a window": { light: (u, v) => (Math.abs(u - 0.5) < 0.22 && v > 0.2 && v < 0.75 ? 1 : 0.5) },
  "paper with light through a window with bars": {
    light: (u, v) => (barred(u - 0.5, 0.3) && barred(v - 0.48, 0.32) ? 1 : 0.5),
  },
  "paper with slanting light through a window with bars": {
    size: 0.55,
    light: (u, v) => (barred(u - 0.45 + 0.3 * (v - 0.5), 0.28) && barred(v - 0.5 - 0.1 * u, 0.3) ? 1 : 0.55),
  },
  "paper with a shadow within it": { light: (u, v) => (Math.hypot(u - 0.4, v - 0.45) < 0.25 ? 0.5 : 1) },
  "paper with a soft shadow within it": {
    light: (u, v) => 1 - 0.5 * Math.exp(-16 * ((u - 0.5) ** 2 + (v - 0.5) ** 2)),
  },
  "paper in the light of a lamp": { light: (u, v) => 0.4 + 0.6 * Math.exp(-16 * ((u - 0.5) ** 2 + (v - 0.5) ** 2)) },
  "a board, in thick chalk": { ...chalk, pen: 0.25 },
  "ruled paper with a hard shadow": { print: ruled(24, 0.7), light: shadow(0.8, 0.6, 0.7, 0.45, 0.01) },
  "squared paper with a soft shadow": { print: squared(16, 0.75), light: shadow(0.7, 0.7, 0.7, 0.45, 0.2) },
  "paper under a vignette": { light: (u, v) => 1 - 1.3 * ((u - 0.5) ** 2 + (v - 0.5) ** 2) },
  "paper that ends on a dark table": { size: 0.5, place: [0.45, 0.5], beside: (u) => (u > 0.8 ? table : null) },
  "a slanting sheet on a dark table": {
    size: 0.45,
    beside: (u, v) => (u + 0.15 * v > 0.9 || v - 0.1 * u > 0.85 ? table : null),
  },
  "a sheet on a dark table": {
    size: 0.42,
    beside: (u, v) => (Math.abs(u - 0.5 + 0.1 * v) > 0.38 || Math.abs(v - 0.5 - 0.08 * u) > 0.42 ? table : null),
  },
  "paper in a black frame": { size: 0.5, beside: (u, v) => (Math.min(u, v, 1 - u, 1 - v) < 0.07 ? [0, 0, 0] : null) },
  "a form, in a printed box": {
    size: 0.5,
    print: (x, y) => (Math.abs(Math.max(Math.abs(x - 160), Math.abs(y - 120)) - 100) < 1 ? 0.45 : 1),
  },
  "paper, in pencil": pencil,
  "paper, in pencil, in a gradient": { ...pencil, light: (u, v) => 1 - 0.5 * (0.3 * u + 0.7 * v) },
  "paper, in pencil, with a hard shadow": { ...pencil, light: shadow(0.8, 0.6, 0.7, 0.5, 0.01) },
  "a board, in chalk": chalk,
  "a board, in chalk, in a gradient": { ...chalk, light: (u) => 1.1 - 0.7 * u },
  "a board, in chalk, with a hard shadow": { ...chalk, light: shadow(0.8, 0.6, 0.7, 0.45, 0.01) },
  "grainy paper": { grain: 0.12 },
  "grainy paper with a hard shadow": { grain: 0.06, light: shadow(0.8, 0.6, 0.7, 0.45, 0.01) },
  "paper in blocks of a JPEG": { blocks: 0.08 },
  "paper in blocks of a JPEG, with a hard shadow": { blocks: 0.06, light: shadow(0.8, 0.6, 0.7, 0.45, 0.01) },
  "paper, off the centre": { size: 0.35, place: [0.22, 0.28] },
  "paper, off the centre, with a hard shadow": { size: 0.35, place: [0.75, 0.3], light: shadow(1, 0, 0.72, 0.4, 0.01) },
  "a large photo, small": { width: 1200, height: 900, size: 0.14, place: [0.6, 0.4] },
  "a large photo, small, with a hard shadow": {
    width: 1200,
    height: 900,
    size: 0.14,
    place: [0.6, 0.4],
    light: shadow(0.8, 0.6, 0.72, 0.4, 0.005),
  },
  "paper, with a thin pen": { pen: 0.025 },
  "paper, with a thin pen, with a hard shadow": { pen: 0.03, light: shadow(0.8, 0.6, 0.7, 0.45, 0.01) },
  "paper, with a thick pen": { pen: 0.2 },
  "paper, with a thick pen, with a hard shadow": { pen: 0.2, light: shadow(0.8, 0.6, 0.7, 0.45, 0.01) },
  "a small picture with a hard shadow": {
    width: 48,
    height: 40,
    size: 0.7,
    pen: 0.12,
    light: shadow(0.8, 0.6, 0.7, 0.45, 0.02),
  },
};
