import { ExportError } from "../../errors.ts";
import type { OnnxGraph } from "../../onnx/model.ts";
import type { Quantization } from "../source/weights.ts";

import type { Float32Node } from "./compute-half.ts";
import type { WeightType } from "./weight-form.ts";

/**
 * How the weights of the file are kept. `stored`: as the TF.js model keeps them, so that quantised weights stay as small as they are,
 * with exactly the numbers that TF.js computes of them. `float32`: as float32, whatever the model has. `float16`: half the size.
 * `int8`: a quarter, with a scale for each output channel. `int4`: an eighth, with a scale for each block of elements.
 */
export type Precision = "stored" | "float32" | "float16" | "int8" | "int4";

/** What the nodes of a file compute in, whatever their weights are. */
export type Compute = "float32" | "float16" | "int8";

export const PRECISIONS: readonly Precision[] = ["stored", "float32", "float16", "int8", "int4"];

/** How one weight of the file is kept. */
export interface WeightPrecision {
  /** Name of the tensor in the file. */
  readonly name: string;
  readonly dims: readonly number[];
  readonly type: WeightType;
  /** Root mean square of the error of its elements, relative to that of the elements. 0: exactly the numbers of TF.js. */
  readonly loss: number;
  /** Why it is not kept as asked. */
  readonly reason?: string;
}

/** How the weights of a file are kept. */
export interface ExportedPrecision {
  readonly name: Precision;
  /** What most nodes compute in: `int8` where they take uint8 numbers and int8 weights. */
  readonly compute: Compute;
  /** Of a file that computes in float16: nodes that compute in float32 all the same, and why. */
  readonly float32Nodes: readonly Float32Node[];
  /** Those of at least 256 elements that are not kept as float32 throughout, and those that were left as float32. */
  readonly weights: readonly WeightPrecision[];
}

export interface PreciseGraph {
  readonly graph: OnnxGraph;
  /** The graph before its weights were put into another form. */
  readonly optimised: OnnxGraph;
  readonly precision: ExportedPrecision;
}

/** What a file says that computes in float32 throughout. */
export const inFloat32 = { compute: "float32", float32Nodes: [] } as const;

/** Whether weights that are quantised so are kept in another form than float32 under a precision. */
export function changesWeights(precision: Precision, quantizations: readonly Quantization[]): boolean {
  return precision !== "float32" && (precision !== "stored" || quantizations.length > 0);
}

/** A graph whose weights all stay float32. */
export function asItIs(graph: OnnxGraph, name: Precision): PreciseGraph {
  return { graph, optimised: graph, precision: { name, weights: [], ...inFloat32 } };
}

/** @throws {ExportError} for a precision that there is not, an opset that lacks it, or what does not go with it */
export function checkPrecision(
  precision: Precision,
  opset: number,
  compute: "float32" | "float16",
  activations: "float32" | "int8",
): void {
  if (!PRECISIONS.includes(precision)) {
    throw new ExportError(`there is no precision ${JSON.stringify(precision)}`, {
      hint: `choose one of ${PRECISIONS.join(", ")}`,
    });
  }
  if (compute === "float16" && precision !== "float16") {
    throw new ExportError(`only float16 weights are computed with in float16; the precision is ${precision}`, {
      hint: "set precision to float16, or leave compute out",
    });
  }
  if (activations === "int8" && precision !== "int8") {
    throw new ExportError(`only int8 weights are computed with in int8; the precision is ${precision}`, {
      hint: "set precision to int8, or leave activationRanges out",
    });
  }
  if (precision === "int4" && opset < INT4_OPSET) {
    throw new ExportError(`int4 weights need opset ${INT4_OPSET}; got ${opset}`, {
      hint: `leave the opset out, or choose int8, which every opset has`,
    });
  }
}

/** The first that has the element type int4 and blocks of DequantizeLinear. */
export const INT4_OPSET = 21;
