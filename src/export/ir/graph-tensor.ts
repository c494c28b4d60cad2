import type { Dim } from "../../onnx/dim.ts";
import type { Inferred, Operand } from "../../onnx/operators/index.ts";
import type { DType, Tensor } from "../../tensor.ts";

/**
 * A tensor of the graph under construction: an input, a constant, or an output of a node. Only a GraphBuilder makes them, and
 * every one has a type and a shape that the rules of the ONNX operators have inferred.
 */
export class GraphTensor implements Operand {
  /** The builder that made it; bodies read tensors of the graphs around them, never the other way round. */
  readonly owner: object;
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly Dim[] | null;
  readonly isSequence: boolean;
  readonly constant: Tensor | null;
  readonly elements: readonly Dim[] | null;

  constructor(owner: object, name: string, type: Inferred, constant: Tensor | null = null) {
    this.owner = owner;
    this.name = name;
    this.dtype = type.dtype;
    this.shape = type.shape;
    this.isSequence = type.isSequence ?? false;
    this.constant = constant;
    this.elements = type.elements ?? null;
  }
}
