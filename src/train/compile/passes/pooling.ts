import { type Graph, type GraphNode, type Ref, refOf, type TensorType, typeAttribute } from "../graph.ts";
import { FLOAT } from "../native.ts";
import { Editor, type Rewritten } from "./editor.ts";

interface PooledActivation {
  /** Before the bias. */
  readonly value: Ref;
  readonly bias: Ref;
  readonly relu: GraphNode;
  readonly pool: GraphNode;
  readonly poolGrad: GraphNode;
  readonly reluGrad: GraphNode;
}

/**
 * MaxPool(Relu(x + b)) becomes Relu(MaxPool(x) + b), with its gradient: the maximum commutes with what grows, and bias
 * and relu then work on a quarter of the numbers.
 */
export function poolFirst(graph: Graph): Rewritten {
  const editor = new Editor(graph, "pool");
  for (const node of editor.nodes) {
    const found = node.op === "MaxPool" ? pooledActivation(editor, node) : undefined;
    if (found === undefined) continue;
    editor.count++;
    rewrite(editor, found);
  }
  return editor.finish();
}

function pooledActivation(editor: Editor, pool: GraphNode): PooledActivation | undefined {
  const relu = sourceOf(editor, pool, "Relu");
  const biased = relu === undefined ? undefined : sourceOf(editor, relu, "BiasAdd");
  const [value, bias] = biased?.inputs ?? [];
  if (relu === undefined || biased === undefined || value === undefined || bias === undefined) return undefined;
  if (!editor.usedOnce(refOf(biased.name)) || editor.isFetched(refOf(relu.name))) return undefined;
  const users = editor.users(refOf(relu.name));
  const poolGrad = users.find(({ op }) => op === "MaxPoolGrad");
  const reluGrad = users.find(({ op }) => op === "ReluGrad");
  if (users.length !== 3 || poolGrad === undefined || reluGrad === undefined) return undefined;
  const matches =
    poolGrad.inputs[0] === refOf(relu.name) &&
    poolGrad.inputs[1] === refOf(pool.name) &&
    reluGrad.inputs[0] === refOf(poolGrad.name) &&
    reluGrad.inputs[1] === refOf(relu.name) &&
    editor.usedOnce(refOf(poolGrad.name));
  return matches ? { value, bias, relu, pool, poolGrad, reluGrad } : undefined;
}

function sourceOf(editor: Editor, node: GraphNode, op: string): GraphNode | undefined {
  const [input] = node.inputs;
  const source = input === undefined ? undefined : editor.node(input);
  return source?.op === op ? source : undefined;
}

function rewrite(editor: Editor, { value, bias, pool, poolGrad, reluGrad }: PooledActivation): void {
  const [small] = pool.outputs;
  const gradient = poolGrad.inputs[2];
  if (small === undefined || gradient === undefined) throw new RangeError(`${pool.name} has no output`);
  const float = { T: typeAttribute(FLOAT) };
  const pooled = editor.add("MaxPool", [value], pool.attributes, small);
  const biased = editor.add("BiasAdd", [pooled, bias], float, small);
  const activated = editor.add("Relu", [biased], float, small);
  const smallGradient = editor.add("ReluGrad", [gradient, activated], float, small);
  const large: TensorType = editor.type(value);
  const largeGradient = editor.add("MaxPoolGrad", [value, pooled, smallGradient], poolGrad.attributes, large);
  // The bias has the same gradient whether summed before or after the pooling scatters it.
  for (const user of editor.users(refOf(reluGrad.name))) {
    if (user.op !== "BiasAddGrad") continue;
    editor.replace(refOf(user.name), editor.add("BiasAddGrad", [smallGradient], user.attributes, editor.type(bias)));
  }
  editor.replace(refOf(pool.name), activated);
  editor.replace(refOf(reluGrad.name), largeGradient);
}
