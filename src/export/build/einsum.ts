import { InternalError } from "../../errors.ts";
import { at } from "../../require.ts";
import { axisOf, newAxis, permuteAxes, sizeOfAxis, viewOf, Value, type Axis } from "../ir/value.ts";

import type { GraphBuilder } from "./builder.ts";
import { einsum as einsumNode, matMul } from "./ops/neural.ts";
import { reduce } from "./reduce.ts";

/** A value and a letter for each of its axes. */
interface Term {
  readonly value: Value;
  readonly letters: readonly string[];
}

/**
 * The sum of products that an equation without ellipsis says: by a MatMul, or a Mul where nothing is summed over both operands, so
 * that runtimes have their fast kernels and find the patterns they fuse; as an Einsum node where that cannot be. Axes with one
 * letter may be broadcast where all three terms have it.
 */
export function einsum(graph: GraphBuilder, equation: string, operands: readonly Value[]): Value {
  const [left = "", right = ""] = equation.split("->");
  const terms = left
    .split(",")
    .map((letters, index): Term => ({ value: at(operands, index), letters: Array.from(letters) }));
  return (
    asProduct(graph, terms, Array.from(right)) ??
    viewOf(
      einsumNode(
        graph,
        equation,
        operands.map((value) => graph.plain(value)),
      ),
    )
  );
}

function asProduct(graph: GraphBuilder, terms: readonly Term[], output: readonly string[]): Value | null {
  const lists = [output, ...terms.map(({ letters }) => letters)];
  const known = new Set(terms.flatMap(({ letters }) => letters));
  const fits = terms.every(({ value, letters }) => value.rank === letters.length && value.dtype === "float32");
  if (!fits || lists.some(hasRepeats) || output.some((letter) => !known.has(letter))) return null;
  const [first, second, ...others] = terms;
  if (first === undefined || others.length > 0) return null;
  const a = summed(graph, first, [...output, ...(second?.letters ?? [])]);
  if (second === undefined) return inOrder(a.value, a.letters, output);
  const b = summed(graph, second, [...output, ...first.letters]);
  const last = output.at(-1) ?? "";
  const endsWithFirst = a.letters.includes(last) && !b.letters.includes(last);
  const hasOwn = b.letters.some((letter) => !a.letters.includes(letter));
  return endsWithFirst && hasOwn ? product(graph, b, a, output) : product(graph, a, b, output);
}

function hasRepeats(letters: readonly string[]): boolean {
  return new Set(letters).size < letters.length;
}

/** The term without the axes that only it has. */
function summed(graph: GraphBuilder, { value, letters }: Term, used: readonly string[]): Term {
  const unused = letters.flatMap((letter, axis) => (used.includes(letter) ? [] : [axis]));
  if (unused.length === 0) return { value, letters };
  return {
    value: reduce(graph, "ReduceSum", value, unused),
    letters: letters.filter((letter) => used.includes(letter)),
  };
}

function inOrder(value: Value, letters: readonly string[], output: readonly string[]): Value {
  return permuteAxes(
    value,
    output.map((letter) => letters.indexOf(letter)),
  );
}

function product(graph: GraphBuilder, a: Term, b: Term, output: readonly string[]): Value {
  const shared = a.letters.filter((letter) => b.letters.includes(letter));
  const summing = shared.filter((letter) => !output.includes(letter));
  const batch = output.filter((letter) => shared.includes(letter));
  const rows = output.filter((letter) => a.letters.includes(letter) && !shared.includes(letter));
  const columns = output.filter((letter) => b.letters.includes(letter) && !shared.includes(letter));
  if (summing.length === 0 || rows.length + columns.length === 0) {
    const letters = [...output, ...summing];
    const products = graph.binary("Mul", spread(a, letters), spread(b, letters));
    const over = summing.map((_, index) => output.length + index);
    return over.length === 0 ? products : reduce(graph, "ReduceSum", products, over);
  }
  const one = (term: Term, letters: readonly string[]): Axis => letters.flatMap((letter) => axisFor(term, letter));
  const each = (term: Term, letters: readonly string[]): readonly Axis[] =>
    letters.map((letter) => axisFor(term, letter));
  // Without a batch, the rows may stay several axes, for the other matrix is multiplied with all of them.
  const rowAxes = batch.length === 0 && rows.length > 0 ? each(a, rows) : [one(a, rows)];
  const left = a.value.seenAs([...each(a, batch), ...rowAxes, one(a, summing)]);
  const right = b.value.seenAs([...each(b, batch), one(b, summing), one(b, columns)]);
  const tensor = matMul(graph, graph.plain(left), graph.plain(right));
  const { shape } = tensor;
  if (shape === null) throw new InternalError(`the number of axes of ${tensor.name} is not known`);
  // Both terms may be one value, whose factors the result cannot have twice.
  const columnAxes = each(b, columns).map((axis): Axis => axis.map(({ size }) => ({ size })));
  const batchAxes = batch.map((letter, place): Axis => {
    const [mine, other] = [axisFor(a, letter), axisFor(b, letter)];
    return sizeOfAxis(mine) === sizeOfAxis(other) ? mine : newAxis(at(shape, place));
  });
  const axes = [...batchAxes, ...each(a, rows), ...columnAxes];
  const stored = [...batchAxes, ...rowAxes, columnAxes.flat()];
  return inOrder(new Value(tensor, axes, stored), [...batch, ...rows, ...columns], output);
}

function axisFor({ value, letters }: Term, letter: string): Axis {
  return axisOf(value, letters.indexOf(letter));
}

/** The value with an axis for each letter, of size 1 where the term has none. */
function spread(term: Term, letters: readonly string[]): Value {
  return term.value.seenAs(letters.map((letter) => (term.letters.includes(letter) ? axisFor(term, letter) : [])));
}
