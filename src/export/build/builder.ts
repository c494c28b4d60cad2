import { InternalError } from "../../errors.ts";
import { ELEMENT_TYPE } from "../../onnx/element-type.ts";
import { asNumber, dim, fold, show, symbolsOf, type Dim, type DimLike } from "../../onnx/dim.ts";
import { int, ints, subgraph, type Attributes, type OnnxGraph, type OnnxNode } from "../../onnx/model.ts";
import { OperatorCall, ruleFor, type Inferred } from "../../onnx/operators/index.ts";
import { first } from "../../require.ts";
import { sizeOf, type DType, type Tensor } from "../../tensor.ts";
import { GraphTensor } from "../ir/graph-tensor.ts";
import {
  axisOf,
  newAxis,
  regroup,
  sameAxes,
  sameFactors,
  sizeOfAxis,
  Value,
  viewOf,
  type Axis,
  type Factor,
} from "../ir/value.ts";

import { layOutAlike } from "./broadcast.ts";
import { Constants } from "./constants.ts";
import { Names } from "./names.ts";
import { knownSize, permuteFactors } from "./permute.ts";
import { cutOut, insertedOnes, joined, permutation, plans, resizeCost, splitRuns } from "./rearrange.ts";
import { valueInfo } from "./value-info.ts";

/** An input of a node, or null for an optional input that is left out. */
export type NodeInput = GraphTensor | null;

/** What makes a tensor. */
export interface Producer {
  readonly opType: string;
  readonly inputs: readonly NodeInput[];
  readonly attributes: Attributes;
}

/** Elements up to this many are kept beside an integer constant as sizes. */
const MAX_ELEMENTS = 64;

/** Operators whose windows must fit into the axes from the third on. */
const WINDOWS: ReadonlySet<string> = new Set(["Conv", "MaxPool", "AveragePool"]);

/** What a graph and the bodies in it have in common. */
interface Shared {
  readonly names: Names;
  readonly constants: Constants;
  readonly types: Map<string, Inferred>;
  /** The scope in front of new names. */
  scope: string;
}

/**
 * Collects the nodes and constants of one ONNX graph, or of a body in one. It is the only place that makes tensors and
 * invents names; every node is checked against the rules of its operator.
 *
 * Values remember how they are stored (see {@link Value}); {@link GraphBuilder.store} is where a stored order that a
 * consumer needs becomes a node, at most once for each tensor and order.
 */
export class GraphBuilder {
  readonly opset: number;
  readonly #nodes: OnnxNode[] = [];
  readonly #shared: Shared;
  readonly #outer: GraphBuilder | null;
  /** What {@link GraphBuilder.store} has made: the orders each tensor is available in. */
  readonly #stored = new Map<GraphTensor, { readonly dims: readonly Axis[]; readonly tensor: GraphTensor }[]>();
  /** Where sizes can be read while the model runs. */
  readonly #sizes = new Map<Dim, { readonly tensor: GraphTensor; readonly axis: number }>();
  /** Sizes that have been read, as tensors [1]. */
  readonly #read = new Map<Dim, GraphTensor>();
  readonly #constants = new Map<string, GraphTensor>();
  readonly #inputs = new Set<GraphTensor>();
  readonly #producers = new Map<GraphTensor, Producer>();
  readonly #windowCounts = new Set<Dim>();

  constructor(opset: number, outer: GraphBuilder | null = null) {
    this.opset = opset;
    this.#outer = outer;
    this.#shared =
      outer === null ? { names: new Names(), constants: new Constants(), types: new Map(), scope: "" } : outer.#shared;
  }

  get nodes(): readonly OnnxNode[] {
    return this.#nodes;
  }

  get initializers(): ReadonlyMap<string, Tensor> {
    return this.#shared.constants.initializers;
  }

  /** Types of all tensors by name, those of bodies included. */
  get types(): ReadonlyMap<string, Inferred> {
    return this.#shared.types;
  }

  /**
   * How many windows of convolutions and poolings fit along an axis, where that depends on free sizes. Bodies of loops and
   * branches are left out, because they may not run.
   */
  get windowCounts(): ReadonlySet<Dim> {
    return this.#windowCounts;
  }

  // Names

  /** Run `body` with every new name prefixed by `scope`, so that names read `conv1/Conv`. */
  within<T>(scope: string, body: () => T): T {
    const outer = this.#shared.scope;
    this.#shared.scope = `${outer}${scope}/`;
    try {
      return body();
    } finally {
      this.#shared.scope = outer;
    }
  }

  /** Keep a name from being invented, because the graph's inputs or outputs will have it. */
  reserve(name: string): void {
    this.#shared.names.take(name);
  }

  /** A size that only a run decides. Its name is short, since many others are computed from it. */
  unknownSize(hint: string): Dim {
    return dim(this.#shared.names.fresh(hint));
  }

  /** A name that nothing has yet. */
  name(label: string): string {
    const { names, scope } = this.#shared;
    return names.fresh(`${scope}${label}`);
  }

  // Inputs and constants

  /** A graph input, named as it is. */
  input(name: string, dtype: DType, dims: readonly DimLike[]): Value {
    this.#shared.names.take(name);
    return viewOf(this.#tensor(name, { dtype, shape: dims.map(dim) }));
  }

  /** A constant tensor; those with equal contents share one initializer. */
  constant(label: string, data: Tensor): GraphTensor {
    const name = this.#shared.constants.add(data, () => this.name(label));
    return this.#root().#constantNamed(name, data);
  }

  #constantNamed(name: string, data: Tensor): GraphTensor {
    const known = this.#constants.get(name);
    if (known !== undefined) return known;
    const type: Inferred = { dtype: data.dtype, shape: data.dims.map(dim), elements: elementsOf(data) };
    const tensor = new GraphTensor(this, name, type, data);
    this.#constants.set(name, tensor);
    this.#shared.types.set(name, type);
    return tensor;
  }

  /** A constant as a value. */
  constantValue(label: string, data: Tensor): Value {
    return viewOf(this.constant(label, data));
  }

  /** A scalar (rank 0) float32 constant. */
  scalar(value: number): GraphTensor {
    return this.constant("scalar", { dtype: "float32", dims: [], data: Float32Array.of(value) });
  }

  /** A rank 1 int64 constant, as shapes, axes and indices are given. */
  int64s(values: readonly number[]): GraphTensor {
    return this.constant("shape", { dtype: "int64", dims: [values.length], data: BigInt64Array.from(values, BigInt) });
  }

  // Nodes

  /**
   * Append one node, whose inputs and attributes are checked against the rule of its operator.
   *
   * @throws {InternalError} when they do not fit, or there is no rule
   */
  node(opType: string, inputs: readonly NodeInput[], attributes: Attributes = {}, outputs = 1): readonly GraphTensor[] {
    return this.#append(opType, "", inputs, attributes, this.#infer(opType, inputs, attributes, outputs));
  }

  /** Append a node with one output. A tensor whose integers are known becomes a constant instead. */
  op(opType: string, inputs: readonly NodeInput[], attributes: Attributes = {}): GraphTensor {
    const types = this.#infer(opType, inputs, attributes, 1);
    const known = FOLDED.has(opType) ? this.#knownIntegers(first(types)) : null;
    return known ?? first(this.#append(opType, "", inputs, attributes, types));
  }

  #infer(opType: string, inputs: readonly NodeInput[], attributes: Attributes, outputs: number): readonly Inferred[] {
    const rule = ruleFor(opType, "");
    if (rule === null) throw new InternalError(`there is no rule for the operator ${opType}; declare its outputs`);
    const call = new OperatorCall({ opType, inputs, attributes, opset: this.opset, outputs }, (hint) =>
      this.unknownSize(hint),
    );
    const types = rule(call).slice(0, outputs);
    if (types.length < outputs) throw new InternalError(`${opType} has ${types.length} outputs, not ${outputs}`);
    return types;
  }

  /** Append a node of an operator that has no rule, with the types of its outputs as the caller states them. */
  declare(
    opType: string,
    inputs: readonly NodeInput[],
    attributes: Attributes,
    outputs: readonly { readonly dtype: DType; readonly dims: readonly DimLike[] | null }[],
    domain = "",
  ): readonly GraphTensor[] {
    const types = outputs.map(({ dtype, dims }): Inferred => ({ dtype, shape: dims === null ? null : dims.map(dim) }));
    return this.#append(opType, domain, inputs, attributes, types);
  }

  #append(
    opType: string,
    domain: string,
    inputs: readonly NodeInput[],
    attributes: Attributes,
    types: readonly Inferred[],
  ): readonly GraphTensor[] {
    for (const input of inputs) if (input !== null) this.#expectVisible(opType, input);
    const name = this.name(opType);
    const outputs = types.map((type, index) =>
      this.#tensor(index === 0 ? name : this.name(`${opType}:${index}`), type),
    );
    const kept = [...inputs];
    while (kept.length > 0 && kept.at(-1) === null) kept.pop();
    this.#nodes.push({
      opType,
      domain,
      name,
      inputs: kept.map((each) => (each === null ? "" : each.name)),
      outputs: outputs.map((output) => output.name),
      attributes,
    });
    for (const output of outputs) this.#producers.set(output, { opType, inputs, attributes });
    if (this.#outer === null && domain === "" && WINDOWS.has(opType)) this.#countWindows(first(outputs));
    return outputs;
  }

  #countWindows({ shape }: GraphTensor): void {
    if (shape === null) return;
    for (const size of shape.slice(2)) if (asNumber(size) === null) this.#windowCounts.add(size);
  }

  /** The node of this graph that makes a tensor; null for inputs, constants and tensors of other graphs. */
  producerOf(tensor: GraphTensor): Producer | null {
    return this.#producers.get(tensor) ?? null;
  }

  /** @throws {InternalError} for a tensor of a body that is read outside of it */
  #expectVisible(opType: string, { owner, name }: GraphTensor): void {
    if (this.#isWithin(owner)) return;
    throw new InternalError(`${opType} reads ${name}, which belongs to a body that it is not in`);
  }

  /** Whether this is that graph, or a body somewhere in it. */
  #isWithin(graph: object): boolean {
    return this === graph || (this.#outer !== null && this.#outer.#isWithin(graph));
  }

  #tensor(name: string, type: Inferred): GraphTensor {
    const tensor = new GraphTensor(this, name, type);
    this.#shared.types.set(name, type);
    tensor.shape?.forEach((size, axis) => {
      if (asNumber(size) === null && this.#findSize(size) === null) this.#sizes.set(size, { tensor, axis });
    });
    return tensor;
  }

  /** The constant that a node would compute, when its integers are known already. */
  #knownIntegers({ dtype, shape, elements }: Inferred): GraphTensor | null {
    if (elements == null || shape === null) return null;
    const values = elements.map(asNumber);
    const dims = shape.map(asNumber);
    if (values.includes(null) || dims.includes(null)) return null;
    const known = values.filter((value) => value !== null);
    const sizes = dims.filter((size) => size !== null);
    if (sizeOf(sizes) !== known.length) return null;
    if (dtype === "int64") {
      return this.constant("shape", { dtype, dims: sizes, data: BigInt64Array.from(known, BigInt) });
    }
    if (dtype !== "int32" || known.some((value) => Math.abs(value) >= 2 ** 31)) return null;
    return this.constant("shape", { dtype, dims: sizes, data: Int32Array.from(known) });
  }

  // Values: elementwise

  /**
   * Append a node whose output is stored in the order `order` of TF.js's axes (as they are, without):
   * `[0, 3, 1, 2]` for N H W C stored N C H W.
   */
  make(opType: string, inputs: readonly NodeInput[], attributes: Attributes = {}, order?: readonly number[]): Value {
    return viewOf(this.op(opType, inputs, attributes), order);
  }

  /** An elementwise node on the tensor however it is stored. */
  unary(opType: string, value: Value, attributes: Attributes = {}): Value {
    return value.replacedBy(this.op(opType, [value.tensor], attributes));
  }

  /** Convert elements; no node when they have that type already. */
  cast(value: Value, dtype: DType): Value {
    if (value.dtype === dtype) return value;
    return this.unary("Cast", value, { to: int(ELEMENT_TYPE[dtype]) });
  }

  /**
   * An elementwise node over two values with broadcasting by TF.js's axes (aligned at the last). The result is stored as
   * the larger of them is, so that only a value that is stored in another order costs a Transpose.
   */
  binary(opType: string, a: Value, b: Value): Value {
    return this.elementwise([a, b], ([x, y]) => this.op(opType, [x ?? null, y ?? null]));
  }

  /**
   * A node over several values that are broadcast by TF.js's axes (aligned at the last): `make` is given their tensors,
   * stored alike, and makes the node.
   */
  elementwise(values: readonly Value[], make: (tensors: readonly GraphTensor[]) => GraphTensor): Value {
    const laidOut = layOutAlike(this, values);
    return new Value(make(laidOut.tensors), laidOut.axes, laidOut.stored);
  }

  /**
   * An elementwise node over a value and a constant whose dims, aligned at the last axis, are each 1 or the axis's size.
   * The constant is permuted to the order the value is stored in. The result has the value's shape.
   */
  withConstant(opType: string, value: Value, label: string, data: Tensor, constantFirst = false): Value {
    const laidOut = this.#layOut(value, data);
    const operand = this.constant(label, laidOut.data);
    const { tensor } = laidOut.value;
    return laidOut.value.replacedBy(this.op(opType, constantFirst ? [operand, tensor] : [tensor, operand]));
  }

  /** The constant in the order the value is stored in, and the value stored so that the constant can follow. */
  #layOut(value: Value, constant: Tensor): { readonly value: Value; readonly data: Tensor } {
    const rank = value.axes.length;
    const dims = [...Array.from({ length: rank - constant.dims.length }, () => 1), ...constant.dims];
    const varies = new Set<Factor>();
    dims.forEach((size, axis) => {
      if (size === 1) return;
      for (const factor of axisOf(value, axis)) varies.add(factor);
    });
    const laidOut = this.separate(value, varies);
    const flat = laidOut.stored.flat().filter((factor) => varies.has(factor));
    const own = value.axes.flat().filter((factor) => varies.has(factor));
    const data = permuteFactors(constant, own, flat);
    const shape = laidOut.stored.map((axis) =>
      axis.some((factor) => varies.has(factor)) ? axis.reduce((size, factor) => size * knownSize(factor), 1) : 1,
    );
    while (shape.length > 0 && shape[0] === 1) shape.shift();
    return { value: laidOut, data: { ...data, dims: shape } };
  }

  // Values: layout

  /** The tensor stored with its axes in the order `order`, each axis one dimension. */
  inOrder(value: Value, order: readonly number[]): GraphTensor {
    return this.store(
      value,
      order.map((axis) => axisOf(value, axis)),
    );
  }

  /** The tensor stored as TF.js sees it. */
  plain(value: Value): GraphTensor {
    return this.store(value, value.axes);
  }

  /** The value with axes of sizes `dims`; at most one may be null. Costs a node only when its factors do not fit. */
  reshape(value: Value, dims: readonly (DimLike | null)[]): Value {
    const wanted = dims.map((size) => (size === null ? null : dim(size)));
    const view = regroup(value, wanted);
    if (view !== null) return view;
    const tensor = this.plain(value);
    const sizes = wanted.map((size, index) => this.#reshapeSize(value.axes[index], size));
    const hasZero = wanted.some((size) => size !== null && asNumber(size) === 0);
    const made = this.#reshapeTo(tensor, sizes, hasZero);
    const { shape } = made;
    if (shape === null) throw new InternalError("a Reshape to known axes has a known rank");
    const result = shape.map((size, index) => newAxis(wanted[index] ?? size));
    return new Value(made, result, result);
  }

  /** An entry of a Reshape's shape: a number, 0 to keep the size of that place, -1 for what is left, or a size. */
  #reshapeSize(from: Axis | undefined, size: Dim | null): number | Dim {
    if (size === null) return -1;
    const known = asNumber(size);
    if (known !== null) return known;
    return from !== undefined && sizeOfAxis(from) === size ? 0 : size;
  }

  /** Where only one size is free, ONNX works it out (-1); else sizes are computed at run time. */
  #reshapeTo(tensor: GraphTensor, sizes: readonly (number | Dim)[], hasZero: boolean): GraphTensor {
    const free = sizes.filter((size) => typeof size !== "number" || size === -1).length;
    if (hasZero) {
      if (this.opset < 14 || sizes.some((size) => typeof size !== "number")) {
        throw new InternalError("an axis of size 0 beside free sizes cannot be reshaped");
      }
      const target = this.int64s(sizes.filter((size) => typeof size === "number"));
      return this.op("Reshape", [tensor, target], { allowzero: int(1) });
    }
    if (free <= 1)
      return this.op("Reshape", [tensor, this.int64s(sizes.map((size) => (typeof size === "number" ? size : -1)))]);
    const pieces = sizes.map((size) => (typeof size === "number" ? this.int64s([size]) : this.runtimeDim(size)));
    return this.op("Reshape", [tensor, this.op("Concat", pieces, { axis: int(0) })]);
  }

  /**
   * The tensor stored with dimensions `dims`, which are made of the value's own factors (all of them, each once).
   * Adds a Reshape, a Transpose or both, once for each tensor and order. A constant is permuted instead.
   */
  store(value: Value, dims: readonly Axis[]): GraphTensor {
    if (sameAxes(value.stored, dims)) return value.tensor;
    const known = this.#findStored(value.tensor, dims);
    if (known !== null) return known;
    const tensor = this.#permutedConstant(value, dims) ?? this.#rearrange(value, dims);
    const list = this.#stored.get(value.tensor) ?? [];
    list.push({ dims, tensor });
    this.#stored.set(value.tensor, list);
    return tensor;
  }

  /** How many nodes {@link GraphBuilder.store} would add. */
  storeCost(value: Value, dims: readonly Axis[]): number {
    const { stored, tensor } = value;
    if (tensor.constant !== null || sameAxes(stored, dims) || this.#findStored(tensor, dims) !== null) return 0;
    if (sameFactors(stored.flat(), dims.flat())) return resizeCost(stored, dims);
    if (permutation(stored, dims) !== null) return 1;
    return plans(stored, dims)[0]?.cost ?? Number.POSITIVE_INFINITY;
  }

  /** The value, stored with dimensions `dims`. */
  storedAs(value: Value, dims: readonly Axis[]): Value {
    return new Value(this.store(value, dims), value.axes, dims);
  }

  /**
   * The value with the factors of one axis of TF.js's (or of several) stored as the last dimension, in whichever order they
   * are stored in already, and the order of those factors, so that a kernel's rows can follow.
   */
  contract(
    value: Value,
    axis: number | readonly number[],
  ): { readonly value: Value; readonly factors: readonly Factor[] } {
    const axes = typeof axis === "number" ? [axis] : axis;
    const wanted = new Set(axes.flatMap((each) => axisOf(value, each)));
    const flat = value.stored.flat();
    const inner = flat.filter((factor) => wanted.has(factor));
    const outer = value.stored
      .map((each) => each.filter((factor) => !wanted.has(factor)))
      .filter((each) => each.length > 0);
    const alreadyLast = sameFactors(value.stored.at(-1) ?? [], inner);
    const dims = alreadyLast ? value.stored : [...(outer.length === 0 ? [[]] : outer), inner];
    return { value: this.storedAs(value, dims), factors: inner };
  }

  /** The value stored so that one axis of TF.js's is a dimension by itself, and which dimension that is. */
  isolate(value: Value, axis: number): { readonly value: Value; readonly dim: number } {
    const factors = axisOf(value, axis);
    const found = value.stored.findIndex((each) => sameFactors(each, factors));
    if (found !== -1) return { value, dim: found };
    const cut = cutOut(value.stored, factors);
    if (cut !== null) return { value: this.storedAs(value, cut.dims), dim: cut.at };
    const whole = joined(value.stored, factors);
    if (whole !== null && this.storeCost(value, whole.dims) < this.storeCost(value, value.axes))
      return { value: this.storedAs(value, whole.dims), dim: whole.at };
    return { value: this.storedAs(value, value.axes), dim: axis < 0 ? value.axes.length + axis : axis };
  }

  /** The value stored so that no dimension has factors of `apart` beside others. */
  separate(value: Value, apart: ReadonlySet<Factor>): Value {
    const mixed = value.stored.some(
      (each) => each.some((factor) => apart.has(factor)) && each.some((factor) => !apart.has(factor)),
    );
    if (!mixed) return value;
    return this.storedAs(
      value,
      value.stored.flatMap((each) => splitRuns(each, apart)),
    );
  }

  #findStored(tensor: GraphTensor, dims: readonly Axis[]): GraphTensor | null {
    const found = this.#stored.get(tensor)?.find((each) => sameAxes(each.dims, dims));
    if (found !== undefined) return found.tensor;
    return this.#outer === null ? null : this.#outer.#findStored(tensor, dims);
  }

  #permutedConstant(value: Value, dims: readonly Axis[]): GraphTensor | null {
    const { constant, name } = value.tensor;
    if (constant === null) return null;
    const data = permuteFactors(constant, value.stored.flat(), dims.flat());
    return this.constant(name, {
      ...data,
      dims: dims.map((axis) => axis.reduce((size, each) => size * knownSize(each), 1)),
    });
  }

  #rearrange(value: Value, dims: readonly Axis[]): GraphTensor {
    if (sameFactors(value.stored.flat(), dims.flat())) return this.#resize(value.tensor, value.stored, dims);
    const direct = permutation(value.stored, dims);
    if (direct !== null) return this.op("Transpose", [value.tensor], { perm: ints(direct) });
    const [best] = plans(value.stored, dims);
    if (best === undefined) throw new InternalError("the dimensions asked for are not made of the value's factors");
    const cut = this.storedAs(value, best.from);
    return this.store(this.storedAs(cut, best.to), dims);
  }

  /**
   * Same factors in the same order, cut differently. A Reshape, unless several sizes are only known at run time: then
   * Squeeze, Unsqueeze or Transpose when only ones move.
   */
  #resize(tensor: GraphTensor, from: readonly Axis[], to: readonly Axis[]): GraphTensor {
    if (sameAxes(from, to)) return tensor;
    const free = to.filter((axis) => asNumber(sizeOfAxis(axis)) === null).length;
    if (free > 1) {
      const removed = insertedOnes(to, from);
      if (removed !== null) return this.op("Squeeze", [tensor, this.int64s(removed)]);
      const added = insertedOnes(from, to);
      if (added !== null) return this.op("Unsqueeze", [tensor, this.int64s(added)]);
      const perm = permutation(from, to);
      if (perm !== null) return this.op("Transpose", [tensor], { perm: ints(perm) });
    }
    const sizes = to.map((axis, index) => this.#reshapeSize(from[index], sizeOfAxis(axis)));
    return this.#reshapeTo(
      tensor,
      sizes,
      to.some((axis) => asNumber(sizeOfAxis(axis)) === 0),
    );
  }

  // Sizes at run time

  /** The size as a rank 1 int64 tensor [1]: a constant, read from a tensor's shape, or computed from such. */
  runtimeDim(size: DimLike): GraphTensor {
    return fold<GraphTensor>(dim(size), {
      known: (each) => this.#readSize(each),
      integer: (value) => this.int64s([value]),
      symbol: (name) => {
        throw new InternalError(`the size ${name} cannot be read at run time`);
      },
      add: (a, b) => this.op("Add", [a, b]),
      multiply: (a, b) => this.op("Mul", [a, b]),
      floorDivide: (a, b) => this.op("Div", [a, b]),
      max: (a, b) => this.op("Max", [a, b]),
      broadcast: (a, b) => this.#broadcastSizes(a, b),
    });
  }

  /** Either size is 1, or they are equal. */
  #broadcastSizes(a: GraphTensor, b: GraphTensor): GraphTensor {
    return this.op("Where", [this.op("Equal", [a, this.int64s([1])]), b, a]);
  }

  /** Sizes as a rank 1 int64 tensor, constant where it can be. */
  shapeTensor(sizes: readonly DimLike[]): GraphTensor {
    const dims = sizes.map(dim);
    const known = dims.map(asNumber);
    if (!known.includes(null)) return this.int64s(known.filter((size) => size !== null));
    const pieces = dims.map((size) => this.runtimeDim(size));
    return pieces.length === 1 ? first(pieces) : this.op("Concat", pieces, { axis: int(0) });
  }

  /** A size that some tensor has, read from it. */
  #readSize(size: Dim): GraphTensor | null {
    if (asNumber(size) !== null) return null;
    const known = this.#findRead(size);
    if (known !== null) return known;
    const source = this.#findSize(size);
    if (source === null) return null;
    const tensor = this.#dimension(source.tensor, source.axis, size);
    this.#read.set(size, tensor);
    return tensor;
  }

  /** One entry of a tensor's shape, as [1]. `Shape` takes a range from opset 15 on. */
  #dimension(tensor: GraphTensor, axis: number, size: Dim): GraphTensor {
    const read =
      this.opset >= 15
        ? this.op("Shape", [tensor], { start: int(axis), end: int(axis + 1) })
        : this.op("Gather", [this.op("Shape", [tensor]), this.int64s([axis])]);
    if (read.elements?.[0] !== size) throw new InternalError(`the size ${show(size)} was not read`);
    return read;
  }

  #findSize(size: Dim): { readonly tensor: GraphTensor; readonly axis: number } | null {
    return this.#sizes.get(size) ?? (this.#outer === null ? null : this.#outer.#findSize(size));
  }

  #findRead(size: Dim): GraphTensor | null {
    return this.#read.get(size) ?? (this.#outer === null ? null : this.#outer.#findRead(size));
  }

  // Bodies

  /** A body for If, Loop or Scan: it reads the tensors made so far, and collects its own nodes. Use regions.ts. */
  body(): GraphBuilder {
    return new GraphBuilder(this.opset, this);
  }

  /** An input of this body. */
  bodyInput(label: string, dtype: DType, shape: readonly DimLike[] | null, isSequence = false): GraphTensor {
    const type = { dtype, shape: shape === null ? null : shape.map(dim), isSequence };
    const tensor = this.#tensor(this.name(label), type);
    this.#inputs.add(tensor);
    return tensor;
  }

  /** Whether a tensor is an input of this body. */
  isInput(tensor: GraphTensor): boolean {
    return this.#inputs.has(tensor);
  }

  /** Whether the size can be told at this place: from numbers, and from sizes that tensors made so far have. */
  canRead(size: Dim): boolean {
    return symbolsOf(size).every((name) => this.#findSize(size) !== null || this.#findSize(dim(name)) !== null);
  }

  /** The nodes of this body as a graph attribute. */
  finishBody(inputs: readonly GraphTensor[], outputs: readonly GraphTensor[]): OnnxGraph {
    for (const output of outputs) this.#expectVisible("the end of the body", output);
    return {
      name: this.name("body"),
      nodes: this.#nodes,
      initializers: new Map(),
      inputs: inputs.map(valueInfo),
      outputs: outputs.map(valueInfo),
    };
  }

  /** Append a node with bodies, whose outputs have the given types. */
  control(
    opType: "If" | "Loop" | "Scan",
    inputs: readonly NodeInput[],
    bodies: Readonly<Record<string, OnnxGraph>>,
    attributes: Attributes,
    outputs: readonly Inferred[],
  ): readonly GraphTensor[] {
    const graphs = Object.fromEntries(Object.entries(bodies).map(([key, graph]) => [key, subgraph(graph)]));
    return this.#append(opType, "", inputs, { ...graphs, ...attributes }, outputs);
  }

  #root(): GraphBuilder {
    return this.#outer === null ? this : this.#outer.#root();
  }
}

/** Operators on integers that are worked out when the model is written. */
const FOLDED: ReadonlySet<string> = new Set([
  "Add",
  "Cast",
  "Concat",
  "Div",
  "Expand",
  "Gather",
  "Max",
  "Mul",
  "Range",
  "ReduceProd",
  "Reshape",
  "Shape",
  "Size",
  "Slice",
  "Squeeze",
  "Sub",
  "Unsqueeze",
  "Where",
]);

/** The integers of a small constant, as sizes. */
function elementsOf(data: Tensor): readonly Dim[] | null {
  if (data.dims.length > 1 || data.data.length > MAX_ELEMENTS) return null;
  if (data.dtype === "int32") return Array.from(data.data, (value) => dim(value));
  if (data.dtype !== "int64") return null;
  const values = Array.from(data.data, Number);
  return values.every(Number.isSafeInteger) ? values.map(dim) : null;
}
