import type * as tf from "@tensorflow/tfjs";

/** Cases for the ops of Graph models: what a case is, and how a GraphModel is made of some. */

export type CaseDtype = "float32" | "int32" | "bool" | "string" | "complex64";

/** An input of a case. `values` in row-major order; complex64 as real and imaginary parts in turn. */
export interface CaseInput {
  readonly dtype: CaseDtype;
  readonly shape: readonly number[];
  readonly values: readonly number[] | readonly string[];
  /** A Const of the model instead of a Placeholder that is fed. */
  readonly constant: boolean;
}

/** An attribute as a model.json has it. */
export interface CaseAttr {
  readonly i?: string;
  readonly f?: number;
  readonly b?: boolean;
  readonly s?: string;
  readonly type?: string;
  readonly shape?: { readonly dim?: readonly { readonly size: string }[]; readonly unknownRank?: boolean };
  readonly list?: {
    readonly i?: readonly string[];
    readonly f?: readonly number[];
    readonly s?: readonly string[];
    readonly type?: readonly string[];
  };
  readonly func?: { readonly name: string };
}

export type CaseAttrs = Readonly<Record<string, CaseAttr>>;

/** A node; `input` names nodes of the same case, `name:1` the second output of one. */
export interface CaseNode {
  readonly name: string;
  readonly op: string;
  readonly input: readonly string[];
  readonly attr: CaseAttrs;
}

/** A function of the model's library, for If, While and PartitionedCall. Names in `ret` are `node:output:index`. */
export interface CaseFunction {
  readonly name: string;
  readonly inputs: readonly { readonly name: string; readonly type: string }[];
  readonly outputs: readonly { readonly name: string; readonly type: string; readonly from: string }[];
  readonly nodes: readonly CaseNode[];
  /** Consts of the function's body. */
  readonly constants?: Readonly<Record<string, CaseInput>>;
}

/** Which axes of the fed inputs the model leaves free: none, the first, or all. */
export type Freedom = "fixed" | "batch" | "all";

export interface OpCase {
  /** Unique within its table; begins with the op. */
  readonly name: string;
  /** The op that is tested. */
  readonly op: string;
  readonly inputs: Readonly<Record<string, CaseInput>>;
  readonly nodes: readonly CaseNode[];
  /** Names of the tensors that are compared. */
  readonly fetch: readonly string[];
  readonly functions: readonly CaseFunction[];
  /** Nodes that TF.js runs once, when it loads the model: hash tables. They may use the constant inputs. */
  readonly initializer: readonly CaseNode[];
  /** The model is exported once for each. */
  readonly free: readonly Freedom[];
  /**
   * Largest difference of float32 outputs. `range`: of the largest absolute value expected. `element`: of the absolute value
   * of the same element, for outputs whose values lie orders of magnitude apart.
   */
  readonly tolerance: { readonly of: "range" | "element"; readonly value: number };
  /** TF.js itself throws this: there is nothing to compare with. */
  readonly tfjsThrows: RegExp | null;
  /** The exporter refuses the model with this. */
  readonly refused: RegExp | null;
  /** ONNX Runtime cannot give TF.js's numbers: the condition and why. Nothing is exported. */
  readonly skipped: string | null;
}

export interface CaseSettings {
  readonly attrs?: CaseAttrs;
  /** Number of outputs; 1 without it. */
  readonly outputs?: number;
  readonly free?: readonly Freedom[];
  readonly tolerance?: number;
  readonly elementwise?: boolean;
  readonly tfjsThrows?: RegExp;
  readonly refused?: RegExp;
  readonly skipped?: string;
  /** More nodes; the op's own node is called `op`, the inputs `x0`, `x1`, .... */
  readonly nodes?: readonly CaseNode[];
  readonly fetch?: readonly string[];
  readonly functions?: readonly CaseFunction[];
  readonly initializer?: readonly CaseNode[];
}

const RANGE_TOLERANCE = 1e-5;

/** A case of one op: `x0`, `x1`, ... are its inputs, the node is called `op`. */
export function opCase(op: string, name: string, inputs: readonly CaseInput[], settings: CaseSettings = {}): OpCase {
  const named = inputs.map((input, index): readonly [string, CaseInput] => [`x${index}`, input]);
  const own: CaseNode = { name: "op", op, input: named.map(([key]) => key), attr: settings.attrs ?? {} };
  const outputs = Array.from({ length: settings.outputs ?? 1 }, (_, index) => (index === 0 ? "op" : `op:${index}`));
  return graphCase(op, name, Object.fromEntries(named), [own, ...(settings.nodes ?? [])], {
    ...settings,
    fetch: settings.fetch ?? outputs,
  });
}

/** A case of several nodes. */
export function graphCase(
  op: string,
  name: string,
  inputs: Readonly<Record<string, CaseInput>>,
  nodes: readonly CaseNode[],
  settings: CaseSettings & { readonly fetch: readonly string[] },
): OpCase {
  return {
    name: name === "" ? op : `${op} ${name}`,
    op,
    inputs,
    nodes,
    fetch: settings.fetch,
    functions: settings.functions ?? [],
    initializer: settings.initializer ?? [],
    free: settings.free ?? ["fixed", "all"],
    tolerance: {
      of: settings.elementwise === true ? "element" : "range",
      value: settings.tolerance ?? RANGE_TOLERANCE,
    },
    tfjsThrows: settings.tfjsThrows ?? null,
    refused: settings.refused ?? null,
    skipped: settings.skipped ?? null,
  };
}

export function node(op: string, name: string, input: readonly string[], attrs: CaseAttrs = {}): CaseNode {
  return { name, op, input, attr: attrs };
}

const DATA_TYPES: Readonly<Record<CaseDtype, string>> = {
  float32: "DT_FLOAT",
  int32: "DT_INT32",
  bool: "DT_BOOL",
  string: "DT_STRING",
  complex64: "DT_COMPLEX64",
};

export const attr: {
  readonly int: (value: number) => CaseAttr;
  readonly float: (value: number) => CaseAttr;
  readonly bool: (value: boolean) => CaseAttr;
  readonly string: (value: string) => CaseAttr;
  readonly type: (value: CaseDtype) => CaseAttr;
  readonly shape: (dims: readonly number[] | null) => CaseAttr;
  readonly ints: (values: readonly number[]) => CaseAttr;
  readonly floats: (values: readonly number[]) => CaseAttr;
  readonly strings: (values: readonly string[]) => CaseAttr;
  readonly types: (values: readonly CaseDtype[]) => CaseAttr;
  readonly func: (name: string) => CaseAttr;
} = {
  int: (value) => ({ i: String(value) }),
  float: (value) => ({ f: value }),
  bool: (value) => ({ b: value }),
  string: (value) => ({ s: btoa(value) }),
  type: (value) => ({ type: DATA_TYPES[value] }),
  shape: (dims) =>
    dims === null ? { shape: { unknownRank: true } } : { shape: { dim: dims.map((size) => ({ size: String(size) })) } },
  ints: (values) => ({ list: { i: values.map(String) } }),
  floats: (values) => ({ list: { f: values } }),
  strings: (values) => ({ list: { s: values.map((value) => btoa(value)) } }),
  types: (values) => ({ list: { type: values.map((value) => DATA_TYPES[value]) } }),
  func: (name) => ({ func: { name } }),
};

/** Names of the placeholders of the `index`-th case in a model of several. */
export function prefixOf(index: number): string {
  return `c${index}/`;
}

/** A GraphModel that computes all cases side by side. */
export function artifactsOf(cases: readonly OpCase[], free: Freedom): tf.io.ModelArtifacts {
  const nodes: object[] = [];
  const initializer: object[] = [];
  const functions: object[] = [];
  const specs: tf.io.WeightsManifestEntry[] = [];
  const data: Uint8Array<ArrayBuffer>[] = [];
  const inputs: Record<string, object> = {};
  const outputs: Record<string, object> = {};
  const addConstant = (name: string, { shape, dtype, values }: CaseInput): object => {
    specs.push({ name, shape: [...shape], dtype });
    data.push(bytesOf(dtype, values));
    return { name, op: "Const", attr: { dtype: attr.type(dtype) } };
  };
  for (const [index, given] of cases.entries()) {
    const prefix = prefixOf(index);
    const local = [...Object.keys(given.inputs), ...[...given.nodes, ...given.initializer].map(({ name }) => name)];
    const names = new Map(local.map((name) => [name, prefix + name]));
    for (const [key, input] of Object.entries(given.inputs)) {
      const name = prefix + key;
      if (input.constant) {
        const declared = addConstant(name, input);
        nodes.push(declared);
        if (given.initializer.length > 0) initializer.push(declared);
      } else {
        const dims = input.shape.map((size, axis) => (free === "all" || (free === "batch" && axis === 0) ? -1 : size));
        const shape = attr.shape(dims);
        nodes.push({ name, op: "Placeholder", attr: { dtype: attr.type(input.dtype), shape } });
        inputs[name] = { name: `${name}:0`, dtype: DATA_TYPES[input.dtype], tensorShape: shape.shape };
      }
    }
    for (const inner of given.nodes) nodes.push(rename(inner, prefix, names));
    for (const inner of given.initializer) initializer.push(rename(inner, prefix, names));
    for (const { name, inputs: args, outputs: results, nodes: body, constants = {} } of given.functions) {
      const inside = new Map(Object.keys(constants).map((key) => [key, `${prefix}${name}/${key}`]));
      functions.push({
        signature: {
          name: prefix + name,
          inputArg: args,
          outputArg: results.map((result) => ({ name: result.name, type: result.type })),
        },
        nodeDef: [
          ...Object.entries(constants).map(([key, value]) => addConstant(`${prefix}${name}/${key}`, value)),
          ...body.map((inner) => rename(inner, prefix, inside)),
        ],
        ret: Object.fromEntries(results.map((result) => [result.name, result.from])),
      });
    }
    for (const name of given.fetch) {
      const full = fetchName(prefix, name);
      outputs[full] = { name: full };
    }
  }
  return {
    format: "graph-model",
    generatedBy: "2.16.1",
    convertedBy: "TensorFlow.js Converter v4.22.0",
    signature: { inputs, outputs },
    modelTopology: {
      node: nodes,
      versions: { producer: 1645 },
      ...(functions.length === 0 ? {} : { library: { function: functions } }),
    },
    ...(initializer.length === 0 ? {} : { modelInitializer: { node: initializer, versions: { producer: 1645 } } }),
    weightSpecs: specs,
    weightData: joinedBytes(data).buffer,
  };
}

/** `c0/op:1` of `op:1`; the first output of a node goes by `c0/op:0`. */
export function fetchName(prefix: string, name: string): string {
  return name.includes(":") ? prefix + name : `${prefix}${name}:0`;
}

/** The node under the names of the whole model; names of functions get the prefix as well. */
function rename(
  { name, op, input, attr: attrs }: CaseNode,
  prefix: string,
  names: ReadonlyMap<string, string>,
): object {
  return {
    name: names.get(name) ?? name,
    op,
    input: input.map((from) => {
      const [control, owner, output] = splitName(from);
      return `${control}${names.get(owner) ?? owner}${output}`;
    }),
    attr: Object.fromEntries(
      Object.entries(attrs).map(([key, value]): [string, CaseAttr] => [
        key,
        value.func === undefined ? value : { func: { name: prefix + value.func.name } },
      ]),
    ),
  };
}

/** `^`, if it is a control input; the node; `:1`, the output of it. */
function splitName(from: string): readonly [string, string, string] {
  const control = from.startsWith("^") ? "^" : "";
  const bare = from.slice(control.length);
  const colon = bare.indexOf(":");
  return colon < 0 ? [control, bare, ""] : [control, bare.slice(0, colon), bare.slice(colon)];
}

function bytesOf(dtype: CaseDtype, values: CaseInput["values"]): Uint8Array<ArrayBuffer> {
  if (dtype === "string") {
    const encoder = new TextEncoder();
    const parts = values.flatMap((value) => {
      const text = encoder.encode(String(value));
      return [new Uint8Array(Uint32Array.of(text.length).buffer), text];
    });
    return joinedBytes(parts);
  }
  const numbers = values.map(Number);
  if (dtype === "bool") return Uint8Array.from(numbers);
  const typed = dtype === "int32" ? Int32Array.from(numbers) : Float32Array.from(numbers);
  return new Uint8Array(typed.buffer);
}

function joinedBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
