import { show } from "../../onnx/dim.ts";
import type { GraphToOptimize } from "../passes/pass-graph.ts";
import type { Value } from "../ir/value.ts";

import type { GraphBuilder } from "./builder.ts";
import { valueInfo } from "./value-info.ts";

export interface NamedValue {
  readonly name: string;
  readonly value: Value;
}

/** The graph of a builder: its outputs have TF.js's order of axes. */
export function finishGraph(
  builder: GraphBuilder,
  name: string,
  inputs: readonly NamedValue[],
  outputs: readonly NamedValue[],
): GraphToOptimize {
  const plain = outputs.map(({ name: output, value }) => ({
    tensor: builder.plain(value).name,
    info: { name: output, dtype: value.dtype, dims: value.dims.map(show) },
  }));
  return {
    opset: builder.opset,
    name,
    nodes: builder.nodes,
    initializers: builder.initializers,
    inputs: inputs.map(({ name: input, value: { tensor } }) =>
      valueInfo({ name: input, dtype: tensor.dtype, shape: tensor.shape }),
    ),
    outputs: plain,
    types: builder.types,
  };
}
