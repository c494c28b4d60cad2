import type { Attribute, OnnxNode } from "./model.ts";

/**
 * An ONNX file as it was read. A file made elsewhere may hold what the exporter never writes (functions, sequences, element types
 * that JavaScript has no array for), so these types are wider than those of model.ts.
 */
export interface FileModel {
  readonly irVersion: number;
  readonly producerName: string;
  readonly producerVersion: string;
  /** Version of each operator set by its domain; the standard one is "". */
  readonly opsets: ReadonlyMap<string, number>;
  /** `metadata_props`. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly graph: FileGraph;
  readonly functions: readonly FileFunction[];
}

/** An operator that the file itself defines. */
export interface FileFunction {
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly FileNode[];
}

export interface FileGraph {
  readonly name: string;
  readonly nodes: readonly FileNode[];
  readonly initializers: readonly FileTensor[];
  readonly sparseInitializers: readonly FileTensor[];
  readonly inputs: readonly FileValue[];
  readonly outputs: readonly FileValue[];
  readonly valueInfo: readonly FileValue[];
}

export interface FileNode extends Omit<OnnxNode, "attributes"> {
  readonly attributes: ReadonlyMap<string, FileAttribute>;
}

export type FileAttribute =
  | Exclude<Attribute, { readonly type: "graph" | "tensor" }>
  | { readonly type: "tensor"; readonly value: FileTensor }
  | { readonly type: "tensors"; readonly value: readonly FileTensor[] }
  | { readonly type: "graph"; readonly value: FileGraph }
  | { readonly type: "graphs"; readonly value: readonly FileGraph[] }
  /** In a function: the value of the function's own attribute of that name. */
  | { readonly type: "reference"; readonly value: string }
  /** A type, a sparse tensor, or nothing. */
  | { readonly type: "other" };

/** An input, an output or an inner tensor. */
export interface FileValue {
  readonly name: string;
  readonly type: FileType;
}

/** `none`: the file leaves the type out. `unknown`: a kind of type that this package does not know. */
export type FileType =
  | {
      readonly kind: "tensor";
      /** `TensorProto.DataType`; 0 when the file does not say. */
      readonly elementType: number;
      /** A free size has a name or is null. Null: the file does not say even the number of axes. */
      readonly dims: readonly (number | string | null)[] | null;
    }
  | { readonly kind: "sequence" | "map" | "sparse tensor" | "optional value" | "opaque value" | "unknown" | "none" };

export interface FileTensor {
  readonly name: string;
  /** `TensorProto.DataType`. */
  readonly elementType: number;
  readonly dims: readonly number[];
  readonly data: FileData;
}

/** Where the elements of a tensor are. All bytes are views of the file. */
export type FileData =
  /** Little-endian elements one behind the other. */
  | { readonly kind: "raw"; readonly bytes: Uint8Array }
  /** A packed field of protocol buffers, in one part or several. */
  | {
      readonly kind: "float" | "double" | "int32" | "int64" | "uint64";
      readonly parts: readonly Uint8Array[];
    }
  /** UTF-8. */
  | { readonly kind: "strings"; readonly values: readonly Uint8Array[] }
  | ({ readonly kind: "external" } & ExternalPlace);

/** A part of a file beside the model. */
export interface ExternalPlace {
  /** Path of the file, relative to the model's folder. */
  readonly location: string;
  /** First byte. */
  readonly offset: number;
  /** Bytes; null: to the end of the file. */
  readonly length: number | null;
}

/** The bodies of a loop, a scan or a branch. */
export function bodiesOf({ attributes }: FileNode): FileGraph[] {
  return [...attributes.values()].flatMap((attribute) => {
    if (attribute.type === "graph") return [attribute.value];
    return attribute.type === "graphs" ? attribute.value : [];
  });
}
