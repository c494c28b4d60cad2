import { ExportError } from "../../errors.ts";
import { applyActivation, readActivation } from "../activation.ts";
import { defineConverter, only, type EmitContext, type LayerConverter } from "../converter.ts";
import { asNumber } from "../../onnx/dim.ts";
import { at } from "../../require.ts";
import { einsum as einsumNode, matMul } from "../build/ops/neural.ts";
import { knownSize, permuteFactors, transposed } from "../build/permute.ts";
import { reduce } from "../build/reduce.ts";
import { axisOf, dimsOf, newAxis, permuteAxes, Value, viewOf, type Axis } from "../ir/value.ts";

/** An equation's letters, one an axis: `abc,cd->abd`. */
interface Equation {
  readonly input: readonly string[];
  readonly kernel: readonly string[];
  readonly output: readonly string[];
}

/** `activation(einsum(equation, x, kernel) + bias)`: one MatMul where no axis is shared by all three. */
export const einsumDense: LayerConverter = defineConverter({
  className: "EinsumDense",
  ops: ["MatMul", "Einsum", "ReduceSum", "Add"],
  parse: (config, { rules }) => ({
    equation: config.string("equation"),
    hasBias: config.has("bias_axes"),
    activation: readActivation(config, "activation", rules),
  }),
  emit(context, { equation: written, hasBias, activation }, inputs) {
    const input = only(inputs);
    const equation = readEquation(written, input.axes.length);
    const summed = sumUnused(context, equation, input);
    const product = isShared(equation)
      ? einsum(context, summed.equation, summed.input)
      : multiply(context, summed.equation, summed.input);
    const bias = hasBias ? context.weights.get("bias") : null;
    const sum = bias === null ? product : context.graph.withConstant("Add", product, "bias", bias);
    return applyActivation(context.graph, activation, sum);
  },
});

const FORM = /^(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?$/;

/** An ellipsis becomes letters that no equation has. */
function readEquation(written: string, rank: number): Equation {
  const [, before = "", input = "", after = "", kernel = "", , output = ""] =
    FORM.exec(written.replaceAll(" ", "")) ?? [];
  const elided = Array.from({ length: Math.max(rank - input.length, 0) }, (_, index) => String(index));
  const isElided = before !== "" || after !== "";
  if (input === "" || (isElided ? rank < input.length : rank !== input.length)) {
    throw new ExportError(`equation "${written}" does not fit an input with ${rank} axes and a kernel`);
  }
  const whole = (letters: string): readonly string[] =>
    before === "" ? [...letters.split(""), ...elided] : [...elided, ...letters.split("")];
  const equation = { input: whole(input), kernel: kernel.split(""), output: whole(output) };
  const known = new Set([...equation.input, ...equation.kernel]);
  const repeats = [equation.input, equation.kernel, equation.output].some((each) => new Set(each).size < each.length);
  const lost = equation.kernel.some((letter) => !equation.input.includes(letter) && !equation.output.includes(letter));
  if (repeats || lost || equation.output.some((letter) => !known.has(letter))) {
    throw new ExportError(`equation "${written}" is not one of a dense layer`);
  }
  return equation;
}

function isShared({ input, kernel, output }: Equation): boolean {
  return kernel.some((letter) => input.includes(letter) && output.includes(letter));
}

/** Sum over the axes that neither the kernel nor the output has. */
function sumUnused(
  { graph }: EmitContext,
  equation: Equation,
  input: Value,
): { readonly equation: Equation; readonly input: Value } {
  const used = equation.input.map((letter) => equation.kernel.includes(letter) || equation.output.includes(letter));
  const unused = used.flatMap((isUsed, axis) => (isUsed ? [] : [axis]));
  if (unused.length === 0) return { equation, input };
  return {
    equation: { ...equation, input: equation.input.filter((_, axis) => used[axis] === true) },
    input: reduce(graph, "ReduceSum", input, unused),
  };
}

/** The sizes a letter of the kernel must have: those of the input where it has the letter. */
function kernelDims({ input, kernel }: Equation, value: Value): (number | null)[] {
  const sizes = dimsOf(value);
  return kernel.map((letter) => {
    const size = sizes[input.indexOf(letter)];
    return size === undefined ? null : asNumber(size);
  });
}

/** Axes of the input that are multiplied away, as rows of one matrix; the kernel's own are its columns. */
function multiply({ graph, weights }: EmitContext, equation: Equation, input: Value): Value {
  const { kernel: letters, output } = equation;
  const stored = weights.get("kernel", kernelDims(equation, input));
  const rows = letters.filter((letter) => equation.input.includes(letter));
  const columns = letters.filter((letter) => !equation.input.includes(letter));
  const places = rows.map((letter) => equation.input.indexOf(letter));
  const contracted = graph.contract(input, places);
  const inOrder = transposed(
    stored,
    [...rows, ...columns].map((letter) => letters.indexOf(letter)),
  );
  const own = places.flatMap((place) => axisOf(input, place));
  const axes = columns.map((letter) => newAxis(at(stored.dims, letters.indexOf(letter))));
  const width = axes.flat();
  const matrix = permuteFactors(inOrder, [...own, ...width], [...contracted.factors, ...width]);
  const size = (axis: Axis): number => axis.reduce((result, factor) => result * knownSize(factor), 1);
  const kernel = graph.constant("kernel", { ...matrix, dims: [size(own), size(width)] });
  const kept = equation.input.flatMap((letter, axis) => (rows.includes(letter) ? [] : [{ letter, axis }]));
  const seen = [...kept.map(({ letter }) => letter), ...columns];
  const product = new Value(
    matMul(graph, contracted.value.tensor, kernel),
    [...kept.map(({ axis }) => axisOf(input, axis)), ...axes],
    [...contracted.value.stored.slice(0, -1), width],
  );
  return permuteAxes(
    product,
    output.map((letter) => seen.indexOf(letter)),
  );
}

/** As it is written, where a letter is in the input, the kernel and the output. */
function einsum({ graph, weights }: EmitContext, equation: Equation, input: Value): Value {
  const { kernel: letters, output } = equation;
  const stored = weights.get("kernel", kernelDims(equation, input));
  const letter = (each: string): string => (/\d/.test(each) ? (SPARE[Number(each)] ?? each) : each);
  const written = `${equation.input.map(letter).join("")},${letters.join("")}->${output.map(letter).join("")}`;
  return viewOf(einsumNode(graph, written, [graph.plain(input), graph.constant("kernel", stored)]));
}

const SPARE = "ZYXWVUTSRQ";
