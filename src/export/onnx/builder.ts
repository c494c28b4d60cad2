import { ELEMENT_TYPE } from "../../onnx/element-type.ts";
import { int, ints, type Attributes, type OnnxGraph, type OnnxNode, type OnnxValueInfo } from "../../onnx/model.ts";
import { sizeOf, type DType, type Tensor } from "../../tensor.ts";

import { divide, product, type Dim } from "./dims.ts";
import {
  commonFactors,
  dimsOf,
  newAxis,
  newValue,
  regroup,
  sameFactors,
  sizeOfAxis,
  splitFactor,
  type Axis,
  type Factor,
  type Value,
} from "./value.ts";

/** Constants of more elements than this are told apart by as many of them, spread evenly, before all are compared. */
const SAMPLED = 64;

/** An input of a node: a stored tensor's name, or null for an optional input that is left out. */
export type NodeInput = string | null;

/** State that the graph and the bodies of its loops have in common. */
interface Shared {
  readonly names: Set<string>;
  readonly initializers: Map<string, Tensor>;
  /** Names of constants by {@link constantKey}. */
  readonly constants: Map<string, string[]>;
}

/**
 * Collects the nodes and constants of one ONNX graph; the only place that invents names.
 *
 * Values remember how they are stored (see {@link Value}); {@link GraphBuilder.store} is where a stored order that a
 * consumer needs becomes a node, at most once for each tensor and order.
 */
export class GraphBuilder {
  readonly opset: number;
  readonly #nodes: OnnxNode[] = [];
  readonly #shared: Shared;
  readonly #outer: GraphBuilder | null;
  /** What `store` has made: by tensor, the orders it is available in. */
  readonly #stored = new Map<string, { readonly dims: readonly Axis[]; readonly name: string }[]>();
  /** Where the size that a symbol stands for can be read while the model runs. */
  readonly #symbols = new Map<string, { readonly name: string; readonly axis: number }>();
  readonly #runtimeDims = new Map<string, string>();
  #scope = "";

  constructor(opset: number, outer: GraphBuilder | null = null) {
    this.opset = opset;
    this.#outer = outer;
    this.#shared = outer === null ? { names: new Set(), initializers: new Map(), constants: new Map() } : outer.#shared;
    if (outer !== null) this.#scope = outer.#scope;
  }

  /** Run `body` with every new name prefixed by `scope`, so that names read `conv1/Conv`. */
  within<T>(scope: string, body: () => T): T {
    const outer = this.#scope;
    this.#scope = `${outer}${scope}/`;
    try {
      return body();
    } finally {
      this.#scope = outer;
    }
  }

  /** A graph input, named as it is. */
  input(name: string, dtype: DType, dims: readonly Dim[]): Value {
    this.#shared.names.add(name);
    const value = newValue(name, dtype, dims);
    this.learnSymbols(value);
    return value;
  }

  /** Keep a name from being invented, because the graph's inputs or outputs will have it. */
  reserve(name: string): void {
    this.#shared.names.add(name);
  }

  /** Remember where symbolic sizes can be read at run time. */
  learnSymbols(value: Value): void {
    for (const [axis, factors] of value.stored.entries()) {
      const size = sizeOfAxis(factors);
      if (typeof size === "string" && !this.#symbols.has(size)) this.#symbols.set(size, { name: value.name, axis });
    }
  }

  /** A constant tensor; those with equal contents share one initializer. @returns its name */
  constant(label: string, tensor: Tensor): string {
    const { constants, initializers } = this.#shared;
    const key = constantKey(tensor);
    const alike = constants.get(key) ?? [];
    const known = alike.find((name) => sameData(initializers.get(name), tensor));
    if (known !== undefined) return known;
    const name = this.#fresh(label);
    initializers.set(name, tensor);
    constants.set(key, [...alike, name]);
    return name;
  }

  /** A scalar (rank 0) float32 constant. */
  scalar(value: number): string {
    return this.constant("scalar", { dtype: "float32", dims: [], data: Float32Array.of(value) });
  }

  /** A rank 1 int64 constant, as shapes, axes and indices are given. */
  int64s(values: readonly number[]): string {
    return this.constant("shape", {
      dtype: "int64",
      dims: [values.length],
      data: BigInt64Array.from(values, BigInt),
    });
  }

  /** Append one node. @returns the names of its outputs */
  node(opType: string, inputs: readonly NodeInput[], attributes: Attributes = {}, outputs = 1, domain = ""): string[] {
    const name = this.#fresh(opType);
    const names = [name];
    while (names.length < outputs) names.push(this.#fresh(`${opType}:${names.length}`));
    const kept = [...inputs];
    while (kept.length > 0 && kept.at(-1) === null) kept.pop();
    this.#nodes.push({ opType, domain, name, inputs: kept.map((each) => each ?? ""), outputs: names, attributes });
    return names;
  }

  /** Append a node with one output. @returns its name */
  op(opType: string, inputs: readonly NodeInput[], attributes: Attributes = {}): string {
    const [name = ""] = this.node(opType, inputs, attributes);
    return name;
  }

  /**
   * Append a node whose output has axes of sizes `dims`, stored in the order `order` of axes (as they are, without):
   * `[0, 3, 1, 2]` for N H W C stored N C H W.
   */
  make(
    opType: string,
    inputs: readonly NodeInput[],
    result: { readonly dtype: DType; readonly dims: readonly Dim[]; readonly order?: readonly number[] },
    attributes: Attributes = {},
  ): Value {
    const value = newValue(this.op(opType, inputs, attributes), result.dtype, result.dims, result.order);
    this.learnSymbols(value);
    return value;
  }

  /** An elementwise node on the tensor however it is stored. */
  unary(opType: string, value: Value, attributes: Attributes = {}, dtype: DType = value.dtype): Value {
    return { ...value, name: this.op(opType, [value.name], attributes), dtype };
  }

  /** Convert elements; no node when they have that type already. */
  cast(value: Value, dtype: DType): Value {
    if (value.dtype === dtype) return value;
    return this.unary("Cast", value, { to: int(ELEMENT_TYPE[dtype]) }, dtype);
  }

  /** The tensor stored with its axes in the order `order`, each axis one dimension. @returns its name */
  inOrder(value: Value, order: readonly number[]): string {
    return this.store(
      value,
      order.map((axis) => value.axes.at(axis) ?? []),
    );
  }

  /** The tensor stored as TF.js sees it. @returns its name */
  plain(value: Value): string {
    return this.store(value, value.axes);
  }

  /** The value with axes of sizes `dims`; at most one may be null. Costs a node only when its factors do not fit. */
  reshape(value: Value, dims: readonly (Dim | null)[]): Value {
    const view = regroup(value, dims);
    if (view !== null) return view;
    const name = this.plain(value);
    const differs = dims.findIndex((dim, index) => dim !== value.axes.map(sizeOfAxis)[index]);
    const kept = differs === -1 ? dims.length : differs;
    const size = product(dimsOf(value).slice(kept));
    const fixed = product(dims.slice(kept).filter((dim) => dim !== null));
    const resolved = dims.slice(kept).map((dim) => dim ?? divide(size, fixed));
    const axes = [...value.axes.slice(0, kept), ...resolved.map(newAxis)];
    const made = this.#reshapeTo(name, value.axes, axes);
    return { ...value, name: made, axes, stored: axes };
  }

  /**
   * The tensor stored with dimensions `dims`, which are made of the value's own factors (all of them, each once).
   * Adds a Reshape, a Transpose or both, once for each tensor and order. @returns its name
   */
  store(value: Value, dims: readonly Axis[]): string {
    if (sameAxes(value.stored, dims)) return value.name;
    const known = this.#findStored(value.name, dims);
    if (known !== undefined) return known;
    const name = this.#rearrange(value, dims);
    const list = this.#stored.get(value.name) ?? [];
    list.push({ dims, name });
    this.#stored.set(value.name, list);
    return name;
  }

  /** How many nodes {@link GraphBuilder.store} would add. */
  storeCost(value: Value, dims: readonly Axis[]): number {
    if (sameAxes(value.stored, dims) || this.#findStored(value.name, dims) !== undefined) return 0;
    if (sameFactors(value.stored.flat(), dims.flat())) return this.#resizeCost(value.stored, dims);
    if (permutation(value.stored, dims) !== null) return 1;
    const costs = this.#planned(value.stored, dims).map(({ cost }) => cost);
    return costs[0] ?? Number.POSITIVE_INFINITY;
  }

  /** The value, stored with dimensions `dims`. */
  storedAs(value: Value, dims: readonly Axis[]): Value {
    return { ...value, name: this.store(value, dims), stored: dims };
  }

  /**
   * An elementwise node over two values with broadcasting by TF.js's axes (aligned at the last). The result is stored as
   * the larger of them is, so that only a value that is stored in another order costs a Transpose.
   */
  binary(opType: string, a: Value, b: Value, dtype: DType = a.dtype): Value {
    const rank = Math.max(a.axes.length, b.axes.length);
    const [left, right] = this.#align(padRank(a, rank), padRank(b, rank));
    return this.#broadcast(opType, left, right, dtype);
  }

  /**
   * An elementwise node over a value and a constant whose dims, aligned at the last axis, are each 1 or the axis's size.
   * The constant is permuted to the order the value is stored in. The result has the value's shape.
   */
  withConstant(opType: string, value: Value, label: string, constant: Tensor, constantFirst = false): Value {
    const laidOut = this.#layOut(value, constant);
    const operand = this.constant(label, laidOut.tensor);
    const name = this.op(opType, constantFirst ? [operand, laidOut.value.name] : [laidOut.value.name, operand]);
    return { ...laidOut.value, name };
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
    const wanted = new Set(axes.flatMap((each) => value.axes.at(each) ?? []));
    const flat = value.stored.flat();
    const inner = flat.filter((factor) => wanted.has(factor));
    const outer = value.stored
      .map((dim) => dim.filter((factor) => !wanted.has(factor)))
      .filter((dim) => dim.length > 0);
    const alreadyLast = sameFactors(value.stored.at(-1) ?? [], inner);
    const dims = alreadyLast ? value.stored : [...(outer.length === 0 ? [[]] : outer), inner];
    return { value: this.storedAs(value, dims), factors: inner };
  }

  /** The value stored so that one axis of TF.js's is a dimension by itself, and which dimension that is. */
  isolate(value: Value, axis: number): { readonly value: Value; readonly dim: number } {
    const factors = value.axes.at(axis) ?? [];
    const found = value.stored.findIndex((dim) => sameFactors(dim, factors));
    if (found !== -1) return { value, dim: found };
    const cut = cutOut(value.stored, factors);
    if (cut !== null) return { value: this.storedAs(value, cut.dims), dim: cut.at };
    const at = axis < 0 ? value.axes.length + axis : axis;
    return { value: this.storedAs(value, value.axes), dim: at };
  }

  /** The value stored so that no dimension has factors of `apart` beside others. */
  separate(value: Value, apart: ReadonlySet<Factor>): Value {
    const mixed = value.stored.some((dim) => dim.some((f) => apart.has(f)) && dim.some((f) => !apart.has(f)));
    if (!mixed) return value;
    return this.storedAs(
      value,
      value.stored.flatMap((dim) => splitRuns(dim, apart)),
    );
  }

  /** A body for Loop, Scan or If: sees the names made so far, and adds its nodes to itself. */
  body(): GraphBuilder {
    return new GraphBuilder(this.opset, this);
  }

  /** Nodes of a body made by {@link GraphBuilder.body}, as a graph attribute. */
  finishBody(name: string, inputs: readonly OnnxValueInfo[], outputs: readonly OnnxValueInfo[]): OnnxGraph {
    return { name, nodes: this.#nodes, initializers: new Map(), inputs, outputs };
  }

  /** Give a tensor one more name: an Identity whose output is `name`. */
  alias(tensor: string, name: string): void {
    this.#nodes.push({ opType: "Identity", domain: "", name, inputs: [tensor], outputs: [name], attributes: {} });
  }

  /** A fresh name for a body's input. */
  name(label: string): string {
    return this.#fresh(label);
  }

  get nodes(): readonly OnnxNode[] {
    return this.#nodes;
  }

  get initializers(): ReadonlyMap<string, Tensor> {
    return this.#shared.initializers;
  }

  /** The size as a rank 1 int64 tensor [1], read at run time when it is symbolic. @returns its name */
  runtimeDim(dim: Dim): string {
    if (typeof dim === "number") return this.int64s([dim]);
    const known = this.#findRuntimeDim(dim);
    if (known !== undefined) return known;
    const source = this.#findSymbol(dim);
    if (source === undefined) throw new RangeError(`the size ${dim} cannot be read at run time`);
    const name = this.#dimension(source.name, source.axis);
    this.#runtimeDims.set(dim, name);
    return name;
  }

  /** The sizes of axes as a rank 1 int64 tensor, constant where it can be. @returns its name */
  runtimeShape(axes: readonly Axis[]): string {
    const sizes = axes.map(sizeOfAxis);
    if (sizes.every((size) => typeof size === "number")) return this.int64s(sizes);
    const pieces = axes.map((axis) => this.#runtimeSize(axis));
    return pieces.length === 1 ? (pieces[0] ?? "") : this.op("Concat", pieces, { axis: int(0) });
  }

  /** One entry of a tensor's shape, as [1]. `Shape` takes a range from opset 15 on. */
  #dimension(tensor: string, axis: number): string {
    if (this.opset >= 15) return this.op("Shape", [tensor], { start: int(axis), end: int(axis + 1) });
    return this.op("Gather", [this.op("Shape", [tensor]), this.int64s([axis])]);
  }

  #runtimeSize(axis: Axis): string {
    const size = sizeOfAxis(axis);
    if (typeof size === "number" || this.#findSymbol(size) !== undefined) return this.runtimeDim(size);
    return axis.map((factor) => this.runtimeDim(factor.size)).reduce((a, b) => this.op("Mul", [a, b]));
  }

  #findStored(tensor: string, dims: readonly Axis[]): string | undefined {
    const found = this.#stored.get(tensor)?.find((each) => sameAxes(each.dims, dims));
    if (found !== undefined) return found.name;
    return this.#outer === null ? undefined : this.#outer.#findStored(tensor, dims);
  }

  #findSymbol(symbol: string): { readonly name: string; readonly axis: number } | undefined {
    return this.#symbols.get(symbol) ?? (this.#outer === null ? undefined : this.#outer.#findSymbol(symbol));
  }

  #findRuntimeDim(dim: string): string | undefined {
    return this.#runtimeDims.get(dim) ?? (this.#outer === null ? undefined : this.#outer.#findRuntimeDim(dim));
  }

  #rearrange(value: Value, dims: readonly Axis[]): string {
    const from = value.stored.flat();
    const to = dims.flat();
    if (sameFactors(from, to)) return this.#resize(value.name, value.stored, dims);
    const direct = permutation(value.stored, dims);
    if (direct !== null) return this.op("Transpose", [value.name], { perm: ints(direct) });

    const [best] = this.#planned(value.stored, dims);
    if (best === undefined) throw new RangeError("the dimensions asked for are not made of the value's factors");
    const cut = this.storedAs(value, best.from);
    return this.store(this.storedAs(cut, best.to), dims);
  }

  /** The ways to rearrange, with the number of nodes each takes, the shortest first. */
  #planned(stored: readonly Axis[], dims: readonly Axis[]): (Transposition & { readonly cost: number })[] {
    return transpositions(stored, dims)
      .map((plan) => ({ ...plan, cost: 1 + this.#resizeCost(stored, plan.from) + this.#resizeCost(plan.to, dims) }))
      .toSorted((a, b) => a.cost - b.cost);
  }

  /** How many nodes {@link GraphBuilder.#resize} adds. */
  #resizeCost(from: readonly Axis[], to: readonly Axis[]): number {
    if (sameAxes(from, to)) return 0;
    const open = openSizes(from, to).filter((size) => size === -1).length;
    return open <= 1 || insertedOnes(to, from) !== null || insertedOnes(from, to) !== null ? 1 : open + 2;
  }

  /**
   * Same factors in the same order, cut differently. A Reshape, unless several sizes are only known at run time: then
   * Squeeze, Unsqueeze or Transpose when only ones move.
   */
  #resize(name: string, from: readonly Axis[], to: readonly Axis[]): string {
    if (sameAxes(from, to)) return name;
    const symbolic = to.filter((axis) => typeof sizeOfAxis(axis) === "string").length;
    if (symbolic > 1) {
      const removed = insertedOnes(to, from);
      if (removed !== null) return this.op("Squeeze", [name, this.int64s(removed)]);
      const added = insertedOnes(from, to);
      if (added !== null) return this.op("Unsqueeze", [name, this.int64s(added)]);
      const perm = permutation(from, to);
      if (perm !== null) return this.op("Transpose", [name], { perm: ints(perm) });
    }
    return this.#reshapeTo(name, from, to);
  }

  #reshapeTo(name: string, from: readonly Axis[], to: readonly Axis[]): string {
    const shape = openSizes(from, to);
    if (shape.filter((size) => size === -1).length <= 1) return this.op("Reshape", [name, this.int64s(shape)]);
    const pieces = to.map((axis, index) =>
      shape[index] === -1 ? this.#runtimeSize(axis) : this.int64s([shape[index] ?? 0]),
    );
    return this.op("Reshape", [name, this.op("Concat", pieces, { axis: int(0) })]);
  }

  /** Both values with factors that correspond axis by axis, or stored in their own order where they cannot. */
  #align(a: Value, b: Value): readonly [Value, Value] {
    let left = a;
    let right = b;
    for (let axis = 0; axis < a.axes.length; axis++) {
      const x = left.axes[axis] ?? [];
      const y = right.axes[axis] ?? [];
      if (x.length === 0 || y.length === 0) continue;
      const cuts = commonFactors(x, y);
      if (cuts === null) {
        left = this.#whole(left, axis);
        right = this.#whole(right, axis);
        continue;
      }
      left = recut(
        left,
        axis,
        cuts.map(([size]) => size),
      );
      right = recut(
        right,
        axis,
        cuts.map(([, size]) => size),
      );
    }
    return [left, right];
  }

  /** The value with one axis made of a single factor, stored plainly. */
  #whole(value: Value, axis: number): Value {
    const size = sizeOfAxis(value.axes[axis] ?? []);
    const name = this.plain(value);
    const axes = value.axes.map((each, index) => (index === axis ? newAxis(size) : each));
    return { ...value, name, axes, stored: axes };
  }

  #broadcast(opType: string, a: Value, b: Value, dtype: DType): Value {
    const toA = new Map<Factor, Factor>();
    const ownOfA = new Set(a.axes.flat());
    b.axes.forEach((axis, index) => {
      const partner = a.axes[index] ?? [];
      axis.forEach((factor, position) => {
        // One factor may be along different axes of the two.
        const alone = ownOfA.has(factor) ? { size: factor.size } : factor;
        toA.set(factor, partner[position] ?? alone);
      });
    });
    const renamed: Value = {
      ...b,
      axes: b.axes.map((axis) => axis.map((factor) => toA.get(factor) ?? factor)),
      stored: b.stored.map((axis) => axis.map((factor) => toA.get(factor) ?? factor)),
    };
    const axes = a.axes.map((axis, index) => (axis.length > 0 ? axis : (renamed.axes[index] ?? [])));
    const full = axes.flat().length;
    const covers = (value: Value): boolean => value.axes.flat().length === full;
    const reference = covers(a) ? a : covers(renamed) ? renamed : null;
    const other = reference === a ? renamed : a;
    const dims = reference === null || isMixed(reference, other) ? broadcastDims(axes, reference) : reference.stored;
    const operand = (value: Value): string => {
      const own = new Set(value.axes.flat());
      const wanted = dims.map((dim) => dim.filter((factor) => own.has(factor)));
      return this.store(value, reference === null || covers(value) ? wanted : trimLeadingOnes(wanted));
    };
    const name = this.op(opType, [operand(a), operand(renamed)]);
    const value: Value = { name, dtype, axes, stored: dims };
    this.learnSymbols(value);
    return value;
  }

  /** The constant in the order the value is stored in, and the value stored so that the constant can follow. */
  #layOut(value: Value, constant: Tensor): { readonly value: Value; readonly tensor: Tensor } {
    const rank = value.axes.length;
    const dims = [...Array.from({ length: rank - constant.dims.length }, () => 1), ...constant.dims];
    const varies = new Set<Factor>();
    dims.forEach((dim, axis) => {
      if (dim === 1) return;
      for (const factor of value.axes[axis] ?? []) varies.add(factor);
    });
    const laidOut = this.separate(value, varies);
    const flat = laidOut.stored.flat().filter((factor) => varies.has(factor));
    const own = value.axes.flat().filter((factor) => varies.has(factor));
    const data = permuteFactors(constant, own, flat);
    const shape = laidOut.stored.map((dim) => (dim.some((factor) => varies.has(factor)) ? Number(sizeOfAxis(dim)) : 1));
    while (shape.length > 0 && shape[0] === 1) shape.shift();
    return { value: laidOut, tensor: { ...data, dims: shape } };
  }

  #fresh(label: string): string {
    const stem = `${this.#scope}${label}`;
    let name = stem;
    for (let count = 1; this.#shared.names.has(name); count++) name = `${stem}_${count}`;
    this.#shared.names.add(name);
    return name;
  }
}

/** Reorder the data of a constant whose elements run over the factors `from` so that they run over `to`. */
export function permuteFactors<T extends Tensor>(tensor: T, from: readonly Factor[], to: readonly Factor[]): T {
  if (sameFactors(from, to)) return tensor;
  const sizes = from.map(({ size }) => Number(size));
  return permuteData(
    tensor,
    sizes,
    to.map((factor) => from.indexOf(factor)),
  );
}

/** The data of a constant seen as [...sizes], transposed by `perm`; `dims` are left as they were. */
export function permuteData<T extends Tensor>(tensor: T, sizes: readonly number[], perm: readonly number[]): T {
  const strides = sizes.map((_, index) => sizeOf(sizes.slice(index + 1)));
  const outSizes = perm.map((axis) => sizes[axis] ?? 1);
  const outStrides = perm.map((axis) => strides[axis] ?? 0);
  const { data: source } = tensor;
  if (source instanceof Float32Array) {
    const data = new Float32Array(source.length);
    eachRow(outSizes, outStrides, (from, to, length, stride) => {
      for (let index = 0, at = from; index < length; index++, at += stride) data[to + index] = source[at] ?? 0;
    });
    return { ...tensor, data };
  }
  const data = source.slice();
  eachRow(outSizes, outStrides, (from, to, length, stride) => {
    for (let index = 0; index < length; index++) Reflect.set(data, to + index, source[from + index * stride]);
  });
  return { ...tensor, data };
}

/** A constant transposed: `[I, O]` by `[1, 0]` is `[O, I]`. */
export function transposed<T extends Tensor>(tensor: T, perm: readonly number[]): T {
  const moved = permuteData(tensor, tensor.dims, perm);
  return { ...moved, dims: perm.map((axis) => tensor.dims[axis] ?? 1) };
}

/** Visit the rows along the last axis of a strided tensor, in row-major order of `sizes`. */
function eachRow(
  sizes: readonly number[],
  strides: readonly number[],
  visit: (from: number, to: number, length: number, stride: number) => void,
): void {
  const length = sizes.at(-1) ?? 1;
  const stride = strides.at(-1) ?? 1;
  const total = sizeOf(sizes);
  const counter = sizes.map(() => 0);
  let from = 0;
  for (let to = 0; to < total; to += length) {
    visit(from, to, length, stride);
    for (let axis = sizes.length - 2; axis >= 0; axis--) {
      const count = (counter[axis] ?? 0) + 1;
      from += strides[axis] ?? 0;
      if (count < (sizes[axis] ?? 1)) {
        counter[axis] = count;
        break;
      }
      counter[axis] = 0;
      from -= count * (strides[axis] ?? 0);
    }
  }
}

/** Type, shape and some elements. */
function constantKey({ dtype, dims, data }: Tensor): string {
  const step = Math.max(1, Math.floor(data.length / SAMPLED));
  const sample: string[] = [];
  for (let index = 0; index < data.length; index += step) sample.push(exactly(data[index]));
  return `${dtype}[${dims.join()}]${sample.join()}`;
}

function sameData(a: Tensor | undefined, { data }: Tensor): boolean {
  if (a === undefined || a.data.length !== data.length) return false;
  for (let index = 0; index < data.length; index++) if (!Object.is(a.data[index], data[index])) return false;
  return true;
}

function exactly(element: unknown): string {
  return Object.is(element, -0) ? "-0" : String(element);
}

function sameAxes(a: readonly Axis[], b: readonly Axis[]): boolean {
  return a.length === b.length && a.every((axis, index) => sameFactors(axis, b[index] ?? []));
}

function padRank(value: Value, rank: number): Value {
  const missing = Array.from({ length: rank - value.axes.length }, (): Axis => []);
  return { ...value, axes: [...missing, ...value.axes] };
}

function recut(value: Value, axis: number, sizes: readonly Dim[]): Value {
  let result = value;
  const queue = [...sizes];
  for (const factor of value.axes[axis] ?? []) {
    const parts: Dim[] = [];
    let left: Dim = factor.size;
    while (left !== 1) {
      const size = queue.shift();
      if (size === undefined) break;
      parts.push(typeof left === "string" ? left : size);
      left = typeof left === "number" && typeof size === "number" ? left / size : 1;
    }
    if (parts.length > 1)
      result = splitFactor(
        result,
        factor,
        parts.map((size) => ({ size })),
      );
  }
  return result;
}

/** Whether a stored dimension of `reference` has factors that `other` has beside some it lacks. */
function isMixed(reference: Value, other: Value): boolean {
  const own = new Set(other.axes.flat());
  return reference.stored.some((dim) => dim.some((f) => own.has(f)) && dim.some((f) => !own.has(f)));
}

/** One dimension an axis, in the order the reference stores them. */
function broadcastDims(axes: readonly Axis[], reference: Value | null): readonly Axis[] {
  if (reference === null) return axes;
  const flat = reference.stored.flat();
  const place = (axis: Axis): number => (axis[0] === undefined ? -1 : flat.indexOf(axis[0]));
  const contiguous = axes.every((axis) => {
    const start = place(axis);
    return axis.every((factor, index) => flat[start + index] === factor);
  });
  if (!contiguous) return axes;
  return axes.filter((axis) => axis.length > 0).toSorted((a, b) => place(a) - place(b));
}

function trimLeadingOnes(dims: readonly Axis[]): readonly Axis[] {
  const first = dims.findIndex((dim) => dim.length > 0);
  return first === -1 ? [] : dims.slice(first);
}

function splitRuns(dim: Axis, varies: ReadonlySet<Factor>): Axis[] {
  const runs: Factor[][] = [];
  let previous: boolean | null = null;
  for (const factor of dim) {
    const now = varies.has(factor);
    if (now === previous) runs.at(-1)?.push(factor);
    else runs.push([factor]);
    previous = now;
  }
  return runs.length === 0 ? [dim] : runs;
}

/** The dimensions with the one that holds `factors` side by side cut around them; null when none does. */
function cutOut(
  stored: readonly Axis[],
  factors: readonly Factor[],
): { readonly dims: readonly Axis[]; readonly at: number } | null {
  const [first] = factors;
  if (first === undefined) return null;
  const index = stored.findIndex((dim) => dim.includes(first));
  const dim = stored[index] ?? [];
  const start = dim.indexOf(first);
  const end = start + factors.length;
  if (!sameFactors(dim.slice(start, end), factors)) return null;
  const before = start > 0 ? [dim.slice(0, start)] : [];
  const after = end < dim.length ? [dim.slice(end)] : [];
  return { dims: stored.toSpliced(index, 1, ...before, factors, ...after), at: index + before.length };
}

/** `perm` that takes dimensions `from` to `to` when they are the same dimensions in another order. */
function permutation(from: readonly Axis[], to: readonly Axis[]): number[] | null {
  if (from.length !== to.length) return null;
  const used = new Set<number>();
  const perm: number[] = [];
  for (const axis of to) {
    const index = from.findIndex((each, position) => !used.has(position) && sameFactors(each, axis));
    if (index === -1) return null;
    used.add(index);
    perm.push(index);
  }
  return perm;
}

/** A Reshape's shape that makes `to` out of `from`: 0 for a size that stays in its place, -1 for others that are free. */
function openSizes(from: readonly Axis[], to: readonly Axis[]): number[] {
  return to.map((axis, index) => {
    const size = sizeOfAxis(axis);
    if (typeof size === "number") return size;
    const source = from[index];
    return source !== undefined && sizeOfAxis(source) === size ? 0 : -1;
  });
}

interface Transposition {
  readonly from: readonly Axis[];
  readonly to: readonly Axis[];
  readonly perm: readonly number[];
}

/**
 * The ways to bring the factors of `stored` into the order of `dims` with one Transpose between two Reshapes, of which
 * either may turn out to be none: cut as the target is, cut as the source is, or only where the orders differ.
 */
function transpositions(stored: readonly Axis[], dims: readonly Axis[]): Transposition[] {
  const source = stored.flat();
  const target = dims.flat();
  const runs = commonRuns(source, target);
  const plans = [
    { from: inOrderOf(dims, source), to: dims },
    { from: stored, to: inOrderOf(stored, target) },
    { from: runs, to: inOrderOf(runs, target) },
  ];
  return plans.flatMap(({ from, to }) => {
    const perm = permutation(from, to);
    const possible = perm !== null && sameFactors(from.flat(), source) && sameFactors(to.flat(), target);
    return possible ? [{ from, to, perm }] : [];
  });
}

/** The factors cut only where two that are side by side in `source` are not in `target`. */
function commonRuns(source: readonly Factor[], target: readonly Factor[]): Axis[] {
  const follows = new Map<Factor, Factor | undefined>(target.map((factor, index) => [factor, target[index + 1]]));
  const runs: Factor[][] = [];
  let previous: Factor | null = null;
  for (const factor of source) {
    if (previous !== null && follows.get(previous) === factor) runs.at(-1)?.push(factor);
    else runs.push([factor]);
    previous = factor;
  }
  return runs;
}

/** The dimensions in the order that their factors have; those of size 1 stay behind the one they are after. */
function inOrderOf(dims: readonly Axis[], order: readonly Factor[]): Axis[] {
  let place = -1;
  const placed = dims.map((dim) => {
    const [first] = dim;
    if (first !== undefined) place = order.indexOf(first);
    return { dim, place };
  });
  return placed.toSorted((a, b) => a.place - b.place).map(({ dim }) => dim);
}

/** Positions in `to` of the size 1 dimensions that make `to` out of `from`, or null. */
function insertedOnes(from: readonly Axis[], to: readonly Axis[]): number[] | null {
  const ones: number[] = [];
  let next = 0;
  for (const [index, axis] of to.entries()) {
    const expected = from[next];
    if (expected !== undefined && sameFactors(expected, axis)) next++;
    else if (axis.length === 0) ones.push(index);
    else return null;
  }
  return next === from.length ? ones : null;
}
