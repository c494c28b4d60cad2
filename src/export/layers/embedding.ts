import { ExportError } from "../../errors.ts";
import { float32 } from "../../tensor.ts";
import { defineConverter, only, type LayerConverter } from "../converter.ts";
import { asNumber, showShape, type Dim } from "../../onnx/dim.ts";
import { gather } from "../build/ops/shape.ts";
import { dimsOf, newAxis, Value } from "../ir/value.ts";
import type { ConfigReader } from "../source/config.ts";

/** TF.js has float32; the others are policies of Keras's, all of which are computed in float32. */
const DTYPES = ["float32", "float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16"] as const;

/** Ids [N, T] to vectors [N, T, C]. With `mask_zero` the steps of id 0 are masked. */
export const embedding: LayerConverter = defineConverter({
  className: "Embedding",
  ops: ["Gather"],
  takes: "any",
  parse(config, { rules }) {
    config.oneOf("dtype", DTYPES, "float32");
    return {
      ids: config.positive("input_dim"),
      features: config.positive("output_dim"),
      maskZero: config.boolean("mask_zero", false),
      lengths: rules.anyLength === true ? null : readLengths(config),
    };
  },
  mask({ graph }, { maskZero }, inputs) {
    if (!maskZero) return null;
    // TF.js compares what it is given: 0.5, whose vector is that of id 0, is not masked.
    const given = only(inputs);
    const ids = given.dtype === "int32" ? given : graph.cast(given, "float32");
    const zero =
      ids.dtype === "int32"
        ? ({ dtype: "int32", dims: [1], data: Int32Array.of(0) } as const)
        : float32(new Float32Array(1), [1]);
    return graph.unary("Not", graph.withConstant("Equal", ids, "zero", zero));
  },
  emit({ graph, weights }, { ids, features, lengths }, inputs) {
    const input = graph.cast(only(inputs), "int32");
    expectLengths(input, lengths);
    const table = graph.constant("embeddings", weights.get("embeddings", [ids, features]));
    const vector = newAxis(features);
    // A vector of one element is still a dimension of the tensor that Gather makes.
    return new Value(gather(graph, table, input.tensor), [...input.axes, vector], [...input.stored, vector]);
  },
});

/** `input_length`: one size, or a list of them, null where free. */
function readLengths(config: ConfigReader): readonly (number | null)[] | null {
  return Array.isArray(config.raw("input_length"))
    ? config.shape("input_length")
    : asList(config.integer("input_length", null));
}

function asList(length: number | null): readonly number[] | null {
  return length === null ? null : [length];
}

/** TF.js: embeddings.ts, `computeOutputShape`. @throws {ExportError} for an input of other sizes */
function expectLengths(input: Value, lengths: readonly (number | null)[] | null): void {
  if (lengths === null) return;
  const sizes = dimsOf(input).slice(1);
  const fits = (length: number | null, size: Dim | undefined): boolean => {
    const known = size === undefined ? null : asNumber(size);
    return length === null || known === null || known === length;
  };
  if (sizes.length === lengths.length && lengths.every((length, axis) => fits(length, sizes[axis]))) return;
  throw new ExportError(`input_length is [${lengths.join(", ")}], but the input's shape is ${showShape(sizes)}`);
}
