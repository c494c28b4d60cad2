import {
  type Attribute,
  type Attributes,
  completeAttributes,
  definitionOf,
  type GraphNode,
  NodeMaker,
  type Ref,
  refOf,
  sameShape,
  shapeAttribute,
  stringAttribute,
  type TensorType,
  typeAttribute,
} from "./graph.ts";
import { areMoments } from "./batch-norm.ts";
import { type GradientRecorder, withNativeGradients } from "./gradients.ts";
import {
  type Binding,
  FLOAT,
  isBinding,
  type NativeBackend,
  type OpAttribute,
  type RawValues,
  STRING,
  type TensorLike,
  type TensorMetadata,
} from "./native.ts";
import { type Distribution, RandomDraws } from "./random.ts";
import { randomNode, SEED_INPUT } from "./random-node.ts";
import { NO_GRADIENT } from "./passes/no-gradient.ts";
import { scoped } from "./scope.ts";
import type { Tensor, TensorFlow, Variable } from "./types.ts";

/** Why a function cannot be recorded, in words that finish "because ...". */
export class Untraceable extends Error {}

/** A function of tensors, as operations. */
export interface Trace {
  readonly nodes: readonly GraphNode[];
  /** What the function returned. */
  readonly outputs: Readonly<Record<string, Ref>>;
  /** For each variable that the function used: its value at the start. */
  readonly reads: ReadonlyMap<number, Ref>;
  /** For each variable that the function assigned: the new value. */
  readonly assigned: ReadonlyMap<number, Ref>;
  /** Outputs that hold random numbers, and what TF.js drew for them this time. */
  readonly randoms: readonly { readonly ref: Ref; readonly type: TensorType; readonly values: Float32Array }[];
}

export interface TraceRequest {
  /** Placeholders by name, and the tensors that stand for them while recording. */
  readonly inputs: Readonly<Record<string, Tensor>>;
  /** All that the function may read or assign. */
  readonly variables: readonly Variable[];
  /** Runs eagerly, once. Its assignments to the variables are taken back. */
  readonly run: () => Readonly<Record<string, Tensor>>;
}

interface Value {
  readonly ref: Ref;
  readonly type: TensorType;
  /** Depends on an input, a variable or random numbers: what JavaScript must not read. */
  readonly varies: boolean;
  /** What made it, for messages. */
  readonly origin: string;
}

/**
 * Runs a function once with the addon's calls recorded: every kernel becomes a node, data made in JavaScript a constant
 * (random numbers: a random operation), the inputs placeholders, the variables resource variables.
 *
 * @throws Untraceable
 */
export function trace(tf: TensorFlow, backend: NativeBackend, request: TraceRequest): Trace {
  return new Tracer(tf, backend, request).trace();
}

class Tracer implements GradientRecorder {
  readonly #tf: TensorFlow;
  readonly #backend: NativeBackend;
  readonly #binding: Binding;
  readonly #request: TraceRequest;
  readonly #maker = new NodeMaker("t");
  readonly #values = new Map<number, Value>();
  readonly #alive = new Set<number>();
  readonly #reads = new Map<number, Ref>();
  readonly #variableOfId = new Map<number, number>();
  readonly #foreign: ReadonlyMap<object, Variable>;
  readonly #draws: RandomDraws;
  readonly #randoms: Trace["randoms"][number][] = [];
  #fault: Untraceable | undefined;
  #checksIndices = 0;

  constructor(tf: TensorFlow, backend: NativeBackend, request: TraceRequest) {
    this.#tf = tf;
    this.#backend = backend;
    this.#binding = backend.binding;
    this.#request = request;
    this.#draws = new RandomDraws(tf);
    const own = new Set(request.variables);
    const registered: Variable[] = Object.values(tf.engine().registeredVariables);
    this.#foreign = new Map(registered.filter((other) => !own.has(other)).map((other) => [other.dataId, other]));
  }

  trace(): Trace {
    const { variables, run } = this.#request;
    const starts = variables.map((variable) => variable.clone());
    const variableCount = Object.keys(this.#tf.engine().registeredVariables).length;
    try {
      this.#declareInputs();
      starts.forEach((start, index) => this.#declareVariable(start, index));
      const { outputs, assigned } = this.#recorded(() => this.#finish(run(), starts));
      this.#refuseLeftovers(assigned, variableCount);
      return { nodes: this.#maker.nodes, outputs, reads: this.#reads, assigned, randoms: this.#randoms };
    } finally {
      variables.forEach((variable, index) => restore(variable, starts[index]));
    }
  }

  #declareInputs(): void {
    for (const [name, tensor] of Object.entries(this.#request.inputs)) {
      const type = { dtype: this.#backend.getDTypeInteger(tensor.dtype), shape: tensor.shape };
      this.#placeholder(name, type);
      const [id] = this.#backend.getInputTensorIds([tensor]);
      if (id === undefined) throw new Untraceable(`input ${name} has no tensor`);
      this.#values.set(id, { ref: refOf(name), type, varies: true, origin: `input ${name}` });
    }
  }

  #placeholder(name: string, type: TensorType): Ref {
    const attributes: Attributes = { dtype: typeAttribute(type.dtype), shape: shapeAttribute(type.shape) };
    this.#maker.make("Placeholder", [], attributes, [type], { name });
    return refOf(name);
  }

  /** Only notes where the value is; nodes are made when it is used. */
  #declareVariable(start: Tensor, index: number): void {
    const [id] = this.#backend.getInputTensorIds([start]);
    if (id !== undefined) this.#variableOfId.set(id, index);
  }

  #recorded<T>(run: () => T): T {
    const backend = this.#backend;
    const getIds = backend.getInputTensorIds.bind(backend);
    const read = backend.readSync.bind(backend);
    backend.binding = this.#recordingBinding();
    Object.assign(backend, {
      getInputTensorIds: (tensors: readonly TensorLike[]) => this.#idsOf(tensors, getIds),
      readSync: (dataId: object) => this.#read(dataId, read),
    });
    try {
      return this.#draws.while(() =>
        this.#withIndexChecks(() => withNativeGradients(this.#tf, backend, this, () => scoped(this.#tf, run))),
      );
    } finally {
      backend.binding = this.#binding;
      Reflect.deleteProperty(backend, "getInputTensorIds");
      Reflect.deleteProperty(backend, "readSync");
    }
  }

  #recordingBinding(): Binding {
    const original = this.#binding;
    const refuse = (what: string) => (): never => this.#refuse(`it calls ${what}`);
    const recording: unknown = Object.create(original, {
      createTensor: { value: this.#createTensor.bind(this) },
      executeOp: { value: this.#executeOp.bind(this) },
      tensorDataSync: { value: (id: number) => this.#readId(id) },
      deleteTensor: {
        value: (id: number) => {
          this.#alive.delete(id);
          original.deleteTensor(id);
        },
      },
      loadSavedModel: { value: refuse("a saved model") },
      runSavedModel: { value: refuse("a saved model") },
    });
    if (!isBinding(recording)) throw new Untraceable("the addon cannot be wrapped");
    return recording;
  }

  /** TF.js's gather reads its indices to check their range; that decides nothing, and the graph checks them too. */
  #withIndexChecks<T>(run: () => T): T {
    const config = this.#tf.getKernel("GatherV2", "tensorflow");
    const replace = (kernelFunc: typeof config.kernelFunc): void => {
      this.#tf.unregisterKernel("GatherV2", "tensorflow");
      this.#tf.registerKernel({ kernelName: "GatherV2", backendName: "tensorflow", kernelFunc });
    };
    replace((params) => {
      this.#checksIndices++;
      try {
        return config.kernelFunc(params);
      } finally {
        this.#checksIndices--;
      }
    });
    try {
      return run();
    } finally {
      replace(config.kernelFunc);
    }
  }

  /** Remembers the fault, for the case that the function catches the exception. */
  #refuse(reason: string): never {
    this.#fault ??= new Untraceable(reason);
    throw this.#fault;
  }

  #createTensor(shape: number[], dtype: number, values: RawValues): number {
    const id = this.#binding.createTensor(shape, dtype, values);
    const type = { dtype, shape: [...shape] };
    const drawn = values instanceof Float32Array ? this.#draws.recognise(values) : undefined;
    if (drawn !== undefined && values instanceof Float32Array) this.#setRandom(id, drawn, type, values);
    else this.#set(id, { ref: this.#constant(type, values), type, varies: false, origin: "a constant" });
    return id;
  }

  #set(id: number, value: Value): void {
    this.#values.set(id, value);
    if (value.varies) this.#alive.add(id);
  }

  #setRandom(id: number, drawn: Distribution, type: TensorType, values: Float32Array): void {
    const seed =
      this.#randoms.length === 0 ? this.#placeholder(SEED_INPUT, { dtype: 3, shape: [2] }) : refOf(SEED_INPUT);
    const ref = randomNode(this.#maker, seed, this.#randoms.length, drawn, type);
    this.#randoms.push({ ref, type, values: values.slice() });
    this.#set(id, { ref, type, varies: true, origin: "random numbers" });
  }

  #constant(type: TensorType, values: RawValues): Ref {
    if (!Array.isArray(values)) return this.#maker.constant(values, type);
    if (type.dtype !== STRING) this.#refuse(`it makes a constant of type ${type.dtype} from a list`);
    const value: Attribute = { kind: "strings", type, values };
    return this.#maker.one("Const", [], { dtype: typeAttribute(STRING), value }, type);
  }

  #executeOp(op: string, attributes: OpAttribute[], inputs: number[], outputCount: number): TensorMetadata[] {
    const definition = definitionOf(op);
    if (definition === undefined) return this.#refuse(`operation ${op} is not known to the compiler`);
    if (definition.stateful) return this.#refuse(`operation ${op} keeps state of its own inside TensorFlow`);
    const values = inputs.map((id) => this.#valueOf(id));
    const outputs = this.#binding.executeOp(op, attributes, inputs, outputCount);
    const types = outputs.map(({ dtype, shape }) => ({ dtype, shape }));
    const given = Object.fromEntries(attributes.map((attribute) => [attribute.name, this.#attributeOf(op, attribute)]));
    const complete = completeAttributes(
      op,
      given,
      values.map(({ type }) => type),
    );
    const refs = this.#maker.make(
      op,
      values.map(({ ref }) => ref),
      complete,
      types,
    );
    const varies = values.some((value) => value.varies);
    outputs.forEach(({ id }, port) => {
      const [ref, type] = [refs[port], types[port]];
      if (ref !== undefined && type !== undefined) this.#set(id, { ref, type, varies, origin: op });
    });
    return outputs;
  }

  #attributeOf(op: string, { name, type, value }: OpAttribute): Attribute {
    const binding = this.#binding;
    if (type === binding.TF_ATTR_TYPE && typeof value === "number") return typeAttribute(value);
    if (type === binding.TF_ATTR_STRING && typeof value === "string") return stringAttribute(value);
    if (type === binding.TF_ATTR_BOOL && typeof value === "boolean") return { kind: "bool", value };
    if (type === binding.TF_ATTR_INT && typeof value === "number") return { kind: "int", value };
    if (type === binding.TF_ATTR_FLOAT && typeof value === "number") return { kind: "float", value };
    if (Array.isArray(value)) {
      if (type === binding.TF_ATTR_SHAPE) return shapeAttribute(value.map(Number));
      if (type === binding.TF_ATTR_INT) return { kind: "ints", value: value.map(Number) };
      if (type === binding.TF_ATTR_FLOAT) return { kind: "floats", value: value.map(Number) };
      if (type === binding.TF_ATTR_BOOL) return { kind: "bools", value: value.map(Boolean) };
    }
    return this.#refuse(`attribute ${name} of ${op} is of a kind that is not known to the compiler`);
  }

  #valueOf(id: number): Value {
    const known = this.#values.get(id);
    if (known !== undefined) return known;
    const index = this.#variableOfId.get(id);
    if (index === undefined) return this.#refuse("it uses a tensor that came past the recording");
    const value = this.#readVariable(index);
    this.#values.set(id, value);
    return value;
  }

  areMoments(x: Tensor, mean: Tensor, variance: Tensor): boolean {
    return areMoments(this.#maker, { x: this.#refOf(x), mean: this.#refOf(mean), variance: this.#refOf(variance) });
  }

  noGradient(like: Tensor): Tensor {
    const type = { dtype: FLOAT, shape: [...like.shape] };
    const values = new Float32Array(like.size);
    const [metadata] = this.#binding.executeOp(
      "ZerosLike",
      [{ name: "T", type: this.#binding.TF_ATTR_TYPE, value: FLOAT }],
      this.#backend.getInputTensorIds([like]),
      1,
    );
    if (metadata === undefined) return this.#refuse("there are no zeros");
    const value: Attribute = { kind: "tensor", type, bytes: new Uint8Array(values.buffer) };
    const name = `${NO_GRADIENT}${this.#maker.nodes.length}`;
    this.#maker.make("Const", [], { dtype: typeAttribute(FLOAT), value }, [type], { name });
    this.#set(metadata.id, { ref: refOf(name), type, varies: false, origin: "no gradient" });
    return this.#backend.createOutputTensor(metadata);
  }

  #readVariable(index: number): Value {
    const variable = this.#request.variables[index];
    if (variable === undefined) return this.#refuse(`there is no variable ${index}`);
    const type = { dtype: this.#backend.getDTypeInteger(variable.dtype), shape: variable.shape };
    const handle = makeHandle(this.#maker, index, type);
    const attributes = { dtype: typeAttribute(type.dtype) };
    this.#maker.make("ReadVariableOp", [handle], attributes, [type], { name: `read/${index}` });
    const ref = refOf(`read/${index}`);
    this.#reads.set(index, ref);
    return { ref, type, varies: true, origin: `variable ${variable.name}` };
  }

  /** Called with what a kernel is about to use; tensors from outside become constants. */
  #idsOf(tensors: readonly TensorLike[], original: NativeBackend["getInputTensorIds"]): number[] {
    const ids = original(tensors);
    ids.forEach((id, position) => {
      const tensor = tensors[position];
      if (tensor !== undefined) this.#lookAt(id, tensor);
    });
    return ids;
  }

  #lookAt(id: number, tensor: TensorLike): void {
    if (!this.#values.has(id) && !this.#variableOfId.has(id)) this.#capture(id, tensor);
    const { type, origin } = this.#valueOf(id);
    if (tensor.shape !== undefined && !sameShape(type.shape, tensor.shape)) {
      this.#refuse(`the shape of ${origin} changed without an operation`);
    }
  }

  #capture(id: number, tensor: TensorLike): void {
    const variable = this.#foreign.get(tensor.dataId);
    if (variable !== undefined) this.#refuse(`variable ${variable.name} is not among the variables of the step`);
    const { shape, dtype } = this.#backend.tensorMap.get(tensor.dataId);
    const values = this.#binding.tensorDataSync(id);
    const type = { dtype, shape: [...(tensor.shape ?? shape)] };
    if (values instanceof BigInt64Array || dtype === STRING)
      return this.#refuse("it uses a tensor of int64 or strings from outside");
    this.#values.set(id, { ref: this.#constant(type, values), type, varies: false, origin: "a tensor from outside" });
  }

  #read(dataId: object, original: NativeBackend["readSync"]): RawValues {
    const { values } = this.#backend.tensorMap.get(dataId);
    if (values instanceof Float32Array && this.#draws.recognise(values) !== undefined) {
      return this.#refuse("it reads random numbers in JavaScript");
    }
    return original(dataId);
  }

  #readId(id: number): ReturnType<Binding["tensorDataSync"]> {
    const value = this.#checksIndices > 0 ? undefined : this.#values.get(id);
    if (value?.varies === true) return this.#refuse(`it reads values in mid-step (of ${value.origin})`);
    if (this.#checksIndices === 0 && this.#variableOfId.has(id)) return this.#refuse("it reads a variable in mid-step");
    return this.#binding.tensorDataSync(id);
  }

  #finish(results: Readonly<Record<string, Tensor>>, starts: readonly Tensor[]): Pick<Trace, "outputs" | "assigned"> {
    const outputs: Record<string, Ref> = {};
    for (const [label, tensor] of Object.entries(results)) outputs[label] = this.#refOf(tensor);
    const assigned = new Map<number, Ref>();
    this.#request.variables.forEach((variable, index) => {
      if (variable.dataId !== starts[index]?.dataId) assigned.set(index, this.#refOf(variable));
    });
    return { outputs, assigned };
  }

  #refOf(tensor: Tensor): Ref {
    const [id] = this.#backend.getInputTensorIds([tensor]);
    if (id === undefined) return this.#refuse("it returns something that is no tensor");
    return this.#valueOf(id).ref;
  }

  #refuseLeftovers(assigned: ReadonlyMap<number, Ref>, variableCount: number): void {
    if (this.#fault !== undefined) throw this.#fault;
    if (this.#draws.pending > 0)
      throw new Untraceable("it draws random numbers in JavaScript in a way that is not known");
    if (Object.keys(this.#tf.engine().registeredVariables).length > variableCount) {
      throw new Untraceable("it makes variables");
    }
    const held = new Set<number>();
    for (const index of assigned.keys()) {
      const variable = this.#request.variables[index];
      if (variable !== undefined) held.add(this.#backend.tensorMap.get(variable.dataId).id);
    }
    for (const id of this.#alive) {
      if (!held.has(id)) throw new Untraceable(`it keeps a tensor (${this.#values.get(id)?.origin ?? "?"}) for later`);
    }
  }
}

/** The handle of variable number `index`. */
export function makeHandle(maker: NodeMaker, index: number, type: TensorType): Ref {
  const name = `variable/${index}`;
  const attributes: Attributes = {
    dtype: typeAttribute(type.dtype),
    shape: shapeAttribute(type.shape),
    shared_name: stringAttribute(name),
    container: stringAttribute(""),
  };
  const ref = refOf(name);
  if (!maker.nodes.some((node) => node.name === name)) {
    maker.make("VarHandleOp", [], attributes, [{ dtype: RESOURCE, shape: [] }], { name });
  }
  return ref;
}

const RESOURCE = 20;

function restore(variable: Variable, start: Tensor | undefined): void {
  if (start === undefined) return;
  if (variable.dataId !== start.dataId) variable.assign(start);
  start.dispose();
}
