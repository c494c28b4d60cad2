import { sizeOf } from "../tensor.ts";

import { bytesField, concat, readFields, readIntegers, rewriteFields } from "./protobuf-fields.ts";

/** Field numbers of onnx.proto (onnx 1.16). */
const MODEL = { graph: 7, opsetImport: 8, functions: 25 };
const OPSET = { domain: 1, version: 2 };
const FUNCTION = { node: 7 };
const GRAPH = { node: 1, initializer: 5 };
const NODE = { input: 1, output: 2, name: 3, opType: 4, attribute: 5 };
const ATTRIBUTE = { name: 1, integer: 3, string: 4, tensor: 5, graph: 6, integers: 8, strings: 9, graphs: 11 };
const TENSOR = { dims: 1, dataType: 2, floats: 4, int64s: 7, name: 8, raw: 9 };
const FLOAT32 = 1;
const INT64 = 7;

/** What a file tells of a value without running anything. */
export interface Known {
  readonly dims: readonly number[];
  /** The elements of short constants of int64 or float32, up to {@link MOST_NUMBERS}; null where there are none. */
  readonly numbers: readonly number[] | null;
}

export interface OnnxNode {
  /** Empty when the file gives it none. */
  readonly name: string;
  readonly opType: string;
  readonly strings: ReadonlyMap<string, readonly string[]>;
  readonly integers: ReadonlyMap<string, readonly number[]>;
  /** Of each input; undefined where nothing is known, or where the input is left out. */
  readonly inputs: readonly (Known | undefined)[];
  /** Whether each input is given. */
  readonly given: readonly boolean[];
  readonly outputs: number;
  /** It is in a function of the model, whose nodes ONNX Runtime gives names of its own. */
  readonly inFunction: boolean;
}

export interface OnnxNodes {
  /** Version of the standard operator set. */
  readonly opset: number;
  /** Those of loops' and branches' bodies come before the node that has them, those of functions last. */
  readonly nodes: readonly OnnxNode[];
}

export function readNodes(model: Uint8Array): OnnxNodes {
  const nodes: OnnxNode[] = [];
  const functions: OnnxNode[] = [];
  let opset = 0;
  readFields(model, {
    [MODEL.graph]: (reader) => readGraph(reader.bytes(), nodes, new Scope()),
    [MODEL.functions]: (reader) => readFunction(reader.bytes(), functions),
    [MODEL.opsetImport]: (reader) => (opset = standardVersion(reader.bytes()) ?? opset),
  });
  return { opset, nodes: [...nodes, ...functions.map((node) => ({ ...node, inFunction: true }))] };
}

/** A model whose nodes without a name, in no function, have those that `nameOf` gives for their places in {@link readNodes}. */
export function nameNodes(model: Uint8Array, nameOf: (index: number) => string | null): Uint8Array {
  let count = 0;
  const rewriteGraph = (graph: Uint8Array): Uint8Array =>
    rewriteFields(graph, {
      [GRAPH.node]: (node) => {
        const rewritten = rewriteFields(node, {
          [NODE.attribute]: (attribute) =>
            rewriteFields(attribute, { [ATTRIBUTE.graph]: rewriteGraph, [ATTRIBUTE.graphs]: rewriteGraph }),
        });
        const name = nameOf(count++);
        return name === null ? rewritten : concat([rewritten, bytesField(NODE.name, new TextEncoder().encode(name))]);
      },
    });
  return rewriteFields(model, { [MODEL.graph]: rewriteGraph });
}

/** What is known of the values of a graph, or of one around it. */
class Scope {
  readonly #own = new Map<string, Known>();
  readonly #around: Scope | undefined;

  constructor(around?: Scope) {
    this.#around = around;
  }

  get(name: string): Known | undefined {
    return this.#own.get(name) ?? this.#around?.get(name);
  }

  set(name: string, known: Known): void {
    this.#own.set(name, known);
  }
}

function standardVersion(bytes: Uint8Array): number | null {
  let [domain, version] = ["", 0];
  readFields(bytes, {
    [OPSET.domain]: (reader) => (domain = reader.string()),
    [OPSET.version]: (reader) => (version = Number(reader.int64())),
  });
  return domain === "" || domain === "ai.onnx" ? version : null;
}

function readFunction(bytes: Uint8Array, nodes: OnnxNode[]): void {
  const scope = new Scope();
  readFields(bytes, { [FUNCTION.node]: (reader) => readNode(reader.bytes(), nodes, scope) });
}

function readGraph(bytes: Uint8Array, nodes: OnnxNode[], scope: Scope): void {
  const own: Uint8Array[] = [];
  readFields(bytes, {
    [GRAPH.node]: (reader) => own.push(reader.bytes()),
    [GRAPH.initializer]: (reader) => {
      const { name, known } = readTensor(reader.bytes());
      scope.set(name, known);
    },
  });
  // A file has its initializers behind its nodes.
  for (const node of own) readNode(node, nodes, scope);
}

function readNode(bytes: Uint8Array, nodes: OnnxNode[], scope: Scope): void {
  let [name, opType] = ["", ""];
  const inputs: string[] = [];
  const outputs: string[] = [];
  const strings = new Map<string, readonly string[]>();
  const integers = new Map<string, readonly number[]>();
  let constant: Known | undefined;
  readFields(bytes, {
    [NODE.input]: (reader) => inputs.push(reader.string()),
    [NODE.output]: (reader) => outputs.push(reader.string()),
    [NODE.name]: (reader) => (name = reader.string()),
    [NODE.opType]: (reader) => (opType = reader.string()),
    [NODE.attribute]: (reader) => {
      const attribute = readAttribute(reader.bytes());
      strings.set(attribute.name, attribute.strings);
      integers.set(attribute.name, attribute.integers);
      constant = attribute.tensor ?? constant;
      for (const graph of attribute.graphs) readGraph(graph, nodes, new Scope(scope));
    },
  });
  const known = inputs.map((input) => scope.get(input));
  const first = opType === "Constant" ? constant : throughNode(opType, integers, known[0]);
  if (first !== undefined) scope.set(outputs[0] ?? "", first);
  nodes.push({
    name,
    opType,
    strings,
    integers,
    inputs: known,
    given: inputs.map((input) => input !== ""),
    outputs: outputs.filter((output) => output !== "").length,
    inFunction: false,
  });
}

/** Operators whose output has the shape of their first input, and that weights come through. */
const SHAPE_KEPT: ReadonlySet<string> = new Set(["Identity", "Cast", "QuantizeLinear", "DequantizeLinear"]);

function throughNode(opType: string, integers: OnnxNode["integers"], input: Known | undefined): Known | undefined {
  if (input === undefined || opType === "Identity") return input;
  const { dims } = input;
  if (SHAPE_KEPT.has(opType)) return { dims, numbers: null };
  if (opType !== "Transpose") return undefined;
  const order = integers.get("perm") ?? dims.map((_, axis) => dims.length - 1 - axis);
  return { dims: order.map((axis) => dims[axis] ?? 0), numbers: null };
}

interface Attribute {
  readonly name: string;
  readonly strings: readonly string[];
  readonly integers: readonly number[];
  /** As a Constant has. */
  readonly tensor: Known | null;
  readonly graphs: readonly Uint8Array[];
}

function readAttribute(bytes: Uint8Array): Attribute {
  let name = "";
  let tensor: Known | null = null;
  const strings: string[] = [];
  const integers: number[] = [];
  const graphs: Uint8Array[] = [];
  readFields(bytes, {
    [ATTRIBUTE.name]: (reader) => (name = reader.string()),
    [ATTRIBUTE.integer]: (reader) => integers.push(Number(reader.int64())),
    [ATTRIBUTE.integers]: (reader, wireType) => integers.push(...readIntegers(reader, wireType)),
    [ATTRIBUTE.string]: (reader) => strings.push(reader.string()),
    [ATTRIBUTE.strings]: (reader) => strings.push(reader.string()),
    [ATTRIBUTE.tensor]: (reader) => (tensor = readTensor(reader.bytes()).known),
    [ATTRIBUTE.graph]: (reader) => graphs.push(reader.bytes()),
    [ATTRIBUTE.graphs]: (reader) => graphs.push(reader.bytes()),
  });
  return { name, strings, integers, tensor, graphs };
}

/** Starts, steps and scales have one for each axis. */
const MOST_NUMBERS = 16;

function readTensor(bytes: Uint8Array): { readonly name: string; readonly known: Known } {
  let name = "";
  let dataType = 0;
  let raw: Uint8Array | undefined;
  const dims: number[] = [];
  const typed: number[] = [];
  const isShort = (): boolean => sizeOf(dims) <= MOST_NUMBERS;
  readFields(bytes, {
    [TENSOR.name]: (reader) => (name = reader.string()),
    [TENSOR.dims]: (reader, wireType) => dims.push(...readIntegers(reader, wireType)),
    [TENSOR.dataType]: (reader) => (dataType = reader.uint32()),
    [TENSOR.raw]: (reader) => (raw = reader.bytes()),
    // Packed; fields are in the order of their numbers, so the size is known.
    [TENSOR.floats]: (reader) => typed.push(...(isShort() ? numbersOf(reader.bytes(), FLOAT32) : [])),
    [TENSOR.int64s]: (reader, wireType) => {
      if (isShort()) typed.push(...readIntegers(reader, wireType));
      else reader.skip(wireType);
    },
  });
  const numbers = raw !== undefined && isShort() ? numbersOf(raw, dataType) : typed;
  return { name, known: { dims, numbers: numbers.length === sizeOf(dims) ? numbers : null } };
}

/** Little-endian elements of an element type that is read; none of another. */
function numbersOf(raw: Uint8Array, dataType: number): number[] {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const width = dataType === INT64 ? 8 : 4;
  if (dataType !== INT64 && dataType !== FLOAT32) return [];
  return Array.from({ length: Math.floor(raw.length / width) }, (_, index) =>
    dataType === INT64 ? Number(view.getBigInt64(index * width, true)) : view.getFloat32(index * width, true),
  );
}
