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
    { share: 0.82, write: zero },
    { share: 0.1, write: zeroOfTwoStrokes },
    { share: 0.08, write: zeroWithCurl },
  ],
  [
    { share: 0.68, write: oneLine },
    { share: 0.14, write: oneWithFlag },
    { share: 0.08, write: oneWithUpstroke },
    { share: 0.1, write: oneWithFoot },
  ],
  [
    { share: 0.35, write: twoWithCorner },
    { share: 0.5, write: twoWithLoop },
    { share: 0.15, write: twoLikeZ },
  ],
  [
    { share: 0.7, write: threeRound },
    { share: 0.1, write: threeFlat },
    { share: 0.2, write: threeWithLoop },
  ],
  [
    { share: 0.48, write: fourOpen },
    { share: 0.18, write: fourClosed },
    { share: 0.12, write: fourOfObliqueStroke },
    { share: 0.22, write: fourOfOneStroke },
  ],
  [
    { share: 0.5, write: fiveOfTwoStrokes },
    { share: 0.35, write: fiveOfOneStroke },
    { share: 0.15, write: fiveLikeS },
  ],
  [
    { share: 0.75, write: six },
    { share: 0.25, write: sixLikeB },
  ],
  [
    { share: 0.8, write: seven },
    { share: 0.2, write: sevenWithBar },
  ],
  [
    { share: 0.8, write: eight },
    { share: 0.2, write: eightOfTwoLoops },
  ],
  [
    { share: 0.58, write: nine },
    { share: 0.32, write: nineWithCurvedTail },
    { share: 0.1, write: nineOfTwoStrokes },
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
  const from = 0.8 + 0.08 * random.normal();
  const sweep = random.between(0.92, 1.24) * (random.chance(0.9) ? -1 : 1);
  const radius: Point = [random.between(0.26, 0.5), 0.5];
  pen.stroke(...leaning(random, arc([0.35, 0.5], radius, from, from + sweep, 0.11 * random.normal())));
}

function zeroOfTwoStrokes(pen: Pen, random: Random): void {
  const radius: Point = [random.between(0.24, 0.46), 0.5];
  const from = 0.75 + 0.06 * random.normal();
  const shift = 0.03 * random.normal();
  pen.stroke(...arc([0.35, 0.5], radius, from, from - random.between(0.46, 0.62)));
  pen.stroke(
    ...arc([0.35 + shift, 0.5], radius, from - random.between(-0.05, 0.05), from + random.between(0.42, 0.58)),
  );
}

/** A curl that ends inside. */
function zeroWithCurl(pen: Pen, random: Random): void {
  const from = 0.85 + 0.08 * random.normal();
  const radius: Point = [random.between(0.28, 0.5), 0.5];
  const loop = arc([0.35, 0.5], radius, from, from - random.between(1, 1.25));
  const end: Point = [0.35 + radius[0] * random.between(-0.5, 0.6), random.between(0.1, 0.35)];
  pen.stroke(...leaning(random, [...loop, end]));
}

/** A loop's top is pulled to the right more than the slant of the hand. */
function leaning(random: Random, points: readonly [Point, ...Point[]]): readonly [Point, ...Point[]] {
  const lean = 0.16 + 0.12 * random.normal();
  const moved = ([x, y]: Point): Point => [x + lean * (0.5 - y), y];
  const [first, ...rest] = points;
  return [moved(first), ...rest.map(moved)];
}

function oneLine(pen: Pen, random: Random): void {
  const lean = 0.05 + 0.14 * random.normal();
  pen.stroke([0.35 + lean, 0], [0.35 + 0.025 * random.normal(), 0.5], [0.35 - lean, 1]);
}

function oneWithFlag(pen: Pen, random: Random): void {
  const lean = 0.03 + 0.06 * random.normal();
  pen.stroke([0.35 + lean - random.between(0.06, 0.32), random.between(0.05, 0.32)], [0.35 + lean, 0]);
  pen.turn([0.35 + 0.02 * random.normal(), 0.5], [0.35 - lean, 1]);
}

/** The pen comes up from half-way down, as continental Europe learns it. */
function oneWithUpstroke(pen: Pen, random: Random): void {
  const lean = 0.03 + 0.06 * random.normal();
  const reach = random.between(0.28, 0.55);
  pen.stroke([0.35 + lean - reach, random.between(0.25, 0.62)], [0.35 + lean, 0]);
  pen.turn([0.35 + 0.02 * random.normal(), 0.5], [0.35 - lean, 1]);
}

function oneWithFoot(pen: Pen, random: Random): void {
  if (random.chance(0.8)) oneWithFlag(pen, random);
  else oneLine(pen, random);
  const y = 1 + 0.02 * random.normal();
  pen.stroke([0.35 - random.between(0.1, 0.4), y], [0.35 + random.between(0.1, 0.4), y + 0.03 * random.normal()]);
}

/** The upper half of a two, from its left end to where the foot begins. */
function neck(random: Random): readonly [Point, ...Point[]] {
  const right = random.between(0.5, 0.75);
  const bulge = random.between(0.16, 0.36);
  return [
    [random.between(-0.08, 0.16), random.between(0.06, 0.4)],
    [random.between(0.18, 0.42), 0],
    [right, bulge],
    [right - random.between(0.1, 0.28), bulge + random.between(0.24, 0.4)],
  ];
}

function twoWithCorner(pen: Pen, random: Random): void {
  const y = random.between(0.88, 1);
  const left = random.between(-0.18, 0.12);
  pen.stroke(...neck(random), [left, y]);
  const right = random.between(0.5, 1);
  pen.turn([(left + right) / 2, y + 0.04 * random.normal()], [right, y + 0.07 * random.normal()]);
}

function twoWithLoop(pen: Pen, random: Random): void {
  const height = random.between(0.1, 0.4);
  const width = random.between(0.18, 0.5);
  const left = random.between(-0.18, 0.12);
  const bottom = random.between(0.93, 1);
  const right = random.between(0.5, 1.05);
  pen.stroke(
    ...neck(random),
    [left + width * 0.75, bottom - height * 0.3],
    [left + width * 0.3, bottom],
    [left, bottom - height * 0.4],
    [left + width * 0.35, bottom - height],
    [left + width, bottom - height * random.between(0.4, 0.8)],
    [(left + width + right) / 2, random.between(0.9, 1.02)],
    [right, random.between(0.78, 1)],
  );
}

/** A foot that swings out of the neck without a corner. */
function twoLikeZ(pen: Pen, random: Random): void {
  const left = random.between(-0.1, 0.12);
  const right = random.between(0.5, 0.95);
  pen.stroke(
    ...neck(random),
    [left + 0.1, 0.86],
    [left + 0.04, random.between(0.93, 0.98)],
    [left + 0.16, random.between(0.95, 1)],
    [right, random.between(0.86, 1)],
  );
}

/** The lower bowl of a three or a five, from the waist (not included). */
function bowl(random: Random, right: number, top: number): readonly [Point, ...Point[]] {
  const middle = top + (1 - top) * random.between(0.38, 0.58);
  const shoulder = random.between(0.04, 0.14);
  const left = random.between(-0.14, 0.12) + (random.chance(0.2) ? 0.14 : 0);
  return [
    [right - shoulder, top + (middle - top) * random.between(0.25, 0.5)],
    [right, middle],
    [right - random.between(0.08, 0.18), random.between(0.88, 0.95)],
    [random.between(0.16, 0.36), 1],
    [left, random.between(0.72, 0.98)],
  ];
}

/** The upper bowl of a three, to where the waist begins. */
function upperBowl(random: Random, waist: number): readonly [Point, ...Point[]] {
  const right = random.between(0.42, 0.68);
  return [
    [random.between(-0.02, 0.16), random.between(0.04, 0.26)],
    [random.between(0.18, 0.38), 0],
    [right, random.between(0.1, 0.24)],
    [right - random.between(0.06, 0.16), waist - random.between(0.05, 0.12)],
  ];
}

function threeRound(pen: Pen, random: Random): void {
  const waist = random.between(0.36, 0.56);
  pen.stroke(...upperBowl(random, waist), [random.between(0.1, 0.38), waist]);
  pen.turn(...bowl(random, random.between(0.46, 0.72), waist));
}

function threeFlat(pen: Pen, random: Random): void {
  const waist = random.between(0.3, 0.48);
  pen.stroke([0, 0.04 + 0.04 * random.normal()], [random.between(0.5, 0.68), 0.02]);
  pen.turn([random.between(0.18, 0.36), waist]);
  pen.turn(...bowl(random, random.between(0.52, 0.7), waist));
}

function threeWithLoop(pen: Pen, random: Random): void {
  const waist = random.between(0.38, 0.54);
  const size = random.between(0.015, 0.07);
  pen.stroke(
    ...upperBowl(random, waist),
    [0.34, waist],
    [0.2, waist + size],
    [0.17, waist - size],
    [0.32, waist - size * 0.5],
    ...bowl(random, random.between(0.5, 0.7), waist),
  );
}

function fourOpen(pen: Pen, random: Random): void {
  const bar = random.between(0.42, 0.68);
  const left = random.between(-0.04, 0.14);
  const reach = random.between(0.55, 0.95);
  const tilt = 0.06 * random.normal();
  pen.stroke([left + random.between(-0.05, 0.25), random.between(0, 0.14)], [left + 0.03, bar * 0.6], [left, bar]);
  if (random.chance(0.6)) pen.turn([0.35, bar + tilt * 0.5], [reach, bar - tilt]);
  else pen.turn([left + 0.1, bar + 0.06], [0.35, bar + 0.05], [reach, bar - 0.03 + tilt]);
  const stem = random.between(0.4, 0.66);
  pen.stroke(
    [stem + 0.07 * random.normal(), random.between(-0.1, 0.35)],
    [stem, bar],
    [stem - random.between(-0.02, 0.32), 1],
  );
}

function fourClosed(pen: Pen, random: Random): void {
  const bar = random.between(0.46, 0.74);
  const stem = random.between(0.36, 0.58);
  const top = stem + random.between(-0.08, 0.1);
  pen.stroke([top, 0], [random.between(-0.06, 0.1), bar]);
  pen.turn([random.between(0.56, 0.95), bar + 0.04 * random.normal()]);
  pen.stroke([top, 0.02 + 0.04 * random.normal()], [stem, bar], [stem - random.between(-0.03, 0.2), 1]);
}

/** A long oblique stroke, the bar, and a short stem that crosses it. */
function fourOfObliqueStroke(pen: Pen, random: Random): void {
  const bar = random.between(0.52, 0.8);
  const stem = random.between(0.4, 0.68);
  pen.stroke([random.between(0.26, 0.62), 0], [random.between(-0.06, 0.1), bar]);
  pen.turn([random.between(0.6, 0.98), bar + 0.05 * random.normal()]);
  pen.stroke(
    [stem + random.between(0, 0.16), random.between(0.22, 0.58)],
    [stem, bar],
    [stem - random.between(-0.02, 0.18), 1],
  );
}

function fourOfOneStroke(pen: Pen, random: Random): void {
  const bar = random.between(0.36, 0.6);
  const right = random.between(0.46, 0.68);
  const top = random.between(-0.06, 0.26);
  pen.stroke(
    [random.between(0, 0.26), random.between(0, 0.12)],
    [random.between(-0.04, 0.1), bar * 0.75],
    [random.between(0.12, 0.3), bar],
    [right - 0.08, bar - random.between(0.04, 0.16)],
    [right, top],
  );
  pen.turn([right - 0.04, bar], [right - random.between(0, 0.3), 1]);
}

function fiveOfTwoStrokes(pen: Pen, random: Random): void {
  const waist = random.between(0.26, 0.5);
  const left = random.between(0.04, 0.28);
  const corner = left - random.between(-0.02, 0.16);
  const top = random.between(0, 0.12);
  pen.stroke([left, top], [corner, waist]);
  pen.turn(
    [random.between(0.22, 0.36), waist - random.between(0, 0.1)],
    ...bowl(random, random.between(0.46, 0.72), waist),
  );
  const from = left + random.between(-0.08, 0.12);
  const right = random.between(0.45, 1.05);
  const rise = random.between(-0.02, 0.14) * right;
  pen.stroke([from, top + 0.03 * random.normal()], [(from + right) / 2, top - rise * 0.4], [right, top - rise]);
}

function fiveOfOneStroke(pen: Pen, random: Random): void {
  const waist = random.between(0.26, 0.5);
  const left = random.between(0.04, 0.28);
  const right = random.between(0.45, 1);
  pen.stroke([right, random.between(-0.1, 0.06)], [left + 0.2, 0.01], [left, random.between(0, 0.08)]);
  pen.turn([left - random.between(-0.02, 0.16), waist]);
  pen.turn(
    [random.between(0.22, 0.38), waist - random.between(0, 0.1)],
    ...bowl(random, random.between(0.46, 0.72), waist),
  );
}

function fiveLikeS(pen: Pen, random: Random): void {
  const waist = random.between(0.34, 0.52);
  pen.stroke(
    [random.between(0.45, 0.95), random.between(-0.06, 0.08)],
    [0.35, random.between(0, 0.06)],
    [random.between(0.06, 0.22), waist * 0.6],
    [random.between(0.24, 0.36), waist],
    ...bowl(random, random.between(0.46, 0.68), waist + 0.04),
  );
}

/** The beginning of a six: bare, or with a small curl to the right. */
function hook(random: Random, start: number): readonly [Point, ...Point[]] {
  if (random.chance(0.75)) return [[start, 0]];
  return [
    [start + random.between(0.08, 0.2), random.between(0.04, 0.16)],
    [start, 0],
  ];
}

function six(pen: Pen, random: Random): void {
  const height = random.between(0.3, 0.64);
  const radius: Point = [random.between(0.18, 0.42), height / 2];
  const left = 0.02 * random.normal();
  const centre: Point = [left + radius[0], 1 - height / 2];
  const start = random.between(0.05, 0.75);
  const curve = random.between(0.05, 0.5);
  pen.stroke(
    ...hook(random, start),
    [left + (start - left) * curve, (1 - height * 0.5) * random.between(0.4, 0.6)],
    ...arc(centre, radius, 0.5, 0.5 - random.between(0.72, 1.12), random.between(-0.3, 0.08)),
  );
}

/** The loop opens to the upper right and its end meets the stem from the side. */
function sixLikeB(pen: Pen, random: Random): void {
  const height = random.between(0.35, 0.6);
  const width = random.between(0.34, 0.64);
  const start = random.between(0.02, 0.4);
  pen.stroke(
    [start, 0],
    [start * 0.4, 0.4],
    [0, random.between(0.7, 0.85)],
    [random.between(0.1, 0.25), 1],
    [width * 0.75, random.between(0.88, 0.98)],
    [width, 1 - height * 0.6],
    [width * random.between(0.6, 0.85), 1 - height],
    [random.between(0, 0.15), random.between(0.7, 0.9)],
  );
}

/** The top bar and the stem of a seven. @returns the middle of the stem. */
function writeSeven(pen: Pen, random: Random): Point {
  const y = random.between(0, 0.16);
  const right = random.between(0.45, 0.8);
  const corner = random.between(-0.02, 0.1);
  if (random.chance(0.4)) {
    pen.stroke([random.between(-0.06, 0.06), y + random.between(0.06, 0.36)], [random.between(0, 0.1), y]);
    pen.turn([0.3, y + 0.04 * random.normal()], [right, corner]);
  } else {
    pen.stroke([0, y], [0.3, y + 0.05 * random.normal()], [right, corner]);
  }
  const foot = random.between(-0.02, 0.56);
  const middle = foot + (right - foot) * random.between(0.2, 0.65);
  if (random.chance(0.6)) pen.turn([middle, 0.5], [foot, 1]);
  else pen.turn([right + 0.02, 0.12], [right - 0.08, 0.28], [middle, 0.55], [foot, 1]);
  return [middle, 0.5];
}

function seven(pen: Pen, random: Random): void {
  writeSeven(pen, random);
}

function sevenWithBar(pen: Pen, random: Random): void {
  const [x, y] = writeSeven(pen, random);
  const reach = random.between(0.1, 0.34);
  const tilt = 0.06 * random.normal();
  const shift = 0.06 * random.normal();
  pen.stroke([x - reach + shift, y + tilt], [x + reach + shift, y - tilt]);
}

function eight(pen: Pen, random: Random): void {
  const waist = random.between(0.34, 0.64);
  const top = random.between(0.17, 0.36);
  const bottom = random.between(0.15, 0.34);
  const cross = 0.35 + 0.04 * random.normal();
  const end = random.between(0.4, 1.15);
  pen.stroke(
    [0.35 + top * random.between(0.3, 1.1), random.between(0, 0.24)],
    [0.35 + top * random.between(-0.2, 0.3), 0],
    [0.35 - top, waist * random.between(0.35, 0.5)],
    [cross - 0.04, waist - 0.05],
    [cross + bottom * 0.35, waist + 0.1],
    [0.35 + bottom, waist + (1 - waist) * random.between(0.5, 0.65)],
    [0.35, 1],
    [0.35 - bottom, waist + (1 - waist) * random.between(0.5, 0.65)],
    [cross - bottom * 0.3, waist + 0.1],
    [cross + 0.05, waist - 0.05],
    [0.35 + top * random.between(0.75, 1.05), waist * random.between(0.4, 0.55)],
    [0.35 + top * end, waist * random.between(-0.2, 0.5)],
  );
}

function eightOfTwoLoops(pen: Pen, random: Random): void {
  const waist = random.between(0.34, 0.58);
  const top: Point = [random.between(0.14, 0.36), waist / 2];
  const bottom: Point = [random.between(0.16, 0.38), (1 - waist) / 2];
  const from = random.between(0, 1);
  const shift = 0.04 * random.normal();
  pen.stroke(...arc([0.35 + shift, waist / 2], top, from, from - random.between(0.92, 1.08), 0.08 * random.normal()));
  pen.stroke(...arc([0.35, (1 + waist) / 2], bottom, 0.75, 0.75 - random.between(0.92, 1.08), 0.08 * random.normal()));
}

/** The loop of a nine, which ends on the right at its top. @returns where the stem begins. */
function writeNinesLoop(pen: Pen, random: Random): Point {
  const height = random.between(0.26, 0.68);
  const radius: Point = [random.between(0.16, 0.36), height / 2];
  const from = random.between(-0.26, 0.1);
  const to = random.between(-1.1, -0.92);
  const points = arc([radius[0], height / 2], radius, from, to, 0.12 * random.normal());
  pen.stroke(...points);
  return points.at(-1) ?? [0, 0];
}

function nine(pen: Pen, random: Random): void {
  const [x, y] = writeNinesLoop(pen, random);
  const foot = x - random.between(-0.08, 0.36);
  pen.turn([(x + foot) / 2 + random.between(0, 0.1), (y + 1) / 2], [foot, 1]);
}

function nineWithCurvedTail(pen: Pen, random: Random): void {
  const [x, y] = writeNinesLoop(pen, random);
  const depth = random.between(0.8, 0.97);
  pen.turn(
    [x + random.between(-0.02, 0.08), (y + depth) / 2],
    [x - random.between(0.05, 0.15), depth],
    [x - random.between(0.2, 0.3), 1],
    [x - random.between(0.34, 0.65), random.between(0.66, 0.98)],
  );
}

/** The loop stays open at the top, and the stem is a stroke of its own. */
function nineOfTwoStrokes(pen: Pen, random: Random): void {
  const height = random.between(0.36, 0.6);
  const radius: Point = [random.between(0.18, 0.36), height / 2];
  const from = random.between(-0.3, -0.14);
  const to = random.between(-0.98, -0.84);
  pen.stroke(...arc([radius[0], height / 2], radius, from, to));
  const x = radius[0] * 2 + random.between(-0.06, 0.06);
  pen.stroke(
    [x, random.between(-0.08, 0.12)],
    [x - random.between(-0.02, 0.08), 0.5],
    [x - random.between(-0.02, 0.26), 1],
  );
}
