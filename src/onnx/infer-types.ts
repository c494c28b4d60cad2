import { ELEMENT_TYPE } from "./element-type.ts";
import {
  bodiesOf,
  type FileAttribute,
  type FileGraph,
  type FileModel,
  type FileNode,
  type FileTensor,
  type FileValue,
} from "./file-model.ts";
import { smallNumbers } from "./read.ts";

/** What can be told of a tensor without running the model. */
export interface TensorFacts {
  /** `TensorProto.DataType`; null when unknown. */
  readonly elementType: number | null;
  /** Sizes of the axes, a name or null for a free one; null when even their number is unknown. */
  readonly dims: readonly (number | string | null)[] | null;
  /** Elements of small constants; else null. */
  readonly numbers: readonly number[] | null;
}

/** A node with what is known of the tensors it reads. */
export interface TypedNode {
  readonly node: FileNode;
  /** By input; null for one that is left out, and where nothing is known. */
  readonly inputs: readonly (TensorFacts | null)[];
  readonly outputs: readonly TensorFacts[];
  /** It belongs to a function of the model. ONNX Runtime gives such nodes names of its own. */
  readonly inFunction: boolean;
}

/** Starts, steps and scales have an element for each axis. */
const MOST_NUMBERS = 16;

const UNKNOWN: TensorFacts = { elementType: null, dims: null, numbers: null };

/**
 * All nodes of a model with types and shapes, as far as inputs, constants, `value_info` and operators imply them. Nodes of bodies come
 * before the node that has the bodies; those of functions come last. What is not known is null; nothing is refused.
 *
 * The rules in src/onnx/operators are not used here, because they check the nodes that the exporter makes. They need the type of every
 * input, and throw for operators and element types that the exporter does not write. This function reads files of any tool, and the inputs
 * of functions in them have no types. The rules would also add every operator's rule to what a page loads to run a model.
 */
export function inferTypes(model: FileModel): readonly TypedNode[] {
  const nodes: TypedNode[] = [];
  visitGraph(model.graph, new Scope(null), nodes);
  for (const { nodes: body } of model.functions) visitNodes(body, new Scope(null), { nodes, inFunction: true });
  return nodes;
}

/** Facts of the tensors of a graph, and of the graphs around it. */
class Scope {
  readonly #own = new Map<string, TensorFacts>();
  readonly #outer: Scope | null;

  constructor(outer: Scope | null) {
    this.#outer = outer;
  }

  get(name: string): TensorFacts | null {
    return this.#own.get(name) ?? this.#outer?.get(name) ?? null;
  }

  set(name: string, facts: TensorFacts): void {
    if (name !== "") this.#own.set(name, facts);
  }
}

interface Visit {
  readonly nodes: TypedNode[];
  readonly inFunction: boolean;
}

function visitGraph(graph: FileGraph, scope: Scope, nodes: TypedNode[], inFunction = false): void {
  for (const value of [...graph.inputs, ...graph.outputs, ...graph.valueInfo]) scope.set(value.name, declared(value));
  for (const tensor of graph.initializers) scope.set(tensor.name, constant(tensor));
  visitNodes(graph.nodes, scope, { nodes, inFunction });
}

function visitNodes(nodes: readonly FileNode[], scope: Scope, visit: Visit): void {
  for (const node of nodes) {
    for (const body of bodiesOf(node)) visitGraph(body, new Scope(scope), visit.nodes, visit.inFunction);
    const inputs = node.inputs.map((name) => (name === "" ? null : scope.get(name)));
    const outputs = node.outputs.map((name, index) => {
      const facts = merge(scope.get(name), factsOf(node, index, inputs));
      scope.set(name, facts);
      return facts;
    });
    visit.nodes.push({ node, inputs, outputs, inFunction: visit.inFunction });
  }
}

function declared({ type }: FileValue): TensorFacts {
  if (type.kind !== "tensor") return UNKNOWN;
  return { elementType: type.elementType === 0 ? null : type.elementType, dims: type.dims, numbers: null };
}

function constant(tensor: FileTensor): TensorFacts {
  return { elementType: tensor.elementType, dims: tensor.dims, numbers: smallNumbers(tensor, MOST_NUMBERS) };
}

/** What the file declares counts; what it leaves open is inferred. */
function merge(own: TensorFacts | null, inferred: TensorFacts): TensorFacts {
  if (own === null) return inferred;
  return {
    elementType: own.elementType ?? inferred.elementType,
    dims: isStatic(own.dims) ? own.dims : (inferred.dims ?? own.dims),
    numbers: inferred.numbers,
  };
}

function isStatic(dims: TensorFacts["dims"]): boolean {
  return dims?.every((dim) => typeof dim === "number") === true;
}

const BOOLEAN: ReadonlySet<string> = new Set([
  "And",
  "Equal",
  "Greater",
  "GreaterOrEqual",
  "IsInf",
  "IsNaN",
  "Less",
  "LessOrEqual",
  "Not",
  "Or",
  "Xor",
]);
const INDICES: ReadonlySet<string> = new Set(["ArgMax", "ArgMin", "NonZero", "Shape", "Size"]);

/** Facts of one output of a node. An operator without a rule gives the element type of its first input that is known. */
function factsOf(node: FileNode, output: number, inputs: readonly (TensorFacts | null)[]): TensorFacts {
  const first = inputs[0] ?? UNKNOWN;
  const { opType } = node;
  if (BOOLEAN.has(opType)) return ofType(ELEMENT_TYPE.bool);
  if (INDICES.has(opType) || (opType === "TopK" && output === 1)) return ofType(ELEMENT_TYPE.int64);
  switch (opType) {
    case "Constant":
      return constantFacts(node);
    case "Identity":
      return first;
    case "Cast":
      return { ...ofType(integerAttribute(node, "to") ?? ELEMENT_TYPE.float32), dims: first.dims };
    case "DequantizeLinear":
      return { ...ofType(inputs[1]?.elementType ?? ELEMENT_TYPE.float32), dims: first.dims };
    case "QuantizeLinear":
      return { ...ofType(inputs[2]?.elementType ?? ELEMENT_TYPE.uint8), dims: first.dims };
    case "Transpose":
      return { ...ofType(first.elementType), dims: transposed(first.dims, integersAttribute(node, "perm")) };
    case "ConstantOfShape":
      return ofType(tensorAttribute(node, "value")?.elementType ?? ELEMENT_TYPE.float32);
    case "Where":
      return ofType(inputs[1]?.elementType ?? null);
    case "OneHot":
      return ofType(inputs[2]?.elementType ?? null);
    case "If":
      return bodyOutput(node, "then_branch", output);
    case "Loop":
      // The body's first output is the condition.
      return bodyOutput(node, "body", output + 1);
    case "Scan":
      return bodyOutput(node, "body", output);
    default:
      return ofType(inputs.find((input) => input !== null)?.elementType ?? null);
  }
}

function ofType(elementType: number | null): TensorFacts {
  return { elementType, dims: null, numbers: null };
}

function constantFacts(node: FileNode): TensorFacts {
  const value = tensorAttribute(node, "value");
  if (value !== null) return constant(value);
  if (node.attributes.has("value_float") || node.attributes.has("value_floats")) return ofType(ELEMENT_TYPE.float32);
  if (node.attributes.has("value_int") || node.attributes.has("value_ints")) return ofType(ELEMENT_TYPE.int64);
  return UNKNOWN;
}

/** Shapes of a body's outputs differ between runs of it, and from those of the node: only the element type counts. */
function bodyOutput(node: FileNode, attribute: string, index: number): TensorFacts {
  const body = node.attributes.get(attribute);
  const value = body?.type === "graph" ? body.value.outputs[index] : undefined;
  return ofType(value === undefined ? null : declared(value).elementType);
}

function transposed(dims: TensorFacts["dims"], perm: readonly number[] | null): TensorFacts["dims"] {
  if (dims === null) return null;
  if (perm === null) return dims.toReversed();
  const moved = perm.map((axis) => dims[axis]);
  return moved.every((dim) => dim !== undefined) ? moved : null;
}

/** An integer attribute of a node; null when it has none of that name. */
export function integerAttribute({ attributes }: FileNode, name: string): number | null {
  const attribute: FileAttribute | undefined = attributes.get(name);
  return attribute?.type === "int" ? attribute.value : null;
}

/** A list of integers; null when the node has none of that name. */
export function integersAttribute({ attributes }: FileNode, name: string): readonly number[] | null {
  const attribute = attributes.get(name);
  return attribute?.type === "ints" ? attribute.value : null;
}

function tensorAttribute({ attributes }: FileNode, name: string): FileTensor | null {
  const attribute = attributes.get(name);
  return attribute?.type === "tensor" ? attribute.value : null;
}
