import type { Random } from "../random.ts";

import { arc } from "./pen.ts";
import type { Pen, Point } from "./pen.ts";

/** One way to write a digit, in a box 1 high and about 0.7 wide. */
type Allograph = (pen: Pen, random: Random) => void;

/** How often a digit is written in which way; shares of one digit add up to 1. */
type Allographs = readonly { readonly share: number; readonly write: Allograph }[];

/** The ways to write each digit, 0 to 9. */
const ALLOGRAPHS: readonly Allographs[] = [
  [
    { share: 0.85, write: zero },
    { share: 0.15, write: zeroOfTwoStrokes },
  ],
  [
    { share: 0.72, write: oneLine },
    { share: 0.18, write: oneWithFlag },
    { share: 0.1, write: oneWithFoot },
  ],
  [
    { share: 0.55, write: twoWithCorner },
    { share: 0.45, write: twoWithLoop },
  ],
  [
    { share: 0.7, write: threeRound },
    { share: 0.12, write: threeFlat },
    { share: 0.18, write: threeWithLoop },
  ],
  [
    { share: 0.55, write: fourOpen },
    { share: 0.2, write: fourClosed },
    { share: 0.25, write: fourOfOneStroke },
  ],
  [
    { share: 0.5, write: fiveOfTwoStrokes },
    { share: 0.35, write: fiveOfOneStroke },
    { share: 0.15, write: fiveLikeS },
  ],
  [{ share: 1, write: six }],
  [
    { share: 0.8, write: seven },
    { share: 0.2, write: sevenWithBar },
  ],
  [
    { share: 0.8, write: eight },
    { share: 0.2, write: eightOfTwoLoops },
  ],
  [
    { share: 0.65, write: nine },
    { share: 0.35, write: nineWithCurvedTail },
  ],
];

/** Write a digit, 0 to 9, in one of its ways. */
export function writeGlyph(digit: number, pen: Pen, random: Random): void {
  const allographs = ALLOGRAPHS[digit];
  if (allographs === undefined) throw new RangeError(`no digit ${digit}`);
  let chosen = random.unit();
  for (const { share, write } of allographs) {
    chosen -= share;
    if (chosen < 0) return write(pen, random);
  }
  allographs[0]?.write(pen, random);
}

function zero(pen: Pen, random: Random): void {
  const from = 0.78 + 0.06 * random.normal();
  const sweep = random.between(0.92, 1.12) * (random.chance(0.9) ? -1 : 1);
  pen.stroke(...arc([0.35, 0.5], [random.between(0.2, 0.42), 0.5], from, from + sweep, 0.07 * random.normal()));
}

function zeroOfTwoStrokes(pen: Pen, random: Random): void {
  const radius = random.between(0.22, 0.4);
  const top = 0.35 + 0.06 * random.normal();
  const bottom = 0.35 + 0.06 * random.normal();
  pen.stroke([top, 0], [0.35 - radius, 0.3], [0.35 - radius, 0.65], [bottom, 1]);
  pen.stroke([top + 0.05 * random.normal(), 0.03], [0.35 + radius, 0.3], [0.35 + radius, 0.65], [bottom, 1]);
}

function oneLine(pen: Pen, random: Random): void {
  const lean = 0.1 + 0.16 * random.normal();
  pen.stroke([0.35 + lean, 0], [0.35 + 0.03 * random.normal(), 0.5], [0.35 - lean, 1]);
}

function oneWithFlag(pen: Pen, random: Random): void {
  const lean = 0.04 + 0.07 * random.normal();
  pen.stroke([0.35 + lean - random.between(0.08, 0.3), random.between(0.08, 0.32)], [0.35 + lean, 0]);
  pen.turn([0.35 + 0.02 * random.normal(), 0.5], [0.35 - lean, 1]);
}

function oneWithFoot(pen: Pen, random: Random): void {
  if (random.chance(0.75)) oneWithFlag(pen, random);
  else oneLine(pen, random);
  const y = 1 + 0.02 * random.normal();
  pen.stroke([0.35 - random.between(0.12, 0.35), y], [0.35 + random.between(0.12, 0.35), y + 0.02 * random.normal()]);
}

/** The upper half of a two, from its left end to where the foot begins. */
function neck(random: Random): readonly [Point, ...Point[]] {
  const right = random.between(0.55, 0.72);
  return [
    [random.between(0, 0.12), random.between(0.12, 0.32)],
    [random.between(0.25, 0.4), 0],
    [right, random.between(0.18, 0.32)],
    [random.between(0.35, 0.52), random.between(0.52, 0.68)],
  ];
}

function twoWithCorner(pen: Pen, random: Random): void {
  const y = random.between(0.92, 1);
  pen.stroke(...neck(random), [random.between(-0.02, 0.08), y]);
  const sag = 0.04 * random.normal();
  pen.turn([0.35, y + sag], [random.between(0.6, 0.85), y + 0.05 * random.normal()]);
}

function twoWithLoop(pen: Pen, random: Random): void {
  const size = random.between(0.04, 0.16);
  pen.stroke(
    ...neck(random),
    [random.between(0.12, 0.22), 0.96],
    [0.02, 0.98 - size * 0.5],
    [0.1, 0.94 - size * 1.3],
    [0.32, random.between(0.88, 0.98)],
    [0.5, random.between(0.94, 1.02)],
    [random.between(0.62, 0.85), random.between(0.85, 0.98)],
  );
}

/** The lower bowl of a three or a five, from the waist (not included). */
function bowl(random: Random, right: number, top: number): readonly [Point, ...Point[]] {
  const middle = top + (1 - top) * random.between(0.4, 0.55);
  return [
    [right - 0.08, top + (middle - top) * 0.35],
    [right, middle],
    [right - 0.12, 0.92],
    [random.between(0.2, 0.34), 1],
    [random.between(-0.06, 0.1), random.between(0.82, 0.97)],
  ];
}

function threeRound(pen: Pen, random: Random): void {
  const waist = random.between(0.4, 0.52);
  const right = random.between(0.45, 0.62);
  pen.stroke(
    [random.between(0, 0.12), random.between(0.05, 0.2)],
    [random.between(0.2, 0.36), 0],
    [right, random.between(0.12, 0.22)],
    [right - 0.1, waist - 0.09],
    [random.between(0.15, 0.32), waist],
  );
  pen.turn(...bowl(random, random.between(0.5, 0.68), waist));
}

function threeFlat(pen: Pen, random: Random): void {
  const waist = random.between(0.36, 0.48);
  pen.stroke([0.02, 0.04 + 0.03 * random.normal()], [random.between(0.5, 0.65), 0.02]);
  pen.turn([random.between(0.2, 0.35), waist]);
  pen.turn(...bowl(random, random.between(0.52, 0.68), waist));
}

function threeWithLoop(pen: Pen, random: Random): void {
  const waist = random.between(0.4, 0.5);
  const right = random.between(0.45, 0.62);
  const size = random.between(0.02, 0.07);
  pen.stroke(
    [random.between(0, 0.12), random.between(0.05, 0.2)],
    [random.between(0.2, 0.36), 0],
    [right, random.between(0.12, 0.22)],
    [0.34, waist],
    [0.2, waist + size],
    [0.17, waist - size],
    [0.32, waist - size * 0.5],
    ...bowl(random, random.between(0.52, 0.68), waist),
  );
}

function fourOpen(pen: Pen, random: Random): void {
  const bar = random.between(0.45, 0.65);
  const left = random.between(0, 0.14);
  const reach = random.between(0.6, 0.82);
  const tilt = 0.05 * random.normal();
  pen.stroke([left + random.between(0, 0.2), random.between(0, 0.12)], [left + 0.03, bar * 0.6], [left, bar]);
  if (random.chance(0.6)) pen.turn([0.35, bar + tilt * 0.5], [reach, bar - tilt]);
  else pen.turn([left + 0.1, bar + 0.06], [0.35, bar + 0.05], [reach, bar - 0.03 + tilt]);
  const stem = random.between(0.46, 0.6);
  pen.stroke(
    [stem + 0.05 * random.normal(), random.between(-0.08, 0.3)],
    [stem, bar],
    [stem - random.between(-0.03, 0.14), 1],
  );
}

function fourClosed(pen: Pen, random: Random): void {
  const bar = random.between(0.5, 0.72);
  const stem = random.between(0.4, 0.55);
  const top = stem + random.between(-0.05, 0.08);
  pen.stroke([top, 0], [random.between(-0.02, 0.08), bar]);
  pen.turn([random.between(0.6, 0.85), bar + 0.03 * random.normal()]);
  pen.stroke([top, 0.02 + 0.03 * random.normal()], [stem, bar], [stem - random.between(-0.03, 0.08), 1]);
}

function fourOfOneStroke(pen: Pen, random: Random): void {
  const bar = random.between(0.4, 0.58);
  const right = random.between(0.5, 0.66);
  const top = random.between(-0.06, 0.2);
  pen.stroke(
    [random.between(0.02, 0.22), random.between(0, 0.1)],
    [random.between(-0.02, 0.1), bar * 0.75],
    [random.between(0.15, 0.3), bar],
    [right - 0.08, bar - random.between(0.06, 0.16)],
    [right, top],
  );
  pen.turn([right - 0.04, bar], [right - random.between(0, 0.15), 1]);
}

function fiveOfTwoStrokes(pen: Pen, random: Random): void {
  const waist = random.between(0.34, 0.46);
  const left = random.between(0.08, 0.22);
  const corner = left - random.between(-0.02, 0.12);
  const top = random.between(0, 0.08);
  pen.stroke([left, top], [corner, waist]);
  pen.turn(
    [random.between(0.22, 0.36), waist - random.between(0.02, 0.08)],
    ...bowl(random, random.between(0.5, 0.68), waist),
  );
  const from = left + random.between(-0.06, 0.08);
  pen.stroke([from, top + 0.03 * random.normal()], [random.between(0.5, 0.85), random.between(-0.06, 0.06)]);
}

function fiveOfOneStroke(pen: Pen, random: Random): void {
  const waist = random.between(0.34, 0.46);
  const left = random.between(0.1, 0.24);
  pen.stroke(
    [random.between(0.5, 0.85), random.between(-0.04, 0.06)],
    [left + 0.2, 0.01],
    [left, random.between(0, 0.06)],
  );
  pen.turn([left - random.between(-0.02, 0.12), waist]);
  pen.turn(
    [random.between(0.24, 0.38), waist - random.between(0.02, 0.08)],
    ...bowl(random, random.between(0.5, 0.68), waist),
  );
}

function fiveLikeS(pen: Pen, random: Random): void {
  const waist = random.between(0.36, 0.5);
  pen.stroke(
    [random.between(0.5, 0.8), random.between(-0.02, 0.08)],
    [0.35, random.between(0, 0.06)],
    [random.between(0.1, 0.2), waist * 0.6],
    [0.32, waist],
    ...bowl(random, random.between(0.5, 0.66), waist + 0.04),
  );
}

function six(pen: Pen, random: Random): void {
  const height = random.between(0.32, 0.6);
  const radius: Point = [random.between(0.2, 0.34), height / 2];
  const left = 0.02 * random.normal();
  const centre: Point = [left + radius[0], 1 - height / 2];
  const start = random.between(0.12, 0.72);
  const curve = random.between(0.1, 0.5);
  pen.stroke(
    [start, 0],
    [left + (start - left) * curve, random.between(0.25, 0.42)],
    ...arc(centre, radius, 0.5, 0.5 - random.between(0.82, 1.1), -random.between(0, 0.25)),
  );
}

/** The top bar and the stem of a seven. @returns the middle of the stem. */
function writeSeven(pen: Pen, random: Random): Point {
  const y = random.between(0, 0.12);
  const right = random.between(0.5, 0.72);
  const corner = random.between(0, 0.06);
  if (random.chance(0.3)) {
    pen.stroke([random.between(-0.02, 0.06), y + random.between(0.08, 0.22)], [random.between(0, 0.08), y]);
    pen.turn([0.3, y + 0.03 * random.normal()], [right, corner]);
  } else {
    pen.stroke([0, y], [0.3, y + 0.04 * random.normal()], [right, corner]);
  }
  const foot = random.between(0.05, 0.5);
  const middle = foot + (right - foot) * random.between(0.25, 0.6);
  if (random.chance(0.7)) pen.turn([middle, 0.5], [foot, 1]);
  else pen.turn([right + 0.02, 0.12], [right - 0.08, 0.28], [middle, 0.55], [foot, 1]);
  return [middle, 0.5];
}

function seven(pen: Pen, random: Random): void {
  writeSeven(pen, random);
}

function sevenWithBar(pen: Pen, random: Random): void {
  const [x, y] = writeSeven(pen, random);
  const reach = random.between(0.12, 0.28);
  const tilt = 0.05 * random.normal();
  pen.stroke([x - reach, y + tilt], [x + reach, y - tilt]);
}

function eight(pen: Pen, random: Random): void {
  const waist = random.between(0.4, 0.54);
  const top = random.between(0.16, 0.32);
  const bottom = random.between(0.2, 0.36);
  const gap = random.between(-0.05, 0.14);
  const cross = 0.35 + 0.03 * random.normal();
  pen.stroke(
    [0.35 + top * random.between(0.5, 0.95), random.between(0.04, 0.2)],
    [0.35, 0],
    [0.35 - top, waist * 0.45],
    [cross - 0.04, waist - 0.05],
    [cross + 0.1, waist + 0.08],
    [0.35 + bottom, waist + (1 - waist) * 0.55],
    [0.35, 1],
    [0.35 - bottom, waist + (1 - waist) * 0.55],
    [cross - 0.08, waist + 0.1],
    [cross + 0.05, waist - 0.05],
    [0.35 + top * random.between(0.8, 1.05), waist * 0.5],
    [0.35 + top * 0.8, gap],
  );
}

function eightOfTwoLoops(pen: Pen, random: Random): void {
  const waist = random.between(0.38, 0.54);
  const top: Point = [random.between(0.16, 0.32), waist / 2];
  const bottom: Point = [random.between(0.2, 0.36), (1 - waist) / 2];
  const from = random.between(0, 1);
  pen.stroke(...arc([0.35, waist / 2], top, from, from - random.between(0.95, 1.08), 0.06 * random.normal()));
  pen.stroke(...arc([0.35, (1 + waist) / 2], bottom, 0.75, 0.75 - random.between(0.94, 1.08), 0.06 * random.normal()));
}

/** The loop of a nine, which ends on the right at its top. @returns where the stem begins. */
function writeNinesLoop(pen: Pen, random: Random): Point {
  const height = random.between(0.36, 0.58);
  const radius: Point = [random.between(0.18, 0.32), height / 2];
  const from = random.between(-0.22, 0.06);
  const to = random.between(-1.12, -0.98);
  const points = arc([radius[0], height / 2], radius, from, to, 0.1 * random.normal());
  pen.stroke(...points);
  return points.at(-1) ?? [0, 0];
}

function nine(pen: Pen, random: Random): void {
  const [x, y] = writeNinesLoop(pen, random);
  const foot = x - random.between(-0.04, 0.25);
  pen.turn([(x + foot) / 2 + random.between(0, 0.08), (y + 1) / 2], [foot, 1]);
}

function nineWithCurvedTail(pen: Pen, random: Random): void {
  const [x, y] = writeNinesLoop(pen, random);
  const depth = random.between(0.85, 0.97);
  pen.turn(
    [x + random.between(-0.02, 0.06), (y + depth) / 2],
    [x - random.between(0.05, 0.15), depth],
    [x - random.between(0.2, 0.3), 1],
    [x - random.between(0.38, 0.6), random.between(0.85, 0.98)],
  );
}
