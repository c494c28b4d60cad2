import { DIGIT_PIXELS } from "../dataset.ts";
import { Random } from "../random.ts";
import { byteAt } from "../../require.ts";

import { bend } from "./geometry.ts";
import { changeInk, changePen, coarsen, makeNoise } from "./ink.ts";
import { Sheets } from "./plane.ts";
import type { AugmentRecipe } from "./recipe.ts";

/** Changes images [28, 28] at random. The same keys change an image in the same way on every platform. */
export class Augmenter {
  readonly #recipe: AugmentRecipe;
  readonly #random = new Random(0);
  readonly #sheets = new Sheets();

  constructor(recipe: AugmentRecipe) {
    this.#recipe = recipe;
  }

  /**
   * @param pixels [28, 28], 0 paper to 255 ink
   * @param keys e.g. (seed, epoch, index)
   * @param strength 1 as the recipe says, 0 no change; lengths and probabilities are multiplied with it
   * @param out [28, 28], 0 paper to 1 ink
   */
  augment(pixels: Uint8Array, keys: readonly number[], strength: number, out: Float32Array): void {
    const { keep = 0, pen = 0, coarse = 0, ink = 0, noise = 0 } = this.#recipe;
    const random = this.#random;
    const sheets = this.#sheets;
    random.restart(...keys);
    for (let index = 0; index < DIGIT_PIXELS; index++) sheets.now[index] = byteAt(pixels, index) / 255;
    if (strength > 0 && !random.chance(keep)) {
      if (random.chance(pen * strength)) changePen(sheets, random);
      bend(sheets, this.#recipe, strength, random);
      if (random.chance(coarse * strength)) coarsen(sheets, random);
      if (random.chance(ink * strength)) changeInk(sheets, random);
      if (random.chance(noise * strength)) makeNoise(sheets, random);
    }
    out.set(sheets.now);
  }
}
