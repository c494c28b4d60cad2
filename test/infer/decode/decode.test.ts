import { describe, expect, test } from "vitest";

import { UsageError } from "../../../src/errors.ts";
import { alignLabel } from "../../../src/infer/decode/align.ts";
import { decodeBeam, decodeWithin } from "../../../src/infer/decode/beam.ts";
import type { Constraint } from "../../../src/infer/decode/constraint.ts";
import { decodeGreedy, type ReadLine } from "../../../src/infer/decode/greedy.ts";
import { labelProbability } from "../../../src/infer/decode/label-probability.ts";
import type { LanguageModel } from "../../../src/infer/decode/constraint.ts";
import { lexicon } from "../../../src/infer/decode/lexicon.ts";
import { logProbabilities, type Steps } from "../../../src/infer/decode/matrix.ts";
import { nGram } from "../../../src/infer/decode/n-gram.ts";
import { pattern } from "../../../src/infer/decode/pattern.ts";
import { pathsThrough, randomRows, textProbabilities } from "../../helpers/enumerate-paths.ts";

const CHARACTERS = ["a", "b", "1"];
const CLASSES = CHARACTERS.length + 1;

function stepsOf(rows: readonly (readonly number[])[]): Steps {
  const scores = { data: Float32Array.from(rows.flat()), steps: rows.length, classes: rows[0]?.length ?? CLASSES };
  return logProbabilities(scores, "softmax");
}

function labelOf({ characters }: ReadLine): number[] {
  return characters.map(({ symbol }) => symbol);
}

function textOf(line: ReadLine | undefined): string | undefined {
  return line === undefined
    ? undefined
    : labelOf(line)
        .map((symbol) => CHARACTERS[symbol])
        .join("");
}

/** What a language model says of a text. */
function scoreOf<State>(model: LanguageModel<State>, label: readonly number[]): number {
  let [state, sum] = [model.start, 0];
  for (const symbol of label) {
    const said = model.next(state, symbol);
    [state, sum] = [said.state, sum + said.score];
  }
  return sum;
}

/** The likeliest of the texts that are allowed, by enumeration. */
function bestText(rows: readonly (readonly number[])[], allowed: (text: string) => boolean): [string, number] {
  const spelt = [...textProbabilities(rows)].map(([key, probability]): [string, number] => [
    key === ""
      ? ""
      : key
          .split(",")
          .map((symbol) => CHARACTERS[Number(symbol)])
          .join(""),
    probability,
  ]);
  return spelt.filter(([text]) => allowed(text)).reduce((best, other) => (other[1] > best[1] ? other : best), ["", -1]);
}

describe("the probability of a text", () => {
  test.each([1, 2, 3, 4, 5])("is the sum over all paths, case %i", (seed) => {
    const rows = randomRows(4, CLASSES, seed);
    const log = stepsOf(rows);
    const texts = textProbabilities(rows);
    expect(texts.size).toBeGreaterThan(60);
    for (const [key, probability] of texts) {
      const label = key === "" ? [] : key.split(",").map(Number);
      expect(Math.exp(labelProbability(log, label))).toBeCloseTo(probability, 6);
    }
    expect(labelProbability(log, [0, 0, 0])).toBe(Number.NEGATIVE_INFINITY);
  });

  test("of no steps is certain for the empty text alone", () => {
    const none: Steps = { data: new Float32Array(), steps: 0, classes: CLASSES };
    expect(labelProbability(none, [])).toBe(0);
    expect(labelProbability(none, [1])).toBe(Number.NEGATIVE_INFINITY);
  });
});

describe("greedy", () => {
  test("merges repeats, leaves blanks out, and says where each character is", () => {
    const [a, b, blank] = [
      [0.9, 0.05, 0.03, 0.02],
      [0.1, 0.7, 0.1, 0.1],
      [0.1, 0.1, 0.1, 0.7],
    ];
    const line = decodeGreedy(stepsOf([a, a, blank, a, b, b].map((row) => row ?? [])));
    expect(textOf(line)).toBe("aab");
    expect(line.characters.map(({ start, end }) => [start, end])).toEqual([
      [0, 2],
      [3, 4],
      [4, 6],
    ]);
    expect(line.characters.map(({ confidence }) => confidence)).toEqual([
      expect.closeTo(0.9, 5),
      expect.closeTo(0.9, 5),
      expect.closeTo(0.7, 5),
    ]);
    expect(line.confidence).toBeCloseTo(
      Number(textProbabilities([a, a, blank, a, b, b].map((row) => row ?? [])).get("0,0,1")),
      6,
    );
  });

  test.each([1, 2, 3, 4])("is the likeliest path, case %i", (seed) => {
    const rows = randomRows(5, CLASSES, seed);
    const best = [...pathsThrough(5, CLASSES)].reduce(
      (most, { path, label }) => {
        const probability = path.reduce((product, symbol, step) => product * Number(rows[step]?.[symbol]), 1);
        return probability > most.probability ? { probability, label } : most;
      },
      { probability: -1, label: [-1] },
    );
    expect(labelOf(decodeGreedy(stepsOf(rows)))).toEqual(best.label);
  });
});

describe("beam search", () => {
  test.each(Array.from({ length: 12 }, (_, seed) => seed + 1))("finds the likeliest text, case %i", (seed) => {
    const rows = randomRows(5, CLASSES, seed, 1.5);
    const [text, probability] = bestText(rows, () => true);
    const [line] = decodeBeam(stepsOf(rows), { width: 1000 });
    expect(textOf(line)).toBe(text);
    expect(line?.confidence).toBeCloseTo(probability, 6);
  });

  test("beats the likeliest path where paths add up", () => {
    // Blank is the likeliest class of each step, yet more paths spell "a" than nothing.
    const row = [0.4, 0, 0, 0.6];
    const log = stepsOf([row, row]);
    expect(textOf(decodeGreedy(log))).toBe("");
    expect(textOf(decodeBeam(log)[0])).toBe("a");
  });

  test("gives several texts, best first", () => {
    const rows = randomRows(4, CLASSES, 3);
    const lines = decodeBeam(stepsOf(rows), { width: 1000, count: 5 });
    const expected = [...textProbabilities(rows).values()].toSorted((a, b) => b - a).slice(0, 5);
    expect(lines).toHaveLength(5);
    lines.forEach(({ confidence }, index) => expect(confidence).toBeCloseTo(Number(expected[index]), 6));
  });

  const WORDS = ["ab", "ba", "1", "aa1"];
  const matches = (expression: RegExp) => (text: string) => expression.test(text);
  const CONSTRAINTS: readonly [name: string, constraint: unknown, allowed: (text: string) => boolean][] = [
    ["a lexicon", lexicon(WORDS, CHARACTERS), (text) => WORDS.includes(text)],
    ["words with separators", lexicon(["a", "ab"], CHARACTERS, { separator: "1" }), matches(/^(a|ab)(1(a|ab))*$/)],
    ["a number of digits", pattern(2, CHARACTERS), matches(/^\d{2}$/)],
    ["(a|b){2,3}", pattern("(a|b){2,3}", CHARACTERS), matches(/^(a|b){2,3}$/)],
    ["a+1?", pattern("a+1?", CHARACTERS), matches(/^a+1?$/)],
    ["[^a]{2,}", pattern("[^a]{2,}", CHARACTERS), matches(/^[^a]{2,}$/)],
    ["b.*", pattern("b.*", CHARACTERS), matches(/^b.*$/)],
    ["[a-b]\\d", pattern("[a-b]\\d", CHARACTERS), matches(/^[a-b]\d$/)],
    ["(ab?){0,2}", pattern("(ab?){0,2}", CHARACTERS), matches(/^(ab?){0,2}$/)],
  ];

  test.each(CONSTRAINTS)("reads within %s as enumeration does", (_, constraint, allowed) => {
    for (let seed = 1; seed <= 6; seed++) {
      const rows = randomRows(5, CLASSES, seed, 1.5);
      const [text, probability] = bestText(rows, allowed);
      if (!isConstraint(constraint)) throw new Error("not a constraint");
      const [line] = decodeWithin(stepsOf(rows), constraint, { width: 2000 });
      expect(textOf(line)).toBe(text);
      expect(line?.confidence).toBeCloseTo(probability, 6);
    }
  });

  function isConstraint(value: unknown): value is Constraint<unknown> {
    return typeof value === "object" && value !== null && "accepts" in value;
  }

  test("gives nothing where no text fits", () => {
    expect(decodeWithin(stepsOf(randomRows(2, CLASSES, 1)), pattern("aaa", CHARACTERS), { width: 100 })).toEqual([]);
  });

  test("weighs texts with an n-gram", () => {
    const rows = [
      [0.3, 0.3, 0.1, 0.3],
      [0.1, 0.1, 0.1, 0.7],
      [0.35, 0.33, 0.02, 0.3],
    ];
    const languageModel = nGram(["ab", "ab", "ab1", "bb"], CHARACTERS, { order: 2, weight: 1 });
    const [line] = decodeBeam(stepsOf(rows), { width: 1000, languageModel });
    const weighed = [...textProbabilities(rows)].map(([key, probability]): [string, number] => {
      const label = key === "" ? [] : key.split(",").map(Number);
      const language = scoreOf(languageModel, label);
      return [key, Math.log(probability) + language];
    });
    const [best] = weighed.toSorted((a, b) => b[1] - a[1]);
    expect(line === undefined ? undefined : labelOf(line).join()).toBe(best?.[0]);
    const all = CHARACTERS.map((_, symbol) => Math.exp(languageModel.next([0], symbol).score));
    expect(all.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 6);
    expect(all[1]).toBe(Math.max(...all));
  });
});

test.each([1, 2, 3])("an alignment is the likeliest path that spells the text, case %i", (seed) => {
  const rows = randomRows(5, CLASSES, seed);
  const label = [0, 1];
  const best = [...pathsThrough(5, CLASSES)]
    .filter((candidate) => candidate.label.join() === label.join())
    .map(({ path }) => ({
      path,
      probability: path.reduce((product, symbol, step) => product * Number(rows[step]?.[symbol]), 1),
    }))
    .toSorted((a, b) => b.probability - a.probability)[0];
  const found = alignLabel(stepsOf(rows), label);
  expect(found.map(({ start, end }) => [start, end])).toEqual(
    label.map((symbol) => [best?.path.indexOf(symbol), Number(best?.path.lastIndexOf(symbol)) + 1]),
  );
});

test.each(["a)", "(a", "a{3,1}", "[ab", "*a", "a\\", "a{x}", "\\q", "[b-a]", "a{2000}"])(
  "the pattern %s is refused",
  (source) => {
    expect(() => pattern(source, CHARACTERS)).toThrow(UsageError);
  },
);

test("a word with a character that the model does not read is refused", () => {
  expect(() => lexicon(["a", "aé"], CHARACTERS)).toThrow('the word "aé" has "é"');
  expect(() => lexicon([], CHARACTERS)).toThrow("no words");
});
