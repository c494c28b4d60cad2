import { ELEMENT_TYPE } from "../../onnx/element-type.ts";
import type { FileNode, FileValue } from "../../onnx/file-model.ts";
import { inferTypes } from "../../onnx/infer-types.ts";
import { readOnnx } from "../../onnx/read.ts";
import { ModelEditor } from "../../onnx/rewrite.ts";
import type { ShapedTensor } from "../sizes/size-rules.ts";

const { float32: FLOAT } = ELEMENT_TYPE;

/** What a check has to know of an ONNX file. */
export interface OnnxFile {
  readonly bytes: Uint8Array;
  /** Version of the standard operator set; null when the file names none. */
  readonly opset: number | null;
  readonly inputs: readonly ShapedTensor[];
  readonly outputs: readonly ShapedTensor[];
  /** Nodes of the outermost graph. */
  readonly nodes: readonly FileNode[];
  /** Shapes of the outputs, and of inner tensors as far as the file has them (`value_info`). */
  readonly shapes: readonly ShapedTensor[];
  /** Names of inner tensors of float32 elements. */
  readonly floats: ReadonlySet<string>;
}

/** Reads what a check has to know of a file; the weights are not copied. */
export function describeFile(bytes: Uint8Array): OnnxFile {
  const model = readOnnx(bytes);
  const { graph, opsets } = model;
  const weights = new Set(graph.initializers.map(({ name }) => name));
  const outermost = new Set(graph.nodes);
  const floats = inferTypes(model)
    .filter(({ node }) => outermost.has(node))
    .flatMap(({ node, outputs }) => node.outputs.filter((_, index) => outputs[index]?.elementType === FLOAT));
  return {
    bytes,
    opset: opsets.get("") ?? null,
    inputs: graph.inputs.filter(({ name }) => !weights.has(name)).map(shaped),
    outputs: graph.outputs.map(shaped),
    nodes: graph.nodes,
    shapes: [...graph.outputs, ...graph.valueInfo].map(shaped),
    floats: new Set(floats.filter((name) => name !== "")),
  };
}

/** A size without a number or a name is "?". */
function shaped({ name, type }: FileValue): ShapedTensor {
  const dims = type.kind === "tensor" && type.dims !== null ? type.dims : [];
  return { name, dims: dims.map((dim) => dim ?? "?") };
}

/** The file with some of its inner float32 tensors as outputs too. */
export function withOutputs(bytes: Uint8Array, tensors: readonly string[]): Uint8Array {
  return new ModelEditor(bytes).addOutputs(tensors.map((name) => ({ name, elementType: FLOAT }))).finish();
}

/** The file without the sizes that it fixes for its inputs, and without the shapes that follow from them. */
export function withFreeSizes(bytes: Uint8Array): Uint8Array {
  return new ModelEditor(bytes).freeSizes().finish();
}
