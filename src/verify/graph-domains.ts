import { isObject } from "../export/source/json.ts";
import type { RawModel } from "../export/source/model.ts";

import type { InputDomain } from "./input-domains.ts";

/** Operators that give the whole numbers they are given, or some of them, with the inputs they take them from. */
const CARRYING = new Set([
  "Cast",
  "ConcatV2",
  "ExpandDims",
  "GatherV2",
  "Identity",
  "Pack",
  "Pad",
  "PadV2",
  "Reshape",
  "Slice",
  "Squeeze",
  "StopGradient",
  "StridedSlice",
  "Tile",
  "Transpose",
]);

/** Operators that use whole numbers as indices into another input: which input has the indices, and which is indexed. */
const INDEXING: ReadonlyMap<string, { readonly indices: number; readonly table: number }> = new Map([
  ["Gather", { indices: 1, table: 0 }],
  ["GatherV2", { indices: 1, table: 0 }],
  ["ResourceGather", { indices: 1, table: 0 }],
]);

interface Node {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly string[];
}

/** Values to feed the inputs of a Graph model with: indices in range where an input is used to look up rows of a weight. */
export function graphDomains({ manifest }: RawModel): ReadonlyMap<string, InputDomain> {
  const nodes = nodesOf(manifest);
  const rows = rowsOf(manifest);
  const users = new Map<string, { readonly node: Node; readonly position: number }[]>();
  for (const node of nodes) {
    node.inputs.forEach((input, position) => {
      users.set(input, [...(users.get(input) ?? []), { node, position }]);
    });
  }
  const aliases = new Map(
    nodes.filter(({ op }) => op === "Identity").map(({ name, inputs }) => [name, inputs[0] ?? ""]),
  );
  const sizeOfTable = (name: string): number | undefined => rows.get(name) ?? rows.get(aliases.get(name) ?? "");
  const domains = new Map<string, InputDomain>();
  for (const { name } of nodes.filter(({ op }) => op === "Placeholder")) {
    let below = Infinity;
    const seen = new Set<string>();
    const waiting = [name];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      for (const { node, position } of users.get(next) ?? []) {
        const lookup = INDEXING.get(node.op);
        if (lookup?.indices === position)
          below = Math.min(below, sizeOfTable(node.inputs[lookup.table] ?? "") ?? below);
        else if (CARRYING.has(node.op)) waiting.push(node.name);
      }
    }
    if (Number.isFinite(below)) domains.set(name, { kind: "integers", below: Math.max(1, below) });
  }
  for (const [key, node] of signatureInputs(manifest)) {
    const domain = domains.get(node);
    if (domain !== undefined) domains.set(key, domain);
  }
  return domains;
}

function nodesOf(manifest: unknown): Node[] {
  const topology = isObject(manifest) ? manifest["modelTopology"] : null;
  const nodes: unknown = isObject(topology) ? topology["node"] : null;
  return (Array.isArray(nodes) ? nodes : []).flatMap((node: unknown): Node[] => {
    if (!isObject(node) || typeof node["name"] !== "string" || typeof node["op"] !== "string") return [];
    const given: readonly unknown[] = Array.isArray(node["input"]) ? node["input"] : [];
    const inputs = given.filter((input) => typeof input === "string" && !input.startsWith("^"));
    return [{ name: node["name"], op: node["op"], inputs: inputs.map((input) => String(input).replace(/:\d+$/, "")) }];
  });
}

/** Size of the first axis of each weight. */
function rowsOf(manifest: unknown): ReadonlyMap<string, number> {
  const groups: unknown = isObject(manifest) ? manifest["weightsManifest"] : null;
  const rows = new Map<string, number>();
  for (const group of Array.isArray(groups) ? groups : []) {
    const weights: unknown = isObject(group) ? group["weights"] : null;
    for (const weight of Array.isArray(weights) ? weights : []) {
      if (!isObject(weight) || typeof weight["name"] !== "string" || !Array.isArray(weight["shape"])) continue;
      const size: unknown = weight["shape"][0];
      if (typeof size === "number") rows.set(weight["name"], size);
    }
  }
  return rows;
}

/** Names that a model's signature gives to its inputs, and the nodes they are. */
function signatureInputs(manifest: unknown): readonly (readonly [key: string, node: string])[] {
  const own = isObject(manifest) ? manifest["signature"] : null;
  const metadata = isObject(manifest) ? manifest["userDefinedMetadata"] : null;
  const signature = isObject(own) ? own : isObject(metadata) ? metadata["signature"] : null;
  const inputs: unknown = isObject(signature) ? signature["inputs"] : null;
  if (!isObject(inputs)) return [];
  return Object.entries(inputs).flatMap(([key, input]) =>
    isObject(input) && typeof input["name"] === "string" ? [[key, input["name"].replace(/:\d+$/, "")] as const] : [],
  );
}
