import type { Random } from "../random.ts";
import { doubleAt } from "../../require.ts";

import type { Pen } from "./pen.ts";

/** A way of writing, which a writer keeps from digit to digit. Lengths are in heights of a digit. */
export interface Hand {
  /** How far the top leans to the right of the bottom. */
  readonly slant: number;
  /** Tangent of half the angle by which the digit is turned clockwise. */
  readonly halfTurn: number;
  /** Width, where 1 is that of the skeletons. */
  readonly width: number;
  /** Standard deviation of the points of a stroke. */
  readonly shake: number;
  /** Radius of the pen, in pixels where a digit is 20 high. */
  readonly pen: number;
  /** Coefficients of the terms of second and third degree by which the sheet is bent. */
  readonly bends: readonly [number, number, number, number, number, number];
}

/** A hand at random; the spread is chosen for MNIST's looks. */
export function randomHand(random: Random): Hand {
  return {
    slant: 0.12 + 0.24 * random.normal(),
    halfTurn: 0.05 * random.normal(),
    width: random.between(0.75, 1.25) * random.between(0.8, 1.4),
    shake: random.between(0.003, 0.02),
    pen: penRadius(random),
    bends: [
      0.2 * random.normal(),
      0.25 * random.normal(),
      0.3 * random.normal(),
      0.2 * random.normal(),
      0.2 * random.normal(),
      0.3 * random.normal(),
    ],
  };
}

/** Mostly near 1.1; one pen in twelve is broad. */
function penRadius(random: Random): number {
  const radius = 0.85 + 1.3 * random.unit() * random.unit() + 0.12 * random.normal();
  return random.chance(1 / 12) ? radius * random.between(1.2, 1.9) : radius;
}

/** Lean, turn, stretch and bend what a pen wrote. Polynomials stand for the elastic bends: they are exact everywhere. */
export function applyHand(pen: Pen, { slant, halfTurn, width, bends }: Hand): void {
  const [b0, b1, b2, b3, b4, b5] = bends;
  const scale = 1 / (1 + halfTurn * halfTurn);
  const cosine = (1 - halfTurn * halfTurn) * scale;
  const sine = 2 * halfTurn * scale;
  const { x: xs, y: ys } = pen;
  for (let point = 0; point < pen.length; point++) {
    const u = doubleAt(xs, point) - 0.35;
    const v = doubleAt(ys, point) - 0.5;
    const bentX = u + b0 * v * v + b1 * u * v + b2 * v * v * v;
    const bentY = v + b3 * u * u + b4 * u * v + b5 * u * u * v;
    const x = width * bentX - slant * bentY;
    xs[point] = cosine * x - sine * bentY;
    ys[point] = sine * x + cosine * bentY;
  }
}
