// Changes of one token to a TypeScript source. A test suite should notice each of them.
import { parseAst } from "vitest/node";

/** @typedef {import("./mutate.mjs").Mutant} Mutant */
/** @typedef {{ type: string, start: number, end: number } & Record<string, unknown>} Node */

/** @type {ReadonlyMap<unknown, string>} */
const OPERATORS = new Map([
  ["<", "<="],
  ["<=", "<"],
  [">", ">="],
  [">=", ">"],
  ["===", "!=="],
  ["!==", "==="],
  ["&&", "||"],
  ["||", "&&"],
  ["+", "-"],
  ["-", "+"],
  ["*", "/"],
  ["/", "*"],
]);

/** @type {ReadonlyMap<unknown, string>} */
const LITERALS = new Map(
  /** @type {[unknown, string][]} */ ([
    [true, "false"],
    [false, "true"],
    [0, "1"],
    [1, "2"],
  ]),
);

/** @type {ReadonlyMap<string, string>} */
const CALLS = new Map([
  ["Math.min", "Math.max"],
  ["Math.max", "Math.min"],
  ["Math.floor", "Math.ceil"],
  ["Math.ceil", "Math.floor"],
]);

/** @param {unknown} value @returns {value is Node} */
function isNode(value) {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

/** @param {string} file @param {string} text @returns {Mutant[]} */
export function mutantsOf(file, text) {
  /** @type {Mutant[]} */
  const found = [];
  /** @param {number} start @param {number} end @param {string} to */
  const add = (start, end, to) => {
    const before = text.slice(0, start).split("\n");
    const column = (before.at(-1) ?? "").length + 1;
    found.push({ file, line: before.length, column, start, from: text.slice(start, end), to });
  };
  /** @param {unknown} node */
  const visit = (node) => {
    if (Array.isArray(node)) {
      node.forEach(visit);
      return;
    }
    if (!isNode(node) || node.type === "ImportDeclaration") return;
    if (node.type.startsWith("TS")) {
      visit(node["expression"]);
      return;
    }
    changesOf(node, text, add);
    Object.values(node).forEach(visit);
  };
  visit(parseAst(text, { lang: "ts" }, file));
  return found;
}

/** @param {Node} node @param {string} text @param {(start: number, end: number, to: string) => void} add */
function changesOf(node, text, add) {
  const { left, right, operator, argument, callee } = node;
  if ((node.type === "BinaryExpression" || node.type === "LogicalExpression") && isNode(left) && isNode(right)) {
    const to = OPERATORS.get(operator);
    const at = text.indexOf(String(operator), left.end);
    if (to !== undefined && at < right.start) add(at, at + String(operator).length, to);
  }
  if (node.type === "Literal") {
    const to = LITERALS.get(node["value"]);
    if (to !== undefined) add(node.start, node.end, to);
  }
  if (node.type === "UnaryExpression" && operator === "!" && isNode(argument)) add(node.start, argument.start, "");
  if (node.type === "CallExpression" && isNode(callee)) {
    const to = CALLS.get(text.slice(callee.start, callee.end));
    if (to !== undefined) add(callee.start, callee.end, to);
  }
}

/** @param {string} text @param {Mutant} mutant @returns {string} */
export function applied(text, { start, from, to }) {
  return text.slice(0, start) + to + text.slice(start + from.length);
}

/** @template T @param {readonly T[]} all @param {number} wanted @param {number} seed @returns {T[]} */
export function sample(all, wanted, seed) {
  const random = randomFrom(seed);
  const left = [...all];
  return Array.from({ length: Math.min(wanted, left.length) }, () =>
    left.splice(Math.floor(random() * left.length), 1),
  ).flat();
}

/** Numbers in [0, 1) from a seed (mulberry32). @param {number} seed @returns {() => number} */
function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
