import { expect, test } from "vitest";

import { Augmenter } from "../../../src/data/augment/augmenter.ts";
import type { AugmentRecipe } from "../../../src/data/augment/recipe.ts";
import { renderedDigits } from "../../../src/data/digits/rendered-digits.ts";

const digits = renderedDigits({ split: "train", count: 100 });

function changed(recipe: AugmentRecipe, index: number, strength = 1): Float32Array {
  const out = new Float32Array(784);
  new Augmenter(recipe).augment(digits.pixels(index), [1, index], strength, out);
  return out;
}

function plain(index: number): Float32Array {
  return Float32Array.from(digits.pixels(index), (value) => value / 255);
}

function centre(ink: Float32Array): { readonly x: number; readonly y: number; readonly mass: number } {
  let [x, y, mass] = [0, 0, 0];
  ink.forEach((value, at) => {
    x += value * (at % 28);
    y += value * Math.floor(at / 28);
    mass += value;
  });
  return { x: x / mass, y: y / mass, mass };
}

const EACH: readonly AugmentRecipe[] = [
  { turn: 20 },
  { shear: 0.3 },
  { scale: 0.3 },
  { shift: 3 },
  { elastic: 1 },
  { stretch: 1 },
  { pen: 1 },
  { coarse: 1 },
  { ink: 1 },
  { noise: 1 },
];

test("nothing to do leaves an image as it is", () => {
  for (let index = 0; index < 10; index++) {
    expect(changed({}, index)).toEqual(plain(index));
    expect(changed({ turn: 20, pen: 1, coarse: 1 }, index, 0)).toEqual(plain(index));
    expect(changed({ turn: 20, pen: 1, keep: 1 }, index)).toEqual(plain(index));
  }
});

test.each(EACH)("%o changes images, within 0 to 1, and leaves ink on the sheet", (recipe) => {
  let different = 0;
  for (let index = 0; index < 100; index++) {
    const image = changed(recipe, index);
    const ink = centre(image).mass / centre(plain(index)).mass;
    expect(image.every((value) => value >= 0 && value <= 1)).toBe(true);
    expect(ink).toBeGreaterThan(0.3);
    expect(ink).toBeLessThan(4);
    if (image.some((value, at) => Math.abs(value - (plain(index)[at] ?? 0)) > 0.02)) different++;
  }
  expect(different).toBeGreaterThan(90);
});

test("the same keys give the same image, and other keys another, whatever was made before", () => {
  const recipe = { turn: 10, elastic: 0.5, pen: 0.5, coarse: 0.5, ink: 0.5, noise: 0.5 };
  const used = new Augmenter(recipe);
  const [first, again, other] = [new Float32Array(784), new Float32Array(784), new Float32Array(784)];
  used.augment(digits.pixels(3), [7, 1, 3], 1, first);
  used.augment(digits.pixels(8), [7, 1, 8], 1, other);
  used.augment(digits.pixels(3), [7, 1, 3], 1, again);
  expect(again).toEqual(first);
  used.augment(digits.pixels(3), [7, 2, 3], 1, other);
  expect(other).not.toEqual(first);
});

test("a shift moves the centre by up to its pixels, on both sides", () => {
  const moves = Array.from({ length: 100 }, (_, index) => {
    const [before, after] = [centre(plain(index)), centre(changed({ shift: 2 }, index))];
    return [after.x - before.x, after.y - before.y];
  }).flat();
  expect(Math.max(...moves)).toBeGreaterThan(1.5);
  expect(Math.max(...moves)).toBeLessThan(2.05);
  expect(Math.min(...moves)).toBeLessThan(-1.5);
  expect(Math.min(...moves)).toBeGreaterThan(-2.05);
});

/** A bar from the sheet's middle to the right, as the turn's direction can be read from it. */
function bar(): Uint8Array {
  return Uint8Array.from({ length: 784 }, (_, at) =>
    Math.abs(Math.floor(at / 28) - 13.5) < 2 && at % 28 > 13 ? 255 : 0,
  );
}

test("a turn keeps lengths, and stays within its degrees", () => {
  const angles = Array.from({ length: 200 }, (_, key) => {
    const out = new Float32Array(784);
    new Augmenter({ turn: 15 }).augment(bar(), [key], 1, out);
    const { x, y, mass } = centre(out);
    expect(mass).toBeGreaterThan(50);
    expect(Math.hypot(x - 13.5, y - 13.5)).toBeCloseTo(7, 0);
    return (Math.atan2(y - 13.5, x - 13.5) * 180) / Math.PI;
  });
  expect(Math.max(...angles)).toBeGreaterThan(12);
  expect(Math.max(...angles)).toBeLessThan(15.5);
  expect(Math.min(...angles)).toBeLessThan(-12);
  expect(Math.min(...angles)).toBeGreaterThan(-15.5);
});
