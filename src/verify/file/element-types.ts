import type { onnx } from "../../export/onnx/proto.js";
import { ELEMENT_TYPE } from "../../onnx/element-type.ts";

const { float32: FLOAT, int64: INT64, bool: BOOL } = ELEMENT_TYPE;

const TRUTHS: ReadonlySet<string> = new Set([
  "And",
  "Equal",
  "Greater",
  "GreaterOrEqual",
  "IsInf",
  "IsNaN",
  "Less",
  "LessOrEqual",
  "Not",
  "Or",
  "Xor",
]);
const INDICES: ReadonlySet<string> = new Set(["ArgMax", "ArgMin", "NonZero", "Shape", "Size"]);

/**
 * Element types of the tensors that a graph's nodes make, by name: as inputs, constants and operators imply them. An operator
 * that is not known here counts as giving what its first input has.
 */
export function elementTypes(graph: onnx.IGraphProto): ReadonlyMap<string, number> {
  const types = new Map<string, number>();
  const set = (name: string | null | undefined, type: number | null | undefined): void => {
    if (name !== undefined && name !== null && name !== "" && type !== undefined && type !== null)
      types.set(name, type);
  };
  for (const { name, type } of graph.input ?? []) set(name, type?.tensorType?.elemType);
  for (const { name, dataType } of graph.initializer ?? []) set(name, dataType);
  for (const node of graph.node ?? []) {
    (node.output ?? []).forEach((output, index) => set(output, typeOf(node, index, types)));
  }
  return types;
}

function typeOf(node: onnx.INodeProto, output: number, types: ReadonlyMap<string, number>): number | undefined {
  const opType = node.opType ?? "";
  const attributes = new Map((node.attribute ?? []).map((attribute) => [attribute.name, attribute]));
  const inputs = (node.input ?? []).map((name) => types.get(name));
  if (TRUTHS.has(opType)) return BOOL;
  if (INDICES.has(opType) || (opType === "TopK" && output === 1)) return INT64;
  if (opType === "Cast") return attributes.get("to")?.i ?? FLOAT;
  if (opType === "ConstantOfShape") return attributes.get("value")?.t?.dataType ?? FLOAT;
  if (opType === "Constant") return attributes.get("value")?.t?.dataType ?? undefined;
  if (opType === "Where" || opType === "OneHot") return inputs.at(opType === "Where" ? 1 : 2);
  const body = attributes.get("body")?.g ?? attributes.get("then_branch")?.g;
  if (body !== undefined && body !== null) {
    const outputs = body.output ?? [];
    return outputs.at(opType === "Loop" ? output + 1 : output)?.type?.tensorType?.elemType ?? undefined;
  }
  return inputs.find((type) => type !== undefined);
}
