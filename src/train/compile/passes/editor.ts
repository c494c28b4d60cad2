import {
  type Attributes,
  definitionOf,
  type Graph,
  type GraphNode,
  integersOf,
  keyOf,
  NodeMaker,
  nameOf,
  portOf,
  prune,
  type Ref,
  refOf,
  type TensorType,
} from "../graph.ts";

/** What a pass made of a graph, and how often it found something to do. */
export interface Rewritten {
  readonly graph: Graph;
  readonly count: number;
}

export type Pass = (graph: Graph) => Rewritten;

/** A graph to be rewritten: nodes are looked up, added and replaced by others, never changed. */
export class Editor {
  readonly #graph: Graph;
  readonly #maker: NodeMaker;
  readonly #nodes: ReadonlyMap<string, GraphNode>;
  readonly #users = new Map<Ref, GraphNode[]>();
  readonly #fetched: ReadonlySet<Ref>;
  readonly #order: ReadonlyMap<string, number>;
  readonly #replaced = new Map<Ref, Ref>();
  count = 0;

  /** @param prefix of the names of new nodes; unlike any other in the graph */
  constructor(graph: Graph, prefix: string) {
    this.#graph = graph;
    this.#maker = new NodeMaker(prefix);
    this.#nodes = new Map(graph.nodes.map((node) => [node.name, node]));
    this.#order = new Map(graph.nodes.map((node, index) => [node.name, index]));
    this.#fetched = new Set(Object.values(graph.fetches));
    for (const node of graph.nodes) {
      for (const input of node.inputs) {
        const users = this.#users.get(input);
        if (users === undefined) this.#users.set(input, [node]);
        else users.push(node);
      }
    }
  }

  get nodes(): readonly GraphNode[] {
    return this.#graph.nodes;
  }

  /** The node that makes the value. */
  node(ref: Ref): GraphNode {
    const node = this.#nodes.get(nameOf(ref)) ?? this.#maker.node(ref);
    if (node === undefined) throw new Error(`graph: there is no output ${ref}`);
    return node;
  }

  type(ref: Ref): TensorType {
    const type = this.node(ref).outputs[portOf(ref)];
    if (type === undefined) throw new Error(`graph: there is no output ${ref}`);
    return type;
  }

  /** Nodes of the graph as it was that use the value; the same node twice if it uses it twice. */
  users(ref: Ref): readonly GraphNode[] {
    return this.#users.get(ref) ?? [];
  }

  /** Whether one node of the graph uses the value, once, and nobody asks for it. */
  usedOnce(ref: Ref): boolean {
    return this.users(ref).length === 1 && !this.#fetched.has(ref);
  }

  isFetched(ref: Ref): boolean {
    return this.#fetched.has(ref);
  }

  /** Place in the topological order. */
  order(node: GraphNode): number {
    return this.#order.get(node.name) ?? Number.POSITIVE_INFINITY;
  }

  /** The numbers of an int32 constant. */
  integers(ref: Ref): readonly number[] | undefined {
    return integersOf(this.node(ref));
  }

  constant(values: Float32Array | Int32Array, type: TensorType): Ref {
    return this.#maker.constant(values, type);
  }

  add(op: string, inputs: readonly Ref[], attributes: Attributes, output: TensorType): Ref {
    return this.#maker.one(op, inputs, attributes, output);
  }

  addMany(op: string, inputs: readonly Ref[], attributes: Attributes, outputs: readonly TensorType[]): readonly Ref[] {
    return this.#maker.make(op, inputs, attributes, outputs);
  }

  replace(from: Ref, to: Ref): void {
    if (from !== to) this.#replaced.set(from, to);
  }

  /** What stands for the value now. */
  resolve(ref: Ref): Ref {
    let current = ref;
    for (let next = this.#replaced.get(current); next !== undefined; next = this.#replaced.get(current)) current = next;
    return current;
  }

  finish(): Rewritten {
    const moved = (node: GraphNode): GraphNode => {
      const inputs = node.inputs.map((input) => this.resolve(input));
      return inputs.every((input, index) => input === node.inputs[index]) ? node : { ...node, inputs };
    };
    const nodes = [...this.#graph.nodes, ...this.#maker.nodes].map(moved);
    const fetches = Object.fromEntries(
      Object.entries(this.#graph.fetches).map(([label, ref]): [string, Ref] => [label, this.resolve(ref)]),
    );
    return { graph: prune(nodes, fetches), count: this.count };
  }
}

/**
 * A pass that looks at every node once, in topological order, with what its inputs have become, and may put another
 * value in the place of its first output.
 */
export function sweep(prefix: string, rule: (node: GraphNode, editor: Editor) => Ref | undefined): Pass {
  return (graph) => {
    const editor = new Editor(graph, prefix);
    for (const node of graph.nodes) {
      const inputs = node.inputs.map((input) => editor.resolve(input));
      const replacement = rule({ ...node, inputs }, editor);
      if (replacement === undefined || replacement === refOf(node.name)) continue;
      editor.count++;
      editor.replace(refOf(node.name), replacement);
    }
    return editor.finish();
  };
}

/** Nodes that compute the same become one. */
export function shareSame(graph: Graph): Rewritten {
  const editor = new Editor(graph, "same");
  const first = new Map<string, GraphNode>();
  for (const node of graph.nodes) {
    if (node.controls.length > 0 || node.op === "Placeholder" || definitionOf(node.op)?.stateful !== false) continue;
    const inputs = node.inputs.map((input) => editor.resolve(input));
    const key = keyOf(node.op, inputs, node.attributes);
    if (key === undefined) continue;
    const known = first.get(key);
    if (known === undefined) {
      first.set(key, node);
      continue;
    }
    editor.count++;
    node.outputs.forEach((_, port) => editor.replace(refOf(node.name, port), refOf(known.name, port)));
  }
  return editor.finish();
}
