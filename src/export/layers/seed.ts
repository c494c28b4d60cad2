import { readActivation } from "../activation.ts";
import { defineConverter, only, type LayerConverter } from "../converter.ts";
import { transposed } from "../onnx/builder.ts";
import { int, string, strings } from "../onnx/graph.ts";
import { dimsOf, newAxis, type Value } from "../onnx/value.ts";
import { ExportError } from "../../errors.ts";

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

export const seedLayers: readonly LayerConverter[] = [lstm];
