import type * as tf from "@tensorflow/tfjs";

/** Attributes in protobuf's JSON form. */
export const attr = {
  type: (type: string | number): unknown => ({ type }),
  text: (value: string): unknown => ({ s: btoa(value) }),
  int: (value: number | string): unknown => ({ i: value }),
  float: (value: number): unknown => ({ f: value }),
  bool: (value: boolean): unknown => ({ b: value }),
  func: (name: string): unknown => ({ func: { name } }),
  shape: (sizes: readonly (number | null)[] | null): unknown => ({
    shape:
      sizes === null ? { unknownRank: true } : { dim: sizes.map((size): unknown => ({ size: String(size ?? -1) })) },
  }),
  ints: (values: readonly number[]): unknown => ({ list: { i: values.map(String) } }),
};

export interface NodeSpec {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr?: Readonly<Record<string, unknown>>;
}

interface WeightSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: "float32" | "int32" | "bool" | "string" | "complex64";
  readonly bytes: Uint8Array;
}

export interface FunctionSpec {
  readonly name: string;
  /** Names of the parameters; each is a DT_FLOAT unless it says otherwise: `count:DT_INT32`. */
  readonly inputs: readonly string[];
  /** What is returned: `add:z:0`. */
  readonly returns: readonly string[];
  readonly nodes: readonly NodeSpec[];
}

/** Makes small Graph models in memory. */
export class GraphMaker {
  readonly nodes: NodeSpec[] = [];
  readonly functions: FunctionSpec[] = [];
  readonly #weights: WeightSpec[] = [];

  placeholder(name: string, dtype = "DT_FLOAT", shape: readonly (number | null)[] | null = []): this {
    return this.node(name, "Placeholder", [], { dtype: attr.type(dtype), shape: attr.shape(shape) });
  }

  node(
    name: string,
    op: string,
    input: readonly string[] = [],
    attributes: Readonly<Record<string, unknown>> = {},
  ): this {
    this.nodes.push({ name, op, input, attr: attributes });
    return this;
  }

  /** A Const with its weight; `inFunction`: the weight alone, for a Const in a function's body. */
  const(
    name: string,
    dtype: "float32" | "int32" | "bool",
    values: readonly number[],
    shape?: readonly number[],
    controls: readonly string[] = [],
  ): this {
    this.node(name, "Const", controls, { dtype: attr.type(TYPES[dtype]) });
    return this.weight(name, dtype, values, shape);
  }

  weight(
    name: string,
    dtype: "float32" | "int32" | "bool",
    values: readonly number[],
    shape: readonly number[] = [],
  ): this {
    const data = { float32: Float32Array, int32: Int32Array, bool: Uint8Array }[dtype].from(values);
    return this.rawWeight({ name, dtype, shape, bytes: new Uint8Array(data.buffer) });
  }

  rawWeight(weight: WeightSpec): this {
    this.#weights.push(weight);
    return this;
  }

  func(spec: FunctionSpec): this {
    this.functions.push(spec);
    return this;
  }

  artifacts(more: Partial<tf.io.ModelArtifacts> = {}): tf.io.ModelArtifacts & { readonly weightData: ArrayBuffer } {
    const length = this.#weights.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
    const data = new Uint8Array(length);
    let offset = 0;
    for (const { bytes } of this.#weights) {
      data.set(bytes, offset);
      offset += bytes.byteLength;
    }
    return {
      format: "graph-model",
      modelTopology: {
        node: this.nodes,
        library: { function: this.functions.map(functionDef) },
        versions: { producer: 1 },
      },
      weightSpecs: this.#weights.map(({ name, shape, dtype }) => ({ name, shape: [...shape], dtype })),
      ...more,
      weightData: data.buffer,
    };
  }
}

const TYPES = { float32: "DT_FLOAT", int32: "DT_INT32", bool: "DT_BOOL" } as const;

function functionDef({ name, inputs, returns, nodes }: FunctionSpec): unknown {
  return {
    signature: {
      name,
      inputArg: inputs.map((input) => {
        const [argument, type = "DT_FLOAT"] = input.split(":");
        return { name: argument, type };
      }),
      outputArg: returns.map((_, index) => ({ name: `out${index}`, type: "DT_FLOAT" })),
    },
    nodeDef: nodes,
    ret: Object.fromEntries(returns.map((source, index) => [`out${index}`, source])),
  };
}

/** A signature whose outputs are `tensors`, by the keys given. */
export function signature(
  outputs: Readonly<Record<string, string>>,
  inputs: Readonly<Record<string, string>> = {},
): { readonly inputs: object; readonly outputs: object } {
  const entries = (tensors: Readonly<Record<string, string>>): object =>
    Object.fromEntries(Object.entries(tensors).map(([key, name]) => [key, { name, dtype: "DT_FLOAT" }]));
  return { inputs: entries(inputs), outputs: entries(outputs) };
}
