import { ExportError, ModelFormatError } from "../../../errors.ts";
import type { GraphNode, NodeOutput } from "../source/node.ts";
import type { GraphNodes } from "../source/nodes.ts";

/** A variable of a loop: Merge takes its first value from Enter and each later one from NextIteration. */
export interface LoopVariable {
  readonly merge: string;
  /** What Enter reads. */
  readonly initial: NodeOutput;
  /** What NextIteration reads. */
  readonly next: NodeOutput;
}

/** A loop of Enter, Merge, Switch, NextIteration and Exit, as TensorFlow 1 wrote them. */
export interface Frame {
  readonly name: string;
  readonly variables: readonly LoopVariable[];
  /** The LoopCond. */
  readonly condition: GraphNode;
  /** Nodes that the loop must have been read up to before an Exit has a value. */
  readonly ends: readonly string[];
  /** Enter nodes, constants' included. */
  readonly enters: readonly string[];
}

/** The loops of a graph, by the nodes that belong to them. */
export interface Frames {
  /** By the name of a Merge. */
  readonly byMerge: ReadonlyMap<string, Frame>;
  /** By the name of an Exit, with the variable whose last value it gives. */
  readonly byExit: ReadonlyMap<string, { readonly frame: Frame; readonly variable: number }>;
  /** By the name of a LoopCond. */
  readonly byCondition: ReadonlyMap<string, Frame>;
}

interface Draft {
  readonly name: string;
  readonly variables: LoopVariable[];
  readonly enters: string[];
  readonly nexts: string[];
  condition: GraphNode | null;
}

/**
 * Find the loops among the nodes that are needed.
 *
 * @throws {ModelFormatError} when a loop is incomplete.
 */
export function findFrames(nodes: GraphNodes, needed: ReadonlySet<string>): Frames {
  const all = [...needed].flatMap((name) => nodes.get(name) ?? []);
  const drafts = new Map<string, Draft>();
  for (const node of all) {
    if (node.op !== "Enter") continue;
    const name = node.attributes.string("frame_name");
    const draft = drafts.get(name) ?? { name, variables: [], enters: [], nexts: [], condition: null };
    draft.enters.push(node.name);
    drafts.set(name, draft);
  }
  const byMerge = new Map<string, Draft>();
  for (const node of all) {
    if (node.op === "Merge") addVariable(nodes, node, drafts, byMerge);
  }
  for (const node of all) {
    if (node.op === "Switch") addCondition(nodes, node, byMerge);
  }
  const frames = new Map([...drafts.values()].filter(isLoop).map((draft) => [draft, finish(draft)]));
  const frameOf = (draft: Draft | undefined): Frame | undefined =>
    draft === undefined ? undefined : frames.get(draft);
  const exits = new Map<string, { readonly frame: Frame; readonly variable: number }>();
  for (const node of all) {
    if (node.op !== "Exit") continue;
    const [input] = node.inputs;
    const gate = input === undefined ? undefined : producer(nodes, input);
    const data = gate?.op === "Switch" ? gate.inputs[0] : undefined;
    const merge = data === undefined ? undefined : producer(nodes, data);
    const frame = merge === undefined ? undefined : frameOf(byMerge.get(merge.name));
    const variable = frame?.variables.findIndex((each) => each.merge === merge?.name) ?? -1;
    if (frame === undefined || variable === -1) {
      throw new ModelFormatError(`node ${node.name} (Exit): it does not end a loop (Merge, Switch, Exit)`);
    }
    exits.set(node.name, { frame, variable });
  }
  return {
    byMerge: new Map([...byMerge].flatMap(([name, draft]) => pair(name, frameOf(draft)))),
    byExit: exits,
    byCondition: new Map([...frames.values()].map((frame) => [frame.condition.name, frame])),
  };
}

function pair(name: string, frame: Frame | undefined): readonly (readonly [string, Frame])[] {
  return frame === undefined ? [] : [[name, frame]];
}

function isLoop({ variables }: Draft): boolean {
  return variables.length > 0;
}

function finish({ name, variables, enters, nexts, condition }: Draft): Frame {
  if (condition === null) throw new ModelFormatError(`the loop ${name} has no condition (LoopCond)`);
  return { name, variables, enters, condition, ends: [...nexts, condition.name] };
}

function addVariable(
  nodes: GraphNodes,
  merge: GraphNode,
  drafts: ReadonlyMap<string, Draft>,
  byMerge: Map<string, Draft>,
): void {
  const sources = merge.inputs.map((input) => producer(nodes, input));
  const next = sources.find((source) => source?.op === "NextIteration");
  if (next === undefined) return;
  const enter = sources.find((source) => source?.op === "Enter");
  const [initial] = enter?.inputs ?? [];
  const [value] = next.inputs;
  if (enter === undefined || initial === undefined || value === undefined || merge.inputs.length !== 2) {
    throw new ModelFormatError(`node ${merge.name} (Merge): a loop's variable must come from Enter and NextIteration`);
  }
  const draft = drafts.get(enter.attributes.string("frame_name"));
  if (draft === undefined) throw new ExportError(`node ${merge.name} (Merge): its loop is not complete`);
  draft.variables.push({ merge: merge.name, initial, next: value });
  draft.nexts.push(next.name);
  byMerge.set(merge.name, draft);
}

function addCondition(nodes: GraphNodes, gate: GraphNode, byMerge: ReadonlyMap<string, Draft>): void {
  const [data, predicate] = gate.inputs;
  const condition = predicate === undefined ? undefined : producer(nodes, predicate);
  const merge = data === undefined ? undefined : producer(nodes, data);
  const draft = merge === undefined ? undefined : byMerge.get(merge.name);
  if (condition?.op !== "LoopCond" || draft === undefined) return;
  if (draft.condition !== null && draft.condition !== condition) {
    throw new ModelFormatError(`the loop ${draft.name} has two conditions: ${draft.condition.name}, ${condition.name}`);
  }
  draft.condition = condition;
}

/** The node that gives a value, behind any Identity. */
export function producer(nodes: GraphNodes, input: NodeOutput): GraphNode | undefined {
  let node = nodes.get(input.node);
  for (let steps = 0; node?.op === "Identity" && steps < nodes.size; steps++) {
    const [next] = node.inputs;
    if (next === undefined) return node;
    node = nodes.get(next.node);
  }
  return node;
}
