import { at } from "../../require.ts";
import { checkOptions, type OptionNames } from "../../options.ts";

import type { LanguageModel } from "./constraint.ts";

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
export function nGram(
  texts: Iterable<string>,
  characters: readonly string[],
  options: NGramOptions,
): LanguageModel<readonly number[]> {
  checkOptions("nGram", options, N_GRAM_OPTIONS);
  const { order, weight = 0.5 } = options;
  const grams = new Grams(countGrams(texts, characters, { order }));
  return {
    start: [],
    next: (before, symbol) => ({
      state: grams.historyOf(before, symbol),
      score: weight * grams.logProbability(before, symbol),
    }),
  };
}

/** Texts of up to `order` characters as a tree: a level for each length, each node's children together, by class. */
export interface GramTable {
  readonly order: number;
  readonly classes: number;
  /** Log of the weight of what is not among the texts of one character. */
  readonly rest: number;
  /** From one character on. */
  readonly levels: readonly GramLevel[];
}

/** Of n texts of one length. */
export interface GramLevel {
  /** Last characters [n]. */
  readonly symbols: Uint16Array;
  /** [n + 1]: where the children of a node begin in the next level; of the last level, empty. */
  readonly children: Uint32Array;
  /** Log-probability of the last character after the others [n]. */
  readonly logs: Float32Array;
  /** Log of the weight of shorter texts where none of this length goes on [n]; of the last level, empty. */
  readonly rests: Float32Array;
}

interface CountOptions {
  readonly order: number;
  /** Texts of three and more characters that are rarer are left out. Default 1. */
  readonly least?: number;
}

interface Counted {
  readonly symbol: number;
  count: number;
  readonly longer: Map<number, Counted>;
}

const SHORT = 2;

/** Count the texts of up to `order` characters in others; characters of no class end them. */
export function countGrams(
  texts: Iterable<string>,
  characters: readonly string[],
  { order, least = 1 }: CountOptions,
): GramTable {
  const classOf = new Map(characters.map((character, index) => [character, index]));
  const root: Counted = { symbol: -1, count: 0, longer: new Map() };
  for (const text of texts) {
    const symbols = Array.from(text, (character) => classOf.get(character));
    for (let start = 0; start < symbols.length; start++) {
      let node = root;
      for (let length = 0; length < order && start + length < symbols.length; length++) {
        const symbol = symbols[start + length];
        if (symbol === undefined) break;
        let next = node.longer.get(symbol);
        if (next === undefined) node.longer.set(symbol, (next = { symbol, count: 0, longer: new Map() }));
        next.count++;
        node = next;
      }
    }
  }
  prune(root, 0, least);
  return tableOf(root, order, characters.length);
}

function prune(node: Counted, length: number, least: number): void {
  for (const [symbol, next] of node.longer) {
    if (length >= SHORT && next.count < least) node.longer.delete(symbol);
    else prune(next, length + 1, least);
  }
}

/** Witten and Bell: what follows a text in t ways takes count / (total + t); the rest, t / (total + t), goes by shorter texts. */
function tableOf(root: Counted, order: number, classes: number): GramTable {
  const lookUp = (symbols: readonly number[]): Counted | undefined => {
    let node: Counted | undefined = root;
    for (const symbol of symbols) node = node?.longer.get(symbol);
    return node;
  };
  const probability = (before: readonly number[], symbol: number): number => {
    const lower = before.length === 0 ? 1 / classes : probability(before.slice(1), symbol);
    const node = lookUp(before);
    if (node === undefined || node.longer.size === 0) return lower;
    return ((node.longer.get(symbol)?.count ?? 0) + node.longer.size * lower) / (totalOf(node) + node.longer.size);
  };
  const levels: GramLevel[] = [];
  let nodes: { readonly node: Counted; readonly text: readonly number[] }[] = [{ node: root, text: [] }];
  for (let length = 1; length <= order; length++) {
    const starts = Uint32Array.from({ length: nodes.length + 1 });
    const next: typeof nodes = [];
    nodes.forEach(({ node, text }, index) => {
      for (const symbol of [...node.longer.keys()].toSorted((a, b) => a - b)) {
        const child = node.longer.get(symbol);
        if (child !== undefined) next.push({ node: child, text: [...text, symbol] });
      }
      starts[index + 1] = next.length;
    });
    const above = levels.at(-1);
    if (above !== undefined) levels[levels.length - 1] = { ...above, children: starts };
    const isLast = length === order;
    levels.push({
      symbols: Uint16Array.from(next, ({ node }) => node.symbol),
      children: new Uint32Array(),
      logs: Float32Array.from(next, ({ text }) => Math.log(probability(text.slice(0, -1), at(text, text.length - 1)))),
      rests: isLast ? new Float32Array() : Float32Array.from(next, ({ node }) => restOf(node)),
    });
    nodes = next;
  }
  return { order, classes, rest: restOf(root), levels };
}

function totalOf({ longer }: Counted): number {
  let total = 0;
  for (const { count } of longer.values()) total += count;
  return total;
}

function restOf(node: Counted): number {
  const types = node.longer.size;
  return types === 0 ? 0 : Math.log(types / (totalOf(node) + types));
}

/** What is remembered of a table at most. */
const MOST_KNOWN = 100_000;

/** A table with what was looked up before. */
export class Grams {
  readonly #table: GramTable;
  readonly #known = new Map<string, number>();

  constructor(table: GramTable) {
    this.#table = table;
  }

  /** The characters that count for what comes after another one. */
  historyOf(before: readonly number[], symbol: number): readonly number[] {
    const kept = this.#table.order - 1;
    if (kept === 0) return [];
    return [...(before.length >= kept ? before.slice(before.length - kept + 1) : before), symbol];
  }

  /** Log of the probability that a class comes after others, of which the last `order - 1` count. */
  logProbability(before: readonly number[], symbol: number): number {
    const { order } = this.#table;
    const history = before.length < order ? before : before.slice(before.length - order + 1);
    const key = `${history.join()}:${symbol}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const found = this.#lookUp(history, symbol);
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    this.#known.set(key, found);
    return found;
  }

  #lookUp(history: readonly number[], symbol: number): number {
    const { levels, classes, rest } = this.#table;
    let weight = 0;
    for (let from = 0; from <= history.length; from++) {
      const node = this.#find(history.slice(from));
      if (node === null) continue;
      const child = this.#child(node, symbol);
      if (child !== null) return weight + at(at(levels, child.level).logs, child.index);
      weight += node.level < 0 ? rest : at(at(levels, node.level).rests, node.index);
    }
    return weight - Math.log(classes);
  }

  /** Level -1 is the empty text. */
  #find(text: readonly number[]): Place | null {
    let place: Place | null = { level: -1, index: 0 };
    for (const symbol of text) place = place === null ? null : this.#child(place, symbol);
    return place;
  }

  #child({ level, index }: Place, symbol: number): Place | null {
    const below = this.#table.levels[level + 1];
    if (below === undefined) return null;
    let [low, high] = [0, below.symbols.length];
    if (level >= 0) {
      const { children } = at(this.#table.levels, level);
      [low, high] = [at(children, index), at(children, index + 1)];
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      const found = at(below.symbols, middle);
      if (found === symbol) return { level: level + 1, index: middle };
      if (found < symbol) low = middle + 1;
      else high = middle;
    }
    return null;
  }
}

interface Place {
  readonly level: number;
  readonly index: number;
}
