import {
  type Graph,
  type GraphNode,
  nameOf,
  portOf,
  type Ref,
  refOf,
  type TensorType,
  typeAttribute,
} from "../graph.ts";
import { INT32 } from "../native.ts";
import { Editor, type Rewritten } from "./editor.ts";
import { isAdd, reshape } from "./simplify.ts";

/** Time steps that are packed together, perhaps transposed, and taken apart again by the next layer. */
export function unpackPacked(graph: Graph): Rewritten {
  const editor = new Editor(graph, "unpack");
  for (const node of editor.nodes) {
    const packed = node.op === "Unpack" ? packBehind(editor, node) : undefined;
    if (packed === undefined) continue;
    editor.count++;
    packed.inputs.forEach((value, port) => editor.replace(refOf(node.name, port), value));
  }
  return editor.finish();
}

/** The Pack whose inputs are the outputs of the Unpack. */
function packBehind(editor: Editor, unpack: GraphNode): GraphNode | undefined {
  const [input] = unpack.inputs;
  if (input === undefined) return undefined;
  const source = editor.node(input);
  const [value, order] = source.inputs;
  const transposed = source.op === "Transpose" && value !== undefined && order !== undefined;
  const pack = transposed ? editor.node(value) : source;
  if (pack.op !== "Pack") return undefined;
  const permutation = transposed ? editor.integers(order) : editor.type(input).shape.map((_, axis) => axis);
  const packAxis = axisOf(pack);
  if (permutation?.[axisOf(unpack)] !== packAxis) return undefined;
  const others = permutation.filter((axis) => axis !== packAxis);
  return others.every((axis, index) => index === 0 || axis > (others[index - 1] ?? 0)) ? pack : undefined;
}

function axisOf(node: GraphNode): number {
  const axis = node.attributes["axis"];
  const value = axis?.kind === "int" ? axis.value : 0;
  return value < 0 ? value + (node.outputs[0]?.shape.length ?? 0) + (node.op === "Unpack" ? 1 : 0) : value;
}

const FEWEST = 3;

/**
 * The gradient of a weight that every time step uses: a sum of products becomes one product of concatenations,
 * sum over t of A_t' B_t = [A_1; A_2; ...]' [B_1; B_2; ...], and likewise the sum of the bias gradients.
 */
export function sumProductsAtOnce(graph: Graph): Rewritten {
  const editor = new Editor(graph, "sum");
  for (const node of editor.nodes) {
    const root = refOf(node.name);
    if (!isAdd(node) || isPartOfSum(editor, root)) continue;
    const terms = termsOf(editor, node);
    if (terms === undefined || terms.length < FEWEST) continue;
    editor.count++;
    editor.replace(root, productOf(editor, terms));
  }
  return editor.finish();
}

function isPartOfSum(editor: Editor, ref: Ref): boolean {
  const [user] = editor.users(ref);
  return editor.usedOnce(ref) && user !== undefined && isAdd(user);
}

/** What a tree of additions adds, if all of it is products of the same kind; in the order of the graph. */
function termsOf(editor: Editor, root: GraphNode): GraphNode[] | undefined {
  const terms: GraphNode[] = [];
  const pending: Ref[] = [...root.inputs];
  for (let ref = pending.pop(); ref !== undefined; ref = pending.pop()) {
    const node = editor.node(ref);
    if (!editor.usedOnce(ref)) return undefined;
    if (isAdd(node)) pending.push(...node.inputs);
    else if (isTerm(node) && (terms[0] === undefined || terms[0].op === node.op)) terms.push(node);
    else return undefined;
  }
  return terms.toSorted((a, b) => editor.order(a) - editor.order(b));
}

function isTerm({ op, attributes }: GraphNode): boolean {
  if (op === "BiasAddGrad") return true;
  const [left, right] = [attributes["transpose_a"], attributes["transpose_b"]];
  return op === "MatMul" && left?.kind === "bool" && left.value && right?.kind === "bool" && !right.value;
}

function productOf(editor: Editor, terms: readonly GraphNode[]): Ref {
  const [first] = terms;
  const output = first?.outputs[0];
  if (first === undefined || output === undefined) throw new RangeError("a sum without terms");
  const inputs = first.inputs.map((_, position) =>
    concatenate(
      editor,
      terms.flatMap(({ inputs: own }) => own[position] ?? []),
    ),
  );
  return editor.add(first.op, inputs, first.attributes, output);
}

/** Along axis 0. The outputs of an Unpack, in order, are only a reshape away. */
function concatenate(editor: Editor, values: readonly Ref[]): Ref {
  const [first = ""] = values;
  const { dtype, shape } = editor.type(first);
  const length = values.reduce((sum, value) => sum + (editor.type(value).shape[0] ?? 0), 0);
  const output: TensorType = { dtype, shape: [length, ...shape.slice(1)] };
  const source = editor.node(first);
  const [whole] = source.inputs;
  if (whole !== undefined && isAllOf(source, values)) return reshape(editor, whole, output.shape);
  const axis = editor.constant(Int32Array.of(0), { dtype: INT32, shape: [] });
  const attributes = {
    N: { kind: "int", value: values.length },
    T: typeAttribute(dtype),
    Tidx: typeAttribute(INT32),
  } as const;
  return editor.add("ConcatV2", [...values, axis], attributes, output);
}

function isAllOf(unpack: GraphNode, values: readonly Ref[]): boolean {
  if (unpack.op !== "Unpack" || axisOf(unpack) !== 0 || unpack.outputs.length !== values.length) return false;
  return values.every((value, port) => nameOf(value) === unpack.name && portOf(value) === port);
}
