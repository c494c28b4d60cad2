import {
  type Attributes,
  type Graph,
  type GraphNode,
  NodeMaker,
  nameOf,
  prune,
  type Ref,
  refOf,
  type TensorType,
  typeAttribute,
} from "./graph.ts";
import type { Holder, Ledger } from "./ledger.ts";
import type { NativeBackend } from "./native.ts";
import { optimise, type PassCounts } from "./passes/index.ts";
import { loadGraph } from "./saved-model.ts";
import { makeHandle, type Trace } from "./tracer.ts";
import type { Tensor } from "./types.ts";

/** A graph to be, with what it has to do with variables. Variables are numbered as in the ledger. */
export interface Plan {
  readonly nodes: readonly GraphNode[];
  /** What a run returns. */
  readonly results: Readonly<Record<string, Ref>>;
  /** Values inside that can be asked for or replaced, for the comparison with an eager step. */
  readonly probes: Readonly<Record<string, Ref>>;
  /** Nodes that write variables: a run of the results runs them all. */
  readonly updates: readonly string[];
  /** Types of all variables that the graph has. */
  readonly variables: ReadonlyMap<number, TensorType>;
  /** Those that a run changes. */
  readonly writes: readonly number[];
}

/** The plan of a function that changes nothing but what it assigned itself. */
export function planOf(trace: Trace, types: (variable: number) => TensorType): Plan {
  const maker = new NodeMaker("u");
  const updates = [...trace.assigned].map(([index, ref]) =>
    assignNode(maker, trace, index, owned(maker, trace.nodes, ref, types(index)), types(index)),
  );
  const used = new Set([...trace.reads.keys(), ...trace.assigned.keys()]);
  return {
    nodes: [...trace.nodes, ...maker.nodes],
    results: trace.outputs,
    probes: {},
    updates,
    variables: new Map([...used].map((index) => [index, types(index)])),
    writes: [...trace.assigned.keys()],
  };
}

/** Operations whose output may be the very memory of their input. */
const ALIASING = new Set([
  "Placeholder",
  "Identity",
  "Reshape",
  "ExpandDims",
  "Squeeze",
  "Cast",
  "Slice",
  "Unpack",
  "Split",
]);

/**
 * A value that a variable may keep: a copy, if it could otherwise be memory that belongs to JavaScript (of a fed
 * tensor), which must be freed on JavaScript's thread and before Node's end.
 */
function owned(maker: NodeMaker, nodes: readonly GraphNode[], ref: Ref, type: TensorType): Ref {
  const node = nodes.find(({ name }) => name === nameOf(ref));
  if (node === undefined || !ALIASING.has(node.op)) return ref;
  return maker.one("DeepCopy", [ref], { T: typeAttribute(type.dtype) }, type);
}

/** Assigns after the variable has been read. @returns the node's name */
export function assignNode(maker: NodeMaker, trace: Trace, index: number, value: Ref, type: TensorType): string {
  const name = `assign/${index}`;
  const read = trace.reads.get(index);
  const controls = read === undefined ? [] : [nameOf(read)];
  const attributes: Attributes = { dtype: typeAttribute(type.dtype) };
  // A variable that is assigned and never read has no handle in the trace.
  const handle = read === undefined ? makeHandle(maker, index, type) : refOf(`variable/${index}`);
  maker.make("AssignVariableOp", [handle, value], attributes, [], { name, controls });
  return name;
}

/** One compiled function: a session of its own, with its own copies of the variables it uses. */
export class Program implements Holder {
  readonly passCounts: PassCounts;
  readonly nodeCount: number;
  readonly #backend: NativeBackend;
  readonly #session: number;
  readonly #results: readonly string[];
  readonly #resultNames: string;
  readonly #probes: Readonly<Record<string, Ref>>;
  /** Names of the feeds that the graph has a use for. */
  readonly #placeholders: ReadonlySet<string>;
  readonly #writes: readonly number[];
  readonly #variables: readonly number[];
  /** For each variable: which entry of the ledger its value is of, and which version of that. */
  readonly #content = new Map<number, { readonly entry: number; readonly version: number }>();

  constructor(backend: NativeBackend, plan: Plan) {
    this.#backend = backend;
    const { graph, counts } = optimise(finish(plan));
    this.passCounts = counts;
    this.nodeCount = graph.nodes.length;
    this.#results = Object.keys(plan.results);
    // Two results that are the same value are one node by now.
    this.#resultNames = this.#results.map((label) => graph.fetches[`result/${label}`]).join(",");
    this.#probes = Object.fromEntries(
      Object.entries(graph.fetches)
        .filter(([label]) => label.startsWith(PROBE))
        .map(([label, ref]) => [label.slice(PROBE.length), ref]),
    );
    this.#placeholders = new Set(graph.nodes.flatMap(({ op, name }) => (op === "Placeholder" ? name : [])));
    this.#writes = plan.writes;
    this.#variables = [...plan.variables.keys()];
    this.#session = loadGraph(backend.binding, graph);
  }

  /**
   * Brings the variables up to date. @param source which entry of the ledger a variable is to have the value of
   */
  synchronise(ledger: Ledger, source: (variable: number) => number): void {
    const stale = this.#variables.filter((variable) => {
      const content = this.#content.get(variable);
      const entry = source(variable);
      return content?.entry !== entry || content.version !== ledger.version(entry);
    });
    if (stale.length === 0) return;
    const entries = stale.map(source);
    const values = ledger.newest(entries);
    this.#run(
      stale.map((variable, index) => [`set_value/${variable}:0`, values[index]]),
      stale.map((variable) => `set_done/${variable}:0`).join(","),
    ).forEach((done) => done.dispose());
    values.forEach((value) => value.dispose());
    stale.forEach((variable, index) => {
      const entry = entries[index] ?? variable;
      this.#content.set(variable, { entry, version: ledger.version(entry) });
    });
  }

  /** Runs everything, updates included. The tensors are the caller's. */
  run(ledger: Ledger, feeds: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
    const outputs = this.#run(this.#feedsOf(feeds), this.#resultNames);
    ledger.wrote(this.#writes, this);
    for (const entry of this.#writes) this.#content.set(entry, { entry, version: ledger.version(entry) });
    return labelled(this.#results, outputs);
  }

  /** Computes probes without updating anything, with other probes' values replaced. */
  probe(
    feeds: Readonly<Record<string, Tensor>>,
    replaced: Readonly<Record<string, Tensor>>,
    labels: readonly string[],
  ): Record<string, Tensor> {
    const replacements = Object.entries(replaced).map(([label, tensor]): [string, Tensor] => [
      this.#probe(label),
      tensor,
    ]);
    const outputs = this.#run(
      [...this.#feedsOf(feeds), ...replacements],
      labels.map((label) => this.#probe(label)).join(","),
    );
    return labelled(labels, outputs);
  }

  #feedsOf(feeds: Readonly<Record<string, Tensor>>): [string, Tensor][] {
    return Object.entries(feeds).flatMap(([name, tensor]): [string, Tensor][] =>
      this.#placeholders.has(name) ? [[`${name}:0`, tensor]] : [],
    );
  }

  #probe(label: string): Ref {
    const ref = this.#probes[label];
    if (ref === undefined) throw new Error(`program: there is no probe ${label}`);
    return ref;
  }

  read(entries: readonly number[]): Tensor[] {
    return this.#run([], entries.map((entry) => `get/${entry}:0`).join(","));
  }

  #run(feeds: readonly (readonly [string, Tensor | undefined])[], outputs: string): Tensor[] {
    const backend = this.#backend;
    const tensors = feeds.flatMap(([, tensor]) => (tensor === undefined ? [] : [tensor]));
    const ids = backend.getInputTensorIds(tensors);
    const made = backend.binding.runSavedModel(this.#session, ids, feeds.map(([name]) => name).join(","), outputs);
    return made.map((metadata) => backend.createOutputTensor(metadata));
  }

  dispose(): void {
    this.#backend.binding.deleteSavedModel(this.#session);
  }
}

const PROBE = "probe/";

function labelled(labels: readonly string[], tensors: readonly Tensor[]): Record<string, Tensor> {
  const named: Record<string, Tensor> = {};
  labels.forEach((label, index) => {
    const tensor = tensors[index];
    if (tensor !== undefined) named[label] = tensor;
  });
  return named;
}

/** Adds the nodes that results, and reading and setting variables, go through. */
function finish(plan: Plan): Graph {
  const maker = new NodeMaker("f");
  const types = typesOf(plan.nodes);
  const fetches: Record<string, Ref> = {};
  for (const [label, ref] of Object.entries(plan.results)) {
    fetches[`result/${label}`] = identity(maker, `result/${label}`, ref, typeOf(types, ref), plan.updates);
  }
  for (const [label, ref] of Object.entries(plan.probes)) fetches[`${PROBE}${label}`] = ref;
  const done = maker.constant(Int32Array.of(1), { dtype: 3, shape: [] });
  const known = new Set(plan.nodes.map(({ name }) => name));
  for (const [index, type] of plan.variables) {
    const handle = known.has(`variable/${index}`) ? refOf(`variable/${index}`) : makeHandle(maker, index, type);
    const attributes: Attributes = { dtype: typeAttribute(type.dtype) };
    const [get = ""] = maker.make("ReadVariableOp", [handle], attributes, [type], { name: `get/${index}` });
    const placeholder: Attributes = { ...attributes, shape: { kind: "shape", value: type.shape } };
    const [value = ""] = maker.make("Placeholder", [], placeholder, [type], { name: `set_value/${index}` });
    const copy = maker.one("DeepCopy", [value], { T: typeAttribute(type.dtype) }, type);
    maker.make("AssignVariableOp", [handle, copy], attributes, [], { name: `set/${index}` });
    fetches[`get/${index}`] = get;
    fetches[`set/${index}`] = identity(maker, `set_done/${index}`, done, { dtype: 3, shape: [] }, [`set/${index}`]);
  }
  return prune([...plan.nodes, ...maker.nodes], fetches);
}

function identity(maker: NodeMaker, name: string, ref: Ref, type: TensorType, controls: readonly string[]): Ref {
  maker.make("Identity", [ref], { T: typeAttribute(type.dtype) }, [type], { name, controls });
  return refOf(name);
}

function typesOf(nodes: readonly GraphNode[]): ReadonlyMap<Ref, TensorType> {
  return new Map(
    nodes.flatMap(({ name, outputs }) => outputs.map((type, port): [Ref, TensorType] => [refOf(name, port), type])),
  );
}

function typeOf(types: ReadonlyMap<Ref, TensorType>, ref: Ref): TensorType {
  const type = types.get(ref);
  if (type === undefined) throw new Error(`graph: there is no output ${ref}`);
  return type;
}
