import { InferenceError } from "../errors.ts";
import type { DType } from "../tensor.ts";

import { decodeModel, exactInteger } from "./decode.ts";
import { dtypeOf, elementTypeName } from "./element-type.ts";
import type { FileValue } from "./file-model.ts";
import type { onnx } from "./generated/decode.js";
import { externalPlace, readEntries, readOpsets, readValue, textOf } from "./read.ts";

/** One graph input or output. Free dimensions carry their symbolic name, or null when they have none. */
export interface ValueInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly (number | string | null)[];
  /** The model does not say its rank: `dims` is empty and any shape is taken. */
  readonly anyRank?: true;
}

/** An output; its element type is null where the file leaves it to the runtime to infer. */
export interface OutputInfo extends Omit<ValueInfo, "dtype"> {
  readonly dtype: DType | null;
}

/** What an ONNX file says of itself, without its weights. */
export interface OnnxHeader {
  readonly irVersion: number;
  readonly producer: string;
  /** Version of each operator set, by domain; the standard one is "". */
  readonly opsets: ReadonlyMap<string, number>;
  /** Inputs that a caller must feed: those with an initializer are left out. */
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly OutputInfo[];
  /** Outputs that no runtime can give: sequences, maps, optional values, element types that JavaScript has no array for. */
  readonly leftOut: readonly LeftOutOutput[];
  /** `metadata_props`. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Locations of the weight files beside it, each once. */
  readonly externalData: readonly string[];
  /** Operators of all nodes, also of those in bodies and functions. */
  readonly operators: ReadonlySet<string>;
}

export interface LeftOutOutput {
  readonly name: string;
  /** `a sequence`, `a tensor of bfloat16`. */
  readonly kind: string;
}

/**
 * Read what an ONNX file says of itself. Weights are not touched, so a large file costs no more than a small one.
 *
 * @throws {InferenceError} when the bytes are not an ONNX file, are cut short, or name an input that is not a tensor.
 */
export function readOnnxHeader(bytes: Uint8Array): OnnxHeader {
  const model = decodeModel(bytes);
  const graph = model.graph ?? {};
  const found = new Contents();
  found.addGraph(graph);
  for (const { node } of model.functions) found.addNodes(node);
  const initialized = new Set([
    ...(graph.initializer ?? []).map(({ name }) => textOf(name)),
    ...(graph.sparseInitializer ?? []).map(({ values }) => textOf(values?.name)),
  ]);
  const outputs: OutputInfo[] = [];
  const leftOut: LeftOutOutput[] = [];
  for (const message of graph.output ?? []) {
    const output = toOutput(readValue(message));
    if ("kind" in output) leftOut.push(output);
    else outputs.push(output);
  }
  return {
    irVersion: exactInteger(model.irVersion),
    producer: model.producerName,
    opsets: readOpsets(model.opsetImport),
    inputs: (graph.input ?? []).filter(({ name }) => !initialized.has(textOf(name))).map(toInput),
    outputs,
    leftOut,
    metadata: readEntries(model.metadataProps),
    externalData: [...found.locations],
    operators: found.operators,
  };
}

/** Operators and weight files of a graph and of all bodies in it. */
class Contents {
  readonly operators = new Set<string>();
  readonly locations = new Set<string>();

  addGraph(graph: onnx.GraphProto.$Properties): void {
    for (const tensor of graph.initializer ?? []) this.#addTensor(tensor);
    for (const { values, indices } of graph.sparseInitializer ?? []) {
      this.#addTensor(values);
      this.#addTensor(indices);
    }
    this.addNodes(graph.node);
  }

  addNodes(nodes: readonly onnx.NodeProto.$Properties[] | null | undefined): void {
    for (const { opType, attribute } of nodes ?? []) {
      this.operators.add(textOf(opType));
      for (const { t, tensors, g, graphs } of attribute ?? []) {
        for (const tensor of [t, ...(tensors ?? [])]) this.#addTensor(tensor);
        for (const body of [g, ...(graphs ?? [])]) if (body != null) this.addGraph(body);
      }
    }
  }

  #addTensor(tensor: onnx.TensorProto.$Properties | null | undefined): void {
    const place = tensor == null ? null : externalPlace(tensor);
    if (place !== null) this.locations.add(place.location);
  }
}

function toInput(message: onnx.ValueInfoProto.$Properties): ValueInfo {
  const input = toOutput(readValue(message));
  if (!("kind" in input) && input.dtype !== null) return { ...input, dtype: input.dtype };
  const found = "kind" in input ? input.kind : "of no type";
  throw new InferenceError(`input "${input.name}" is ${found}; expected a tensor of numbers, booleans or strings`, {
    hint: "cut the model behind that input, or let the model take a tensor and convert it",
  });
}

function toOutput({ name, type }: FileValue): OutputInfo | LeftOutOutput {
  if (type.kind === "none" || type.kind === "unknown") return { name, dtype: null, dims: [], anyRank: true };
  if (type.kind !== "tensor") return { name, kind: `${/^[aeiou]/.test(type.kind) ? "an" : "a"} ${type.kind}` };
  const dtype = dtypeOf(type.elementType);
  if (dtype === null && type.elementType !== 0) {
    return { name, kind: `a tensor of ${elementTypeName(type.elementType)}` };
  }
  return { name, dtype, ...(type.dims === null ? { dims: [], anyRank: true } : { dims: type.dims }) };
}
