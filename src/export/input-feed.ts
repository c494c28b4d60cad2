import type { Dim } from "../onnx/dim.ts";
import type { DType } from "../tensor.ts";

import type { GraphBuilder } from "./build/builder.ts";
import type { NamedValue } from "./build/finish.ts";
import type { Value } from "./ir/value.ts";

/** An input of the network, as the model has it. */
export interface NetworkInput {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly Dim[];
}

/** An input of the file, and what the network gets from it. */
export interface Fed {
  readonly input: NamedValue;
  readonly value: Value;
}

/** The network's input as it is. */
export function plainFeed(graph: GraphBuilder, { name, dtype, dims }: NetworkInput): Fed {
  const value = graph.input(name, dtype, dims);
  return { input: { name, value }, value };
}
