import { ELEMENT_TYPE } from "../../onnx/element-type.ts";
import { int, type OnnxGraph, type OnnxNode, type OnnxValueInfo } from "../../onnx/model.ts";
import type { DType, Tensor } from "../../tensor.ts";

import { halfForm } from "./half.ts";
import { namesRead } from "./uses.ts";
import type { WeightForm } from "./weight-form.ts";

/** Operators that float16 serves well: each of their numbers is a product, a choice or a short sum of others. */
const COMPUTING = new Set(
  "Conv ConvTranspose MatMul Gemm BatchNormalization MaxPool AveragePool GlobalMaxPool Add Sub Mul Div Neg Abs Min Max Sqrt Floor Ceil Where Clip Relu LeakyRelu PRelu Elu Selu Sigmoid HardSigmoid HardSwish Tanh Erf".split(
    " ",
  ),
);

/** Operators that only move numbers: they take the type of what they move. */
const MOVING = new Set(
  "Concat Reshape Transpose Slice Pad Squeeze Unsqueeze Gather Split Expand Tile Flatten Identity DepthToSpace SpaceToDepth".split(
    " ",
  ),
);

/** A node that computes in float32 in a file whose other nodes compute in float16. */
export interface Float32Node {
  readonly name: string;
  readonly opType: string;
  readonly reason: string;
}

export interface HalfGraph {
  readonly graph: OnnxGraph;
  readonly float32Nodes: readonly Float32Node[];
  /** Weights that are float16 throughout, by the names that they had as float32. */
  readonly weights: ReadonlyMap<string, WeightForm>;
}

/** A weight that would lose more, by its root mean square, keeps its nodes in float32. */
const MOST_LOST = 1e-3;

/**
 * Let the nodes of a graph compute in float16, except those whose numbers float16 cannot hold: sums over many elements, exponentials,
 * logarithms, powers, operators with a state, and nodes that are named. Inputs and outputs of the graph stay float32; a Cast stands
 * wherever the type changes. A tensor `t` that is float16 is named `t.half`.
 *
 * @param options.kept names of nodes that stay float32, because their numbers were seen to be too large
 * @param options.float32Weights names of weights whose nodes stay float32
 */
export function computeInHalf(
  graph: OnnxGraph,
  { kept, float32Weights }: { readonly kept: ReadonlySet<string>; readonly float32Weights: ReadonlySet<string> },
): HalfGraph {
  const types = typesOf(graph);
  const constants = new Map<string, WeightForm | null>();
  const halves = new Set<string>();
  const float32Nodes: Float32Node[] = [];
  const inHalf = new Set<OnnxNode>();
  const constantOf = (name: string): WeightForm | null => {
    const known = constants.get(name);
    if (known !== undefined) return known;
    const tensor = graph.initializers.get(name);
    const form = tensor?.dtype === "float32" ? halfForm(tensor) : null;
    constants.set(name, form);
    return form;
  };
  for (const node of graph.nodes) {
    const reason = reasonAgainst(node, {
      types,
      halves,
      kept,
      float32Weights,
      constantOf,
      initializers: graph.initializers,
    });
    if (reason === null) {
      inHalf.add(node);
      for (const output of node.outputs) if (types.get(output) === "float32") halves.add(output);
    } else if (reason !== "") {
      float32Nodes.push({ name: node.name, opType: node.opType, reason });
    }
  }
  return { ...rewritten(graph, { types, halves, inHalf, constantOf }), float32Nodes };
}

interface Facts {
  readonly types: ReadonlyMap<string, DType>;
  /** Tensors that are float16 so far. */
  readonly halves: ReadonlySet<string>;
  readonly kept: ReadonlySet<string>;
  readonly float32Weights: ReadonlySet<string>;
  readonly initializers: ReadonlyMap<string, Tensor>;
  constantOf(name: string): WeightForm | null;
}

/** Why a node stays float32: "" where there is nothing to say of it, null where it does not. */
function reasonAgainst(node: OnnxNode, facts: Facts): string | null {
  const { types, halves } = facts;
  const floats = floatInputs(node, types);
  if (floats.length === 0 || !node.outputs.some((name) => types.get(name) === "float32")) return "";
  if (node.domain !== "" || !(COMPUTING.has(node.opType) || MOVING.has(node.opType))) {
    return `float16 may overflow or lose too much in ${node.opType}`;
  }
  if (facts.kept.has(node.name)) return "its numbers are too large for float16 on the samples";
  if (MOVING.has(node.opType) && !floats.some((name) => halves.has(name))) return "";
  for (const name of floats) {
    if (!facts.initializers.has(name)) continue;
    if (facts.float32Weights.has(name)) return `the weight ${name} is asked for as float32`;
    const form = facts.constantOf(name);
    if (form === null) return `the constant ${name} is larger than float16 holds, 65504`;
    if (form.loss > MOST_LOST) return `the constant ${name} is too small for float16`;
  }
  return null;
}

/** The float32 inputs that a node computes with. */
function floatInputs({ inputs }: OnnxNode, types: ReadonlyMap<string, DType>): readonly string[] {
  return inputs.filter((name) => types.get(name) === "float32");
}

function typesOf({ inputs, outputs, valueInfo = [], initializers }: OnnxGraph): ReadonlyMap<string, DType> {
  const types = new Map<string, DType>();
  for (const { name, dtype, isSequence } of [...inputs, ...outputs, ...valueInfo]) {
    if (isSequence !== true) types.set(name, dtype);
  }
  for (const [name, { dtype }] of initializers) types.set(name, dtype);
  return types;
}

interface Decided extends Pick<Facts, "types" | "halves" | "constantOf"> {
  readonly inHalf: ReadonlySet<OnnxNode>;
}

function rewritten(
  graph: OnnxGraph,
  { types, halves, inHalf, constantOf }: Decided,
): Pick<HalfGraph, "graph" | "weights"> {
  const readAsFloat = new Set(graph.outputs.map(({ name }) => name));
  for (const node of graph.nodes) if (!inHalf.has(node)) for (const name of namesRead(node)) readAsFloat.add(name);
  const suffix = freeSuffix(types.keys());
  const halfName = (name: string): string => `${name}${suffix}`;
  const nodes: OnnxNode[] = [];
  const initializers = new Map(graph.initializers);
  const weights = new Map<string, WeightForm>();
  const made = new Set<string>();
  const narrow = (name: string): string => {
    const half = halfName(name);
    if (halves.has(name) || made.has(name)) return half;
    made.add(name);
    const form = graph.initializers.has(name) ? constantOf(name) : null;
    const constant = form?.constants["float16"];
    if (form === null || constant === undefined || constant.dtype === "int4") {
      nodes.push(cast(name, half, "float16"));
      return half;
    }
    initializers.set(half, constant);
    if (!readAsFloat.has(name)) initializers.delete(name);
    weights.set(name, form);
    return half;
  };
  for (const node of graph.nodes) {
    if (!inHalf.has(node)) {
      nodes.push(node);
      continue;
    }
    const inputs = node.inputs.map((name) => (types.get(name) === "float32" ? narrow(name) : name));
    const outputs = node.outputs.map((name) => (halves.has(name) ? halfName(name) : name));
    nodes.push({ ...node, inputs, outputs });
    for (const name of node.outputs) {
      if (halves.has(name) && readAsFloat.has(name)) nodes.push(cast(halfName(name), name, "float32"));
    }
  }
  const valueInfo = (graph.valueInfo ?? []).flatMap((info): OnnxValueInfo[] => {
    const half: OnnxValueInfo = { ...info, name: halfName(info.name), dtype: "float16" };
    if (!halves.has(info.name)) return made.has(info.name) ? [info, half] : [info];
    return readAsFloat.has(info.name) ? [info, half] : [half];
  });
  return { graph: { ...graph, nodes, initializers, valueInfo }, weights };
}

/** An end of names that no tensor's name has. */
function freeSuffix(names: Iterable<string>): string {
  const taken = [...names];
  let suffix = ".half";
  while (taken.some((name) => name.endsWith(suffix))) suffix += "_";
  return suffix;
}

function cast(from: string, to: string, dtype: "float16" | "float32"): OnnxNode {
  const attributes = { to: int(ELEMENT_TYPE[dtype]) };
  return { opType: "Cast", domain: "", name: `${to}.cast`, inputs: [from], outputs: [to], attributes };
}
