import { onnx } from "../../export/onnx/proto.js";
import { ELEMENT_TYPE } from "../../onnx/element-type.ts";
import type { ShapedTensor } from "../sizes/size-rules.ts";

import { elementTypes } from "./element-types.ts";

const { float32: FLOAT } = ELEMENT_TYPE;

/** One operation of a file's graph, bodies of loops left out. */
export interface FileNode {
  readonly name: string;
  readonly opType: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** What a check has to know of an ONNX file. */
export interface OnnxFile {
  readonly bytes: Uint8Array;
  /** Version of the standard operator set; null when the file names none. */
  readonly opset: number | null;
  readonly inputs: readonly ShapedTensor[];
  readonly outputs: readonly ShapedTensor[];
  readonly nodes: readonly FileNode[];
  /** Shapes of the outputs, and of inner tensors as far as the file has them (`value_info`). */
  readonly shapes: readonly ShapedTensor[];
  /** Names of inner tensors of float32 elements. */
  readonly floats: ReadonlySet<string>;
}

/** Reads what a check has to know of a file; the weights are not copied. */
export function describeFile(bytes: Uint8Array): OnnxFile {
  const { graph, opsetImport } = onnx.ModelProto.decode(bytes);
  const types = elementTypes(graph ?? {});
  const { input = [], output = [], node = [], valueInfo = [] } = graph ?? {};
  const weights = new Set((graph?.initializer ?? []).map(({ name }) => name));
  const version = opsetImport.find(({ domain }) => domain === undefined || domain === null || domain === "")?.version;
  return {
    bytes,
    opset: version === undefined || version === null ? null : asNumber(version),
    inputs: (input ?? []).filter(({ name }) => !weights.has(name)).map(shaped),
    outputs: (output ?? []).map(shaped),
    nodes: (node ?? []).map(({ name, opType, input: inputs, output: outputs }) => ({
      name: name ?? "",
      opType: opType ?? "",
      inputs: inputs ?? [],
      outputs: (outputs ?? []).filter((tensor) => tensor !== ""),
    })),
    shapes: [...(output ?? []), ...(valueInfo ?? [])].map(shaped),
    floats: new Set([...types].filter(([, type]) => type === FLOAT).map(([name]) => name)),
  };
}

/** protobufjs gives 64-bit integers as Long, whatever its types say. */
function asNumber(value: unknown): number {
  return Number(value);
}

/** A size without a number or a name is "?". */
function shaped({ name, type }: onnx.IValueInfoProto): ShapedTensor {
  const dims = type?.tensorType?.shape?.dim ?? [];
  return {
    name: name ?? "",
    dims: dims.map(({ dimValue, dimParam }) => {
      if (typeof dimParam === "string" && dimParam !== "") return dimParam;
      return dimValue === undefined || dimValue === null ? "?" : asNumber(dimValue);
    }),
  };
}

/** The file with some of its inner float32 tensors as outputs too. */
export function withOutputs(bytes: Uint8Array, tensors: readonly string[]): Uint8Array {
  const model = onnx.ModelProto.decode(bytes);
  const own = model.graph?.output ?? [];
  const names = new Set(own.map(({ name }) => name));
  const added = tensors
    .filter((tensor) => !names.has(tensor))
    .map((name) => ({ name, type: { tensorType: { elemType: FLOAT } } }));
  if (model.graph) model.graph.output = [...own, ...added];
  return onnx.ModelProto.encode(model).finish();
}

/** The file without the sizes that it fixes for its inputs, and without the shapes that follow from them. */
export function withFreeSizes(bytes: Uint8Array): Uint8Array {
  const model = onnx.ModelProto.decode(bytes);
  const { graph } = model;
  if (graph) {
    const inputs = new Set((graph.initializer ?? []).map(({ name }) => name));
    for (const value of graph.input ?? []) {
      const dims = value.type?.tensorType?.shape?.dim ?? [];
      if (inputs.has(value.name)) continue;
      dims.forEach((size, axis) => {
        delete size.dimValue;
        size.dimParam = `${value.name ?? "input"}_${axis}`;
      });
    }
    for (const { type } of graph.output ?? []) if (type?.tensorType) delete type.tensorType.shape;
    graph.valueInfo = [];
  }
  return onnx.ModelProto.encode(model).finish();
}
