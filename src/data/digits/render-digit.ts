import { DIGIT_SIDE } from "../dataset.ts";
import { Random } from "../random.ts";
import { doubleAt, floatAt } from "../../require.ts";

import { writeGlyph } from "./glyphs.ts";
import { applyHand, randomHand } from "./hand.ts";
import { Pen } from "./pen.ts";
import { Sheet } from "./raster.ts";

/** Side of the box that MNIST's digits are scaled into. */
const BOX = 20;

/** Writes handwritten-looking digits as MNIST has them: scaled into a box of 20 x 20, centred by mass in 28 x 28. */
export class DigitRenderer {
  readonly #random = new Random(0);
  readonly #pen = new Pen(this.#random);
  readonly #sheet = new Sheet(DIGIT_SIDE, DIGIT_SIDE);

  /** Write `digit`, 0 to 9, into `pixels` [28, 28], 0 paper to 255 ink; the same keys give the same picture everywhere. */
  render(digit: number, keys: readonly number[], pixels: Uint8Array): void {
    const random = this.#random;
    const pen = this.#pen;
    random.restart(...keys);
    const hand = randomHand(random);
    pen.clear(hand.shake);
    writeGlyph(digit, pen, random);
    applyHand(pen, hand);
    this.#ink(hand.pen);
    soak(this.#sheet, random.between(0, 0.7), random);
    centre(this.#sheet, pixels);
  }

  /** Draw the strokes into the box with a pen of about this radius in pixels, pressed more here and less there. */
  #ink(radius: number): void {
    const pen = this.#pen;
    const sheet = this.#sheet;
    const random = this.#random;
    const base = Math.max(0.45, radius);
    const { left, top, size, width, height } = boundsOf(pen);
    const scale = (BOX - 2 * base) / size;
    const offsetX = (DIGIT_SIDE - width * scale) / 2 - left * scale;
    const offsetY = (DIGIT_SIDE - height * scale) / 2 - top * scale;
    const press = 0.18 * random.normal();
    const roughness = random.between(0.02, 0.1);
    let pressure = 1 + 0.1 * random.normal();
    let radius0 = base * pressure;
    sheet.clear();
    for (let point = 0; point < pen.length; point++) {
      const y = doubleAt(pen.y, point);
      pressure += 0.25 * (1 - pressure) + roughness * random.normal();
      const radius1 = Math.max(0.35, base * (pressure + press * ((y - top) / height - 0.5)));
      if (pen.starts[point] === 0) {
        sheet.line(
          doubleAt(pen.x, point - 1) * scale + offsetX,
          doubleAt(pen.y, point - 1) * scale + offsetY,
          radius0,
          doubleAt(pen.x, point) * scale + offsetX,
          y * scale + offsetY,
          radius1,
        );
      }
      radius0 = radius1;
    }
  }
}

/** Fray the edges of the ink, by up to half of `fraying` pixels outwards and inwards, and leave 0 (paper) to 1 (ink). */
function soak({ ink }: Sheet, fraying: number, random: Random): void {
  for (let index = 0; index < ink.length; index++) {
    const darkness = floatAt(ink, index);
    if (darkness > 0) ink[index] = Math.min(1, Math.max(0, darkness + fraying * (random.unit() - 0.5)));
  }
}

interface Bounds {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** The longer side. */
  readonly size: number;
}

function boundsOf(pen: Pen): Bounds {
  let left = Infinity;
  let top = Infinity;
  let right = -Infinity;
  let bottom = -Infinity;
  for (let point = 0; point < pen.length; point++) {
    const x = doubleAt(pen.x, point);
    const y = doubleAt(pen.y, point);
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  const width = right - left;
  const height = bottom - top;
  return { left, top, width, height, size: Math.max(width, height) };
}

/** Copy a sheet, moved by whole pixels so that its centre of mass comes to pixel (14, 14), where MNIST has it. */
function centre({ ink, width, height }: Sheet, pixels: Uint8Array): void {
  let mass = 0;
  let momentX = 0;
  let momentY = 0;
  for (let row = 0, index = 0; row < height; row++) {
    for (let column = 0; column < width; column++, index++) {
      const darkness = floatAt(ink, index);
      mass += darkness;
      momentX += darkness * column;
      momentY += darkness * row;
    }
  }
  const shiftX = Math.round(width / 2 - momentX / mass);
  const shiftY = Math.round(height / 2 - momentY / mass);
  pixels.fill(0);
  for (let row = Math.max(0, shiftY); row < Math.min(height, height + shiftY); row++) {
    for (let column = Math.max(0, shiftX); column < Math.min(width, width + shiftX); column++) {
      const darkness = floatAt(ink, (row - shiftY) * width + column - shiftX);
      pixels[row * width + column] = Math.round(darkness * 255);
    }
  }
}
