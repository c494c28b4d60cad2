import { InferenceError } from "../errors.ts";

import { decodeModel } from "./decode.ts";
import type { ExternalPlace, FileNode } from "./file-model.ts";
import { onnx } from "./generated/decode.js";
import { externalPlace, readNode, textOf } from "./read.ts";
import { concatenate, encodeModel } from "./write.ts";

const { DataLocation } = onnx.TensorProto;

type Node = onnx.NodeProto.$Properties;
type Graph = onnx.GraphProto.$Properties;
type TensorMessage = onnx.TensorProto.$Properties;

/** An input that a graph is given. */
export interface OnnxInput {
  readonly name: string;
  readonly elementType: number;
  /** Free sizes are named, or null. */
  readonly dims: readonly (number | string | null)[];
}

/**
 * Changes to an ONNX file of any origin. What is not changed is written as it was, also fields that this package does not know.
 */
export class ModelEditor {
  readonly #bytes: Uint8Array;
  readonly #model: onnx.ModelProto;
  #changed = false;

  /** @throws {InferenceError} when the bytes are not an ONNX file */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#model = decodeModel(bytes);
  }

  /** Give every node without a name one that no other node has. Nodes of functions are left out. */
  nameNodes(): this {
    const nodes = [...nodesOf(this.#graph())];
    const taken = new Set(nodes.map(({ name }) => textOf(name)));
    let count = 0;
    for (const node of nodes) {
      if (textOf(node.name) !== "") continue;
      while (taken.has(`unnamed_${count}`)) count++;
      this.#change(() => (node.name = `unnamed_${count++}`));
    }
    return this;
  }

  /**
   * Turn nodes of the outermost graph into Identity nodes, which give their first input as it is.
   *
   * @param isReplaced told of each node
   * @param elementType of the tensors that these nodes now give; the graph's outputs among them get this type
   */
  replaceByIdentity(isReplaced: (node: FileNode) => boolean, elementType: number): this {
    const graph = this.#graph();
    const given = new Set<string>();
    for (const node of graph.node ?? []) {
      if (!isReplaced(readNode(node))) continue;
      for (const output of node.output ?? []) given.add(output);
      this.#change(() => Object.assign(node, { opType: "Identity", attribute: [], domain: "" }));
    }
    for (const output of graph.output ?? []) {
      if (given.has(textOf(output.name))) this.#change(() => (output.type = { tensorType: { elemType: elementType } }));
    }
    return this;
  }

  /** Leave out outputs of the graph. */
  dropOutputs(names: ReadonlySet<string>): this {
    const graph = this.#graph();
    const outputs = graph.output ?? [];
    const kept = outputs.filter(({ name }) => !names.has(textOf(name)));
    if (kept.length < outputs.length) this.#change(() => (graph.output = kept));
    return this;
  }

  /**
   * Cut off what makes an inner tensor: it becomes the graph's only input, under another name, and nodes and constants that the
   * outputs do not need any more are left out.
   *
   * @throws {InferenceError} when no node makes it
   */
  startAt(tensor: string, input: OnnxInput): this {
    const graph = this.#graph();
    const nodes = graph.node ?? [];
    const maker = nodes.find(({ output }) => output?.includes(tensor) === true);
    if (maker === undefined) throw new InferenceError(`no node of the model makes the tensor ${tensor}`);
    const kept: Node[] = [];
    const needed = new Set((graph.output ?? []).map(({ name }) => textOf(name)));
    for (const node of nodes.toReversed()) {
      if (node === maker || node.output?.some((output) => needed.has(output)) !== true) continue;
      kept.push(node);
      for (const name of readsOf(node)) needed.add(name);
    }
    const shape = {
      dim: input.dims.map((size) =>
        typeof size === "number" ? { dimValue: size } : size === null ? {} : { dimParam: size },
      ),
    };
    this.#change(() => {
      graph.node = kept.toReversed();
      for (const node of nodesOf(graph))
        node.input = (node.input ?? []).map((name) => (name === tensor ? input.name : name));
      graph.input = [{ name: input.name, type: { tensorType: { elemType: input.elementType, shape } } }];
      graph.initializer = (graph.initializer ?? []).filter(({ name }) => needed.has(textOf(name)));
      graph.valueInfo = (graph.valueInfo ?? []).filter(
        ({ name }) => needed.has(textOf(name)) && name !== tensor && name !== input.name,
      );
    });
    return this;
  }

  /** Make inner tensors outputs of the graph as well. Those that are outputs already stay as they are. */
  addOutputs(outputs: readonly { readonly name: string; readonly elementType: number }[]): this {
    const graph = this.#graph();
    const own = graph.output ?? [];
    const names = new Set(own.map(({ name }) => textOf(name)));
    const added = outputs
      .filter(({ name }) => !names.has(name))
      .map(({ name, elementType }) => ({ name, type: { tensorType: { elemType: elementType } } }));
    if (added.length > 0) this.#change(() => (graph.output = [...own, ...added]));
    return this;
  }

  /**
   * Put the elements of tensors inside nodes into the file: constants, and initializers of bodies. ONNX Runtime takes the contents of
   * weight files for the initializers of the outermost graph only; all others it looks for in the process's working folder.
   *
   * @param files contents of the weight files by their location; tensors in other files are left as they are
   * @throws {InferenceError} when a file ends before a tensor's last element
   */
  embedNestedWeights(files: ReadonlyMap<string, Uint8Array>): this {
    for (const tensor of nestedTensors(this.#model)) {
      const place = externalPlace(tensor);
      const file = place === null ? undefined : files.get(place.location);
      if (place === null || file === undefined) continue;
      const rawData = cut(file, place);
      this.#change(() => Object.assign(tensor, { rawData, externalData: [], dataLocation: DataLocation.DEFAULT }));
    }
    return this;
  }

  /** The file; the very bytes it was made from when nothing was changed. */
  finish(): Uint8Array {
    return this.#changed ? concatenate(encodeModel(this.#model)) : this.#bytes;
  }

  #graph(): Graph {
    if (this.#model.graph == null) throw new InferenceError("the model has no graph");
    return this.#model.graph;
  }

  #change(change: () => unknown): void {
    change();
    this.#changed = true;
  }
}

function bodiesOf({ attribute }: Node): Graph[] {
  return (attribute ?? []).flatMap(({ g, graphs }) => [g, ...(graphs ?? [])].filter((body) => body != null));
}

/** Names of the tensors that a node and the bodies in it read. */
function* readsOf(node: Node): Generator<string> {
  yield* node.input ?? [];
  for (const body of bodiesOf(node)) for (const inner of nodesOf(body)) yield* inner.input ?? [];
  for (const body of bodiesOf(node)) for (const { name } of body.output ?? []) yield textOf(name);
}

/** Nodes of a graph and of all bodies in it. */
function* nodesOf(graph: Graph): Generator<Node> {
  for (const node of graph.node ?? []) {
    for (const body of bodiesOf(node)) yield* nodesOf(body);
    yield node;
  }
}

function* nestedTensors({ graph, functions }: onnx.ModelProto): Generator<TensorMessage> {
  const outermost = [...(graph?.node ?? []), ...functions.flatMap(({ node }) => node ?? [])];
  for (const node of outermost) yield* tensorsWithin(node);
}

function* tensorsWithin(node: Node): Generator<TensorMessage> {
  for (const { t, tensors } of node.attribute ?? []) {
    if (t != null) yield t;
    yield* tensors ?? [];
  }
  for (const body of bodiesOf(node)) {
    yield* body.initializer ?? [];
    for (const inner of body.node ?? []) yield* tensorsWithin(inner);
  }
}

function cut(file: Uint8Array, { location, offset, length }: ExternalPlace): Uint8Array {
  const end = length === null ? file.length : offset + length;
  if (offset >= 0 && end >= offset && end <= file.length) return file.subarray(offset, end);
  throw new InferenceError(
    `the weight file ${location} has ${file.length} bytes; the model says that a tensor is in its bytes ${offset} to ${end}`,
    { hint: "the file was cut short or belongs to another model: save both again" },
  );
}
