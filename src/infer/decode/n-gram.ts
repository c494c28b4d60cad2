import { checkOptions, type OptionNames } from "../../options.ts";

import type { LanguageModel } from "./constraint.ts";

/** Characters of a text that no class stands for. */
const OTHER = -1;

/** How an n-gram model of characters is made. */
export interface NGramOptions {
  /** Characters that are looked at together, e.g. 3: each is weighed by the two before it. */
  readonly order: number;
  /** How much it counts beside the network. Default 0.5. */
  readonly weight?: number;
}

const N_GRAM_OPTIONS: OptionNames<NGramOptions> = { order: true, weight: true };

/**
 * How likely characters follow one another in some texts: counts of up to `order` characters, each order smoothed with the
 * one below (Witten and Bell 1991).
 */
export function nGram(texts: Iterable<string>, characters: readonly string[], options: NGramOptions): LanguageModel {
  checkOptions("nGram", options, N_GRAM_OPTIONS);
  const { order, weight = 0.5 } = options;
  const classOf = new Map(characters.map((character, index) => [character, index]));
  const contexts = new Map<string, Map<number, number>>();
  for (const text of texts) {
    const symbols = Array.from(text, (character) => classOf.get(character) ?? OTHER);
    symbols.forEach((symbol, index) => {
      for (let length = 0; length < order && length <= index; length++) {
        const key = symbols.slice(index - length, index).join();
        const counts = contexts.get(`${length}:${key}`) ?? new Map<number, number>();
        counts.set(symbol, (counts.get(symbol) ?? 0) + 1);
        contexts.set(`${length}:${key}`, counts);
      }
    });
  }
  const probability = (before: readonly number[], symbol: number, length: number): number => {
    const lower = length === 0 ? 1 / characters.length : probability(before, symbol, length - 1);
    const key = length === 0 ? "" : before.slice(-length).join();
    const counts = contexts.get(`${length}:${key}`);
    if (counts === undefined) return lower;
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
    return ((counts.get(symbol) ?? 0) + counts.size * lower) / (total + counts.size);
  };
  return {
    score: (before, symbol) => weight * Math.log(probability(before, symbol, Math.min(order - 1, before.length))),
  };
}
