import $protobuf from "protobufjs/minimal.js";

import { onnx } from "../../src/onnx/generated/decode.js";

import { decodeOnnx } from "./onnx-proto.ts";

/** Number of the field `graph` of a ModelProto. */
const GRAPH = 7;

/** The bytes of a file's graph: all but versions and metadata. */
export function graphOf(file: Uint8Array): Uint8Array {
  const reader = $protobuf.Reader.create(file);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag >>> 3 === GRAPH) return reader.bytes();
    reader.skipType(tag & 7);
  }
  throw new TypeError("a file without a graph");
}

/**
 * What the nodes of a file look like to a runtime that chooses how to compute them: operator, types and ranks of the inputs,
 * attributes, of which those that are text with their values. Each form once, those in bodies included.
 */
export function formsOf(file: Uint8Array): readonly string[] {
  const { graph } = decodeOnnx(file);
  const forms = new Set<string>();
  if (!(graph instanceof onnx.GraphProto)) throw new TypeError("a file without a graph");
  collect(graph, new Map(), forms);
  return [...forms];
}

function collect(graph: onnx.GraphProto.$Properties, outer: ReadonlyMap<string, string>, forms: Set<string>): void {
  const types = new Map(outer);
  for (const { name, type } of [...(graph.input ?? []), ...(graph.valueInfo ?? []), ...(graph.output ?? [])]) {
    const tensor = type?.tensorType;
    types.set(name ?? "", `${tensor?.elemType ?? "?"}/${tensor?.shape?.dim?.length ?? "?"}`);
  }
  for (const { name, dataType, dims } of graph.initializer ?? []) {
    types.set(name ?? "", `${dataType ?? "?"}/${dims?.length ?? 0} constant`);
  }
  for (const { opType, domain, input, attribute } of graph.node ?? []) {
    const inputs = (input ?? []).map((name) => (name === "" ? "-" : (types.get(name) ?? "?")));
    const attributes = (attribute ?? []).map(({ name, s, strings }) => {
      const texts = [...(s === null || s === undefined ? [] : [s]), ...(strings ?? [])];
      return `${name}=${texts.map((text) => new TextDecoder().decode(text)).join()}`;
    });
    forms.add(`${domain}:${opType}(${inputs.join()}) ${attributes.toSorted().join(" ")}`);
    for (const { g } of attribute ?? []) if (g !== null && g !== undefined) collect(g, types, forms);
  }
}
