import { add, dim, floorDivide, type Dim } from "../../onnx/dim.ts";
import { first, last } from "../../require.ts";
import type { GraphBuilder } from "../build/builder.ts";
import * as elementwise from "../build/ops/elementwise.ts";
import { matMul, topK } from "../build/ops/neural.ts";
import { argument, reduceTensor, type ReductionOp } from "../build/ops/reduction.ts";
import { range, slice, squeeze, unsqueeze } from "../build/ops/shape.ts";
import type { GraphTensor } from "../ir/graph-tensor.ts";

/** A float32 tensor, or a number that stands for a scalar. */
export type Operand = GraphTensor | number;

/** Formulas over float32 tensors as nodes. Operands are broadcast as ONNX does it. */
export class Arithmetic {
  readonly graph: GraphBuilder;

  constructor(graph: GraphBuilder) {
    this.graph = graph;
  }

  add(a: Operand, b: Operand): GraphTensor {
    return elementwise.add(this.graph, this.of(a), this.of(b));
  }

  subtract(a: Operand, b: Operand): GraphTensor {
    return elementwise.sub(this.graph, this.of(a), this.of(b));
  }

  multiply(a: Operand, b: Operand): GraphTensor {
    return elementwise.mul(this.graph, this.of(a), this.of(b));
  }

  divide(a: Operand, b: Operand): GraphTensor {
    return elementwise.div(this.graph, this.of(a), this.of(b));
  }

  max(a: Operand, b: Operand): GraphTensor {
    return elementwise.max(this.graph, this.of(a), this.of(b));
  }

  min(a: Operand, b: Operand): GraphTensor {
    return elementwise.min(this.graph, this.of(a), this.of(b));
  }

  clamp(value: GraphTensor, least: Operand, most: Operand): GraphTensor {
    return this.min(this.max(value, least), most);
  }

  abs(value: GraphTensor): GraphTensor {
    return elementwise.abs(this.graph, value);
  }

  sqrt(value: GraphTensor): GraphTensor {
    return elementwise.sqrt(this.graph, value);
  }

  log(value: GraphTensor): GraphTensor {
    return elementwise.log(this.graph, value);
  }

  sigmoid(value: GraphTensor): GraphTensor {
    return elementwise.sigmoid(this.graph, value);
  }

  floor(value: GraphTensor): GraphTensor {
    return elementwise.floor(this.graph, value);
  }

  ceil(value: GraphTensor): GraphTensor {
    return elementwise.ceil(this.graph, value);
  }

  /** To the nearest integer, halves upwards, as `Math.round` does. */
  round(value: GraphTensor): GraphTensor {
    return this.floor(this.add(value, 0.5));
  }

  // Conditions are bools; they count as 1 and 0.

  less(a: Operand, b: Operand): GraphTensor {
    return elementwise.less(this.graph, this.of(a), this.of(b));
  }

  greater(a: Operand, b: Operand): GraphTensor {
    return elementwise.greater(this.graph, this.of(a), this.of(b));
  }

  atLeast(a: Operand, b: Operand): GraphTensor {
    return elementwise.greaterOrEqual(this.graph, this.of(a), this.of(b));
  }

  atMost(a: Operand, b: Operand): GraphTensor {
    return elementwise.lessOrEqual(this.graph, this.of(a), this.of(b));
  }

  equal(a: Operand, b: Operand): GraphTensor {
    return elementwise.equal(this.graph, this.of(a), this.of(b));
  }

  not(condition: GraphTensor): GraphTensor {
    return elementwise.not(this.graph, condition);
  }

  and(...conditions: readonly GraphTensor[]): GraphTensor {
    return conditions.reduce((a, b) => elementwise.and(this.graph, a, b), first(conditions));
  }

  /** 1 where a condition holds, else 0. */
  asNumber(condition: GraphTensor): GraphTensor {
    return elementwise.cast(this.graph, condition, "float32");
  }

  where(condition: GraphTensor, yes: Operand, no: Operand): GraphTensor {
    return elementwise.where(this.graph, condition, this.of(yes), this.of(no));
  }

  // Axes

  /** Over some axes, which keep a size of 1. */
  reduce(op: ReductionOp, value: GraphTensor, axes: readonly number[]): GraphTensor {
    return reduceTensor(this.graph, op, value, axes, true);
  }

  matMul(a: GraphTensor, b: GraphTensor): GraphTensor {
    return matMul(this.graph, a, b);
  }

  /** Place of the largest element along the last axis: int64. */
  argMax(value: GraphTensor): GraphTensor {
    return argument(this.graph, "ArgMax", value, -1);
  }

  /** 0, 1, 2, ... below a size: [size]. */
  positions(size: Dim | number): GraphTensor {
    if (typeof size === "number") {
      const data = Float32Array.from({ length: size }, (_, index) => index);
      return this.graph.constant("positions", { dtype: "float32", dims: [size], data });
    }
    const scalar = (value: number): GraphTensor =>
      this.graph.constant("bound", { dtype: "int64", dims: [], data: BigInt64Array.of(BigInt(value)) });
    const end = squeeze(this.graph, this.graph.runtimeDim(size), [0]);
    return elementwise.cast(this.graph, range(this.graph, scalar(0), end, scalar(1)), "float32");
  }

  /** The same below a number of one element, rounded down. */
  positionsBelow(size: GraphTensor): GraphTensor {
    return range(this.graph, this.graph.scalar(0), this.squeeze(size, [0]), this.graph.scalar(1));
  }

  dim(size: number): Dim {
    return dim(size);
  }

  unsqueeze(value: GraphTensor, axes: readonly number[]): GraphTensor {
    return unsqueeze(this.graph, value, axes);
  }

  squeeze(value: GraphTensor, axes: readonly number[]): GraphTensor {
    return squeeze(this.graph, value, axes);
  }

  /** The middle of the sorted values along the last axis, which keeps a size of 1; of an even number the larger of the two. */
  median(values: GraphTensor): GraphTensor {
    const size = last(values.shape ?? []);
    const half = this.graph.runtimeDim(add(floorDivide(size, 2), dim(1)));
    const smallest = topK(this.graph, values, half, { largest: false }).values;
    return slice(this.graph, smallest, { axes: [-1], starts: [-1], ends: [Number.MAX_SAFE_INTEGER] });
  }

  /** A size as a number: [1]. */
  size(size: Dim | number): GraphTensor {
    return elementwise.cast(this.graph, this.graph.runtimeDim(dim(size)), "float32");
  }

  constant(label: string, dims: readonly number[], values: Iterable<number>): GraphTensor {
    return this.graph.constant(label, { dtype: "float32", dims, data: Float32Array.from(values) });
  }

  of(operand: Operand): GraphTensor {
    return typeof operand === "number" ? this.graph.scalar(operand) : operand;
  }
}
