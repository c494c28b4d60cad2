import type { OnnxGraph, OnnxNode } from "../../../onnx/model.ts";
import type { Tensor } from "../../../tensor.ts";

/** Every tensor a node reads, those that its bodies take from outside included. */
export function readsOf(node: OnnxNode): string[] {
  const bodies = Object.values(node.attributes).flatMap((attribute) =>
    attribute.type === "graph"
      ? [...attribute.value.nodes.flatMap(readsOf), ...attribute.value.outputs.map((o) => o.name)]
      : [],
  );
  return [...node.inputs, ...bodies];
}

/** How often each tensor is read, as an output of the graph included. */
export function countUses(graph: OnnxGraph): Map<string, number> {
  const uses = new Map<string, number>();
  const count = (name: string): void => {
    uses.set(name, (uses.get(name) ?? 0) + 1);
  };
  for (const node of graph.nodes) readsOf(node).forEach(count);
  for (const output of graph.outputs) count(output.name);
  return uses;
}

/** Who makes and who reads each tensor. */
export interface Wiring {
  readonly uses: ReadonlyMap<string, number>;
  readonly producers: ReadonlyMap<string, OnnxNode>;
}

export function wiringOf(graph: OnnxGraph): Wiring {
  return {
    uses: countUses(graph),
    producers: new Map(graph.nodes.map((node) => [node.outputs[0] ?? "", node])),
  };
}

/** The node whose first output a tensor is, when the tensor is read once only; else null. */
export function soleProducer({ uses, producers }: Wiring, tensor: string): OnnxNode | null {
  return uses.get(tensor) === 1 ? (producers.get(tensor) ?? null) : null;
}

/** A constant of int64 elements as numbers; null when the tensor is none. */
export function int64Constant(graph: OnnxGraph, name: string): number[] | null {
  const tensor = graph.initializers.get(name);
  return tensor?.dtype === "int64" ? Array.from(tensor.data, Number) : null;
}

/** A float32 constant; null when the tensor is none. */
export function floatConstant(graph: OnnxGraph, name: string): FloatTensor | null {
  const tensor = graph.initializers.get(name);
  return tensor?.dtype === "float32" ? tensor : null;
}

export type FloatTensor = Extract<Tensor, { readonly dtype: "float32" }>;

/** A name that no constant has yet. */
export function freshName(initializers: ReadonlyMap<string, Tensor>, stem: string): string {
  let name = `${stem}_folded`;
  for (let count = 1; initializers.has(name); count++) name = `${stem}_folded_${count}`;
  return name;
}

/** Elementwise on one tensor, whatever the order of its elements. */
export const ELEMENTWISE: ReadonlySet<string> = new Set([
  "Abs",
  "Clip",
  "Elu",
  "Exp",
  "Gelu",
  "HardSigmoid",
  "LeakyRelu",
  "Relu",
  "Selu",
  "Sigmoid",
  "Softplus",
  "Softsign",
  "Sqrt",
  "Tanh",
  "ThresholdedRelu",
]);

/** Number of dimensions of a tensor, where the nodes that make it tell. */
export function rankOf(graph: OnnxGraph, { producers }: Wiring, tensor: string): number | null {
  let name = tensor;
  for (;;) {
    const given = graph.inputs.find((input) => input.name === name);
    if (given !== undefined) return given.dims?.length ?? null;
    const node = producers.get(name);
    if (node === undefined) return null;
    const known = rankMadeBy(graph, node);
    if (known !== null) return known;
    if (!ELEMENTWISE.has(node.opType) && node.opType !== "BatchNormalization") return null;
    name = node.inputs[0] ?? "";
  }
}

function rankMadeBy(graph: OnnxGraph, { opType, inputs, attributes }: OnnxNode): number | null {
  const window = attributes["kernel_shape"];
  switch (opType) {
    case "Gemm":
      return 2;
    case "LSTM":
    case "GRU":
    case "RNN":
      return 4;
    case "Conv":
    case "ConvTranspose":
      return graph.initializers.get(inputs[1] ?? "")?.dims.length ?? null;
    case "MaxPool":
    case "AveragePool":
      return window?.type === "ints" ? window.value.length + 2 : null;
    default:
      return null;
  }
}
