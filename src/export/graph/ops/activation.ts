import { ExportError } from "../../../errors.ts";
import { float } from "../../../onnx/model.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import type { Value } from "../../ir/value.ts";
import type { OpContext } from "../converter.ts";
import type { GraphNode } from "../source/node.ts";

import { choose, number, withNumber } from "./operands.ts";

/** What a fused node does to its result. */
export type FusedActivation =
  | { readonly name: "linear" | "relu" | "relu6" | "elu" | "sigmoid" }
  | { readonly name: "leakyrelu"; readonly alpha: number }
  | { readonly name: "prelu"; readonly slope: Value };

export function activate(graph: GraphBuilder, input: Value, activation: FusedActivation): Value {
  switch (activation.name) {
    case "linear":
      return input;
    case "relu":
      return graph.unary("Relu", input);
    case "relu6":
      return input.replacedBy(
        graph.op("Clip", [input.tensor, number(graph, 0, input.dtype), number(graph, 6, input.dtype)]),
      );
    case "elu":
      return graph.unary("Elu", input);
    case "sigmoid":
      return graph.unary("Sigmoid", input);
    case "leakyrelu":
      return graph.unary("LeakyRelu", input, { alpha: float(activation.alpha) });
    case "prelu":
      return prelu(graph, input, activation.slope);
    default:
      return activation satisfies never;
  }
}

/** ONNX spreads the slope over the input, never the input over the slope. */
function prelu(graph: GraphBuilder, input: Value, slope: Value): Value {
  const spreads = slope.rank <= input.rank && slope.dims.every((size, axis) => coversAxis(input, slope, axis, size));
  if (!spreads) {
    return choose(graph, withNumber(graph, "Less", input, 0), graph.binary("Mul", input, slope), input);
  }
  return graph.elementwise([input, slope], (tensors) => graph.op("PRelu", tensors));
}

function coversAxis(input: Value, slope: Value, axis: number, size: Value["dims"][number]): boolean {
  const own = input.dims[axis + input.rank - slope.rank];
  return slope.axes[axis]?.length === 0 || own === size;
}

/** What a fused node adds and applies: `_FusedConv2D`, `_FusedMatMul`, `FusedDepthwiseConv2dNative`. */
export interface FusedParts {
  readonly bias: Value | null;
  readonly activation: FusedActivation;
}

/**
 * The operations fused into a node, read as TF.js reads them: the first is a bias or none, the second the activation; further
 * inputs are the bias, then the slope of a PRelu.
 */
export function fusedParts(context: OpContext, { attributes }: GraphNode): FusedParts {
  const [extra = "", activation = ""] = attributes.strings("fused_ops", []).map((name) => name.toLowerCase());
  if (extra === "fusedbatchnorm")
    throw new ExportError("a fused batch normalisation is not supported, nor is it in TF.js");
  const hasBias = extra === "biasadd";
  const rest = context.tensors(2);
  const [first, second] = rest;
  const bias = hasBias ? (first ?? null) : null;
  if (hasBias && bias === null) throw new ExportError("it fuses BiasAdd but has no bias");
  return { bias, activation: readActivation(activation, hasBias ? second : first, attributes) };
}

function readActivation(name: string, slope: Value | undefined, attributes: GraphNode["attributes"]): FusedActivation {
  switch (name) {
    case "":
    case "linear":
      return { name: "linear" };
    case "relu":
    case "relu6":
    case "elu":
    case "sigmoid":
      return { name };
    case "leakyrelu":
      return { name, alpha: attributes.float("leakyrelu_alpha", 0.2) };
    case "prelu":
      if (slope === undefined) throw new ExportError("it fuses Prelu but has no slope");
      return { name, slope };
    default:
      throw new ExportError(`it fuses ${name}, which TF.js does not have`);
  }
}
