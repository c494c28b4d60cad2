import type { OnnxGraph, OnnxNode, PackedTensor } from "../../onnx/model.ts";
import { ELEMENT_BYTES } from "../../onnx/element-type.ts";
import { sizeOf, type Tensor } from "../../tensor.ts";

/** How the elements of a weight are kept in a file. */
export type WeightType = "float32" | "float16" | "uint8" | "uint16" | "int8" | "int4";

/** A smaller form of a float32 weight: what the file holds, and the nodes that compute the weight of it. */
export interface WeightForm {
  readonly type: WeightType;
  /** What the nodes read, by the last part of its name. */
  readonly constants: Readonly<Record<string, Tensor | PackedTensor>>;
  /** The last one gives the weight. An input names one of `constants`, or the output of the node before it as "". */
  readonly steps: readonly FormStep[];
  /** Root mean square of the error, relative to that of the weight. 0: the very same numbers. */
  readonly loss: number;
}

export type FormStep = Pick<OnnxNode, "opType" | "inputs" | "attributes">;

/** What a node or an initializer takes in a file beside its strings and data: keys and lengths of its fields, its attributes. */
const NODE_BYTES = 24;
const INITIALIZER_BYTES = 20;
/** Length of the names of what belongs to a form. */
const NAME_BYTES = 8;

/** About how many bytes of a file a weight of this name takes in this form. */
export function formBytes(name: string, { constants, steps }: WeightForm): number {
  const data = Object.values(constants).reduce(
    (sum, tensor) => sum + dataBytes(tensor) + 2 * NAME_BYTES + INITIALIZER_BYTES,
    0,
  );
  const types = steps.reduce((sum, { opType }) => sum + opType.length, 0);
  return data + types + steps.length * (3 * NAME_BYTES + NODE_BYTES) + name.length;
}

/** Bytes of the file that a float32 weight takes as it is. */
export function floatBytes(name: string, dims: readonly number[]): number {
  return ELEMENT_BYTES.float32 * sizeOf(dims) + name.length + INITIALIZER_BYTES;
}

function dataBytes(tensor: Tensor | PackedTensor): number {
  if (tensor.dtype === "int4") return tensor.data.length;
  return tensor.dtype === "string" ? 0 : sizeOf(tensor.dims) * ELEMENT_BYTES[tensor.dtype];
}

/**
 * The graph with some of its weights in smaller forms. The tensors that nodes read keep their names; the names of what they are made
 * of are short, since a model has hundreds.
 */
export function withForms(graph: OnnxGraph, forms: ReadonlyMap<string, WeightForm>): OnnxGraph {
  if (forms.size === 0) return graph;
  const taken = namesOf(graph);
  const nodes: OnnxNode[] = [];
  const initializers = new Map<string, Tensor>();
  const packed = new Map<string, PackedTensor>();
  let count = 0;
  for (const [name, tensor] of graph.initializers) {
    const form = forms.get(name);
    if (form === undefined) {
      initializers.set(name, tensor);
      continue;
    }
    const parts = [...Object.keys(form.constants), ...form.steps.keys()];
    while (parts.some((part) => taken.has(`w${count}.${part}`))) count++;
    const own = `w${count++}`;
    for (const [part, constant] of Object.entries(form.constants)) {
      if (constant.dtype === "int4") packed.set(`${own}.${part}`, constant);
      else initializers.set(`${own}.${part}`, constant);
    }
    for (const [index, { opType, inputs, attributes }] of form.steps.entries()) {
      const output = index === form.steps.length - 1 ? name : `${own}.${index}`;
      const read = inputs.map((part) => (part === "" ? `${own}.${index - 1}` : `${own}.${part}`));
      nodes.push({ opType, domain: "", name: `${own}.${index}`, inputs: read, outputs: [output], attributes });
    }
  }
  return { ...graph, nodes: [...nodes, ...graph.nodes], initializers, packed };
}

/** Names of all tensors and nodes, those of bodies included. */
function namesOf({ nodes, initializers, inputs }: OnnxGraph): Set<string> {
  const names = new Set([...initializers.keys(), ...inputs.map(({ name }) => name)]);
  for (const node of nodes) {
    for (const output of node.outputs) names.add(output);
    names.add(node.name);
    for (const attribute of Object.values(node.attributes)) {
      if (attribute.type === "graph") for (const name of namesOf(attribute.value)) names.add(name);
    }
  }
  return names;
}
