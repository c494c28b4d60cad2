import { ExportError } from "../../errors.ts";
import { float32 } from "../../tensor.ts";
import { defineConverter, only, type EmitContext, type LayerConverter } from "../converter.ts";
import type { ConfigReader } from "../source/config.ts";

const SMALLEST_DEVIATION = 1e-7;

/** Numbers of the configuration, however deep their lists are; null where it has none. */
function numbersOf(config: ConfigReader, key: string): readonly number[] | null {
  const value: unknown = config.raw(key);
  if (value === undefined) return null;
  const flat: unknown[] = Array.isArray(value) ? value.flat(Infinity) : [value];
  const numbers = flat.filter((each) => typeof each === "number");
  if (numbers.length === flat.length && numbers.every(Number.isFinite)) return numbers;
  throw new ExportError(`${key} must be finite numbers`);
}

/** `(x − mean) / max(sqrt(variance), 1e-7)` along the last axis, or over everything. */
export const normalization: LayerConverter = defineConverter({
  className: "Normalization",
  ops: ["Mul", "Add"],
  parse(config) {
    const axes = config.isNull("axis") ? [] : config.integers("axis", null, [-1]);
    return {
      axes,
      mean: numbersOf(config, "mean"),
      variance: numbersOf(config, "variance"),
      invert: config.boolean("invert", false),
    };
  },
  emit(context, { axes, mean, variance, invert }, inputs) {
    const { graph } = context;
    const input = only(inputs);
    const rank = input.axes.length;
    if (axes.some((axis) => axis !== -1 && axis !== rank - 1)) {
      throw new ExportError(`axis [${axes.join(", ")}] is not the last one of an input with ${rank} axes`);
    }
    const means = mean ?? stored(context, "mean");
    const deviations = (variance ?? stored(context, "variance")).map((each) =>
      Math.max(Math.sqrt(each), SMALLEST_DEVIATION),
    );
    const scales = deviations.map((deviation) => (invert ? deviation : 1 / deviation));
    const shifts = means.map((each, index) => (invert ? each : -each * (scales[index] ?? 1)));
    const scaled = graph.withConstant("Mul", input, "scale", float32(Float32Array.from(scales), [scales.length]));
    return graph.withConstant("Add", scaled, "shift", float32(Float32Array.from(shifts), [shifts.length]));
  },
});

function stored({ weights }: EmitContext, name: string): readonly number[] {
  return Array.from(weights.get(name).data, Number);
}
