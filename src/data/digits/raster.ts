import { floatAt } from "../../require.ts";

/** A sheet of `height` x `width` pixels. */
export class Sheet {
  readonly width: number;
  readonly height: number;
  /** How dark each pixel is: 0 paper, 1 ink, more the farther within a line, in pixels. */
  readonly ink: Float32Array;

  constructor(height: number, width: number) {
    this.height = height;
    this.width = width;
    this.ink = new Float32Array(height * width);
  }

  clear(): void {
    this.ink.fill(0);
  }

  /**
   * Draw a round-ended line whose radius goes from r0 to r1, in pixels; pixel (0, 0) reaches from 0 to 1. A pixel's
   * darkness goes from 0 to 1 within half a pixel of the line's edge.
   */
  line(x0: number, y0: number, r0: number, x1: number, y1: number, r1: number): void {
    const { width, height, ink } = this;
    const reach = Math.max(r0, r1) + 0.5;
    const left = Math.max(0, Math.ceil(Math.min(x0, x1) - reach - 0.5));
    const right = Math.min(width - 1, Math.floor(Math.max(x0, x1) + reach - 0.5));
    const top = Math.max(0, Math.ceil(Math.min(y0, y1) - reach - 0.5));
    const bottom = Math.min(height - 1, Math.floor(Math.max(y0, y1) + reach - 0.5));
    const dx = x1 - x0;
    const dy = y1 - y0;
    const squared = dx * dx + dy * dy;
    const perLength = squared === 0 ? 0 : 1 / squared;
    for (let row = top; row <= bottom; row++) {
      const py = row + 0.5 - y0;
      for (let column = left; column <= right; column++) {
        const px = column + 0.5 - x0;
        const along = Math.min(1, Math.max(0, (px * dx + py * dy) * perLength));
        const offX = px - along * dx;
        const offY = py - along * dy;
        const edge = r0 + along * (r1 - r0) + 0.5;
        const distance = offX * offX + offY * offY;
        if (distance >= edge * edge) continue;
        const darkness = edge - Math.sqrt(distance);
        const index = row * width + column;
        if (darkness > floatAt(ink, index)) ink[index] = darkness;
      }
    }
  }
}
