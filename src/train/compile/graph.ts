import { OP_DEFINITIONS } from "./op-definitions.ts";

/** dtype is TensorFlow's number; the shape of the traced batch. */
export interface TensorType {
  readonly dtype: number;
  readonly shape: readonly number[];
}

export type Attribute =
  | { readonly kind: "type"; readonly value: number }
  | { readonly kind: "int"; readonly value: number }
  | { readonly kind: "ints"; readonly value: readonly number[] }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "floats"; readonly value: readonly number[] }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "bools"; readonly value: readonly boolean[] }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "shape"; readonly value: readonly number[] }
  | { readonly kind: "tensor"; readonly type: TensorType; readonly bytes: Uint8Array }
  | { readonly kind: "strings"; readonly type: TensorType; readonly values: readonly Uint8Array[] };

export type Attributes = Readonly<Record<string, Attribute>>;

/** Output `port` of a node, `name:port`. */
export type Ref = string;

/** One operation. Never changed after it was made. */
export interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly Ref[];
  /** Names of nodes that must have run before. */
  readonly controls: readonly string[];
  readonly attributes: Attributes;
  readonly outputs: readonly TensorType[];
}

/** Nodes in topological order, and the outputs that are asked for, by label. */
export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly fetches: Readonly<Record<string, Ref>>;
}

export const typeAttribute = (value: number): Attribute => ({ kind: "type", value });
export const intAttribute = (value: number): Attribute => ({ kind: "int", value });
export const boolAttribute = (value: boolean): Attribute => ({ kind: "bool", value });
export const stringAttribute = (value: string): Attribute => ({ kind: "string", value });
export const shapeAttribute = (value: readonly number[]): Attribute => ({ kind: "shape", value });

export function refOf(name: string, port = 0): Ref {
  return `${name}:${port}`;
}

export function nameOf(ref: Ref): string {
  return ref.slice(0, ref.lastIndexOf(":"));
}

export function portOf(ref: Ref): number {
  return Number(ref.slice(ref.lastIndexOf(":") + 1));
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, length) => size * length, 1);
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((length, axis) => length === b[axis]);
}

/** What TensorFlow says of an operation. */
export interface OpDefinition {
  readonly inputs: readonly { readonly type: string | undefined; readonly count: string | undefined }[];
  readonly attributes: ReadonlyMap<string, { readonly type: string; readonly hasDefault: boolean }>;
  readonly stateful: boolean;
}

const definitions = new Map<string, OpDefinition | undefined>();

/** undefined for an operation that is not in op-definitions.ts */
export function definitionOf(op: string): OpDefinition | undefined {
  if (!definitions.has(op)) {
    const text = Object.hasOwn(OP_DEFINITIONS, op) ? OP_DEFINITIONS[op] : undefined;
    definitions.set(op, text === undefined ? undefined : parseDefinition(text));
  }
  return definitions.get(op);
}

function parseDefinition(text: string): OpDefinition {
  const [inputs = "", attributes = "", flag] = text.split(";");
  return {
    inputs: inputs === "" ? [] : inputs.split(",").map(parseInput),
    attributes: new Map(attributes === "" ? [] : attributes.split(",").map(parseAttribute)),
    stateful: flag === "!",
  };
}

function parseInput(text: string): OpDefinition["inputs"][number] {
  const [count, type] = text.includes("*") ? text.split("*") : [undefined, text];
  return { type: type === undefined || type === "-" || type.startsWith("list:") ? undefined : type, count };
}

function parseAttribute(text: string): [string, { type: string; hasDefault: boolean }] {
  const [name = "", type = ""] = text.split(":");
  return [name, { type: type.replace("?", ""), hasDefault: type.endsWith("?") }];
}

/** The attributes that TensorFlow knows of the operation, with the types of the inputs filled in. */
export function completeAttributes(op: string, given: Attributes, inputs: readonly TensorType[]): Attributes {
  const definition = definitionOf(op);
  if (definition === undefined) return given;
  const complete: Record<string, Attribute> = {};
  for (const [name, attribute] of Object.entries(given)) {
    if (definition.attributes.has(name)) complete[name] = attribute;
  }
  let position = 0;
  for (const { type, count } of definition.inputs) {
    const input = inputs[position];
    if (type !== undefined && complete[type] === undefined && input !== undefined) {
      complete[type] = typeAttribute(input.dtype);
    }
    const number = count === undefined ? undefined : complete[count];
    position += number?.kind === "int" ? number.value : 1;
  }
  return complete;
}

/** The numbers of an int32 constant. */
export function integersOf({ attributes }: GraphNode): readonly number[] | undefined {
  const value = attributes["value"];
  if (value?.kind !== "tensor" || value.type.dtype !== INT32) return undefined;
  const { buffer, byteOffset, byteLength } = value.bytes.slice();
  return [...new Int32Array(buffer, byteOffset, byteLength / 4)];
}

const INT32 = 3;

/** Nodes that the fetches need, in topological order. */
export function prune(nodes: readonly GraphNode[], fetches: Graph["fetches"]): Graph {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const done = new Set<string>();
  const ordered: GraphNode[] = [];
  const stack: { node: GraphNode; next: number }[] = [];
  const visit = (name: string): void => {
    const node = byName.get(name);
    if (node === undefined) throw new Error(`graph: there is no node ${name}`);
    if (done.has(name)) return;
    done.add(name);
    stack.push({ node, next: 0 });
  };
  for (const ref of Object.values(fetches)) {
    visit(nameOf(ref));
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const { node } = top;
      const index = top.next++;
      const input = node.inputs[index];
      const control = node.controls[index - node.inputs.length];
      if (input !== undefined) visit(nameOf(input));
      else if (control !== undefined) visit(control);
      else ordered.push(stack.pop()?.node ?? node);
    }
  }
  return { nodes: ordered, fetches };
}

/** Makes nodes with names of their own, the same node only once. */
export class NodeMaker {
  readonly nodes: GraphNode[] = [];
  readonly #prefix: string;
  readonly #made = new Map<string, GraphNode>();
  readonly #byName = new Map<string, GraphNode>();
  #indexed = 0;
  #count = 0;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** The node that makes the value; undefined if it was not made here. */
  node(ref: Ref): GraphNode | undefined {
    for (; this.#indexed < this.nodes.length; this.#indexed++) {
      const made = this.nodes[this.#indexed];
      if (made !== undefined) this.#byName.set(made.name, made);
    }
    return this.#byName.get(nameOf(ref));
  }

  /** @returns the node's outputs */
  make(
    op: string,
    inputs: readonly Ref[],
    attributes: Attributes,
    outputs: readonly TensorType[],
    options: { readonly name?: string; readonly controls?: readonly string[] } = {},
  ): Ref[] {
    const { name, controls = [] } = options;
    const shared = name === undefined && controls.length === 0 && definitionOf(op)?.stateful !== true;
    const key = shared ? keyOf(op, inputs, attributes) : undefined;
    const known = key === undefined ? undefined : this.#made.get(key);
    const node = known ?? { name: name ?? this.#newName(op), op, inputs, controls, attributes, outputs };
    if (known === undefined) this.nodes.push(node);
    if (key !== undefined) this.#made.set(key, node);
    return node.outputs.map((_, port) => refOf(node.name, port));
  }

  /** @returns the node's only output */
  one(op: string, inputs: readonly Ref[], attributes: Attributes, output: TensorType): Ref {
    const [ref] = this.make(op, inputs, attributes, [output]);
    if (ref === undefined) throw new Error(`graph: ${op} has no output`);
    return ref;
  }

  constant(values: Float32Array | Int32Array | Uint8Array, type: TensorType): Ref {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice();
    const attributes: Attributes = { dtype: typeAttribute(type.dtype), value: { kind: "tensor", type, bytes } };
    return this.one("Const", [], attributes, type);
  }

  #newName(op: string): string {
    return `${this.#prefix}/${op}_${this.#count++}`;
  }
}

const SHARED_CONSTANT_BYTES = 1024;

/** The same for nodes that compute the same; undefined for large constants, which are not worth comparing. */
export function keyOf(op: string, inputs: readonly Ref[], attributes: Attributes): string | undefined {
  const parts = Object.keys(attributes)
    .toSorted()
    .map((name) => `${name}=${attributeKey(attributes[name])}`);
  if (parts.some((part) => part.endsWith("=large"))) return undefined;
  return `${op}(${inputs.join(",")})${parts.join(";")}`;
}

function attributeKey(attribute: Attribute | undefined): string {
  if (attribute === undefined) return "";
  if (attribute.kind === "strings") return "large";
  if (attribute.kind !== "tensor") return `${attribute.kind}:${String(attribute.value)}`;
  if (attribute.bytes.length > SHARED_CONSTANT_BYTES) return "large";
  return `${attribute.type.dtype}[${attribute.type.shape.join(",")}]${Buffer.from(attribute.bytes).toString("hex")}`;
}
