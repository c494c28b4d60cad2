import * as fc from "fast-check";
import { expect, test } from "vitest";

import type { Plane } from "../../../src/infer/preprocess/image.ts";
import { withoutMarks } from "../../../src/infer/preprocess/morphology.ts";

/** The largest, or smallest, value of a window around each place, of which beyond the sides there is none. */
function filtered({ width, height, data }: Plane, reach: number, pick: (...values: number[]) => number): Plane {
  const at = (x: number, y: number): number => {
    const rows = Array.from({ length: 2 * reach + 1 }, (_, down) => y + down - reach).filter(
      (row) => row >= 0 && row < height,
    );
    return pick(
      ...rows.flatMap((row) =>
        Array.from(data.slice(row * width + Math.max(0, x - reach), row * width + Math.min(width, x + reach + 1))),
      ),
    );
  };
  return { width, height, data: data.map((_, pixel) => at(pixel % width, Math.floor(pixel / width))) };
}

/** The plane with its outermost pixels repeated `reach` times. */
function extended({ width, height, data }: Plane, reach: number): Plane {
  const [wide, high] = [width + 2 * reach, height + 2 * reach];
  const near = (value: number, length: number): number => Math.min(Math.max(value - reach, 0), length - 1);
  const values = Float32Array.from({ length: wide * high }, (_, pixel) => {
    return data[near(Math.floor(pixel / wide), height) * width + near(pixel % wide, width)] ?? Number.NaN;
  });
  return { width: wide, height: high, data: values };
}

function inner({ width, data }: Plane, reach: number, { width: own, height }: Plane): Float32Array {
  return Float32Array.from({ length: own * height }, (_, pixel) => {
    return data[(Math.floor(pixel / own) + reach) * width + (pixel % own) + reach] ?? Number.NaN;
  });
}

test("dark marks are taken away by a closing, light ones by an opening", () => {
  const planes = fc
    .record({ width: fc.integer({ min: 1, max: 13 }), height: fc.integer({ min: 1, max: 11 }), seed: fc.integer() })
    .chain(({ width, height }) => {
      const values = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: width * height, maxLength: width * height });
      return fc.record({
        width: fc.constant(width),
        height: fc.constant(height),
        data: values.map((all) => Float32Array.from(all)),
      });
    });
  fc.assert(
    fc.property(
      planes,
      fc.integer({ min: 1, max: 8 }),
      fc.constantFrom("dark" as const, "light" as const),
      (plane, reach, marks) => {
        const [first, second] = marks === "dark" ? [Math.max, Math.min] : [Math.min, Math.max];
        const expected = filtered(filtered(extended(plane, reach), reach, first), reach, second);
        expect(withoutMarks(plane, marks, reach).data).toEqual(inner(expected, reach, plane));
      },
    ),
    { seed: 4, numRuns: 200 },
  );
});
