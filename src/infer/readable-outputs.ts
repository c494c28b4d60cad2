import { InferenceError } from "../errors.ts";
import { ELEMENT_TYPE } from "../onnx/element-type.ts";
import type { FileNode } from "../onnx/file-model.ts";
import { readOnnxHeader, type OnnxHeader } from "../onnx/header.ts";
import { ModelEditor } from "../onnx/rewrite.ts";

/** A model all of whose outputs JavaScript can be given, and what was changed for that, in sentences for people. */
export interface ReadableModel {
  readonly bytes: Uint8Array;
  readonly header: OnnxHeader;
  readonly notes: readonly string[];
}

/**
 * The model without the outputs that JavaScript cannot be given; onnxruntime-node would not load it with them. A sequence of maps made
 * by ZipMap, as converters of scikit-learn write it, is replaced by the tensor that it was made from.
 *
 * @throws {InferenceError} when no output is left
 */
export function withReadableOutputs(model: Uint8Array, header: OnnxHeader): ReadableModel {
  if (header.leftOut.length === 0) return { bytes: model, header, notes: [] };
  const names = new Set(header.leftOut.map(({ name }) => name));
  const labels = new Map<string, readonly string[]>();
  const isZipMap = (node: FileNode): boolean => {
    const [output] = node.outputs;
    if (node.opType !== "ZipMap" || node.domain !== "ai.onnx.ml" || output === undefined || !names.has(output))
      return false;
    labels.set(output, labelsOf(node));
    return true;
  };
  const editor = new ModelEditor(model).replaceByIdentity(isZipMap, ELEMENT_TYPE.float32);
  const leftOut = header.leftOut.filter(({ name }) => !labels.has(name));
  if (header.outputs.length + labels.size === 0) throw noOutput(leftOut);
  const bytes = editor.dropOutputs(new Set(leftOut.map(({ name }) => name))).finish();
  return {
    bytes,
    header: readOnnxHeader(bytes),
    notes: [
      ...Array.from(
        labels,
        ([name, own]) => `output "${name}" is given as a tensor, a column for each of ${own.join(", ")}`,
      ),
      ...leftOut.map(({ name, kind }) => `output "${name}" is left out: JavaScript cannot be given ${kind}`),
    ],
  };
}

function noOutput(leftOut: OnnxHeader["leftOut"]): InferenceError {
  const found = leftOut.map(({ name, kind }) => `"${name}" is ${kind}`).join(", ");
  return new InferenceError(`the model has no output that JavaScript can be given: ${found}`, {
    hint: "convert an output to a tensor of numbers, booleans or strings inside the model",
  });
}

/** Labels of a ZipMap's columns, in order. */
function labelsOf({ attributes }: FileNode): string[] {
  const labels = attributes.get("classlabels_strings") ?? attributes.get("classlabels_int64s");
  return labels?.type === "strings" || labels?.type === "ints" ? labels.value.map(String) : [];
}
