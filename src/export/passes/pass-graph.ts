import { InternalError } from "../../errors.ts";
import { asNumber, dim, showShape, type Dim } from "../../onnx/dim.ts";
import type { Attribute, Attributes, OnnxGraph, OnnxNode, OnnxValueInfo } from "../../onnx/model.ts";
import { OperatorCall, ruleFor, type Inferred, type Operand } from "../../onnx/operators/index.ts";
import { valueOf } from "../../require.ts";
import type { Tensor } from "../../tensor.ts";
import { Names } from "../build/names.ts";
import { valueInfo } from "../build/value-info.ts";

import { inOrder } from "./order.ts";

/** A tensor as passes see it: its type, its shape, and for a constant its elements. */
export interface PassTensor extends Operand {
  readonly name: string;
  /** The node that makes it; null for inputs and constants. */
  readonly producer: PassNode | null;
  /** How often nodes read it, in bodies too, and how often it is an output of a graph or a body. */
  readonly uses: number;
  /** The nodes that read it, in bodies too. */
  readonly readers: ReadonlySet<PassNode>;
  /** It is an output of the graph or of a body. */
  readonly isOutput: boolean;
}

/** A node as passes see it. It is changed through {@link PassGraph} only. */
export interface PassNode {
  readonly opType: string;
  readonly domain: string;
  readonly name: string;
  /** Null for an optional input that is left out. */
  readonly inputs: readonly (PassTensor | null)[];
  readonly outputs: readonly (PassTensor | null)[];
  /** Without the bodies. */
  readonly attributes: Attributes;
  readonly bodies: ReadonlyMap<string, PassRegion>;
  /** The graph or body that it is in. */
  readonly region: PassRegion;
}

/** The outermost graph, or a body of a node. */
export interface PassRegion {
  readonly nodes: ReadonlySet<PassNode>;
}

/** How to make tensors; `{ ...node, inputs }` for a node that differs in its inputs. */
export interface NodeSpec {
  readonly opType: string;
  readonly domain?: string;
  readonly name?: string;
  readonly inputs: readonly (PassTensor | null)[];
  readonly attributes?: Attributes;
}

/** A graph as the builder has left it. */
export interface GraphToOptimize {
  readonly opset: number;
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  readonly inputs: readonly OnnxValueInfo[];
  /** `tensor` is what the output is called within the graph. */
  readonly outputs: readonly { readonly tensor: string; readonly info: OnnxValueInfo }[];
  /** Types of all tensors by name, those of bodies included. */
  readonly types: ReadonlyMap<string, Inferred>;
}

class TensorState implements PassTensor {
  readonly id: number;
  readonly name: string;
  readonly dtype: Operand["dtype"];
  readonly shape: Operand["shape"];
  readonly isSequence: boolean;
  readonly elements: Operand["elements"];
  readonly constant: Tensor | null;
  readonly readers: Set<NodeState> = new Set();
  producer: NodeState | null = null;
  uses = 0;
  outputCount = 0;

  constructor(id: number, name: string, type: Inferred, constant: Tensor | null) {
    this.id = id;
    this.name = name;
    this.dtype = type.dtype;
    this.shape = type.shape;
    this.isSequence = type.isSequence ?? false;
    this.elements = type.elements ?? null;
    this.constant = constant;
  }

  get isOutput(): boolean {
    return this.outputCount > 0;
  }
}

class NodeState implements PassNode {
  readonly opType: string;
  readonly domain: string;
  readonly name: string;
  readonly attributes: Attributes;
  readonly bodies: Map<string, RegionState>;
  readonly region: RegionState;
  inputs: (TensorState | null)[] = [];
  outputs: readonly (TensorState | null)[] = [];
  /** Place among the nodes of the region. A node that takes the place of another one has the same. */
  readonly place: number;
  isRemoved = false;

  constructor(
    node: Pick<NodeState, "opType" | "domain" | "name" | "attributes" | "region" | "place">,
    bodies: Map<string, RegionState> = new Map(),
  ) {
    this.opType = node.opType;
    this.domain = node.domain;
    this.name = node.name;
    this.attributes = node.attributes;
    this.region = node.region;
    this.place = node.place;
    this.bodies = bodies;
  }
}

class RegionState implements PassRegion {
  readonly id: number;
  readonly name: string;
  readonly nodes: Set<NodeState> = new Set();
  readonly inputs: readonly OnnxValueInfo[];
  outputs: { readonly tensor: TensorState; readonly info: OnnxValueInfo }[] = [];

  constructor(id: number, name: string, inputs: readonly OnnxValueInfo[]) {
    this.id = id;
    this.name = name;
    this.inputs = inputs;
  }
}

/** Nodes whose outputs may be left out where nothing reads them. */
const OPTIONAL_OUTPUTS: ReadonlySet<string> = new Set(["LSTM", "GRU", "RNN"]);

/**
 * A graph that passes edit. Nodes refer to tensors and tensors to nodes as objects; names matter only when the graph is written.
 * Every edit takes time that grows with the node that is edited and the readers that change, never with the graph.
 */
export class PassGraph {
  readonly opset: number;
  readonly #top: RegionState;
  readonly #types: ReadonlyMap<string, Inferred>;
  readonly #initializers: ReadonlyMap<string, Tensor>;
  readonly #tensors = new Map<string, TensorState>();
  readonly #made: TensorState[] = [];
  readonly #names = new Names();
  readonly #known = new Map<string, NodeState>();
  #touched = new Set<NodeState>();
  #ids = 0;
  #steps = 0;

  constructor(graph: GraphToOptimize) {
    this.opset = graph.opset;
    this.#types = graph.types;
    this.#initializers = graph.initializers;
    for (const name of [...graph.types.keys(), ...graph.outputs.map(({ info }) => info.name)]) this.#names.take(name);
    this.#top = this.#load(graph.name, graph.inputs, graph.nodes, graph.outputs);
    for (const node of [...nodesOf(this.#top)].toReversed()) if (!node.isRemoved && isUnread(node)) this.#remove(node);
    this.#touched.clear();
  }

  // Facts

  /** All nodes; those of bodies come before the node that has the bodies. */
  nodes(): IterableIterator<PassNode> {
    return nodesOf(this.#top);
  }

  /** Elementary steps so far: nodes looked up, made and removed, and readers moved. Tests hold that it grows with the graph. */
  get steps(): number {
    return this.#steps;
  }

  isRemoved(node: PassNode): boolean {
    return own(node).isRemoved;
  }

  /**
   * The node that makes an input of `node`, when nothing else reads what it makes, and it is in the same graph or body; else null.
   * Only first outputs count.
   */
  soleProducer(node: PassNode, input = 0): PassNode | null {
    this.#steps++;
    const tensor = node.inputs[input] ?? null;
    const producer = tensor?.uses === 1 ? tensor.producer : null;
    return producer !== null && producer.region === node.region && producer.outputs[0] === tensor ? producer : null;
  }

  /** The node that is the only reader of a node's first output, in the same graph or body; else null. */
  soleReader(node: PassNode): PassNode | null {
    this.#steps++;
    const output = node.outputs[0] ?? null;
    if (output === null || output.uses !== 1) return null;
    const [reader] = output.readers;
    return reader !== undefined && reader.region === node.region ? reader : null;
  }

  /** Another node of the same graph or body that computes the same from the same tensors; null when none is known. */
  equalNode(node: PassNode): PassNode | null {
    this.#steps++;
    const state = own(node);
    const key = keyOf(state);
    if (key === null) return null;
    const known = this.#known.get(key);
    // A node that has got other inputs since is filed under its new key when it is looked at again.
    if (known !== undefined && known !== state && !known.isRemoved && keyOf(known) === key) return known;
    this.#known.set(key, state);
    return null;
  }

  // Edits

  /**
   * Make the outputs of a node in another way. The name stays if no other is given.
   *
   * @throws {InternalError} when the outputs would have another type or shape
   */
  redefine(node: PassNode, spec: NodeSpec): PassNode {
    const before = own(node);
    if (before.bodies.size > 0) throw new InternalError(`${before.name} has bodies, which a pass cannot take over`);
    const types = this.#infer(spec, before.outputs.length);
    before.outputs.forEach((output, index) => {
      const type = types?.[index];
      if (output !== null && type !== undefined) expectSameType(`${spec.opType} ${before.name}`, output, type);
    });
    const after = this.#node(before, { ...spec, name: spec.name ?? before.name });
    after.outputs = before.outputs;
    for (const output of before.outputs) {
      if (output === null) continue;
      output.producer = after;
      for (const reader of output.readers) this.#touch(reader);
    }
    before.outputs = [];
    this.#remove(before);
    return after;
  }

  /** One more node, in the graph or body of `near`. @returns its outputs */
  add(near: PassNode, spec: NodeSpec, outputs = 1): readonly PassTensor[] {
    const types = this.#infer(spec, outputs);
    if (types === null) throw new InternalError(`there is no rule for the operator ${spec.opType}`);
    const name = this.#names.fresh(spec.name ?? `${near.name}/${spec.opType}`);
    const node = this.#node(own(near), { ...spec, name });
    const made = types.map((type, index) => {
      const tensor = this.#tensor(index === 0 ? name : this.#names.fresh(`${name}:${index}`), type, null);
      tensor.producer = node;
      return tensor;
    });
    node.outputs = made;
    return made;
  }

  /** Everything that reads an output of the node reads the tensor at the same place instead. The node disappears. */
  replaceOutputs(node: PassNode, by: readonly (PassTensor | null)[]): boolean {
    const state = own(node);
    if (state.outputs.some((output) => output?.isOutput === true)) return false;
    state.outputs.forEach((output, index) => {
      if (output === null) return;
      const other = by[index] ?? null;
      if (other === null) {
        if (output.uses > 0) throw new InternalError(`nothing is given for output ${index} of ${node.name}`);
        return;
      }
      this.#rewire(output, ownTensor(other));
    });
    if (!state.isRemoved) this.#remove(state);
    return true;
  }

  /** One more constant. Its name begins with `stem`. */
  constant(stem: string, data: Tensor): PassTensor {
    const tensor = this.#tensor(this.#names.fresh(`${stem}_folded`), constantType(data), data);
    this.#made.push(tensor);
    return tensor;
  }

  /** The nodes around the edits since this was last called. */
  takeTouched(): readonly PassNode[] {
    const touched = [...this.#touched].filter(({ isRemoved }) => !isRemoved);
    this.#touched = new Set();
    return touched;
  }

  #touch(node: NodeState | null): void {
    this.#steps++;
    if (node !== null && !node.isRemoved) this.#touched.add(node);
  }

  #infer({ opType, domain = "", inputs, attributes = {} }: NodeSpec, outputs: number): readonly Inferred[] | null {
    const rule = ruleFor(opType, domain);
    if (rule === null) return null;
    const call = new OperatorCall({ opType, inputs, attributes, opset: this.opset, outputs }, (hint) =>
      dim(this.#names.fresh(hint)),
    );
    return rule(call).slice(0, outputs);
  }

  #tensor(name: string, type: Inferred, constant: Tensor | null): TensorState {
    return new TensorState(this.#ids++, name, type, constant);
  }

  #node({ region, place }: NodeState, spec: NodeSpec & { readonly name: string }): NodeState {
    const { opType, domain = "", name, attributes = {} } = spec;
    const node = new NodeState({ opType, domain, name, attributes, region, place });
    node.inputs = spec.inputs.map((input) => (input === null ? null : ownTensor(input)));
    while (node.inputs.length > 0 && node.inputs.at(-1) === null) node.inputs.pop();
    for (const input of node.inputs) {
      if (input === null) continue;
      read(input, node);
      this.#touch(input.producer);
    }
    region.nodes.add(node);
    this.#touch(node);
    return node;
  }

  #rewire(from: TensorState, to: TensorState): void {
    for (const reader of from.readers) {
      reader.inputs = reader.inputs.map((input) => {
        if (input !== from) return input;
        from.uses--;
        read(to, reader);
        return to;
      });
      this.#touch(reader);
    }
    from.readers.clear();
    this.#touch(to.producer);
  }

  /** Remove a node, and whatever only it has read. */
  #remove(unused: NodeState): void {
    const pending = [unused];
    const release = (tensor: TensorState, by: NodeState | null): void => {
      tensor.uses--;
      if (by !== null) tensor.readers.delete(by);
      const { producer } = tensor;
      if (producer !== null && tensor.uses === 0 && isUnread(producer)) pending.push(producer);
      if (tensor.uses !== 1) return;
      this.#touch(producer);
      for (const reader of tensor.readers) this.#touch(reader);
    };
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      if (node.isRemoved) continue;
      this.#steps++;
      node.isRemoved = true;
      node.region.nodes.delete(node);
      for (const input of node.inputs) if (input !== null) release(input, node);
      for (const { nodes, outputs } of node.bodies.values()) {
        for (const { tensor } of outputs) release(tensor, null);
        for (const inner of [...nodes].toReversed()) pending.push(inner);
      }
    }
  }

  // Loading

  #load(
    name: string,
    inputs: readonly OnnxValueInfo[],
    nodes: readonly OnnxNode[],
    outputs: GraphToOptimize["outputs"],
  ): RegionState {
    const region = new RegionState(this.#ids++, name, inputs);
    for (const input of inputs) this.#declare(input.name);
    nodes.forEach((node, place) => this.#loadNode(region, node, place));
    region.outputs = outputs.map(({ tensor: outputName, info }) => {
      const tensor = this.#find(outputName);
      tensor.uses++;
      tensor.outputCount++;
      return { tensor, info };
    });
    return region;
  }

  #loadNode(region: RegionState, { opType, domain, name, inputs, outputs, attributes }: OnnxNode, place: number): void {
    const bodies = new Map<string, RegionState>();
    const plain: [string, Attribute][] = [];
    for (const entry of Object.entries(attributes)) {
      const [key, attribute] = entry;
      if (attribute.type === "graph") bodies.set(key, this.#loadBody(attribute.value));
      else plain.push(entry);
    }
    const node = new NodeState({ opType, domain, name, attributes: Object.fromEntries(plain), region, place }, bodies);
    node.inputs = inputs.map((input) => (input === "" ? null : this.#find(input)));
    for (const input of node.inputs) if (input !== null) read(input, node);
    node.outputs = outputs.map((output) => {
      if (output === "") return null;
      const tensor = this.#declare(output);
      tensor.producer = node;
      return tensor;
    });
    this.#names.take(name);
    region.nodes.add(node);
  }

  #loadBody({ name, inputs, nodes, outputs }: OnnxGraph): RegionState {
    return this.#load(
      name,
      inputs,
      nodes,
      outputs.map((info) => ({ tensor: info.name, info })),
    );
  }

  #declare(name: string): TensorState {
    const tensor = this.#tensor(name, valueOf(this.#types, name, "type of the tensor"), null);
    this.#tensors.set(name, tensor);
    return tensor;
  }

  #find(name: string): TensorState {
    const known = this.#tensors.get(name);
    if (known !== undefined) return known;
    const data = this.#initializers.get(name);
    if (data === undefined) throw new InternalError(`the tensor ${name} is read before a node makes it`);
    const tensor = this.#tensor(name, this.#types.get(name) ?? constantType(data), data);
    this.#tensors.set(name, tensor);
    return tensor;
  }

  // Writing

  /** The graph as a file has it, with the types of all tensors. Outputs have the names that they were asked for. */
  toOnnx(): OnnxGraph {
    const names = new Map<TensorState, string>();
    const aliases: { readonly of: TensorState; readonly name: string }[] = [];
    for (const { tensor, info } of this.#top.outputs) {
      if (tensor.producer?.region === this.#top && !names.has(tensor)) names.set(tensor, info.name);
      else aliases.push({ of: tensor, name: info.name });
    }
    const nameOf = (tensor: TensorState): string => names.get(tensor) ?? tensor.name;
    const graph = writeRegion(this.#top, nameOf);
    const identities = aliases.map(({ of, name }): OnnxNode => ({
      opType: "Identity",
      domain: "",
      name,
      inputs: [nameOf(of)],
      outputs: [name],
      attributes: {},
    }));
    return {
      ...graph,
      nodes: [...graph.nodes, ...identities],
      outputs: this.#top.outputs.map(({ info }) => info),
      initializers: new Map(this.#usedConstants()),
    };
  }

  *#usedConstants(): Generator<readonly [string, Tensor]> {
    for (const { name, constant, uses } of [...this.#tensors.values(), ...this.#made]) {
      if (constant !== null && uses > 0) yield [name, constant];
    }
  }
}

function own(node: PassNode): NodeState {
  if (node instanceof NodeState) return node;
  throw new InternalError("a pass has made a node by itself");
}

function ownTensor(tensor: PassTensor): TensorState {
  if (tensor instanceof TensorState) return tensor;
  throw new InternalError("a pass has made a tensor by itself");
}

function read(tensor: TensorState, reader: NodeState): void {
  tensor.uses++;
  tensor.readers.add(reader);
}

function isUnread({ outputs }: NodeState): boolean {
  return outputs.every((output) => output === null || output.uses === 0);
}

function constantType({ dtype, dims }: Tensor): Inferred {
  return { dtype, shape: dims.map(dim) };
}

function* nodesOf(region: RegionState): Generator<NodeState> {
  for (const node of region.nodes) {
    for (const body of node.bodies.values()) yield* nodesOf(body);
    yield node;
  }
}

/** @throws {InternalError} when the element types, ranks or known sizes of two types differ */
function expectSameType(what: string, before: Operand, after: Inferred): void {
  const isSame =
    before.dtype === after.dtype &&
    before.isSequence === (after.isSequence ?? false) &&
    (before.shape === null || after.shape === null || canBeSame(before.shape, after.shape));
  if (isSame) return;
  throw new InternalError(
    `${what} would give ${after.dtype} ${showShape(after.shape)} in place of ${before.dtype} ${showShape(before.shape)}`,
  );
}

function canBeSame(a: readonly Dim[], b: readonly Dim[]): boolean {
  return (
    a.length === b.length &&
    a.every((size, axis) => {
      const [one, other] = [asNumber(size), asNumber(b[axis] ?? dim(-1))];
      return one === null || other === null || one === other;
    })
  );
}

/** What a node computes; null when that cannot be compared, differs each time, or is an output. */
function keyOf({ opType, domain, inputs, outputs, attributes, bodies, region }: NodeState): string | null {
  if (bodies.size > 0 || /^(Random|Bernoulli|Multinomial)/.test(opType)) return null;
  if (outputs.some((output) => output?.isOutput === true)) return null;
  const given = attributesKey(attributes);
  if (given === null) return null;
  const ids = inputs.map((input) => (input === null ? "" : input.id)).join();
  return `${region.id} ${domain}:${opType} ${ids} ${outputs.length} ${given}`;
}

const attributeKeys = new WeakMap<Attributes, string | null>();

/** The same text for the same attributes; null where they cannot be compared. Nodes keep theirs, and are asked for them often. */
function attributesKey(attributes: Attributes): string | null {
  const known = attributeKeys.get(attributes);
  if (known !== undefined) return known;
  const given = Object.entries(attributes).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const isComparable = given.every(([, { type }]) => type !== "graph" && type !== "tensor");
  const key = isComparable ? JSON.stringify(given) : null;
  attributeKeys.set(attributes, key);
  return key;
}

function writeRegion(region: RegionState, nameOf: (tensor: TensorState) => string): OnnxGraph {
  const placed = [...region.nodes].toSorted((a, b) => a.place - b.place);
  const nodes = inOrder(placed, (node) => producersWithin(region, node));
  const infos = nodes.flatMap(({ outputs }) =>
    outputs.flatMap((output) => {
      if (output === null || output.isOutput) return [];
      return [
        valueInfo({ name: output.name, dtype: output.dtype, shape: output.shape, isSequence: output.isSequence }),
      ];
    }),
  );
  const written = new Map(nodes.map((node) => [node, writeNode(node, nameOf)]));
  const kept = new Set([...written.values()].flatMap(({ outputs }) => outputs));
  return {
    name: region.name,
    nodes: [...written.values()],
    initializers: new Map(),
    inputs: region.inputs,
    outputs: region.outputs.map(({ tensor, info }) => ({ ...info, name: nameOf(tensor) })),
    valueInfo: infos.filter(({ name }) => kept.has(name)),
  };
}

/** The nodes of the region that make what a node and the bodies in it read. */
function* producersWithin(region: RegionState, node: NodeState): Generator<NodeState> {
  for (const input of node.inputs) if (input?.producer?.region === region) yield input.producer;
  for (const body of node.bodies.values()) {
    for (const inner of body.nodes) yield* producersWithin(region, inner);
  }
}

function writeNode(node: NodeState, nameOf: (tensor: TensorState) => string): OnnxNode {
  const { opType, domain, name, attributes, bodies } = node;
  const outputs = node.outputs.map((output) => {
    const isLeftOut = output === null || (output.uses === 0 && OPTIONAL_OUTPUTS.has(opType));
    return isLeftOut ? "" : nameOf(output);
  });
  while (outputs.at(-1) === "") outputs.pop();
  const graphs = Array.from(bodies, ([key, body]): [string, Attribute] => [
    key,
    { type: "graph", value: writeRegion(body, nameOf) },
  ]);
  return {
    opType,
    domain,
    name,
    inputs: node.inputs.map((input) => (input === null ? "" : nameOf(input))),
    outputs,
    attributes: { ...Object.fromEntries(graphs), ...attributes },
  };
}
