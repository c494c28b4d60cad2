import type { Random } from "../random.ts";
import { doubleAt } from "../../require.ts";

/** x to the right, y down. */
export type Point = readonly [number, number];

/** Pieces of the polyline between two points of a stroke. */
const PIECES = 5;
const CAPACITY = 1024;
/** How much of its drift a hand keeps from one point of a stroke to the next. */
const DRIFT = 0.85;

/**
 * Strokes as polylines. Written in a box about 1 high, x to the right and y down; `shake` moves every point that a stroke
 * is drawn through.
 */
export class Pen {
  readonly x: Float64Array = new Float64Array(CAPACITY);
  readonly y: Float64Array = new Float64Array(CAPACITY);
  /** For each point whether it is the first of its stroke. */
  readonly starts: Uint8Array = new Uint8Array(CAPACITY);
  /** Points so far. */
  length = 0;
  readonly #random: Random;
  #shake = 0;
  #driftX = 0;
  #driftY = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** An empty sheet for a hand that trembles by `shake`, a standard deviation. */
  clear(shake: number): void {
    this.length = 0;
    this.#shake = shake;
    this.#driftX = 0;
    this.#driftY = 0;
  }

  /** A new stroke through some points. */
  stroke(first: Point, ...points: readonly Point[]): void {
    const [x, y] = this.#shaken(first);
    this.starts[this.length] = 1;
    this.#push(x, y);
    this.#spline(points);
  }

  /** Go on from where the stroke is, with a corner there. */
  turn(...points: readonly Point[]): void {
    this.#spline(points);
  }

  /** A uniform Catmull-Rom spline (E. Catmull, R. Rom 1974) from the last point through `points`. */
  #spline(points: readonly Point[]): void {
    let x1 = doubleAt(this.x, this.length - 1);
    let y1 = doubleAt(this.y, this.length - 1);
    let x0 = x1;
    let y0 = y1;
    const [first] = points;
    if (first === undefined) return;
    let [x2, y2] = this.#shaken(first);
    for (let next = 1; next <= points.length; next++) {
      const point = points[next];
      const [x3, y3] = point === undefined ? [x2, y2] : this.#shaken(point);
      for (let piece = 1; piece <= PIECES; piece++) {
        const t = piece / PIECES;
        this.#push(catmullRom(x0, x1, x2, x3, t), catmullRom(y0, y1, y2, y3, t));
      }
      [x0, x1, x2] = [x1, x2, x3];
      [y0, y1, y2] = [y1, y2, y3];
    }
  }

  /** A point with the hand's drift, which follows a random walk that is drawn back to 0. */
  #shaken([x, y]: Point): Point {
    this.#driftX = DRIFT * this.#driftX + this.#shake * this.#random.normal();
    this.#driftY = DRIFT * this.#driftY + this.#shake * this.#random.normal();
    return [x + this.#driftX, y + this.#driftY];
  }

  #push(x: number, y: number): void {
    if (this.length === CAPACITY) throw new RangeError(`more than ${CAPACITY} points`);
    this.x[this.length] = x;
    this.y[this.length] = y;
    this.length++;
    if (this.length < CAPACITY) this.starts[this.length] = 0;
  }
}

/** Points of an elliptic arc. Angles in turns: 0 right, 0.25 down, 0.5 left, 0.75 up; `growth` widens it along the way. */
export function arc(
  [centreX, centreY]: Point,
  [radiusX, radiusY]: Point,
  from: number,
  to: number,
  growth = 0,
): readonly [Point, ...Point[]] {
  const pieces = Math.max(2, Math.ceil(Math.abs(to - from) * 8));
  const at = (along: number): Point => {
    const turn = from + (to - from) * along;
    const scale = 1 + growth * along;
    return [centreX + radiusX * scale * sinTurn(turn + 0.25), centreY + radiusY * scale * sinTurn(turn)];
  };
  return [at(0), ...Array.from({ length: pieces }, (_, piece) => at((piece + 1) / pieces))];
}

function catmullRom(p0: number, p1: number, p2: number, p3: number, t: number): number {
  const a = p1 + p1;
  const b = p2 - p0;
  const c = 2 * p0 - 5 * p1 + 4 * p2 - p3;
  const d = 3 * (p1 - p2) + p3 - p0;
  return 0.5 * (a + t * (b + t * (c + t * d)));
}

/** Sine of an angle in turns, within 0.001 (Bhaskara I); `Math.sin` may differ from engine to engine. */
function sinTurn(turns: number): number {
  const part = turns - Math.floor(turns);
  const half = part < 0.5 ? part : part - 0.5;
  const product = half * (0.5 - half);
  const sine = (16 * product) / (1.25 - 4 * product);
  return part < 0.5 ? sine : -sine;
}
