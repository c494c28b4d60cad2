import { alongAxis, applyActivation, readActivation } from "../activation.ts";
import { defineConverter, only, type LayerConverter } from "../converter.ts";
import { transposed } from "../onnx/builder.ts";
import { ceilDivide, plus, type Dim, floorDivide } from "../onnx/dims.ts";
import { int, ints, string, strings } from "../onnx/graph.ts";
import { dimOf, dimsOf, newAxis, type Value } from "../onnx/value.ts";
import { ExportError } from "../../errors.ts";

function pads(size: Dim, kernel: number, stride: number, same: boolean): readonly [number, number, Dim] {
  if (!same) return [0, 0, floorDivide(plus(size, stride - kernel), stride)];
  if (typeof size !== "number") {
    const all = Math.max(kernel - stride, 0);
    return [Math.floor(all / 2), all - Math.floor(all / 2), ceilDivide(size, stride)];
  }
  const out = Math.ceil(size / stride);
  const all = Math.max((out - 1) * stride + kernel - size, 0);
  return [Math.floor(all / 2), all - Math.floor(all / 2), out];
}

const conv2d: LayerConverter = defineConverter({
  className: "Conv2D",
  ops: ["Conv"],
  parse: (config, context) => ({
    filters: config.positive("filters"),
    kernel: config.positives("kernel_size", 2),
    strides: config.positives("strides", 2, [1, 1]),
    same: config.oneOf("padding", ["same", "valid"], "valid") === "same",
    useBias: config.boolean("use_bias", true),
    activation: readActivation(config, "activation", context.keras3),
  }),
  emit({ graph, weights }, c, inputs) {
    const input = only(inputs);
    const kernel = transposed(
      weights.get("kernel", [c.kernel[0] ?? 1, c.kernel[1] ?? 1, null, c.filters]),
      [3, 2, 0, 1],
    );
    const [top, bottom, height] = pads(dimOf(input, 1), c.kernel[0] ?? 1, c.strides[0] ?? 1, c.same);
    const [left, right, width] = pads(dimOf(input, 2), c.kernel[1] ?? 1, c.strides[1] ?? 1, c.same);
    const y = graph.make(
      "Conv",
      [
        graph.inOrder(input, [0, 3, 1, 2]),
        graph.constant("kernel", kernel),
        c.useBias ? graph.constant("bias", weights.get("bias", [c.filters])) : null,
      ],
      { dtype: "float32", dims: [dimOf(input, 0), height, width, c.filters], order: [0, 3, 1, 2] },
      { kernel_shape: ints(c.kernel), strides: ints(c.strides), pads: ints([top, left, bottom, right]) },
    );
    return applyActivation(graph, c.activation, y);
  },
});

const maxPooling2d: LayerConverter = defineConverter({
  className: "MaxPooling2D",
  ops: ["MaxPool"],
  parse: (config) => ({
    size: config.positives("pool_size", 2),
    strides: config.positives("strides", 2, null),
    same: config.oneOf("padding", ["same", "valid"], "valid") === "same",
  }),
  emit({ graph }, { size, strides, same }, inputs) {
    const input = only(inputs);
    const step = strides ?? size;
    const [top, bottom, height] = pads(dimOf(input, 1), size[0] ?? 1, step[0] ?? 1, same);
    const [left, right, width] = pads(dimOf(input, 2), size[1] ?? 1, step[1] ?? 1, same);
    return graph.make(
      "MaxPool",
      [graph.inOrder(input, [0, 3, 1, 2])],
      { dtype: "float32", dims: [dimOf(input, 0), height, width, dimOf(input, 3)], order: [0, 3, 1, 2] },
      { kernel_shape: ints(size), strides: ints(step), pads: ints([top, left, bottom, right]) },
    );
  },
});

const reshape: LayerConverter = defineConverter({
  className: "Reshape",
  ops: ["Reshape"],
  parse: (config) => config.shape("target_shape"),
  emit: ({ graph }, target, inputs) => {
    const input = only(inputs);
    return graph.reshape(input, [dimOf(input, 0), ...target.map((dim) => (dim === -1 ? null : dim))]);
  },
});

const flatten: LayerConverter = defineConverter({
  className: "Flatten",
  ops: ["Reshape"],
  parse: () => null,
  emit: ({ graph }, _, inputs) => graph.reshape(only(inputs), [dimOf(only(inputs), 0), null]),
});

const softmax: LayerConverter = defineConverter({
  className: "Softmax",
  ops: ["Softmax"],
  parse: (config) => config.integer("axis", -1),
  emit: ({ graph }, axis, inputs) => alongAxis(graph, "Softmax", only(inputs), axis),
});

const activation: LayerConverter = defineConverter({
  className: "Activation",
  ops: [],
  parse: (config, context) => readActivation(config, "activation", context.keras3),
  emit: ({ graph }, name, inputs) => applyActivation(graph, name, only(inputs)),
});

const dropout: LayerConverter = defineConverter({
  className: "Dropout",
  ops: [],
  parse: () => null,
  mask: "pass",
  emit: (_, __, inputs) => only(inputs),
});

const lstm: LayerConverter = defineConverter({
  className: "LSTM",
  ops: ["LSTM", "Squeeze"],
  parse: (config, context) => {
    const gate = readActivation(config, "recurrent_activation", context.keras3, "hard_sigmoid");
    const name = new Map([
      ["sigmoid", "Sigmoid"],
      ["hard_sigmoid", "HardSigmoid"],
    ]).get(gate);
    if (name === undefined) throw new ExportError("gate");
    return { units: config.positive("units"), gate: name, sequences: config.boolean("return_sequences", false) };
  },
  emit({ graph, weights }, { units, gate, sequences }, inputs) {
    const input = only(inputs);
    const x = graph.inOrder(input, [1, 0, 2]);
    const order = [0, 3, 1, 2];
    const pick = (data: Float32Array, width: number): Float32Array => {
      const out = new Float32Array(data.length);
      order.forEach((from, to) =>
        out.set(data.subarray(from * units * width, (from + 1) * units * width), to * units * width),
      );
      return out;
    };
    const w = transposed(weights.get("kernel"), [1, 0]);
    const r = transposed(weights.get("recurrent_kernel"), [1, 0]);
    const b = weights.get("bias");
    if (w.dtype !== "float32" || r.dtype !== "float32" || b.dtype !== "float32") throw new ExportError("dtype");
    const features = w.dims[1] ?? 1;
    const bias = new Float32Array(8 * units);
    bias.set(pick(b.data, 1));
    const [y = "", yh = ""] = graph.node(
      "LSTM",
      [
        x,
        graph.constant("W", { dtype: "float32", dims: [1, 4 * units, features], data: pick(w.data, features) }),
        graph.constant("R", { dtype: "float32", dims: [1, 4 * units, units], data: pick(r.data, units) }),
        graph.constant("B", { dtype: "float32", dims: [1, 8 * units], data: bias }),
      ],
      { hidden_size: int(units), activations: strings([gate, "Tanh", "Tanh"]), direction: string("forward") },
      2,
    );
    const [batch = 1, time = 1] = dimsOf(input);
    const n = newAxis(batch);
    const t = newAxis(time);
    const h = newAxis(units);
    const value: Value = sequences
      ? { name: y, dtype: "float32", axes: [n, t, h], stored: [t, [], n, h] }
      : { name: yh, dtype: "float32", axes: [n, h], stored: [[], n, h] };
    return value;
  },
});

export const seedLayers: readonly LayerConverter[] = [
  conv2d,
  maxPooling2d,
  reshape,
  flatten,
  softmax,
  activation,
  dropout,
  lstm,
];
