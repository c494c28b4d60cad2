// Which tests to run for a change of a source file: by imports, and by what the paths and the texts say.
import { readFileSync } from "node:fs";
import { join, posix } from "node:path";

/** Tests of minutes, and tests of what `npm run build` wrote, which a change of a source does not reach. */
const LEFT_OUT =
  /^test\/(web|page|checker|fuzz|corrupt|parity|cli|bench|serve)\/|^test\/train\/(leak|kill|native|tasks)\/|\/(real-models|scenes|browser-loads|examples[\w-]*|bundlers?|package)\.test\.ts$/;
const USES_BUILD = /helpers\/command\.ts|\/dist\/|scripts\/bootstrap/;

/** @typedef {{ importers: ReadonlyMap<string, readonly string[]>, textOf: (file: string) => string }} Imports */

/** Which files import which, types aside. @param {string} root @param {readonly string[]} files @returns {Imports} */
export function importsOf(root, files) {
  const texts = new Map(
    files
      .filter((file) => /^(src|test)\/.*\.ts$/.test(file))
      .map((file) => [file, readFileSync(join(root, file), "utf8")]),
  );
  /** @type {Map<string, string[]>} */
  const importers = new Map();
  const statement = /^(?:import|export)\s(?!type\b)[^;]*?from\s+"(\.[^"]+)"|import\("(\.[^"]+)"\)/gm;
  for (const [file, text] of texts) {
    for (const [, fixed, lazy] of text.matchAll(statement)) {
      const target = posix.join(posix.dirname(file), fixed ?? lazy ?? "");
      importers.set(target, [...(importers.get(target) ?? []), file]);
    }
  }
  return { importers, textOf: (file) => texts.get(file) ?? "" };
}

/** Lines before and after a change whose words are looked for in the tests. */
const AROUND = [6, 3];

/**
 * At most `count` test files that reach a source file, the likeliest to notice a change of one line first: those that import the file
 * directly, mention what it exports, have words of its path in theirs, or the rarer words around the line in their text.
 *
 * @param {Imports} imports @param {string} file @param {number} line from 1 @param {number} count @returns {string[]}
 */
export function nearestTests({ importers, textOf }, file, line, count) {
  const distances = new Map([[file, 0]]);
  // A Map gives what is added while it is walked, so this goes through the importers level by level.
  for (const [each, distance] of distances)
    for (const importer of importers.get(each) ?? [])
      if (!distances.has(importer)) distances.set(importer, distance + 1);
  const words = wordsOf(file);
  const names = namesIn(file, textOf(file));
  const tests = [...distances].filter(
    ([test]) => test.endsWith(".test.ts") && !LEFT_OUT.test(test) && !USES_BUILD.test(textOf(test)),
  );
  const lines = textOf(file).split("\n");
  const [before = 0, after = 0] = AROUND;
  const around = wordsIn(lines.slice(Math.max(line - 1 - before, 0), line + after).join("\n"));
  const changed = wordsIn(lines[line - 1] ?? "");
  // Tables of cases are in files of their own.
  const cases = [...importers].filter(([each]) => /^test\/(?!helpers\/)/.test(each));
  const wordsOfTests = new Map(
    tests.map(([test]) => {
      const own = cases.flatMap(([each, users]) => (users.includes(test) ? [textOf(each)] : []));
      return [test, wordsIn([textOf(test), ...own].join("\n"))];
    }),
  );
  const weights = [...around].map((word) => {
    const users = [...wordsOfTests.values()].filter((each) => each.has(word)).length;
    return { word, weight: users === 0 ? 0 : Math.log(tests.length / users) * (changed.has(word) ? 3 : 1) };
  });
  const most = Math.max(
    weights.reduce((sum, { weight }) => sum + weight, 0),
    1,
  );
  /** @param {string} test @param {number} distance */
  const score = (test, distance) => {
    const shared = wordsOf(test).filter((word) => words.includes(word)).length;
    const mentioned = names.filter((name) => textOf(test).includes(name)).length;
    const found = weights.filter(({ word }) => wordsOfTests.get(test)?.has(word) === true);
    const nearby = found.reduce((sum, { weight }) => sum + weight, 0) / most;
    return (distance === 1 ? 10 : 0) + 2 * shared + 2 * Math.min(mentioned, 3) + 15 * nearby - distance / 2;
  };
  return tests
    .map(([test, distance]) => ({ test, score: score(test, distance) }))
    .toSorted((a, b) => b.score - a.score)
    .slice(0, count)
    .map(({ test }) => test);
}

/** Words of four letters or more, those within names too: `givenMask` has `givenmask`, `given` and `mask`. @param {string} text */
function wordsIn(text) {
  const names = text.match(/[A-Za-z]\w{3,}/g) ?? [];
  const parts = names.flatMap((name) => [name, ...(name.match(/[A-Z]?[a-z]{3,}/g) ?? [])]);
  return new Set(parts.map((each) => each.toLowerCase()).filter((each) => each.length > 3));
}

/** @param {string} path @returns {string[]} */
function wordsOf(path) {
  return [
    ...new Set(
      path
        .replace(/^(src|test)\//, "")
        .replace(/(\.test)?\.ts$/, "")
        .split(/[/-]/),
    ),
  ];
}

/** The names that a file exports, and its own name as a class or a function would have it. @param {string} file @param {string} text */
function namesIn(file, text) {
  const exported = [...text.matchAll(/^export (?:async )?(?:function|const|class) (\w+)/gm)].map(
    ([, name]) => name ?? "",
  );
  const pascal = posix.basename(file, ".ts").replace(/(?:^|-)(\w)/g, (_, letter) => String(letter).toUpperCase());
  return [...exported, pascal, pascal.charAt(0).toLowerCase() + pascal.slice(1)];
}
