import { describe, expect, test } from "vitest";

import { decodeBeam } from "../../../src/infer/decode/beam.ts";
import { decodeGreedy, type ReadLine } from "../../../src/infer/decode/greedy.ts";
import { labelProbability } from "../../../src/infer/decode/label-probability.ts";
import { decoderOf, mixtureOf } from "../../../src/infer/decode/language.ts";
import { logProbabilities, type Steps } from "../../../src/infer/decode/matrix.ts";
import { countGrams, Grams } from "../../../src/infer/decode/n-gram.ts";
import { packGrams, unpackGrams } from "../../../src/infer/decode/packed-grams.ts";
import { isRecognizer, type LanguageData } from "../../../src/metadata.ts";

const CHARACTERS = Array.from(" abceilnrstu");
const CLASSES = CHARACTERS.length;
const classOf = (character: string): number => CHARACTERS.indexOf(character);
const TEXTS = ["curses in a cell", "the cellar", "a nurse", "curtains", "a cellar is best"];

/** Witten and Bell's formula as it stands, on counts of substrings. */
function probability(texts: readonly string[], before: string, next: string): number {
  const lower = before === "" ? 1 / CLASSES : probability(texts, before.slice(1), next);
  const known = texts.flatMap((text) => text.split(/[^ abceilnrstu]/));
  const follow = known.flatMap((text) =>
    Array.from(text).flatMap((character, at) =>
      at >= before.length && text.slice(at - before.length, at) === before ? [character] : [],
    ),
  );
  if (follow.length === 0) return lower;
  const types = new Set(follow).size;
  return (follow.filter((character) => character === next).length + types * lower) / (follow.length + types);
}

describe("n-grams", () => {
  const grams = new Grams(countGrams(TEXTS, CHARACTERS, { order: 4 }));

  test.each(["", "c", "cu", "cel", "ta", "urs", "zzz", "ell"])(
    "after %j are as Witten and Bell define them",
    (before) => {
      const history = Array.from(before.replace("zzz", "ttt"), classOf);
      const all = CHARACTERS.map((next) => Math.exp(grams.logProbability(history, classOf(next))));
      const expected = CHARACTERS.map((next) => probability(TEXTS, before.replace("zzz", "ttt"), next));
      expected.forEach((value, index) => expect(all[index]).toBeCloseTo(value, 6));
      expect(all.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 5);
    },
  );

  test("packed and unpacked differ by rounding only", () => {
    const table = countGrams(TEXTS, CHARACTERS, { order: 4, least: 2 });
    const again = unpackGrams(packGrams(table), CLASSES);
    expect(again.levels.map(({ symbols }) => [...symbols])).toEqual(table.levels.map(({ symbols }) => [...symbols]));
    expect(again.levels.map(({ children }) => [...children])).toEqual(
      table.levels.map(({ children }) => [...children]),
    );
    again.levels.forEach(({ logs }, level) =>
      logs.forEach((log, node) => expect(Math.abs(log - Number(table.levels[level]?.logs[node]))).toBeLessThan(0.0401)),
    );
  });

  const packed = packGrams(countGrams(TEXTS, CHARACTERS, { order: 3 }));
  test.each([
    ["cut short", packed.slice(0, 40), /it ends too early/],
    ["with more at its end", btoa(`${atob(packed)}x`), /it has more than it says/],
    ["no base64", "%%%", /it is not base64/],
    [
      "of another charset",
      packGrams(countGrams(["a"], ["a"], { order: 1 })),
      /it is of 1 characters; the model has 12/,
    ],
    ["with a child of no parent", btoa(`${atob(packed).slice(0, 3)}\u0001`), /it ends too early/],
    ["empty", "", /it ends too early/],
  ])("a packed table %s is refused", (_, text, message) => {
    expect(() => unpackGrams(text, CLASSES)).toThrow(message);
  });
});

describe("a packed table, byte by byte", () => {
  const unpack = (...bytes: readonly number[]): unknown => unpackGrams(btoa(String.fromCharCode(...bytes)), 2);

  test("of one level", () => {
    const { order, rest, levels } = unpackGrams(btoa(String.fromCharCode(1, 2, 10, 2, 0, 1, 5, 255)), 2);
    expect([order, rest, levels.length]).toEqual([1, -0.8, 1]);
    expect([...(levels[0]?.symbols ?? [])]).toEqual([0, 1]);
    expect(levels[0]?.logs).toEqual(Float32Array.of(-0.4, -20.4));
  });

  test.each<[string, number[], string]>([
    ["an order of 0", [0, 2, 10], "its order is 0"],
    ["an order of 17", [17, 2, 10], "its order is 17"],
    ["an order of 16 alone", [16, 2, 10], "it ends too early"],
    ["a class too many", [1, 2, 10, 1, 2, 5], "a character is none of the model's"],
    ["a byte too many", [1, 2, 10, 1, 1, 5, 0], "it has more than it says"],
    ["a byte too few", [1, 2, 10, 1, 1], "it ends too early"],
    [
      "two children where one is said",
      [2, 2, 10, 1, 1, 5, 3, 1, 2, 0, 1, 5, 5],
      "level 1 has 2 nodes; its parents have 1",
    ],
    ["a number without an end", [255, 255, 255, 255, 255, 255], "a number is too large"],
    ["a number of two groups", [1, 0x82, 0x01, 10], "it is of 130 characters; the model has 2"],
  ])("with %s is refused", (_, bytes, message) => {
    expect(() => unpack(...bytes)).toThrow(message);
  });

  test("has at most 256 characters", () => {
    const table = { order: 1, rest: 0, levels: [] };
    expect(packGrams({ ...table, classes: 256 })).toBe(btoa(String.fromCharCode(1, 128, 2, 0)));
    expect(() => packGrams({ ...table, classes: 257 })).toThrow("at most 256 characters; this one has 257");
  });
});

/** A step for each entry: the probabilities of some characters, the rest the blank's. */
function stepsOf(...rows: readonly Readonly<Record<string, number>>[]): Steps {
  const data = rows.flatMap((row) => {
    const given = CHARACTERS.map((character) => row[character] ?? 1e-6);
    return [...given, 1 - given.reduce((sum, value) => sum + value, 0)];
  });
  return logProbabilities({ data: Float32Array.from(data), steps: rows.length, classes: CLASSES + 1 }, "softmax");
}

const textOf = ({ characters }: ReadLine): string => characters.map(({ symbol }) => CHARACTERS[symbol]).join("");

const language: LanguageData = {
  weight: 0.5,
  bonus: 0.5,
  parts: [
    { share: 0.5, table: packGrams(countGrams(TEXTS, CHARACTERS, { order: 4 })) },
    { share: 0.5, table: packGrams(countGrams(["ltcnb usae", "bnctl"], CHARACTERS, { order: 2 })) },
  ],
};

describe("a model's language", () => {
  // "eurses", of which the network is a little surer than of "curses".
  const steps = stepsOf({ e: 0.5, c: 0.45 }, { u: 0.9 }, {}, { r: 0.9 }, { s: 0.9 }, {}, { e: 0.9 }, { s: 0.9 });
  const output = { kind: "ctc", activation: "softmax", characters: CHARACTERS } as const;

  test("decides where the network is not sure", () => {
    expect(textOf(decodeGreedy(steps))).toBe("eurses");
    expect(textOf(decoderOf(output)(steps))).toBe("eurses");
    const read = decoderOf({ ...output, language })(steps);
    expect(textOf(read)).toBe("curses");
    // Of the network alone, over all paths.
    expect(read.confidence).toBeCloseTo(Math.exp(labelProbability(steps, Array.from("curses", classOf))), 6);
  });

  test("gives way to a network that is sure", () => {
    const sure = stepsOf({ e: 0.9999 }, { u: 0.99 }, {}, { r: 0.99 }, { s: 0.99 });
    expect(textOf(decoderOf({ ...output, language })(sure))).toBe("eurs");
  });

  test("is the mean over its parts of what they give a whole text", () => {
    const text = "a cur";
    const model = mixtureOf({ ...language, weight: 1, bonus: 0 }, CHARACTERS);
    let [state, score] = [model.start, 0];
    for (const character of text) {
      const said = model.next(state, classOf(character));
      [state, score] = [said.state, score + said.score];
    }
    const whole = language.parts.map(({ table, share }) => {
      const grams = new Grams(unpackGrams(table, CLASSES));
      const symbols = Array.from(` ${text}`, classOf);
      return symbols
        .slice(1)
        .reduce(
          (product, symbol, at) =>
            product * (0.99 * Math.exp(grams.logProbability(symbols.slice(0, at + 1), symbol)) + 0.01 / CLASSES),
          share,
        );
    });
    expect(score).toBeCloseTo(Math.log(whole.reduce((sum, value) => sum + value, 0)), 5);
  });

  test("characters below a floor of a search are not looked at", () => {
    const floor = { least: Math.log(0.4) };
    expect(decodeBeam(steps, { width: 100 }).map(textOf)).toEqual(["eurses"]);
    const [best, ...others] = decodeBeam(steps, { width: 100, count: 100, ...floor }).map(textOf);
    expect([best, others.includes("curses"), others.some((text) => /[abilnt ]/.test(text))]).toEqual([
      "eurses",
      true,
      false,
    ]);
  });

  test("is checked when a file's metadata is read", () => {
    const input = { kind: "image", fit: "line", height: 32, width: null, channels: 1, range: [0, 1] };
    const recognizer = (given: unknown): unknown => ({ version: 1, input, output: { ...output, language: given } });
    expect(isRecognizer(recognizer(language))).toBe(true);
    for (const wrong of [
      null,
      {},
      { ...language, weight: "1" },
      { ...language, parts: [] },
      { ...language, parts: [{ share: 2, table: "" }] },
    ]) {
      expect(isRecognizer(recognizer(wrong))).toBe(false);
    }
  });
});
