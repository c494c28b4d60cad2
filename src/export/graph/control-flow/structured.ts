import { ExportError, InternalError, ModelFormatError } from "../../../errors.ts";
import { listed, quoted } from "../../source/json.ts";
import type { GraphFunction } from "../source/functions.ts";
import type { GraphInput, GraphSource } from "../source/graph-model.ts";
import type { GraphNode, NodeOutput } from "../source/node.ts";
import type { GraphNodes } from "../source/nodes.ts";

import { findFrames, producer, type Frame, type Frames } from "./frames.ts";
import {
  readsOf,
  type OpStep,
  type ParameterStep,
  type Port,
  type Region,
  type Step,
  type StructuredGraph,
  type WhileStep,
} from "./structure.ts";
import { Tags, type TagSet } from "./tags.ts";

/** Beyond any model seen; functions that call functions could make any number. */
const MAX_STEPS = 500_000;
const MAX_DEPTH = 64;
/** Each function is put in as often as it is called. */
const MAX_CALLS = 10_000;

/** Operators that give other numbers each time, and so may not leave the loop they are in. */
const RANDOM = new Set(["RandomStandardNormal", "RandomUniform", "RandomUniformInt", "TruncatedNormal", "Multinomial"]);
const CALLS = new Set(["PartitionedCall", "StatefulPartitionedCall"]);

/**
 * The graph as nested regions, with only the nodes that the outputs need. Switch and Merge become If; Enter, NextIteration
 * and Exit become While; functions are put in where they are called. What a loop computes again from the same values each
 * time moves out of it.
 *
 * @param inputs The Placeholders that get values from outside.
 * @throws {ModelFormatError} when nodes form a cycle, functions call themselves, or branches and loops are incomplete.
 * @throws {ExportError} when branches join in a way that If and While cannot express.
 */
export function structured(
  source: GraphSource,
  inputs: readonly GraphInput[],
  outputs: readonly NodeOutput[],
): StructuredGraph {
  return new Structurer(source).run(inputs, outputs);
}

/** The values of a node's outputs. */
type Ports = (output: number) => Port;

/** One time that a graph or function is put in. */
interface Instance {
  readonly nodes: GraphNodes;
  readonly frames: Frames;
  /** What precedes the names of its nodes. */
  readonly prefix: string;
  /** Tags that all its steps have. */
  readonly forced: TagSet;
  /** Tags that random operators have as well. */
  readonly home: TagSet;
  /** Functions that are being put in. */
  readonly calls: readonly string[];
  readonly ports: Map<string, Ports>;
  readonly loops: Map<
    Frame,
    { readonly tag: number; readonly parameters: Map<string, ParameterStep>; step: WhileStep | null }
  >;
}

class Structurer {
  readonly #source: GraphSource;
  readonly #tags = new Tags();
  /** The tags of branches: which condition, and which side. */
  readonly #branches = new Map<number, { readonly condition: Port; readonly side: 0 | 1 }>();
  readonly #branchTags = new Map<Step, Map<number, readonly [whenFalse: number, whenTrue: number]>>();
  readonly #loopTags = new Set<number>();
  #order = 0;
  #calls = 0;

  constructor(source: GraphSource) {
    this.#source = source;
  }

  run(inputs: readonly GraphInput[], outputs: readonly NodeOutput[]): StructuredGraph {
    const parameters = inputs.map((input) => this.#parameter(input.node, this.#tags.empty, input.dtype));
    const bound = new Map(parameters.map((step): [string, Ports] => [step.name, same({ step, output: 0 })]));
    const empty = this.#tags.empty;
    const results = this.#put(this.#source.nodes, bound, outputs, {
      prefix: "",
      forced: empty,
      home: empty,
      calls: [],
    });
    const region = this.#collect(results, null);
    const known = new Set<Step>(parameters);
    for (const step of region.steps) expectComplete(step);
    for (const { step } of [...region.steps.flatMap(readsOf), ...results]) {
      if (step.kind !== "parameter" || known.has(step)) continue;
      throw new ModelFormatError(`node ${step.name}: a value from inside a loop is used outside of it`);
    }
    return { inputs: parameters, region };
  }

  /** Put in the nodes that `results` need. @returns the results */
  #put(
    nodes: GraphNodes,
    bound: ReadonlyMap<string, Ports>,
    results: readonly NodeOutput[],
    place: Pick<Instance, "prefix" | "forced" | "home" | "calls">,
  ): readonly Port[] {
    const needed = reach(nodes, bound, results);
    const frames = findFrames(nodes, needed);
    const instance: Instance = { ...place, nodes, frames, ports: new Map(bound), loops: new Map() };
    for (const node of inOrder(nodes, needed, frames, bound)) {
      instance.ports.set(
        node.name,
        at(node, place.prefix, () => this.#ports(node, instance)),
      );
    }
    return results.map((result) => portOf(instance, result));
  }

  #ports(node: GraphNode, instance: Instance): Ports {
    switch (node.op) {
      case "Identity":
        return this.#identity(node, instance);
      case "Switch":
        return this.#switch(node, instance);
      case "Merge":
        return instance.frames.byMerge.has(node.name)
          ? this.#loopVariable(node, instance)
          : this.#merge(node, instance);
      case "Enter":
      case "NextIteration":
      case "LoopCond":
        return same(inputPort(node, instance, 0));
      case "Exit":
        return this.#exit(node, instance);
      case "If":
      case "StatelessIf":
        return this.#if(node, instance);
      case "While":
      case "StatelessWhile":
        return this.#while(node, instance);
      default:
        return CALLS.has(node.op) ? this.#call(node, instance) : this.#op(node, instance);
    }
  }

  #op(node: GraphNode, instance: Instance): Ports {
    const inputs = node.inputs.map((input) => portOf(instance, input));
    const isRandom = RANDOM.has(node.op);
    let tags = this.#tags.union(this.#tagsOf(inputs), this.#controlTags(node, instance, isRandom));
    if (isRandom) tags = this.#tags.union(tags, instance.home);
    const step: OpStep = { kind: "op", ...this.#base(node, instance, tags), node, inputs };
    return (output) => ({ step, output });
  }

  #identity(node: GraphNode, instance: Instance): Ports {
    const input = inputPort(node, instance, 0);
    const tags = this.#tags.union(input.step.tags, this.#controlTags(node, instance, false));
    if (tags === input.step.tags) return same(input);
    const step: Step = { kind: "alias", ...this.#base(node, instance, tags), input };
    return same({ step, output: 0 });
  }

  #switch(node: GraphNode, instance: Instance): Ports {
    const data = inputPort(node, instance, 0);
    const [, predicate] = node.inputs;
    if (predicate !== undefined && producer(instance.nodes, predicate)?.op === "LoopCond") return () => data;
    const condition = inputPort(node, instance, 1);
    const [whenFalse, whenTrue] = this.#tagsOfBranches(condition);
    const guard = (tag: number): Port => {
      const tags = this.#tags.with(this.#tags.union(data.step.tags, condition.step.tags), tag);
      return { step: { kind: "alias", ...this.#base(node, instance, tags), input: data }, output: 0 };
    };
    const guards = [guard(whenFalse), guard(whenTrue)];
    return (output) => {
      const port = guards[output];
      if (port === undefined) throw new ModelFormatError(`it has no output ${output}`);
      return port;
    };
  }

  #merge(node: GraphNode, instance: Instance): Ports {
    if (node.inputs.length !== 2)
      throw new ExportError(`it joins ${node.inputs.length} branches; only two can be joined`);
    const inputs = node.inputs.map((input) => portOf(instance, input));
    const sides = inputs.map(({ step }) => step.tags.tags.flatMap((tag) => this.#branchOf(tag)));
    const condition = joined(sides);
    if (condition === null) throw new ModelFormatError("it joins values that are not of two branches of one Switch");
    const [whenFalse, whenTrue] = this.#tagsOfBranches(condition);
    const isSwapped =
      (sides[0] ?? []).some((each) => isSame(each.condition, condition) && each.side === 1) ||
      (sides[1] ?? []).some((each) => isSame(each.condition, condition) && each.side === 0);
    const [first, second] = inputs;
    if (first === undefined || second === undefined) throw new InternalError("a Merge without inputs");
    const regionFalse = this.#collect([isSwapped ? second : first], whenFalse);
    const regionTrue = this.#collect([isSwapped ? first : second], whenTrue);
    const reads = [condition, ...regionFalse.captures, ...regionTrue.captures];
    const tags = this.#tags.without(
      this.#tags.union(this.#tagsOf(reads), this.#controlTags(node, instance, false)),
      whenFalse,
      whenTrue,
    );
    const step: Step = {
      kind: "if",
      ...this.#base(node, instance, tags),
      condition,
      whenTrue: regionTrue,
      whenFalse: regionFalse,
    };
    return (output) => {
      if (output !== 0) throw new ExportError("TF.js does not give its second output (value_index)");
      return { step, output: 0 };
    };
  }

  #loopVariable(node: GraphNode, instance: Instance): Ports {
    const frame = instance.frames.byMerge.get(node.name);
    if (frame === undefined) throw new InternalError(`${node.name} belongs to no loop`);
    const { tag, parameters } = this.#loopOf(frame, instance);
    const parameter = this.#parameter(instance.prefix + node.name, this.#tags.with(instance.forced, tag), null);
    parameters.set(node.name, parameter);
    return same({ step: parameter, output: 0 });
  }

  #exit(node: GraphNode, instance: Instance): Ports {
    const exit = instance.frames.byExit.get(node.name);
    if (exit === undefined) throw new InternalError(`${node.name} ends no loop`);
    const { frame, variable } = exit;
    const loop = this.#loopOf(frame, instance);
    loop.step ??= this.#whileStep({
      node,
      instance,
      name: `${instance.prefix}${frame.name}`,
      tag: loop.tag,
      initial: frame.variables.map(({ initial }) => portOf(instance, initial)),
      parameters: frame.variables.map(({ merge }) => {
        const parameter = loop.parameters.get(merge);
        if (parameter === undefined) throw new InternalError(`${merge} has not been read`);
        return parameter;
      }),
      condition: portOf(instance, { node: frame.condition.name, output: 0 }),
      next: frame.variables.map(({ next }) => portOf(instance, next)),
    });
    return same({ step: loop.step, output: variable });
  }

  #if(node: GraphNode, instance: Instance): Ports {
    const condition = inputPort(node, instance, 0);
    const args = node.inputs.slice(1).map((input) => portOf(instance, input));
    const branch = (attribute: string): Region => {
      const tag = this.#tags.fresh();
      const forced = this.#tags.with(instance.forced, tag);
      const home = this.#tags.with(instance.home, tag);
      const results = this.#putFunction(node.attributes.func(attribute), args, {
        node,
        instance,
        forced,
        home,
        label: attribute,
      });
      return this.#collect(results, tag);
    };
    const whenTrue = branch("then_branch");
    const whenFalse = branch("else_branch");
    if (whenTrue.results.length !== whenFalse.results.length) {
      throw new ModelFormatError(`its branches give ${whenTrue.results.length} and ${whenFalse.results.length} values`);
    }
    const reads = [condition, ...whenTrue.captures, ...whenFalse.captures];
    const tags = this.#tags.union(this.#tagsOf(reads), this.#controlTags(node, instance, false));
    const step: Step = { kind: "if", ...this.#base(node, instance, tags), condition, whenTrue, whenFalse };
    return (output) => ({ step, output });
  }

  #while(node: GraphNode, instance: Instance): Ports {
    const initial = node.inputs.map((input) => portOf(instance, input));
    const tag = this.#tags.fresh();
    this.#loopTags.add(tag);
    const own = this.#tags.with(instance.forced, tag);
    const home = this.#tags.with(instance.home, tag);
    const parameters = initial.map((_, index) => this.#parameter(`${instance.prefix}${node.name}:${index}`, own, null));
    const args = parameters.map((step): Port => ({ step, output: 0 }));
    const place = { node, instance, forced: instance.forced, home };
    const [condition, ...more] = this.#putFunction(node.attributes.func("cond"), args, { ...place, label: "cond" });
    if (condition === undefined || more.length > 0) throw new ModelFormatError("its condition must give one value");
    const next = this.#putFunction(node.attributes.func("body"), args, { ...place, label: "body" });
    if (next.length !== initial.length) {
      throw new ModelFormatError(`its body gives ${next.length} values for ${initial.length} that the loop carries`);
    }
    const name = instance.prefix + node.name;
    const step = this.#whileStep({ node, instance, name, tag, initial, parameters, condition, next });
    return (output) => ({ step, output });
  }

  #call(node: GraphNode, instance: Instance): Ports {
    const args = node.inputs.map((input) => portOf(instance, input));
    const { forced, home } = instance;
    const results = this.#putFunction(node.attributes.func("f"), args, { node, instance, forced, home, label: "" });
    return (output) => {
      const port = results[output];
      if (port === undefined) throw new ModelFormatError(`the function it calls gives no output ${output}`);
      return port;
    };
  }

  #putFunction(
    name: string,
    args: readonly Port[],
    place: Pick<Instance, "forced" | "home"> & {
      readonly node: GraphNode;
      readonly instance: Instance;
      readonly label: string;
    },
  ): readonly Port[] {
    const { node, instance, label, forced, home } = place;
    const found = this.#source.functions.get(name);
    if (found === undefined) throw new ModelFormatError(`the function ${quoted(name)} is not in the model (library)`);
    if (instance.calls.includes(name)) {
      throw new ModelFormatError(`the function ${quoted(name)} calls itself (${listed([...instance.calls, name])})`);
    }
    if (instance.calls.length >= MAX_DEPTH) {
      throw new ExportError(`functions call each other more than ${MAX_DEPTH} levels deep`);
    }
    if (++this.#calls > MAX_CALLS) throw new ExportError(`functions are called more than ${MAX_CALLS} times`);
    return this.#putBody(found, args, {
      prefix: `${instance.prefix}${node.name}/${label === "" ? "" : `${label}/`}`,
      forced,
      home,
      calls: [...instance.calls, name],
    });
  }

  #putBody(
    { name, parameters, nodes, results }: GraphFunction,
    args: readonly Port[],
    place: Pick<Instance, "prefix" | "forced" | "home" | "calls">,
  ): readonly Port[] {
    if (args.length !== parameters.length) {
      throw new ModelFormatError(
        `the function ${quoted(name)} takes ${parameters.length} values; it is given ${args.length}`,
      );
    }
    const bound = new Map(
      parameters.map((parameter, index): [string, Ports] => {
        const input = args[index];
        if (input === undefined) throw new InternalError(`argument ${index} of ${name}`);
        return [parameter.name, same(input)];
      }),
    );
    return this.#put(nodes, bound, results, place);
  }

  #whileStep(parts: {
    readonly node: GraphNode;
    readonly instance: Instance;
    readonly name: string;
    readonly tag: number;
    readonly initial: readonly Port[];
    readonly parameters: readonly ParameterStep[];
    readonly condition: Port;
    readonly next: readonly Port[];
  }): WhileStep {
    const { node, instance, name, tag, initial, parameters } = parts;
    const condition = this.#collect([parts.condition], tag);
    const body = this.#collect(parts.next, tag);
    const reads = [...initial, ...condition.captures, ...body.captures];
    const tags = this.#tags.union(this.#tagsOf(reads), this.#controlTags(node, instance, false));
    return {
      kind: "while",
      ...this.#base(node, instance, this.#tags.without(tags, tag)),
      name,
      initial,
      parameters,
      condition,
      body,
    };
  }

  /** The steps with a tag (all, for null) that the results need. */
  #collect(results: readonly Port[], tag: number | null): Region {
    const isInside = (step: Step): boolean => tag === null || step.tags.tags.includes(tag);
    const steps = new Set<Step>();
    const captures = new Map<Step, Map<number, Port>>();
    const stack = [...results];
    for (let port = stack.pop(); port !== undefined; port = stack.pop()) {
      const { step, output } = port;
      if (!isInside(step)) {
        const known = captures.get(step) ?? new Map<number, Port>();
        known.set(output, port);
        captures.set(step, known);
      } else if (!steps.has(step)) {
        steps.add(step);
        stack.push(...readsOf(step));
      }
    }
    return {
      steps: [...steps].filter(({ kind }) => kind !== "parameter").toSorted((a, b) => a.order - b.order),
      results,
      captures: [...captures.values()].flatMap((ports) => [...ports.values()]),
    };
  }

  #loopOf(frame: Frame, { loops }: Instance): NonNullable<ReturnType<Instance["loops"]["get"]>> {
    const known = loops.get(frame);
    if (known !== undefined) return known;
    const loop = { tag: this.#tags.fresh(), parameters: new Map<string, ParameterStep>(), step: null };
    this.#loopTags.add(loop.tag);
    loops.set(frame, loop);
    return loop;
  }

  #tagsOfBranches({ step, output }: Port): readonly [whenFalse: number, whenTrue: number] {
    const known = this.#branchTags.get(step) ?? new Map<number, readonly [number, number]>();
    this.#branchTags.set(step, known);
    const made = known.get(output);
    if (made !== undefined) return made;
    const pair: readonly [number, number] = [this.#tags.fresh(), this.#tags.fresh()];
    this.#branches.set(pair[0], { condition: { step, output }, side: 0 });
    this.#branches.set(pair[1], { condition: { step, output }, side: 1 });
    known.set(output, pair);
    return pair;
  }

  #branchOf(tag: number): readonly { readonly condition: Port; readonly side: 0 | 1 }[] {
    const branch = this.#branches.get(tag);
    return branch === undefined ? [] : [branch];
  }

  #tagsOf(ports: readonly Port[]): TagSet {
    return ports.reduce((tags, { step }) => this.#tags.union(tags, step.tags), this.#tags.empty);
  }

  /** The branches that control inputs put a node in; the loops as well, for operators that may not leave them. */
  #controlTags(node: GraphNode, instance: Instance, withLoops: boolean): TagSet {
    let tags = this.#tags.empty;
    for (const control of node.controls) {
      tags = this.#tags.union(tags, portOf(instance, { node: control, output: 0 }).step.tags);
    }
    if (!withLoops) tags = this.#tags.without(tags, ...tags.tags.filter((tag) => this.#loopTags.has(tag)));
    return this.#tags.union(tags, instance.forced);
  }

  #parameter(name: string, tags: TagSet, dtype: ParameterStep["dtype"]): ParameterStep {
    return { kind: "parameter", name, order: this.#next(), tags, dtype };
  }

  #base(node: GraphNode, instance: Instance, tags: TagSet): Pick<Step, "name" | "order" | "tags"> {
    return { name: instance.prefix + node.name, order: this.#next(), tags };
  }

  #next(): number {
    if (this.#order >= MAX_STEPS) {
      throw new ExportError(`the graph has more than ${MAX_STEPS} operations once its functions are put in`);
    }
    return this.#order++;
  }
}

function same(port: Port): Ports {
  return (output) => {
    if (output !== 0) throw new ModelFormatError(`it has no output ${output}`);
    return port;
  };
}

function isSame(a: Port, b: Port): boolean {
  return a.step === b.step && a.output === b.output;
}

/** The condition whose two branches are joined: that of the innermost branch the inputs are in. */
function joined(sides: readonly (readonly { readonly condition: Port; readonly side: 0 | 1 }[])[]): Port | null {
  const [first = [], second = []] = sides;
  const opposite = first.filter((a) => second.some((b) => isSame(a.condition, b.condition) && a.side !== b.side));
  // A constant that nothing holds in its branch may be the other side.
  const unshared = (own: typeof first, other: typeof first): typeof first =>
    own.filter((a) => !other.some((b) => isSame(a.condition, b.condition)));
  const candidates = opposite.length > 0 ? opposite : [...unshared(first, second), ...unshared(second, first)];
  return candidates.toSorted((a, b) => b.condition.step.order - a.condition.step.order)[0]?.condition ?? null;
}

function portOf(instance: Instance, { node, output }: NodeOutput): Port {
  const ports = instance.ports.get(node);
  if (ports === undefined) throw new InternalError(`${node} is read before it is computed`);
  return ports(output);
}

function inputPort(node: GraphNode, instance: Instance, index: number): Port {
  const input = node.inputs[index];
  if (input === undefined) throw new ModelFormatError(`it has no input ${index}`);
  return portOf(instance, input);
}

/** Adds the node's name to what is thrown. */
function at<Result>(node: GraphNode, prefix: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ModelFormatError || error instanceof ExportError) || error.message.startsWith("node "))
      throw error;
    const message = `node ${prefix}${node.name} (${node.op}): ${error.message}`;
    const options = error.hint === undefined ? { cause: error } : { cause: error, hint: error.hint };
    throw error instanceof ModelFormatError
      ? new ModelFormatError(message, options)
      : new ExportError(message, options);
  }
}

/** @throws {ExportError} when a step at the top is in a branch that nothing joins again */
function expectComplete(step: Step): void {
  const isConstant = step.kind === "op" && step.node.op === "Const";
  if (step.tags.tags.length === 0 || isConstant) return;
  throw new ExportError(
    `node ${step.name}: it is computed in one branch only (Switch), but the outputs need it in both`,
    { hint: "choose other outputs" },
  );
}

/** The nodes that the results need, whose control inputs included. */
function reach(
  nodes: GraphNodes,
  bound: ReadonlyMap<string, unknown>,
  results: readonly NodeOutput[],
): ReadonlySet<string> {
  const needed = new Set<string>();
  const stack = results.map(({ node }) => node);
  for (let name = stack.pop(); name !== undefined; name = stack.pop()) {
    const node = nodes.get(name);
    if (bound.has(name) || needed.has(name) || node === undefined) continue;
    needed.add(name);
    for (const input of node.inputs) stack.push(input.node);
    stack.push(...node.controls);
  }
  return needed;
}

/** The nodes in an order in which each comes after those it reads; what flows back into a loop is left out of account. */
function inOrder(
  nodes: GraphNodes,
  needed: ReadonlySet<string>,
  frames: Frames,
  bound: ReadonlyMap<string, unknown>,
): readonly GraphNode[] {
  const before = (node: GraphNode): readonly string[] => {
    const frame = frames.byMerge.get(node.name);
    if (frame !== undefined) return frame.enters;
    const read = [...node.inputs.map((input) => input.node), ...node.controls];
    return [...read, ...(frames.byExit.get(node.name)?.frame.ends ?? [])].filter((name) => !bound.has(name));
  };
  const ordered: GraphNode[] = [];
  const done = new Set<string>();
  for (const start of needed) {
    const first = nodes.get(start);
    if (first === undefined || done.has(start)) continue;
    const path = [{ node: first, rest: before(first).values() }];
    const open = new Set([start]);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = top.rest.next();
      if (next.done === true) {
        path.pop();
        open.delete(top.node.name);
        done.add(top.node.name);
        ordered.push(top.node);
        continue;
      }
      const node = nodes.get(next.value);
      if (node === undefined || done.has(next.value)) continue;
      if (open.has(next.value))
        throw cycle(
          path.map((each) => each.node.name),
          next.value,
        );
      open.add(next.value);
      path.push({ node, rest: before(node).values() });
    }
  }
  return ordered;
}

function cycle(path: readonly string[], back: string): ModelFormatError {
  const names = [...path.slice(path.indexOf(back)), back];
  return new ModelFormatError(
    names.length === 2
      ? `node ${back} reads itself`
      : `nodes read each other in a circle: ${listed(names.toReversed())}`,
  );
}
