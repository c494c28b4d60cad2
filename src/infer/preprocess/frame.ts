import { borderPixels } from "./background.ts";
import { at, type Pixels } from "./image.ts";
import { resize, type Box } from "./resize.ts";

/** A frame may take this share of a side. */
const FRAME_SHARE = 0.25;
/** Share of a line's pixels that are of one colour, for the line to be frame or ground. */
const UNIFORM = 0.9;

/** Cut an even frame off, when an even ground of another colour with a drawing on it lies inside. */
export function withoutFrame(pixels: Pixels): Pixels {
  const { width, height } = pixels;
  if (Math.min(width, height) < 16) return pixels;
  const frame = colourAt(pixels, 0, 0);
  const isFrame = (x: number, y: number): boolean => differenceAt(pixels, y * width + x, frame) < 0.15;
  const column = (x: number): boolean => share(height, (y) => isFrame(x, y)) >= UNIFORM;
  const row = (y: number): boolean => share(width, (x) => isFrame(x, y)) >= UNIFORM;
  const left = countWhile(width * FRAME_SHARE, column);
  const right = countWhile(width * FRAME_SHARE, (step) => column(width - 1 - step));
  const top = countWhile(height * FRAME_SHARE, row);
  const bottom = countWhile(height * FRAME_SHARE, (step) => row(height - 1 - step));
  if (Math.min(left, right, top, bottom) === 0) return pixels;
  if (Math.max(left, right) >= width * FRAME_SHARE || Math.max(top, bottom) >= height * FRAME_SHARE) return pixels;
  // One pixel more, for a soft inner edge of the frame.
  const inner: Box = {
    left: left + 1,
    top: top + 1,
    width: width - left - right - 2,
    height: height - top - bottom - 2,
  };
  const cut: Pixels = { ...resize(pixels, inner.width, inner.height, inner), channels: pixels.channels };
  return hasEvenGround(cut, frame) ? cut : pixels;
}

function hasEvenGround(pixels: Pixels, frame: readonly number[]): boolean {
  const ground = colourAt(pixels, 0, 0);
  if (differenceAt(pixels, 0, frame) < 0.3) return false;
  const near = (pixel: number): boolean => differenceAt(pixels, pixel, ground) < 0.15;
  const border = borderPixels(pixels.width, pixels.height);
  if (share(border.length, (index) => near(border[index] ?? 0)) < UNIFORM) return false;
  return share(pixels.width * pixels.height, near) < 0.99;
}

function colourAt({ width, channels, data }: Pixels, x: number, y: number): number[] {
  return Array.from({ length: channels }, (_, channel) => at(data, (y * width + x) * channels + channel));
}

/** The largest difference of any channel between a pixel and a colour. */
function differenceAt({ channels, data }: Pixels, pixel: number, colour: readonly number[]): number {
  let most = 0;
  for (let channel = 0; channel < channels; channel++) {
    most = Math.max(most, Math.abs(at(data, pixel * channels + channel) - (colour[channel] ?? 0)));
  }
  return most;
}

function share(count: number, holds: (index: number) => boolean): number {
  let found = 0;
  for (let index = 0; index < count; index++) if (holds(index)) found++;
  return found / count;
}

function countWhile(limit: number, holds: (step: number) => boolean): number {
  let step = 0;
  while (step < limit && holds(step)) step++;
  return step;
}
