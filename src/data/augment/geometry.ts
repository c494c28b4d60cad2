import { DIGIT_SIDE } from "../dataset.ts";
import type { Random } from "../random.ts";
import { byteAt, floatAt } from "../../require.ts";

import { extentOf, sample, type Sheets } from "./plane.ts";
import type { AugmentRecipe } from "./recipe.ts";

const SIDE = DIGIT_SIDE;
const MIDDLE = (SIDE - 1) / 2;
/** Nodes of the lattice along a side, and pixels between two. */
const NODES = 6;
const SPACING = (SIDE - 1) / (NODES - 1);
/** Side of the box that stretched drawings fill, and the most they are stretched by. */
const BOX = 20;
const MOST_STRETCH = 2.2;

const shiftsX = new Float32Array(NODES * NODES);
const shiftsY = new Float32Array(NODES * NODES);

/** Turn, lean, scale, shift and bend, all in one resampling about the middle of the sheet. */
export function bend(sheets: Sheets, recipe: AugmentRecipe, strength: number, random: Random): void {
  const { turn = 0, shear = 0, scale = 0, shift = 0, elastic = 0, stretch = 0 } = recipe;
  const spread = (most: number): number => most * strength * random.between(-1, 1);
  const [stretchX, stretchY] = random.chance(stretch * strength) ? stretchOf(sheets.now) : [1, 1];
  const size = grown(spread(scale));
  const aspect = grown(spread(scale / 2));
  const inverse = inverseOf(
    halfTangent(spread(turn)),
    spread(shear),
    size * aspect * stretchX,
    (size / aspect) * stretchY,
  );
  const moveX = spread(shift);
  const moveY = spread(shift);
  const isBent = scatter(elastic * strength, random);
  const { now, next } = sheets;
  for (let y = 0, index = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++, index++) {
      const fromX = x - MIDDLE - moveX;
      const fromY = y - MIDDLE - moveY;
      let sourceX = inverse[0] * fromX + inverse[1] * fromY + MIDDLE;
      let sourceY = inverse[2] * fromX + inverse[3] * fromY + MIDDLE;
      if (isBent) {
        const between = betweenNodes(x, y);
        sourceX += between.of(shiftsX);
        sourceY += between.of(shiftsY);
      }
      next[index] = sample(now, sourceX, sourceY);
    }
  }
  sheets.turnOver();
}

/** 1 + amount, or its inverse when the amount is negative, so that growing and shrinking are alike. */
function grown(amount: number): number {
  return amount >= 0 ? 1 + amount : 1 / (1 - amount);
}

/** Tangent of half an angle given in degrees, by its series: exact to 1e-5 up to 60 degrees, and the same everywhere. */
function halfTangent(degrees: number): number {
  const half = (degrees * Math.PI) / 360;
  const square = half * half;
  return half * (1 + square * (1 / 3 + square * (2 / 15 + (square * 17) / 315)));
}

type Matrix = readonly [number, number, number, number];

/** Inverse of: scale, then lean, then turn. */
function inverseOf(half: number, lean: number, scaleX: number, scaleY: number): Matrix {
  const shrink = 1 / (1 + half * half);
  const cosine = (1 - half * half) * shrink;
  const sine = 2 * half * shrink;
  // The turn's inverse is [cosine, sine; -sine, cosine], the lean's [1, -lean; 0, 1].
  return [(cosine + lean * sine) / scaleX, (sine - lean * cosine) / scaleX, -sine / scaleY, cosine / scaleY];
}

function stretchOf(ink: Float32Array): readonly [number, number] {
  const { left, top, right, bottom } = extentOf(ink);
  return [Math.min(MOST_STRETCH, BOX / (right - left)), Math.min(MOST_STRETCH, BOX / (bottom - top))];
}

/** Draw new shifts of the lattice's nodes. @returns whether there are any */
function scatter(deviation: number, random: Random): boolean {
  if (deviation <= 0) return false;
  for (let node = 0; node < NODES * NODES; node++) {
    shiftsX[node] = deviation * random.normal();
    shiftsY[node] = deviation * random.normal();
  }
  return true;
}

/** Smooth weights along an axis: which node comes before, and how much of the next one is taken. */
const BEFORE = Uint8Array.from({ length: SIDE }, (_, pixel) => Math.min(NODES - 2, Math.floor(pixel / SPACING)));
const SHARE = Float32Array.from({ length: SIDE }, (_, pixel) => {
  const along = pixel / SPACING - byteAt(BEFORE, pixel);
  return along * along * (3 - 2 * along);
});

class Between {
  #node = 0;
  #right = 0;
  #down = 0;

  place(x: number, y: number): this {
    this.#node = byteAt(BEFORE, y) * NODES + byteAt(BEFORE, x);
    this.#right = floatAt(SHARE, x);
    this.#down = floatAt(SHARE, y);
    return this;
  }

  of(shifts: Float32Array): number {
    const node = this.#node;
    const right = this.#right;
    const upper = floatAt(shifts, node) * (1 - right) + floatAt(shifts, node + 1) * right;
    const lower = floatAt(shifts, node + NODES) * (1 - right) + floatAt(shifts, node + NODES + 1) * right;
    return upper * (1 - this.#down) + lower * this.#down;
  }
}

const between = new Between();

function betweenNodes(x: number, y: number): Between {
  return between.place(x, y);
}
