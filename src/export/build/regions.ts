import { InternalError } from "../../errors.ts";
import { asSymbol, type Dim } from "../../onnx/dim.ts";
import { int, ints, type Attributes } from "../../onnx/model.ts";
import type { Inferred, TensorType } from "../../onnx/operators/index.ts";
import { at } from "../../require.ts";
import type { GraphTensor } from "../ir/graph-tensor.ts";

import type { GraphBuilder, NodeInput } from "./builder.ts";

/** Appends the nodes of a branch. @returns the tensors it gives */
export type Branch = (body: GraphBuilder) => readonly GraphTensor[];

/**
 * `If`: one of two branches, which read the tensors of the graph around them. Both give as many tensors of the same types; a
 * size that differs between them is free in the result.
 *
 * @throws {InternalError} when they do not
 */
export function branch(
  graph: GraphBuilder,
  condition: GraphTensor,
  whenTrue: Branch,
  whenFalse: Branch,
): readonly GraphTensor[] {
  const [first, second] = [whenTrue, whenFalse].map((emit) => {
    const body = graph.body();
    const outputs = distinct(body, emit(body));
    return { outputs, graph: body.finishBody([], outputs) };
  });
  if (first === undefined || second === undefined) throw new InternalError("a branch is missing");
  if (first.outputs.length !== second.outputs.length) {
    throw new InternalError(`branches give ${first.outputs.length} and ${second.outputs.length} tensors`);
  }
  const types = first.outputs.map((tensor, index) => joined(graph, tensor, at(second.outputs, index)));
  return graph.control("If", [condition], { then_branch: first.graph, else_branch: second.graph }, {}, types);
}

/** A tensor of outside that a body gives as it is needs a node in the body. */
function ownTensor(body: GraphBuilder, tensor: GraphTensor): GraphTensor {
  return tensor.owner === body ? tensor : body.op("Identity", [tensor]);
}

/** What is true of both types. */
function joined(graph: GraphBuilder, a: TensorType, b: TensorType): Inferred {
  if (a.dtype !== b.dtype || a.isSequence !== b.isSequence) {
    throw new InternalError(`tensors of one place must have one type; found ${a.dtype} and ${b.dtype}`);
  }
  const isSequence = a.isSequence ?? false;
  if (a.shape === null || b.shape === null || a.shape.length !== b.shape.length) {
    return { dtype: a.dtype, shape: null, isSequence };
  }
  const { shape: other } = b;
  const shape = a.shape.map((size, axis) => (size === other[axis] ? size : graph.unknownSize("size")));
  return { dtype: a.dtype, shape, isSequence };
}

/** What one iteration of a loop gives. */
export interface Iteration {
  /** Whether there is a next one; null: until the count is reached. */
  readonly condition: GraphTensor | null;
  /** Carried into the next iteration. */
  readonly carried: readonly GraphTensor[];
  /** Stacked along a new first axis over all iterations. */
  readonly scanned?: readonly GraphTensor[];
}

/** What a loop gives after its last iteration. */
export interface LoopResult {
  readonly carried: readonly GraphTensor[];
  readonly scanned: readonly GraphTensor[];
}

/**
 * `Loop`: at most `count` iterations (int64 scalar; null: no limit) as long as the condition holds (bool scalar; null: always).
 * Carried tensors have one type at entry and exit of an iteration; a size that an iteration changes is free within.
 */
export function loop(
  graph: GraphBuilder,
  start: {
    readonly count: GraphTensor | null;
    readonly condition: GraphTensor | null;
    readonly carried: readonly GraphTensor[];
  },
  emit: (body: GraphBuilder, index: GraphTensor, carried: readonly GraphTensor[]) => Iteration,
): LoopResult {
  const traced = settle(graph, start.carried, (types) => {
    const body = graph.body();
    const index = body.bodyInput("iteration", "int64", []);
    const going = body.bodyInput("going", "bool", []);
    const carried = types.map(({ dtype, shape, isSequence }) => body.bodyInput("carried", dtype, shape, isSequence));
    const result = emit(body, index, carried);
    const condition = ownTensor(body, result.condition ?? going);
    const after = distinct(body, [condition, ...result.carried, ...(result.scanned ?? [])]);
    return {
      body: body.finishBody([index, going, ...carried], after),
      exit: after.slice(1, 1 + carried.length),
      scanned: after.slice(1 + carried.length),
    };
  });
  const trips = graph.unknownSize("iterations");
  const types = [
    ...traced.types,
    ...traced.scanned.map(({ dtype, shape }): Inferred => ({
      dtype,
      shape: shape === null ? null : [trips, ...shape.map((size) => outside(graph, size))],
    })),
  ];
  const outputs = graph.control(
    "Loop",
    [start.count, start.condition, ...start.carried],
    { body: traced.body },
    {},
    types,
  );
  return { carried: outputs.slice(0, start.carried.length), scanned: outputs.slice(start.carried.length) };
}

/** Sizes that only a body knows are free outside. */
function outside(graph: GraphBuilder, size: Dim): Dim {
  return graph.canRead(size) ? size : graph.unknownSize("size");
}

/** Each output of a body is a tensor of its own. */
function distinct(body: GraphBuilder, tensors: readonly GraphTensor[]): readonly GraphTensor[] {
  const seen = new Set<GraphTensor>();
  return tensors.map((tensor) => {
    const own =
      tensor.owner === body && !body.isInput(tensor) && !seen.has(tensor) ? tensor : body.op("Identity", [tensor]);
    seen.add(own);
    return own;
  });
}

interface Traced {
  readonly body: ReturnType<GraphBuilder["finishBody"]>;
  readonly exit: readonly GraphTensor[];
  readonly scanned: readonly GraphTensor[];
}

/** Trace a body until what it carries has one type at entry and exit: sizes that change become free, then ranks unknown. */
function settle(
  graph: GraphBuilder,
  carried: readonly TensorType[],
  trace: (types: readonly TensorType[]) => Traced,
): Traced & { readonly types: readonly Inferred[] } {
  let types: readonly TensorType[] = carried.map(({ dtype, shape, isSequence }) => ({
    dtype,
    shape,
    ...(isSequence === undefined ? {} : { isSequence }),
  }));
  for (let rounds = 0; ; rounds++) {
    if (rounds > MAX_ROUNDS) throw new InternalError("the types that a loop carries do not settle");
    const traced = trace(types);
    const next = types.map((type, index) => {
      const exit = traced.exit[index];
      if (exit === undefined)
        throw new InternalError(`an iteration carries ${traced.exit.length} tensors of ${types.length}`);
      return joined(graph, type, exit);
    });
    const stable = next.every((type, index) => sameType(type, at(types, index), at(traced.exit, index)));
    if (stable)
      return {
        ...traced,
        types: next.map(({ dtype, shape, isSequence }) => ({
          dtype,
          shape,
          ...(isSequence === undefined ? {} : { isSequence }),
        })),
      };
    types = next;
  }
}

/** Whether an iteration keeps a type: every size that is fixed at entry is the same at exit. */
function sameType(next: TensorType, before: TensorType, exit: TensorType): boolean {
  if (before.shape === null || next.shape === null) return before.shape === next.shape;
  const { shape } = before;
  return (
    exit.shape?.length === shape.length &&
    exit.shape.every((size, axis) => size === shape[axis] || isFree(at(shape, axis)))
  );
}

/** Sizes become free in the first round, and ranks unknown in the second; a body in a body may need a few more. */
const MAX_ROUNDS = 8;

const FREE = /(^|\/)size(_\d+)?$/;

/** Made by {@link joined}: a size that may differ from one iteration to the next. */
function isFree(size: Dim): boolean {
  return FREE.test(asSymbol(size) ?? "");
}

/** `Scan` over the first axis of `scanned`, as many iterations as that has. */
export function scan(
  graph: GraphBuilder,
  start: {
    readonly states: readonly GraphTensor[];
    readonly scanned: readonly GraphTensor[];
    /** Begin at the last element. */
    readonly reverse?: boolean;
  },
  emit: (
    body: GraphBuilder,
    states: readonly GraphTensor[],
    elements: readonly GraphTensor[],
  ) => { readonly states: readonly GraphTensor[]; readonly outputs: readonly GraphTensor[] },
): { readonly states: readonly GraphTensor[]; readonly outputs: readonly GraphTensor[] } {
  const body = graph.body();
  const states = start.states.map(({ dtype, shape }, index) => body.bodyInput(`state_${index}`, dtype, shape));
  const elements = start.scanned.map(({ dtype, shape }) => body.bodyInput("element", dtype, shape?.slice(1) ?? null));
  const result = emit(body, states, elements);
  const after = distinct(body, [...result.states, ...result.outputs]);
  const [time] = start.scanned[0]?.shape ?? [];
  const types = after.map(({ dtype }, index): Inferred => {
    const state = start.states[index];
    const shape = at(after, index).shape;
    if (state !== undefined) return { dtype, shape: state.shape };
    return { dtype, shape: shape === null || time === undefined ? null : [time, ...shape] };
  });
  const reverse = start.reverse === true;
  const attributes: Attributes = {
    num_scan_inputs: int(start.scanned.length),
    ...(reverse ? { scan_input_directions: ints(start.scanned.map(() => 1)) } : {}),
    ...(reverse && result.outputs.length > 0 ? { scan_output_directions: ints(result.outputs.map(() => 1)) } : {}),
  };
  const graphs = { body: body.finishBody([...states, ...elements], after) };
  const inputs: readonly NodeInput[] = [...start.states, ...start.scanned];
  const outputs = graph.control("Scan", inputs, graphs, attributes, types);
  return { states: outputs.slice(0, states.length), outputs: outputs.slice(states.length) };
}
