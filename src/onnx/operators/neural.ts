import { add, asNumber, broadcast, ceilDivide, dim, floorDivide, isNumber, multiply, type Dim } from "../dim.ts";

import { FLOATS, NUMBERS, one, unknownShape, type Inferred, type OperatorCall, type Rule } from "./rule.ts";

/** What a sliding window does along one spatial axis. */
interface Window {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly after: number;
}

function windows(call: OperatorCall, kernel: readonly number[]): readonly Window[] {
  const { length } = kernel;
  const strides = call.ints("strides");
  const dilations = call.ints("dilations");
  const pads = call.ints("pads");
  if (pads !== null && pads.length !== 2 * length) throw call.error(`${pads.length} pads do not fit ${length} axes`);
  for (const list of [strides, dilations]) {
    if (list !== null && list.length !== length)
      throw call.error(`${list.length} strides or dilations do not fit ${length} axes`);
  }
  return kernel.map((size, axis) => ({
    kernel: size,
    stride: strides?.[axis] ?? 1,
    dilation: dilations?.[axis] ?? 1,
    before: pads?.[axis] ?? 0,
    after: pads?.[axis + length] ?? 0,
  }));
}

/** Size of the output along an axis: https://onnx.ai/onnx/operators/onnx__MaxPool.html, `auto_pad` and `ceil_mode`. */
function slide(call: OperatorCall, size: Dim, { kernel, stride, dilation, before, after }: Window): Dim {
  const auto = call.string("auto_pad", "NOTSET");
  if (auto.startsWith("SAME")) return ceilDivide(size, stride);
  const reach = (kernel - 1) * dilation + 1;
  const pads = auto === "VALID" ? 0 : before + after;
  const room = add(size, pads - reach);
  const steps = call.int("ceil_mode", 0) === 1 ? ceilDivide(room, stride) : floorDivide(room, stride);
  return add(steps, 1);
}

function kernelOf(call: OperatorCall, weight: readonly Dim[]): readonly number[] {
  const given = call.ints("kernel_shape");
  if (given !== null) return given;
  return weight.slice(2).map((size) => {
    const known = asNumber(size);
    if (known === null) throw call.error("the size of its kernel must be known");
    return known;
  });
}

const conv: Rule = (call) => {
  const dtype = call.sameType([0, 1]);
  const { shape } = call.typed(0, FLOATS);
  const weight = call.input(1).shape;
  if (weight === null) return one(dtype, null);
  const outputs = call.size(weight, 0);
  if (shape === null) return one(dtype, unknownShape(call, weight.length, "conv"));
  if (shape.length !== weight.length)
    throw call.error(`input and weight differ in rank: ${shape.length} and ${weight.length}`);
  const group = call.int("group", 1);
  call.unify(call.size(shape, 1), multiply(call.size(weight, 1), group), "channels of input and weight");
  expectBias(call, outputs);
  const sides = windows(call, kernelOf(call, weight));
  const spatial = sides.map((window, axis) => slide(call, call.size(shape, axis + 2), window));
  return one(dtype, [call.size(shape, 0), outputs, ...spatial]);
};

function expectBias(call: OperatorCall, outputs: Dim): void {
  const bias = call.optional(2);
  if (bias === null) return;
  if (bias.dtype !== call.input(0).dtype) throw call.error(`its bias is ${bias.dtype}`);
  if (bias.shape === null) return;
  const [length] = bias.shape;
  if (bias.shape.length !== 1 || length === undefined) throw call.error("its bias must have one axis");
  call.unify(length, outputs, "sizes of bias and output");
}

const convTranspose: Rule = (call) => {
  const dtype = call.sameType([0, 1]);
  const { shape } = call.typed(0, FLOATS);
  const weight = call.input(1).shape;
  if (weight === null) return one(dtype, null);
  const outputs = multiply(call.size(weight, 1), call.int("group", 1));
  if (shape === null) return one(dtype, unknownShape(call, weight.length, "conv"));
  call.unify(call.size(shape, 1), call.size(weight, 0), "channels of input and weight");
  expectBias(call, outputs);
  const given = call.ints("output_shape");
  const extra = call.ints("output_padding");
  const auto = call.string("auto_pad", "NOTSET");
  const spatial = windows(call, kernelOf(call, weight)).map((window, axis) => {
    const fixed = given?.[given.length - weight.length + 2 + axis];
    if (fixed !== undefined) return dim(fixed);
    const size = call.size(shape, axis + 2);
    if (auto.startsWith("SAME")) return multiply(size, window.stride);
    const reach = (window.kernel - 1) * window.dilation + 1;
    const steps = multiply(add(size, -1), window.stride);
    return add(steps, (extra?.[axis] ?? 0) + reach - window.before - window.after);
  });
  return one(dtype, [call.size(shape, 0), outputs, ...spatial]);
};

const pool: Rule = (call) => {
  const { dtype, shape } = call.typed(0, NUMBERS);
  const kernel = call.ints("kernel_shape");
  if (kernel === null) throw call.error("kernel_shape is missing");
  const rank = kernel.length + 2;
  const known = call.ranked(0, rank);
  const result =
    known === null || shape === null
      ? unknownShape(call, rank, "pooled")
      : [
          ...known.slice(0, 2),
          ...windows(call, kernel).map((window, axis) => slide(call, call.size(known, axis + 2), window)),
        ];
  const first: Inferred = { dtype, shape: result };
  return call.outputs > 1 ? [first, { dtype: "int64", shape: result }] : [first];
};

const globalPool: Rule = (call) => {
  const { dtype, shape } = call.typed(0, FLOATS);
  return one(dtype, shape === null ? null : shape.map((size, axis) => (axis < 2 ? size : dim(1))));
};

const gemm: Rule = (call) => {
  const dtype = call.sameType();
  const [a, b] = [call.ranked(0, 2), call.ranked(1, 2)];
  const [transA, transB] = [call.int("transA", 0) === 1, call.int("transB", 0) === 1];
  const rows = a === null ? call.unknownSize("rows") : call.size(a, transA ? 1 : 0);
  const columns = b === null ? call.unknownSize("columns") : call.size(b, transB ? 0 : 1);
  if (a !== null && b !== null) call.unify(call.size(a, transA ? 0 : 1), call.size(b, transB ? 1 : 0), "inner sizes");
  const result = [rows, columns];
  const bias = call.optional(2);
  if (bias !== null && bias.shape !== null) {
    const spread = call.broadcast([bias.shape, result]);
    if (spread?.length !== 2) throw call.error("its third input has too many axes");
  }
  return one(dtype, result);
};

const matMul: Rule = (call) => {
  const dtype = call.sameType();
  const [a, b] = [call.input(0).shape, call.input(1).shape];
  if (a === null || b === null) return one(dtype, null);
  if (a.length === 0 || b.length === 0) throw call.error("it takes no scalars");
  const [left, right] = [a.length === 1 ? [dim(1), ...a] : a, b.length === 1 ? [...b, dim(1)] : b];
  call.unify(call.size(left, -1), call.size(right, -2), "inner sizes");
  const batch = call.broadcast([left.slice(0, -2), right.slice(0, -2)]) ?? [];
  const rows = a.length === 1 ? [] : [call.size(left, -2)];
  const columns = b.length === 1 ? [] : [call.size(right, -1)];
  return one(dtype, [...batch, ...rows, ...columns]);
};

const einsum: Rule = (call) => {
  const dtype = call.sameType();
  const equation = call.string("equation", "").replaceAll(" ", "");
  const [left = "", right] = equation.split("->");
  const terms = left.split(",");
  const sizes = new Map<string, Dim>();
  terms.forEach((term, index) => {
    const { shape } = call.input(index);
    if (term.includes("...")) throw call.error("an ellipsis is not supported");
    if (shape !== null && shape.length !== term.length)
      throw call.error(`term ${term} does not fit ${shape.length} axes`);
    Array.from(term).forEach((letter, axis) => {
      const size = shape?.[axis] ?? call.unknownSize(letter);
      const known = sizes.get(letter);
      sizes.set(letter, known === undefined ? size : broadcast(known, size));
    });
  });
  const once = [...new Set(left.replaceAll(",", ""))].filter((letter) => left.split(letter).length === 2).toSorted();
  const result = Array.from(right ?? once.join(""), (letter) => {
    const size = sizes.get(letter);
    if (size === undefined) throw call.error(`the result's axis ${letter} is not one of the inputs'`);
    return size;
  });
  return one(dtype, result);
};

/** Output like the first input, of floats. */
const normalized: Rule = (call) => {
  const { dtype, shape } = call.typed(0, FLOATS);
  return one(dtype, shape);
};

const softmax: Rule = (call) => {
  const { dtype, shape } = call.typed(0, FLOATS);
  if (shape !== null) call.axis(call.int("axis", -1), shape.length);
  return one(dtype, shape);
};

/** Parameters have one element a channel. */
const perChannel: Rule = (call) => {
  const { dtype, shape } = call.typed(0, FLOATS);
  if (shape !== null) {
    const channels = call.size(shape, 1);
    for (const parameter of call.all().slice(1)) {
      const [length] = parameter.shape ?? [];
      if (length !== undefined) call.unify(length, channels, "parameters and channels");
    }
  }
  return one(dtype, shape);
};

const resize: Rule = (call) => {
  const { dtype, shape } = call.input(0);
  if (shape === null) return one(dtype, null);
  const sizes = call.optional(3)?.elements ?? null;
  const scales = call.optional(2)?.constant ?? null;
  if (sizes !== null) {
    if (sizes.length !== shape.length) throw call.error(`${sizes.length} sizes do not fit ${shape.length} axes`);
    return one(dtype, sizes);
  }
  if (scales?.dtype !== "float32" || scales.data.length !== shape.length) {
    return one(dtype, unknownShape(call, shape.length, "resized"));
  }
  return one(
    dtype,
    shape.map((size, axis) => {
      const scale = scales.data[axis] ?? 1;
      const known = asNumber(size);
      if (known !== null) return dim(Math.floor(known * scale));
      return Number.isInteger(scale) ? multiply(size, scale) : call.unknownSize(`resized_${axis}`);
    }),
  );
};

const gridSample: Rule = (call) => {
  const shape = call.ranked(0, 4);
  const grid = call.ranked(1, 4);
  const { dtype } = call.input(0);
  if (shape === null || grid === null) return one(dtype, unknownShape(call, 4, "sampled"));
  return one(dtype, [call.size(shape, 0), call.size(shape, 1), call.size(grid, 1), call.size(grid, 2)]);
};

const nonMaxSuppression: Rule = (call) => {
  call.ranked(0, 3);
  call.ranked(1, 3);
  return one("int64", [call.unknownSize("selected"), dim(3)]);
};

const dft: Rule = (call) => {
  const { dtype, shape } = call.typed(0, FLOATS);
  if (shape === null) return one(dtype, null);
  const axis = call.axis(call.int("axis", 1), shape.length);
  const length =
    call.optional(1) === null
      ? call.size(shape, axis)
      : (call.input(1).elements?.[0] ?? call.unknownSize("frequencies"));
  const along = call.int("onesided", 0) === 1 ? add(floorDivide(length, 2), 1) : length;
  return one(dtype, shape.with(axis, along).with(shape.length - 1, dim(2)));
};

/** Y [T, D, N, H], Y_h [D, N, H] and, for LSTM, Y_c [D, N, H]. */
const recurrent: Rule = (call) => {
  const { dtype } = call.typed(0, FLOATS);
  const shape = call.ranked(0, 3);
  const weight = call.ranked(1, 3);
  const hidden = dim(call.int("hidden_size", 0));
  if (isNumber(hidden, 0)) throw call.error("hidden_size is missing");
  const directions = call.string("direction", "forward") === "bidirectional" ? 2 : 1;
  if (weight !== null) {
    call.unify(call.size(weight, 0), dim(directions), "directions of the weight and of the node");
    const gates = { LSTM: 4, GRU: 3, RNN: 1 }[call.opType] ?? 1;
    call.unify(call.size(weight, 1), multiply(hidden, gates), "rows of the weight and gates x hidden_size");
    if (shape !== null) call.unify(call.size(shape, 2), call.size(weight, 2), "features of input and weight");
  }
  const [time, batch] = [shape?.[0] ?? call.unknownSize("time"), shape?.[1] ?? call.unknownSize("batch")];
  const state: Inferred = { dtype, shape: [dim(directions), batch, hidden] };
  const sequence: Inferred = { dtype, shape: [time, dim(directions), batch, hidden] };
  return call.opType === "LSTM" ? [sequence, state, state] : [sequence, state];
};

const dropped: Rule = (call) => {
  const { dtype, shape } = call.input(0);
  return call.outputs > 1
    ? [
        { dtype, shape },
        { dtype: "bool", shape },
      ]
    : one(dtype, shape);
};

export const neural: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ["Conv", conv],
  ["ConvTranspose", convTranspose],
  ["MaxPool", pool],
  ["AveragePool", pool],
  ["LpPool", pool],
  ["GlobalAveragePool", globalPool],
  ["GlobalMaxPool", globalPool],
  ["Gemm", gemm],
  ["MatMul", matMul],
  ["Einsum", einsum],
  ["Softmax", softmax],
  ["LogSoftmax", softmax],
  ["Hardmax", softmax],
  ["BatchNormalization", perChannel],
  ["InstanceNormalization", perChannel],
  ["LayerNormalization", normalized],
  ["GroupNormalization", normalized],
  ["LRN", normalized],
  ["LpNormalization", normalized],
  ["MeanVarianceNormalization", normalized],
  ["Dropout", dropped],
  ["Resize", resize],
  ["GridSample", gridSample],
  ["NonMaxSuppression", nonMaxSuppression],
  ["DFT", dft],
  ["LSTM", recurrent],
  ["GRU", recurrent],
  ["RNN", recurrent],
]);
