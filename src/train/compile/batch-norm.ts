import { type GraphNode, integersOf, portOf, type Ref, type TensorType } from "./graph.ts";

/** Looks up what made a value. */
export interface Lookup {
  node(ref: Ref): GraphNode | undefined;
}

/** The batch's statistics as TF.js takes them: mean(x) and mean((x - mean(x))^2), over all axes but the last. */
export interface Moments {
  readonly x: Ref;
  readonly mean: Ref;
  readonly variance: Ref;
}

const SAME_VALUES = new Set(["Reshape", "ExpandDims", "Squeeze", "Identity"]);

/** The value before it was reshaped, or cast to the type that it had. */
function origin(graph: Lookup, ref: Ref): Ref {
  let current = ref;
  for (let node = graph.node(current); node !== undefined; node = graph.node(current)) {
    const [input] = node.inputs;
    if (input === undefined || !(SAME_VALUES.has(node.op) || isCastToSame(node))) break;
    current = input;
  }
  return current;
}

function isCastToSame({ op, attributes }: GraphNode): boolean {
  const [from, to] = [attributes["SrcT"], attributes["DstT"]];
  return op === "Cast" && from?.kind === "type" && to?.kind === "type" && from.value === to.value;
}

/** Whether mean and variance were computed from x itself, so that their gradients flow into that of x. */
export function areMoments(graph: Lookup, { x, mean, variance }: Moments): boolean {
  const center = meanedBy(graph, mean);
  const squares = meanedBy(graph, variance);
  const square = squares === undefined ? undefined : sourceOf(graph, squares, "Square");
  const [squared] = square?.inputs ?? [];
  const difference = squared === undefined ? undefined : sourceOf(graph, squared, "Sub");
  const [minuend, subtrahend] = difference?.inputs ?? [];
  if (center === undefined || minuend === undefined || subtrahend === undefined) return false;
  const whole = origin(graph, x);
  return (
    origin(graph, center) === whole &&
    origin(graph, minuend) === whole &&
    origin(graph, subtrahend) === origin(graph, mean)
  );
}

/** What the value is the mean of over all axes but the last, if it is one. */
function meanedBy(graph: Lookup, ref: Ref): Ref | undefined {
  const node = graph.node(origin(graph, ref));
  const [value, axes] = node?.inputs ?? [];
  if (node?.op !== "Mean" || value === undefined || axes === undefined) return undefined;
  const constant = graph.node(axes);
  const summed = constant === undefined ? undefined : integersOf(constant);
  const rank = typeOf(graph, value)?.shape.length ?? 0;
  const isAllButLast = summed?.length === rank - 1 && summed.every((axis, index) => axis === index);
  return isAllButLast ? value : undefined;
}

function typeOf(graph: Lookup, ref: Ref): TensorType | undefined {
  return graph.node(ref)?.outputs[portOf(ref)];
}

function sourceOf(graph: Lookup, ref: Ref, op: string): GraphNode | undefined {
  const node = graph.node(origin(graph, ref));
  return node?.op === op ? node : undefined;
}
