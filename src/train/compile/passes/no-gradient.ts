import { type Graph, type GraphNode, type Ref, refOf, sameShape } from "../graph.ts";

import { Editor, type Rewritten } from "./editor.ts";

/** How the names of constants begin that stand for a gradient that is not there. */
export const NO_GRADIENT = "nothing/";

/** Operations that make nothing of nothing, whatever their other inputs are. */
const LINEAR = new Set([
  "BiasAddGrad",
  "BroadcastTo",
  "Cast",
  "ExpandDims",
  "Identity",
  "Mean",
  "Neg",
  "Reshape",
  "Squeeze",
  "Sum",
  "Tile",
  "Transpose",
]);

/** What is added of gradients that are not there goes, and with it all that computed it. */
export function dropNoGradients(graph: Graph): Rewritten {
  const editor = new Editor(graph, "gradient");
  const nothing = new Set<Ref>();
  const isNothing = (ref: Ref | undefined): boolean => ref !== undefined && nothing.has(editor.resolve(ref));
  for (const node of graph.nodes) {
    const ref = refOf(node.name);
    if (isNothingByItself(node, isNothing)) nothing.add(ref);
    const rest = somethingOf(node, isNothing);
    if (rest === undefined || !sameShape(editor.type(rest).shape, editor.type(ref).shape)) continue;
    editor.count++;
    editor.replace(ref, rest);
  }
  return editor.finish();
}

function isNothingByItself({ name, op, inputs }: GraphNode, isNothing: (ref: Ref | undefined) => boolean): boolean {
  const [a, b] = inputs;
  if (op === "Const") return name.startsWith(NO_GRADIENT);
  if (LINEAR.has(op) || op === "RealDiv") return isNothing(a);
  if (op === "Mul") return isNothing(a) || isNothing(b);
  return isSum(op) && isNothing(a) && isNothing(b);
}

/** The other summand, if one is nothing. */
function somethingOf({ op, inputs }: GraphNode, isNothing: (ref: Ref | undefined) => boolean): Ref | undefined {
  const [a, b] = inputs;
  if (op === "Sub") return isNothing(b) && !isNothing(a) ? a : undefined;
  if (!isSum(op) || isNothing(a) === isNothing(b)) return undefined;
  return isNothing(a) ? b : a;
}

function isSum(op: string): boolean {
  return op === "Add" || op === "AddV2";
}
