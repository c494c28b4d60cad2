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
import { at } from "../../../require.ts";

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
  return others.every((axis, index) => index === 0 || axis > at(others, index - 1)) ? pack : undefined;
}

function axisOf(node: GraphNode): number {
  const axis = node.attributes["axis"];
  const value = axis?.kind === "int" ? axis.value : 0;
  return value < 0 ? value + at(node.outputs, 0).shape.length + (node.op === "Unpack" ? 1 : 0) : value;
}

/**
 * (x W + h U) + b becomes (h U + b) + x W, for TensorFlow then does the later product, the bias and the sum in one kernel.
 */
export function biasToProduct(graph: Graph): Rewritten {
  const editor = new Editor(graph, "product");
  for (const node of editor.nodes) {
    const [sum, bias] = node.inputs;
    if (node.op !== "BiasAdd" || sum === undefined || bias === undefined) continue;
    const add = editor.node(sum);
    const products = isAdd(add) && editor.usedOnce(sum) ? productsOf(editor, add) : undefined;
    const [output] = node.outputs;
    if (products === undefined || output === undefined) continue;
    editor.count++;
    const [earlier, later] = products;
    const biased = editor.add("BiasAdd", [later, bias], node.attributes, output);
    editor.replace(refOf(node.name), editor.add(add.op, [biased, earlier], add.attributes, output));
  }
  return editor.finish();
}

/** The two matrix products that are added, in the order of the graph. */
function productsOf(editor: Editor, { inputs }: GraphNode): readonly [earlier: Ref, later: Ref] | undefined {
  const [a, b] = inputs;
  if (a === undefined || b === undefined) return undefined;
  const [first, second] = [editor.node(a), editor.node(b)];
  if (first.op !== "MatMul" || second.op !== "MatMul" || !editor.usedOnce(a) || !editor.usedOnce(b)) return undefined;
  return editor.order(first) < editor.order(second) ? [a, b] : [b, a];
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
    editor.replace(root, productOf(editor, inOrderOfTime(terms)));
  }
  return editor.finish();
}

/** Backpropagation comes to the last time step first. */
function inOrderOfTime(terms: readonly GraphNode[]): readonly GraphNode[] {
  return terms.toReversed();
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
  const length = values.reduce((sum, value) => sum + at(editor.type(value).shape, 0), 0);
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

/**
 * Products of many matrices with the same one, none of which waits for another, become one product of their
 * concatenation: the inputs of a recurrence, and the gradients of these.
 */
export function productsAtOnce(graph: Graph): Rewritten {
  const editor = new Editor(graph, "group");
  for (const products of groupsOf(editor)) {
    if (!isReadyAtOnce(editor, products) || !areIndependent(editor, products)) continue;
    editor.count++;
    multiplyAtOnce(editor, products);
  }
  return editor.finish();
}

/**
 * Not so the inputs of a recurrence that reads another one, step by step: to wait for all of them would be to lose that
 * the two run side by side. Going back, it costs less than it saves.
 */
function isReadyAtOnce(editor: Editor, [first]: readonly GraphNode[]): boolean {
  const [left] = first?.inputs ?? [];
  return isTransposed(first) || (left !== undefined && editor.node(left).op === "Unpack");
}

function isTransposed(node: GraphNode | undefined): boolean {
  const b = node?.attributes["transpose_b"];
  return b?.kind === "bool" && b.value;
}

/** Products by their right factor, in the order of the graph. */
function groupsOf(editor: Editor): GraphNode[][] {
  const groups = new Map<string, GraphNode[]>();
  for (const node of editor.nodes) {
    const [left, right] = node.inputs;
    const transposed = node.attributes["transpose_a"];
    if (node.op !== "MatMul" || left === undefined || right === undefined) continue;
    if (transposed?.kind === "bool" && transposed.value) continue;
    const key = [right, isTransposed(node), ...editor.type(left).shape].join();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [node]);
    else group.push(node);
  }
  return [...groups.values()].filter(({ length }) => length >= FEWEST);
}

function areIndependent(editor: Editor, products: readonly GraphNode[]): boolean {
  const names = new Set(products.map(({ name }) => name));
  const seen = new Set<string>();
  const pending = products.flatMap(({ inputs }) => inputs.map(nameOf));
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (names.has(name)) return false;
    if (seen.has(name)) continue;
    seen.add(name);
    const node = editor.node(refOf(name));
    pending.push(...node.inputs.map(nameOf), ...node.controls);
  }
  return true;
}

function multiplyAtOnce(editor: Editor, products: readonly GraphNode[]): void {
  const [first] = products;
  const [, right] = first?.inputs ?? [];
  const output = first?.outputs[0];
  if (first === undefined || right === undefined || output === undefined) return;
  const ordered = isTransposed(first) ? inOrderOfTime(products) : products;
  const count = ordered.length;
  const left = concatenate(
    editor,
    ordered.flatMap(({ inputs }) => inputs[0] ?? []),
  );
  const [rows = 1, columns = 1] = output.shape;
  const product = editor.add("MatMul", [left, right], first.attributes, { ...output, shape: [count * rows, columns] });
  const stacked = reshape(editor, product, [count, rows, columns]);
  const attributes = {
    num: { kind: "int", value: count },
    T: typeAttribute(output.dtype),
    axis: { kind: "int", value: 0 },
  } as const;
  const parts = editor.addMany(
    "Unpack",
    [stacked],
    attributes,
    ordered.map(() => output),
  );
  ordered.forEach(({ name }, index) => editor.replace(refOf(name), at(parts, index)));
}
