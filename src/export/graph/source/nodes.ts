import { ModelFormatError } from "../../../errors.ts";
import { isJsonList, isJsonObject, quoted, shown, type Json, type JsonObject } from "../../source/json.ts";

import { AttributeReader } from "./attributes.ts";
import { parseOutput } from "./node-output.ts";
import type { GraphNode, NodeOutput } from "./node.ts";

/** Beyond any model seen; the largest has about 4,000 nodes. */
const MAX_NODES = 100_000;

/** The nodes of one graph or function body by name. */
export type GraphNodes = ReadonlyMap<string, GraphNode>;

interface RawNode {
  readonly name: string;
  readonly op: string;
  readonly attributes: JsonObject;
  readonly inputs: readonly string[];
}

/**
 * The nodes of a graph: `node` of a GraphDef, `nodeDef` of a FunctionDef.
 *
 * @param parameters Names that a function's body may read besides its nodes.
 * @param where What the list is, for messages: `modelTopology.node`.
 * @throws {ModelFormatError} when a node has no name or operator, a name is there twice, or an input is missing.
 */
export function readNodes(list: Json | undefined, where: string, parameters: readonly string[] = []): GraphNodes {
  if (list === undefined) return new Map();
  if (!isJsonList(list)) throw new ModelFormatError(`${where} must be a list of nodes; got ${shown(list)}`);
  if (list.length > MAX_NODES) throw new ModelFormatError(`${where} has ${list.length} nodes, more than ${MAX_NODES}`);
  const raw = new Map<string, RawNode>();
  for (const [index, item] of list.entries()) {
    const node = readNode(item, `${where}[${index}]`);
    if (raw.has(node.name)) throw new ModelFormatError(`two nodes have the name ${quoted(node.name)}`);
    raw.set(node.name, node);
  }
  const names = new Set(parameters);
  const nodes = new Map<string, GraphNode>();
  for (const { name, op, attributes, inputs } of raw.values()) {
    const expectNode = (input: string): string => {
      if (raw.has(input) || names.has(input)) return input;
      throw new ModelFormatError(`node ${name} (${op}): its input ${quoted(input)} is not in the model`);
    };
    const data: NodeOutput[] = [];
    const controls: string[] = [];
    for (const input of inputs) {
      if (input.startsWith("^")) {
        controls.push(expectNode(parseOutput(input.slice(1)).node));
        continue;
      }
      const output = parseOutput(input, (node) => raw.get(node)?.op);
      expectNode(output.node);
      data.push(output);
    }
    nodes.set(name, { name, op, attributes: new AttributeReader(attributes), inputs: data, controls });
  }
  return nodes;
}

function readNode(item: Json, where: string): RawNode {
  if (!isJsonObject(item)) throw new ModelFormatError(`${where} must be a node; got ${shown(item)}`);
  const { name, op, input, attr } = ownFields(item);
  if (typeof name !== "string" || name === "") {
    throw new ModelFormatError(`${where}.name must be a name; got ${shown(name)}`);
  }
  if (typeof op !== "string" || op === "") {
    throw new ModelFormatError(`${where}.op (node ${quoted(name)}) must be the name of an operator; got ${shown(op)}`);
  }
  if (attr !== undefined && !isJsonObject(attr)) {
    throw new ModelFormatError(`${where}.attr (node ${quoted(name)}) must be an object; got ${shown(attr)}`);
  }
  const inputs = input ?? [];
  if (!isJsonList(inputs) || !inputs.every((each) => typeof each === "string" && each !== "")) {
    throw new ModelFormatError(`${where}.input (node ${quoted(name)}) must be a list of names; got ${shown(inputs)}`);
  }
  return { name, op, attributes: attr ?? {}, inputs: inputs.filter((each) => typeof each === "string") };
}

function ownFields(item: JsonObject): Readonly<Record<"name" | "op" | "input" | "attr", Json | undefined>> {
  const own = (key: string): Json | undefined => (Object.hasOwn(item, key) ? (item[key] ?? undefined) : undefined);
  return { name: own("name"), op: own("op"), input: own("input"), attr: own("attr") };
}
