import { readFields, readIntegers } from "./protobuf-fields.ts";

/** Field numbers of onnx.proto (onnx 1.16). */
const MODEL = { graph: 7 };
const GRAPH = { node: 1, initializer: 5 };
const NODE = { input: 1, output: 2, name: 3, opType: 4, attribute: 5 };
const ATTRIBUTE = { name: 1, integer: 3, string: 4, tensor: 5, graph: 6, integers: 8, strings: 9, graphs: 11 };
const TENSOR = { dims: 1, name: 8 };

/** A node that WebGPU must not run. */
export interface WebGpuGap {
  /** Empty when the file gives it none. */
  readonly name: string;
  readonly opType: string;
}

/**
 * Nodes that ONNX Runtime's WebGPU provider takes when a session is created and then cannot run, or computes wrongly (all
 * seen in 1.30, and held by tests). They are to be placed on the CPU by name.
 */
export function webGpuGaps(model: Uint8Array): WebGpuGap[] {
  const nodes = readNodes(model);
  return nodes.filter(isGap).map(({ name, opType }) => ({ name, opType }));
}

/** `name` and operator of every node that computes something, those of loops' and branches' bodies too. */
export function nodesOf(model: Uint8Array): WebGpuGap[] {
  const nodes = readNodes(model).filter(({ opType }) => opType !== "Constant");
  return nodes.map(({ name, opType }) => ({ name, opType }));
}

interface Node extends WebGpuGap {
  readonly strings: ReadonlyMap<string, readonly string[]>;
  readonly integers: ReadonlyMap<string, readonly number[]>;
  /** Of the second input, where the file holds it. */
  readonly weightDims: readonly number[] | undefined;
}

function isGap(node: Node): boolean {
  switch (node.opType) {
    case "LSTM":
    case "GRU":
      return hasUnknownActivation(node);
    case "Conv":
      return isMiscomputed(node);
    default:
      return false;
  }
}

/** Activations of the WebGPU kernels of LSTM and GRU; any case. */
const ACTIVATIONS: ReadonlySet<string> = new Set(["sigmoid", "tanh", "relu"]);

/** At the first run: "Unsupported LSTM activation for WebGPU". HardSigmoid is TF.js's default. */
function hasUnknownActivation({ strings }: Node): boolean {
  return (strings.get("activations") ?? []).some((activation) => !ACTIVATIONS.has(activation.toLowerCase()));
}

/**
 * Wrong numbers without a word. Ungrouped: 4 output channels at a time with 6, 9, 15, 18, 21 … input channels, which are read
 * in threes, but not as a product of matrices (1 x 1, unstrided, unpadded). Grouped: output channels are written by twos or
 * fours, though a group ends among them. Grouped in three dimensions: refused at the first run.
 */
function isMiscomputed({ integers, weightDims }: Node): boolean {
  if (weightDims === undefined) return false;
  const [outputs = 0, inputs = 0, ...kernel] = weightDims;
  const group = integers.get("group")?.[0] ?? 1;
  if (kernel.length > 2) return group > 1;
  if (group > 1) {
    const ofGroup = outputs / group;
    return ofGroup >= 4 && ofGroup % (outputs % 4 === 0 ? 4 : outputs % 2 === 0 ? 2 : 1) !== 0;
  }
  const isProduct = [kernel, integers.get("strides") ?? []].every(allOnes) && allZeros(integers.get("pads") ?? []);
  return inputs > 3 && inputs % 3 === 0 && inputs % 4 !== 0 && outputs % 4 === 0 && !isProduct;
}

function allOnes(values: readonly number[]): boolean {
  return values.every((value) => value === 1);
}

function allZeros(values: readonly number[]): boolean {
  return values.every((value) => value === 0);
}

function readNodes(model: Uint8Array): Node[] {
  const raw: RawNode[] = [];
  const dims = new Map<string, readonly number[]>();
  readFields(model, { [MODEL.graph]: (reader) => readGraph(reader.bytes(), raw, dims) });
  return raw.map(({ name, opType, inputs, strings, integers }) => {
    return { name, opType, strings, integers, weightDims: dims.get(inputs[1] ?? "") };
  });
}

interface RawNode extends Omit<Node, "weightDims"> {
  readonly inputs: readonly string[];
}

function readGraph(bytes: Uint8Array, nodes: RawNode[], dims: Map<string, readonly number[]>): void {
  readFields(bytes, {
    [GRAPH.node]: (reader) => readNode(reader.bytes(), nodes, dims),
    [GRAPH.initializer]: (reader) => {
      const tensor = readTensor(reader.bytes());
      dims.set(tensor.name, tensor.dims);
    },
  });
}

function readNode(bytes: Uint8Array, nodes: RawNode[], dims: Map<string, readonly number[]>): void {
  let [name, opType] = ["", ""];
  const inputs: string[] = [];
  const outputs: string[] = [];
  const strings = new Map<string, readonly string[]>();
  const integers = new Map<string, readonly number[]>();
  readFields(bytes, {
    [NODE.input]: (reader) => inputs.push(reader.string()),
    [NODE.output]: (reader) => outputs.push(reader.string()),
    [NODE.name]: (reader) => (name = reader.string()),
    [NODE.opType]: (reader) => (opType = reader.string()),
    [NODE.attribute]: (reader) => {
      const attribute = readAttribute(reader.bytes());
      strings.set(attribute.name, attribute.strings);
      integers.set(attribute.name, attribute.integers);
      if (attribute.tensor !== null) dims.set(outputs[0] ?? "", attribute.tensor);
      for (const graph of attribute.graphs) readGraph(graph, nodes, dims);
    },
  });
  nodes.push({ name, opType, inputs, strings, integers });
}

interface Attribute {
  readonly name: string;
  readonly strings: readonly string[];
  readonly integers: readonly number[];
  /** The dims of a tensor, as a Constant has. */
  readonly tensor: readonly number[] | null;
  readonly graphs: readonly Uint8Array[];
}

function readAttribute(bytes: Uint8Array): Attribute {
  let name = "";
  let tensor: readonly number[] | null = null;
  const strings: string[] = [];
  const integers: number[] = [];
  const graphs: Uint8Array[] = [];
  readFields(bytes, {
    [ATTRIBUTE.name]: (reader) => (name = reader.string()),
    [ATTRIBUTE.integer]: (reader) => integers.push(Number(reader.int64())),
    [ATTRIBUTE.integers]: (reader, wireType) => integers.push(...readIntegers(reader, wireType)),
    [ATTRIBUTE.string]: (reader) => strings.push(reader.string()),
    [ATTRIBUTE.strings]: (reader) => strings.push(reader.string()),
    [ATTRIBUTE.tensor]: (reader) => (tensor = readTensor(reader.bytes()).dims),
    [ATTRIBUTE.graph]: (reader) => graphs.push(reader.bytes()),
    [ATTRIBUTE.graphs]: (reader) => graphs.push(reader.bytes()),
  });
  return { name, strings, integers, tensor, graphs };
}

function readTensor(bytes: Uint8Array): { readonly name: string; readonly dims: readonly number[] } {
  let name = "";
  const dims: number[] = [];
  readFields(bytes, {
    [TENSOR.name]: (reader) => (name = reader.string()),
    [TENSOR.dims]: (reader, wireType) => dims.push(...readIntegers(reader, wireType)),
  });
  return { name, dims };
}
