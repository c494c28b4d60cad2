import type { DType, Tensor } from "../tensor.ts";

/** Value of a node's attribute, with its ONNX type. */
export type Attribute =
  | { readonly type: "int"; readonly value: number }
  | { readonly type: "float"; readonly value: number }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "ints"; readonly value: readonly number[] }
  | { readonly type: "floats"; readonly value: readonly number[] }
  | { readonly type: "strings"; readonly value: readonly string[] }
  | { readonly type: "graph"; readonly value: OnnxGraph }
  | { readonly type: "tensor"; readonly value: Tensor };

/** Attributes of an ONNX node, by name. */
export type Attributes = Readonly<Record<string, Attribute>>;

/** An attribute that holds an integer. */
export const int = (value: number): Attribute => ({ type: "int", value });
/** An attribute that holds a float. */
export const float = (value: number): Attribute => ({ type: "float", value });
/** An attribute that holds a string. */
export const string = (value: string): Attribute => ({ type: "string", value });
/** An attribute that holds integers. */
export const ints = (value: readonly number[]): Attribute => ({ type: "ints", value });
/** An attribute that holds floats. */
export const floats = (value: readonly number[]): Attribute => ({ type: "floats", value });
export const strings = (value: readonly string[]): Attribute => ({ type: "strings", value });
export const subgraph = (value: OnnxGraph): Attribute => ({ type: "graph", value });

/** One operation. An optional input that is left out is the empty string. */
export interface OnnxNode {
  readonly opType: string;
  /** Domain of the operator set; "" is the standard one. */
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
}

/** Name, type and shape of a tensor. */
export interface OnnxValueInfo {
  readonly name: string;
  readonly dtype: DType;
  /** Sizes of the axes; a string names a size that is free. Null: even the number of axes is unknown. */
  readonly dims: readonly (number | string)[] | null;
  /** A sequence of such tensors. */
  readonly isSequence?: boolean;
}

/** A tensor whose elements share bytes, two to each: the first in the low half. */
export interface PackedTensor {
  readonly dtype: "int4";
  readonly dims: readonly number[];
  readonly data: Uint8Array;
}

export interface OnnxGraph {
  readonly name: string;
  /** Each node comes after the nodes whose outputs it reads. */
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  /** Initializers of an element type that JavaScript has no array for. */
  readonly packed?: ReadonlyMap<string, PackedTensor>;
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
  /** Types and shapes of inner tensors (`value_info`). */
  readonly valueInfo?: readonly OnnxValueInfo[];
}

export interface OnnxModel {
  readonly irVersion: number;
  readonly opset: number;
  readonly producerName: string;
  readonly producerVersion: string;
  readonly graph: OnnxGraph;
  /** `metadata_props`. */
  readonly metadata: ReadonlyMap<string, string>;
}
