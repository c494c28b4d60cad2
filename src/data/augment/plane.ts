import { DIGIT_PIXELS, DIGIT_SIDE } from "../dataset.ts";
import { floatAt } from "../../require.ts";

const SIDE = DIGIT_SIDE;

/** A picture in work: [28, 28], 0 paper to 1 ink, and a second sheet for the next state. */
export class Sheets {
  now: Float32Array = new Float32Array(DIGIT_PIXELS);
  next: Float32Array = new Float32Array(DIGIT_PIXELS);

  /** The next state becomes the present one. */
  turnOver(): void {
    const { now } = this;
    this.now = this.next;
    this.next = now;
  }
}

export interface Extent {
  readonly left: number;
  readonly top: number;
  /** Exclusive. */
  readonly right: number;
  readonly bottom: number;
}

const VISIBLE = 0.15;

/** The smallest box around all visible ink; the whole sheet when there is none. */
export function extentOf(ink: Float32Array): Extent {
  let [left, top, right, bottom] = [SIDE, SIDE, 0, 0];
  for (let index = 0; index < DIGIT_PIXELS; index++) {
    if (floatAt(ink, index) <= VISIBLE) continue;
    const x = index % SIDE;
    const y = (index - x) / SIDE;
    if (x < left) left = x;
    if (x >= right) right = x + 1;
    if (y < top) top = y;
    if (y >= bottom) bottom = y + 1;
  }
  return right === 0 ? { left: 0, top: 0, right: SIDE, bottom: SIDE } : { left, top, right, bottom };
}

/** Bilinear sample with paper all around; the middle of pixel (0, 0) is at 0, 0. */
export function sample(ink: Float32Array, x: number, y: number): number {
  const left = Math.floor(x);
  const top = Math.floor(y);
  if (left < -1 || top < -1 || left >= SIDE || top >= SIDE) return 0;
  const right = x - left;
  const down = y - top;
  const at = top * SIDE + left;
  const inLeft = left >= 0;
  const inRight = left < SIDE - 1;
  let value = 0;
  if (top >= 0) {
    const upper = (inLeft ? floatAt(ink, at) * (1 - right) : 0) + (inRight ? floatAt(ink, at + 1) * right : 0);
    value = upper * (1 - down);
  }
  if (top < SIDE - 1) {
    const below = at + SIDE;
    const lower = (inLeft ? floatAt(ink, below) * (1 - right) : 0) + (inRight ? floatAt(ink, below + 1) * right : 0);
    value += lower * down;
  }
  return value;
}
