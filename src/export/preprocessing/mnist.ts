import { maxPool, conv } from "../build/ops/neural.ts";
import { concat, slice, transpose } from "../build/ops/shape.ts";
import type { GraphTensor } from "../ir/graph-tensor.ts";

import type { Arithmetic } from "./arithmetic.ts";
import { boxAround, centreOfMass, type Box, type Extent } from "./extent.ts";
import type { PictureSize } from "./pictures.ts";
import { resampled, resamplingWeights } from "./resampling.ts";
import { stretched } from "./stretch.ts";

/** Side of MNIST's images, and of the box in their middle that a digit fills. */
const SIDE = 28;
const BOX = 20;
/** Longer side of the copy in which the drawing is looked for. */
const COPY = 64;
/** Longer side of the drawing at which ink is measured, and of the canvas that holds it with its surroundings. */
const INK = 60;
const CANVAS = 96;
/** Contrast below which a picture is blank; black to white is 1. */
const LEAST_CONTRAST = 0.06;
/** Ink of this strength counts for where the drawing is, belongs to a stroke, is full. */
const VISIBLE = 0.15;
const STROKE = 0.4;
const FULL = 0.65;
/** Of the strongest ink in the copy, this share belongs to the drawing. */
const DRAWN = 0.35;
/** Strokes thinner than this, in pixels of the 20 x 20 box, are made as thick. */
const THINNEST = 2;

/** What `infer` does with a picture of one character that these nodes do not. */
export const NOT_IN_MNIST: readonly string[] = [
  "frames, shadows and uneven light are not told from the drawing",
  "specks and further drawings count as part of it",
  "pictures smaller than 32 x 32 pixels grow linearly, not by cubic interpolation, and their soft greys may be left out",
];

export interface FittedCharacters {
  /** [N, 28, 28], light on dark, 0 to 1. */
  readonly pictures: GraphTensor;
  /** Where nothing is drawn: bool [N, 1, 1]. */
  readonly blank: GraphTensor;
}

/**
 * Pictures of drawn characters [N, H, W], 0 to 1, as MNIST has its digits: what `fitMnist` of `infer/preprocess` does with a clean
 * picture. One that is made as MNIST's are stays unchanged.
 */
export function fittedCharacters(a: Arithmetic, grey: GraphTensor, size: PictureSize): FittedCharacters {
  const made = madeAsMnist(a, grey, size);
  const { ink, blank } = inkOf(a, grey, size);
  const fitted = placed(a, scaledInk(a, thickened(a, ink)));
  return {
    pictures: a.where(made.is, made.pictures, fitted),
    blank: a.and(blank, a.not(made.is)),
  };
}

/** 28 x 28 pictures that are made as MNIST's are, light on dark or their negatives: bool [N, 1, 1], and the pictures light on dark. */
function madeAsMnist(
  a: Arithmetic,
  grey: GraphTensor,
  size: PictureSize,
): { readonly is: GraphTensor; readonly pictures: GraphTensor } {
  const own = stretched(a, grey, size, { height: SIDE, width: SIDE });
  const corner = slice(a.graph, own, { axes: [1, 2], starts: [0, 0], ends: [1, 1] });
  const isDark = a.less(corner, 0.5);
  const pictures = a.where(isDark, own, a.subtract(1, own));
  const paper = a.where(isDark, corner, a.subtract(1, corner));
  const positions = a.positions(SIDE);
  const box = boxAround(a, a.asNumber(a.greater(pictures, HALF_LEVEL)), positions, positions);
  const centre = centreOfMass(a, pictures, positions, positions, 0);
  const near = (value: GraphTensor): GraphTensor => a.atMost(a.abs(a.subtract(value, SIDE / 2)), 1.5);
  const inside = ({ start, length }: Extent): GraphTensor =>
    a.and(a.atLeast(start, 2), a.atMost(a.add(start, length), SIDE - 2));
  return {
    pictures,
    is: a.and(
      a.equal(a.size(size.height), SIDE),
      a.equal(a.size(size.width), SIDE),
      a.less(paper, HALF_LEVEL),
      inside(box.down),
      inside(box.across),
      a.atLeast(longer(a, box), BOX - 3),
      near(centre.x),
      near(centre.y),
      a.greater(a.reduce("ReduceMax", pictures, [1, 2]), 0.7),
    ),
  };
}

/** Half of a grey level. */
const HALF_LEVEL = 0.5 / 255;

function longer(a: Arithmetic, { down, across }: Box): GraphTensor {
  return a.max(down.length, across.length);
}

/** Ink [N, 96, 96], 0 to 1, of the drawing and its surroundings, the drawing's longer side at most 60. */
function inkOf(
  a: Arithmetic,
  grey: GraphTensor,
  { height, width }: PictureSize,
): { readonly ink: GraphTensor; readonly blank: GraphTensor } {
  const [rows, columns] = [a.size(height), a.size(width)];
  const copyScale = a.min(1, a.divide(COPY, a.max(rows, columns)));
  const copied = (size: GraphTensor): GraphTensor => a.max(1, a.round(a.multiply(size, copyScale)));
  const [copyRows, copyColumns] = [copied(rows), copied(columns)];
  const along = (
    size: PictureSize["height"],
    length: GraphTensor,
    count: GraphTensor,
    canvas: GraphTensor,
  ): GraphTensor => resamplingWeights(a, { size, origin: 0, length, count, canvas });
  const canvasRows = a.positionsBelow(copyRows);
  const canvasColumns = a.positionsBelow(copyColumns);
  const copy = resampled(
    a,
    grey,
    along(height, rows, copyRows, canvasRows),
    along(width, columns, copyColumns, canvasColumns),
  );
  const paper = borderMedian(a, copy);
  const contrast = a.abs(a.subtract(copy, paper));
  const strongest = a.reduce("ReduceMax", contrast, [1, 2]);
  const drawn = a.asNumber(a.atLeast(contrast, a.max(a.multiply(strongest, DRAWN), 1e-6)));
  const found = boxAround(a, drawn, canvasRows, canvasColumns);
  const box = {
    down: inSource(a, found.down, a.divide(rows, copyRows)),
    across: inSource(a, found.across, a.divide(columns, copyColumns)),
  };
  const margin = a.add(a.ceil(a.multiply(longer(a, box), 0.25)), 2);
  const around = { down: widened(a, box.down, margin, rows), across: widened(a, box.across, margin, columns) };
  const scale = a.min(1, a.divide(INK, a.max(longer(a, box), 1)));
  const counted = (length: GraphTensor): GraphTensor => a.max(1, a.round(a.multiply(length, scale)));
  const canvas = a.positions(CANVAS);
  const downCount = counted(around.down.length);
  const acrossCount = counted(around.across.length);
  const near = resampled(
    a,
    grey,
    resamplingWeights(a, {
      size: height,
      origin: around.down.start,
      length: around.down.length,
      count: downCount,
      canvas,
    }),
    resamplingWeights(a, {
      size: width,
      origin: around.across.start,
      length: around.across.length,
      count: acrossCount,
      canvas,
    }),
  );
  const isInside = a.multiply(
    a.asNumber(a.less(a.unsqueeze(canvas, [1]), downCount)),
    a.asNumber(a.less(canvas, acrossCount)),
  );
  return { ink: strengthOf(a, near, paper, isInside), blank: a.less(strongest, LEAST_CONTRAST) };
}

/** Where pixels of the copy are in the picture. */
function inSource(a: Arithmetic, { start, length }: Extent, pixels: GraphTensor): Extent {
  const from = a.floor(a.multiply(start, pixels));
  return { start: from, length: a.subtract(a.ceil(a.multiply(a.add(start, length), pixels)), from) };
}

/** With a margin, as far as the picture goes. */
function widened(a: Arithmetic, { start, length }: Extent, margin: GraphTensor, size: GraphTensor): Extent {
  const from = a.max(0, a.subtract(start, margin));
  return { start: from, length: a.subtract(a.min(size, a.add(a.add(start, length), margin)), from) };
}

/** The median of the outermost pixels of [N, H, W]: [N, 1, 1]. */
function borderMedian(a: Arithmetic, picture: GraphTensor): GraphTensor {
  const line = (axis: 1 | 2, isLast: boolean): GraphTensor => {
    const cut = slice(a.graph, picture, {
      axes: [axis],
      starts: [isLast ? -1 : 0],
      ends: [isLast ? Number.MAX_SAFE_INTEGER : 1],
    });
    return axis === 1 ? cut : transpose(a.graph, cut, [0, 2, 1]);
  };
  return a.median(concat(a.graph, [line(1, false), line(1, true), line(2, false), line(2, true)], 2));
}

/** How much each pixel is ink, 0 to 1, from its distance to the paper. */
function strengthOf(a: Arithmetic, near: GraphTensor, paper: GraphTensor, isInside: GraphTensor): GraphTensor {
  const difference = a.multiply(a.subtract(near, paper), isInside);
  const size = a.abs(difference);
  const strongest = a.reduce("ReduceMax", size, [1, 2]);
  const strong = a.asNumber(a.atLeast(size, a.max(a.multiply(strongest, 0.5), 1e-6)));
  const count = a.max(a.reduce("ReduceSum", strong, [1, 2]), 1);
  // The mean of the ink's colour, whose sign says whether the ink is lighter than the paper.
  const colour = a.divide(a.reduce("ReduceSum", a.multiply(difference, strong), [1, 2]), count);
  const target = a.where(a.less(a.abs(colour), 1e-3), 1, colour);
  const strength = a.divide(difference, target);
  const far = a.multiply(a.subtract(1, grown(a, strong, 3)), isInside);
  const farCount = a.max(a.reduce("ReduceSum", far, [1, 2]), 1);
  const mean = a.divide(a.reduce("ReduceSum", a.multiply(strength, far), [1, 2]), farCount);
  const offset = a.multiply(a.subtract(strength, mean), far);
  const spread = a.sqrt(a.divide(a.reduce("ReduceSum", a.multiply(offset, offset), [1, 2]), farCount));
  const floor = a.clamp(a.add(mean, a.multiply(spread, 1.5)), 0, 0.6);
  const ink = a.clamp(a.divide(a.subtract(strength, floor), a.subtract(1, floor)), 0, 1);
  const strokes = grown(a, a.asNumber(a.atLeast(ink, STROKE)), 2);
  return a.multiply(a.min(1, a.divide(ink, FULL)), a.multiply(strokes, isInside));
}

/** The largest of the values up to `reach` pixels around each: [N, H, W]. */
function grown(a: Arithmetic, values: GraphTensor, reach: number): GraphTensor {
  return pooled(a, values, [2 * reach + 1, 2 * reach + 1]);
}

function pooled(a: Arithmetic, values: GraphTensor, kernel: readonly [number, number]): GraphTensor {
  const pads = kernel.map((side) => (side - 1) / 2);
  const pool = maxPool(a.graph, a.unsqueeze(values, [1]), kernel, { pads: [...pads, ...pads] });
  return a.squeeze(pool, [1]);
}

/** Thin lines would fade when scaled down: strokes that would come out thinner than MNIST's thin ones become wider. */
function thickened(a: Arithmetic, ink: GraphTensor): GraphTensor {
  const canvas = a.positions(CANVAS);
  const box = boxAround(a, a.asNumber(a.greater(ink, VISIBLE)), canvas, canvas);
  const scale = a.divide(BOX, a.max(longer(a, box), 1));
  const mask = a.asNumber(a.atLeast(ink, 0.5));
  const radius = a.divide(a.subtract(a.divide(THINNEST, scale), strokeWidth(a, mask)), 2);
  const wide = a.clamp(a.subtract(a.add(radius, 0.5), distanceTo(a, mask)), 0, 1);
  const isThin = a.atLeast(a.multiply(radius, scale), 0.1);
  return a.max(ink, a.multiply(wide, a.asNumber(isThin)));
}

/** Half the width, in pixels, of the thickest stroke that is measured. */
const DEEPEST = 10;

/** Mean width of strokes: four times the mean depth of their pixels, which squares and crosses in turn eat from outside. [N, 1, 1] */
function strokeWidth(a: Arithmetic, mask: GraphTensor): GraphTensor {
  let outside = a.subtract(1, mask);
  let depth = a.reduce("ReduceSum", mask, [1, 2]);
  const count = depth;
  for (let step = 1; step < DEEPEST; step++) {
    outside = step % 2 === 0 ? grown(a, outside, 1) : a.max(pooled(a, outside, [3, 1]), pooled(a, outside, [1, 3]));
    depth = a.add(depth, a.reduce("ReduceSum", a.subtract(1, outside), [1, 2]));
  }
  const mean = a.subtract(a.divide(depth, a.max(count, 1)), 0.5);
  return a.max(1, a.multiply(mean, 4));
}

/** Pixels that a stroke grows by at most to either side: those of 60 are scaled to 20. */
const MOST_GROWTH = 3;

/** Distance of each pixel of [N, H, W] to the nearest one of a mask, up to 3 pixels; 99 beyond. */
function distanceTo(a: Arithmetic, mask: GraphTensor): GraphTensor {
  const offsets = Array.from({ length: 2 * MOST_GROWTH + 1 }, (_, index) => index - MOST_GROWTH);
  const pairs = offsets.flatMap((y) => offsets.map((x) => Math.hypot(x, y)));
  const distances = [...new Set(pairs)].filter((each) => each <= MOST_GROWTH).toSorted((x, y) => x - y);
  const side = offsets.length;
  const kernel = distances.flatMap((most) => pairs.map((each) => (each <= most ? 1 : 0)));
  const counts = conv(
    a.graph,
    a.unsqueeze(mask, [1]),
    a.constant("discs", [distances.length, 1, side, side], kernel),
    null,
    { pads: [MOST_GROWTH, MOST_GROWTH, MOST_GROWTH, MOST_GROWTH], kernelShape: [side, side] },
  );
  const each = a.where(a.greater(counts, 0.5), a.constant("distances", [distances.length, 1, 1], distances), 99);
  return a.squeeze(a.reduce("ReduceMin", each, [1]), [1]);
}

interface Scaled {
  /** [N, 20, 20], the drawing from the top left corner on. */
  readonly ink: GraphTensor;
  readonly height: GraphTensor;
  readonly width: GraphTensor;
}

/** The drawing alone, its longer side 20 pixels, its strongest ink 1. */
function scaledInk(a: Arithmetic, ink: GraphTensor): Scaled {
  const canvas = a.positions(CANVAS);
  const box = boxAround(a, a.asNumber(a.greater(ink, VISIBLE)), canvas, canvas);
  const scale = a.divide(BOX, a.max(longer(a, box), 1));
  const target = a.positions(BOX);
  const along = ({ start, length }: Extent): { readonly weights: GraphTensor; readonly count: GraphTensor } => {
    const own = a.max(length, 1);
    const count = a.max(1, a.round(a.multiply(own, scale)));
    const origin = a.min(start, CANVAS - 1);
    return {
      count,
      weights: resamplingWeights(a, { size: a.dim(CANVAS), origin, length: own, count, canvas: target }),
    };
  };
  const [down, across] = [along(box.down), along(box.across)];
  const scaled = resampled(a, ink, down.weights, across.weights);
  const strongest = a.reduce("ReduceMax", scaled, [1, 2]);
  return {
    ink: a.min(1, a.divide(scaled, a.max(strongest, 0.1))),
    height: down.count,
    width: across.count,
  };
}

/** A drawing in 28 x 28, its centre of mass in the middle as far as it stays inside. */
function placed(a: Arithmetic, { ink, height, width }: Scaled): GraphTensor {
  const canvas = a.positions(BOX);
  const centre = centreOfMass(a, ink, canvas, canvas, SIDE / 2);
  const move = (middle: GraphTensor, size: GraphTensor): GraphTensor => {
    const start = a.clamp(a.round(a.subtract(SIDE / 2, middle)), 0, a.subtract(SIDE, size));
    const place = a.subtract(a.unsqueeze(a.positions(SIDE), [1]), start);
    return a.asNumber(a.equal(place, canvas));
  };
  return resampled(a, ink, move(centre.y, height), move(centre.x, width));
}
