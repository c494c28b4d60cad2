import { expect, test } from "vitest";

import { applied, mutantsOf, sample } from "../scripts/mutants/mutate.mjs";

const source = `import { a } from "./a.ts";
type Small = 0 | 1 | true;
export const f = (x: number, list: number[]): boolean => {
  const last = list[x - 1]; // a < b
  if (!a && x <= 0) return true;
  return Math.min(x, 7) < (last as number) / 2;
};
`;

test("each mutant changes one token of the code, and none of types, imports or comments", () => {
  const mutants = mutantsOf("src/f.ts", source);
  expect(mutants.map(({ line, from, to }) => `${line}: ${from} -> ${to}`)).toEqual([
    "4: - -> +",
    "4: 1 -> 2",
    "5: && -> ||",
    "5: ! -> ",
    "5: <= -> <",
    "5: 0 -> 1",
    "5: true -> false",
    "6: < -> <=",
    "6: Math.min -> Math.max",
    "6: / -> *",
  ]);
  for (const mutant of mutants) {
    const changed = applied(source, mutant).split("\n");
    const expected = source.split("\n").map((text, index) => {
      const { line, column, from, to } = mutant;
      return index === line - 1 ? text.slice(0, column - 1) + to + text.slice(column - 1 + from.length) : text;
    });
    expect(changed).toEqual(expected);
  }
});

test("a seed chooses the same mutants again, each once, and another seed others", () => {
  const all = Array.from({ length: 50 }, (_, index) => index);
  const chosen = sample(all, 20, 7);
  expect(new Set(chosen).size).toBe(20);
  expect(sample(all, 20, 7)).toEqual(chosen);
  expect(sample(all, 20, 8)).not.toEqual(chosen);
  expect(sample(all, 99, 7).toSorted((a, b) => a - b)).toEqual(all);
});
