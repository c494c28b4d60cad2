import { show } from "../../onnx/dim.ts";
import type { OnnxValueInfo } from "../../onnx/model.ts";
import type { TensorType } from "../../onnx/operators/index.ts";

/**
 * Name, type and shape of a tensor as a file has them. A size that is an expression becomes a text (`dim_param`): the same text
 * stands for the same size wherever it occurs.
 */
export function valueInfo({ name, dtype, shape, isSequence }: { readonly name: string } & TensorType): OnnxValueInfo {
  const info = { name, dtype, dims: shape === null ? null : shape.map(show) };
  return isSequence === true ? { ...info, isSequence } : info;
}
