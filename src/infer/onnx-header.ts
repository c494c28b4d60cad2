import { InferenceError } from "../errors.ts";
import { dtypeOf, elementTypeName } from "../onnx/element-type.ts";
import type { DType } from "../tensor.ts";

import { nestedLocations } from "./nested-weights.ts";
import { notOnnx, readFields, type Reader } from "./protobuf-fields.ts";
import type { ValueInfo } from "./runtime.ts";

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
  /** Operators of its nodes, those of subgraphs among them. */
  readonly operators: ReadonlySet<string>;
}

/** An output; its element type is null where the file leaves it to the runtime to infer. */
export interface OutputInfo extends Omit<ValueInfo, "dtype"> {
  readonly dtype: DType | null;
}

export interface LeftOutOutput {
  readonly name: string;
  /** `a sequence`, `a tensor of bfloat16`. */
  readonly kind: string;
}

/** Field numbers of onnx.proto (onnx 1.16): https://github.com/onnx/onnx/blob/main/onnx/onnx.proto */
const MODEL = { irVersion: 1, producerName: 2, graph: 7, opsetImport: 8, metadataProps: 14 };
const GRAPH = { node: 1, initializer: 5, input: 11, output: 12, sparseInitializer: 15 };
const NODE = { opType: 4, attribute: 5 };
const ATTRIBUTE = { graph: 6, graphs: 11 };
const TENSOR = { name: 8, externalData: 13 };
const SPARSE_TENSOR = { values: 1 };
const OPSET = { domain: 1, version: 2 };
const ENTRY = { key: 1, value: 2 };
const VALUE_INFO = { name: 1, type: 2 };
const TYPE = { tensor: 1 };
/** Fields of TypeProto for what is no tensor. */
const OTHER_TYPES: ReadonlyMap<number, string> = new Map([
  [4, "a sequence"],
  [5, "a map"],
  [8, "a sparse tensor"],
  [9, "an optional value"],
]);
const TENSOR_TYPE = { elemType: 1, shape: 2 };
const SHAPE = { dim: 1 };
const DIMENSION = { value: 1, param: 2 };

/**
 * Read an ONNX file's metadata, inputs and outputs. Weights are stepped over, so a large file costs no more than a small one.
 *
 * @throws {InferenceError} when the bytes are not an ONNX file, are cut short, or name an input that is not a tensor.
 */
export function readOnnxHeader(bytes: Uint8Array): OnnxHeader {
  if (bytes.length === 0) throw notOnnx("0 bytes");
  try {
    return readModel(bytes);
  } catch (error) {
    if (error instanceof InferenceError) throw error;
    throw notOnnx(error instanceof Error ? error.message : String(error));
  }
}

function readModel(bytes: Uint8Array): OnnxHeader {
  let irVersion = 0;
  let producer = "";
  let graph: Uint8Array | undefined;
  const opsets = new Map<string, number>();
  const metadata = new Map<string, string>();
  readFields(bytes, {
    [MODEL.irVersion]: (reader) => (irVersion = readInteger(reader)),
    [MODEL.producerName]: (reader) => (producer = reader.string()),
    [MODEL.graph]: (reader) => (graph = reader.bytes()),
    [MODEL.opsetImport]: (reader) => readOpset(reader.bytes(), opsets),
    [MODEL.metadataProps]: (reader) => readEntry(reader.bytes(), metadata),
  });
  if (graph === undefined) throw notOnnx("no graph in it");
  if (irVersion < 1) throw notOnnx("no IR version in it");
  const { externalData, ...rest } = readGraph(graph);
  const locations = [...new Set([...externalData, ...nestedLocations(bytes)])];
  return { irVersion, producer, opsets, metadata, externalData: locations, ...rest };
}

function readGraph(
  bytes: Uint8Array,
): Pick<OnnxHeader, "inputs" | "outputs" | "leftOut" | "externalData" | "operators"> {
  const inputs: Uint8Array[] = [];
  const outputs: OutputInfo[] = [];
  const leftOut: LeftOutOutput[] = [];
  const initialized = new Set<string>();
  const locations = new Set<string>();
  const operators = new Set<string>();
  const readInitializer = (reader: Reader): void => readTensorName(reader.bytes(), initialized, locations);
  readFields(bytes, {
    [GRAPH.node]: (reader) => readOperators(reader.bytes(), operators),
    [GRAPH.initializer]: readInitializer,
    [GRAPH.sparseInitializer]: (reader) => readFields(reader.bytes(), { [SPARSE_TENSOR.values]: readInitializer }),
    [GRAPH.input]: (reader) => inputs.push(reader.bytes()),
    [GRAPH.output]: (reader) => {
      const output = readOutput(reader.bytes());
      if ("kind" in output) leftOut.push(output);
      else outputs.push(output);
    },
  });
  return {
    inputs: inputs.filter((input) => !initialized.has(readName(input))).map(readInput),
    outputs,
    leftOut,
    externalData: [...locations],
    operators,
  };
}

function readOperators(node: Uint8Array, operators: Set<string>): void {
  const readSubgraph = (reader: Reader): void =>
    readFields(reader.bytes(), { [GRAPH.node]: (inner) => readOperators(inner.bytes(), operators) });
  readFields(node, {
    [NODE.opType]: (reader) => operators.add(reader.string()),
    [NODE.attribute]: (reader) =>
      readFields(reader.bytes(), { [ATTRIBUTE.graph]: readSubgraph, [ATTRIBUTE.graphs]: readSubgraph }),
  });
}

function readTensorName(bytes: Uint8Array, names: Set<string>, locations: Set<string>): void {
  readFields(bytes, {
    [TENSOR.name]: (reader) => names.add(reader.string()),
    [TENSOR.externalData]: (reader) => {
      const entry = new Map<string, string>();
      readEntry(reader.bytes(), entry);
      const location = entry.get("location");
      if (location !== undefined) locations.add(location);
    },
  });
}

function readName(bytes: Uint8Array): string {
  let name = "";
  readFields(bytes, { [VALUE_INFO.name]: (reader) => (name = reader.string()) });
  return name;
}

function readInput(bytes: Uint8Array): ValueInfo {
  const input = readOutput(bytes);
  if (!("kind" in input) && input.dtype !== null) return { ...input, dtype: input.dtype };
  const found = "kind" in input ? input.kind : "of no type";
  throw new InferenceError(`input "${input.name}" is ${found}; expected a tensor of numbers, booleans or strings`, {
    hint: "cut the model behind that input, or let the model take a tensor and convert it",
  });
}

/** Inputs and outputs are written alike. */
function readOutput(bytes: Uint8Array): OutputInfo | LeftOutOutput {
  const name = readName(bytes);
  let elementType = 0;
  let other: string | undefined;
  let dims: ValueInfo["dims"] | undefined;
  const readTensorType = (reader: Reader): void =>
    readFields(reader.bytes(), {
      [TENSOR_TYPE.elemType]: (inner) => (elementType = inner.uint32()),
      [TENSOR_TYPE.shape]: (inner) => (dims = readShape(inner.bytes())),
    });
  const readOthers = Array.from(
    OTHER_TYPES,
    ([field, kind]) =>
      [
        field,
        (reader: Reader) => {
          reader.bytes();
          other = kind;
        },
      ] as const,
  );
  readFields(bytes, {
    [VALUE_INFO.type]: (reader) =>
      readFields(reader.bytes(), { ...Object.fromEntries(readOthers), [TYPE.tensor]: readTensorType }),
  });
  if (other !== undefined) return { name, kind: other };
  const dtype = dtypeOf(elementType);
  if (dtype === null && elementType !== 0) return { name, kind: `a tensor of ${elementTypeName(elementType)}` };
  return { name, dtype, ...(dims === undefined ? { dims: [], anyRank: true } : { dims }) };
}

function readShape(bytes: Uint8Array): ValueInfo["dims"] {
  const dims: (number | string | null)[] = [];
  readFields(bytes, {
    [SHAPE.dim]: (reader) => {
      let dim: number | string | null = null;
      readFields(reader.bytes(), {
        [DIMENSION.value]: (inner) => (dim = readInteger(inner)),
        [DIMENSION.param]: (inner) => (dim = inner.string()),
      });
      dims.push(dim === "" || (typeof dim === "number" && dim < 0) ? null : dim);
    },
  });
  return dims;
}

function readOpset(bytes: Uint8Array, opsets: Map<string, number>): void {
  let domain = "";
  let version = 0;
  readFields(bytes, {
    [OPSET.domain]: (reader) => (domain = reader.string()),
    [OPSET.version]: (reader) => (version = readInteger(reader)),
  });
  opsets.set(domain, version);
}

function readEntry(bytes: Uint8Array, entries: Map<string, string>): void {
  let key = "";
  let value = "";
  readFields(bytes, {
    [ENTRY.key]: (reader) => (key = reader.string()),
    [ENTRY.value]: (reader) => (value = reader.string()),
  });
  entries.set(key, value);
}

/** An int64 that must be exact as a number. */
function readInteger(reader: Reader): number {
  const value = Number(reader.int64());
  if (!Number.isSafeInteger(value)) throw notOnnx(`a number out of range: ${value}`);
  return value;
}
