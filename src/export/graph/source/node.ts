import type { AttributeReader } from "./attributes.ts";

/** One of the tensors that a node gives. */
export interface NodeOutput {
  readonly node: string;
  /** 0-based. */
  readonly output: number;
}

/** One operation of a Graph model, as the file has it. */
export interface GraphNode {
  readonly name: string;
  /** TensorFlow's name of the operator: `Conv2D`. */
  readonly op: string;
  readonly attributes: AttributeReader;
  /** Data inputs in order. */
  readonly inputs: readonly NodeOutput[];
  /** Nodes that must have run before, whose tensors are not read. */
  readonly controls: readonly string[];
}
