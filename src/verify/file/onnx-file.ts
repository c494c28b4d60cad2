import { PRECISIONS, type Precision } from "../../export/precision/options.ts";
import { PRECISION_KEY } from "../../metadata.ts";
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
  /** How its weights are kept, as its metadata say: `float32` where they say nothing. */
  readonly precision: Precision;
  readonly inputs: readonly ShapedTensor[];
  readonly outputs: readonly ShapedTensor[];
  /** Nodes of the outermost graph. */
  readonly nodes: readonly FileNode[];
  /** Shapes of all tensors of the outermost graph whose shapes the file has: its outputs, and `value_info`. */
  readonly shapes: readonly ShapedTensor[];
}

/** Reads what a check has to know of a file; the weights are not copied. */
export function describeFile(bytes: Uint8Array): OnnxFile {
  const { graph, opsets, metadata } = readOnnx(bytes);
  const weights = new Set(graph.initializers.map(({ name }) => name));
  return {
    bytes,
    opset: opsets.get("") ?? null,
    precision: PRECISIONS.find((each) => each === metadata.get(PRECISION_KEY)) ?? "float32",
    inputs: graph.inputs.filter(({ name }) => !weights.has(name)).map(shaped),
    outputs: graph.outputs.map(shaped),
    nodes: graph.nodes,
    shapes: [...graph.outputs, ...graph.valueInfo].map(shaped),
  };
}

/** Names of the float32 tensors that nodes of the outermost graph make. */
export function floatTensors(bytes: Uint8Array): ReadonlySet<string> {
  const model = readOnnx(bytes);
  const outermost = new Set(model.graph.nodes);
  const names = inferTypes(model)
    .filter(({ node }) => outermost.has(node))
    .flatMap(({ node, outputs }) => node.outputs.filter((_, index) => outputs[index]?.elementType === FLOAT));
  return new Set(names.filter((name) => name !== ""));
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
