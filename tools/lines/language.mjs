// Counts what English and till slips are like, and puts it into the metadata of a model that reads lines:
//
//   node tools/lines/language.mjs runs/line-print/model.json [--weight 0.3] [--bonus 0.3] [--least 2] [--order 5]
//
// Prose as in lib/text.mjs, and the kinds of lines that it makes. The weights were chosen on ../shared/data/print-lines.
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { countGrams } from "../../dist/infer/decode/n-gram.js";
import { packGrams } from "../../dist/infer/decode/packed-grams.js";
import { Random } from "./lib/random.mjs";
import { CHARACTERS, PROSE, tokens } from "./lib/text.mjs";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    weight: { type: "string", default: "0.3" },
    bonus: { type: "string", default: "0.3" },
    order: { type: "string", default: "5" },
    least: { type: "string", default: "2" },
  },
});
const [file] = positionals;
if (file === undefined) throw new Error("name the model.json");

/** Characters of each source of prose at most, and lines that are made. */
const MOST = 6_000_000;
const LINES = 20_000;

/** Lines of all kinds, as long as lines are. */
function* made() {
  for (let index = 0; index < LINES; index++) {
    let line = " ";
    for (const token of tokens(new Random([7, index]))) {
      line += `${token} `;
      if (line.length > 30) break;
    }
    yield line;
  }
}

const prose = PROSE.map((words) => ` ${words.join(" ").slice(0, MOST)}`);
const parts = [
  {
    share: 0.5,
    table: packGrams(countGrams(prose, CHARACTERS, { order: Number(values.order), least: Number(values.least) })),
  },
  { share: 0.5, table: packGrams(countGrams(made(), CHARACTERS, { order: 3 })) },
];

/** @type {unknown} */
const model = JSON.parse(readFileSync(file, "utf8"));
const output = outputOf(model);
Object.assign(output, { language: { weight: Number(values.weight), bonus: Number(values.bonus), parts } });
writeFileSync(file, JSON.stringify(model));
console.log(`${file}: ${parts.map(({ table }) => `${(table.length / 1000).toFixed(0)} kB`).join(" and ")}`);

/**
 * The part of a model's metadata that says what its output is.
 *
 * @param {unknown} from
 * @returns {object}
 */
function outputOf(from) {
  let at = from;
  for (const key of ["userDefinedMetadata", "recognizer", "output"]) {
    if (typeof at !== "object" || at === null) throw new Error(`${file} has no recognizer`);
    at = new Map(Object.entries(at)).get(key);
  }
  if (typeof at !== "object" || at === null || !("kind" in at) || at.kind !== "ctc")
    throw new Error(`${file} reads no lines`);
  return at;
}
