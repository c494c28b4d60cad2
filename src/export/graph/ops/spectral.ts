import { ExportError } from "../../../errors.ts";
import { add, asNumber, floorDivide, multiply, type Dim } from "../../../onnx/dim.ts";
import type { GraphBuilder } from "../../build/builder.ts";
import { dft } from "../../build/ops/neural.ts";
import { concat, expectOpset, gather, slice, unsqueeze } from "../../build/ops/shape.ts";
import type { GraphTensor } from "../../ir/graph-tensor.ts";
import { dimOf, viewOf, type Value } from "../../ir/value.ts";
import { isComplex, type ComplexValue, type GraphOpConverter } from "../converter.ts";

import { defineOp } from "./define.ts";
import { number } from "./operands.ts";

/** Signals in rows: [B, L]. */
function rows(graph: GraphBuilder, value: Value): Value {
  const length = dimOf(value, -1);
  return graph.reshape(value, [multiply(...value.dims.slice(0, -1)), length]);
}

/** [B, L] twice to [B, L, 2]. */
function paired(graph: GraphBuilder, real: GraphTensor, imaginary: GraphTensor): GraphTensor {
  return concat(graph, [unsqueeze(graph, real, [2]), unsqueeze(graph, imaginary, [2])], 2);
}

function part(graph: GraphBuilder, pair: GraphTensor, index: number): Value {
  return viewOf(gather(graph, pair, number(graph, index, "int64"), 2));
}

function complexOf(graph: GraphBuilder, pair: GraphTensor, shape: readonly Dim[]): ComplexValue {
  return {
    kind: "complex",
    real: graph.reshape(part(graph, pair, 0), shape),
    imaginary: graph.reshape(part(graph, pair, 1), shape),
  };
}

function expectComplex(value: Value | ComplexValue): ComplexValue {
  if (isComplex(value)) return value;
  throw new ExportError(`its input must be complex64; got ${value.dtype}`);
}

function transform(tfOp: string, inverse: boolean): GraphOpConverter {
  return defineOp([tfOp], ["DFT", "Concat", "Gather"], (context) => {
    const { graph } = context;
    expectOpset(graph, 17, "a Fourier transform");
    const { real, imaginary } = expectComplex(context.numeric(0));
    const pair = paired(graph, graph.plain(rows(graph, real)), graph.plain(rows(graph, imaginary)));
    return complexOf(graph, dft(graph, pair, { axis: 1, inverse }), real.dims);
  });
}

const realTransform = defineOp(["RFFT"], ["DFT", "Gather"], (context) => {
  const { graph } = context;
  expectOpset(graph, 17, "a Fourier transform");
  const input = context.tensor(0);
  const signal = unsqueeze(graph, graph.plain(rows(graph, input)), [2]);
  const half = add(floorDivide(dimOf(input, -1), 2), 1);
  return complexOf(graph, dft(graph, signal, { axis: 1, onesided: true }), input.dims.with(input.rank - 1, half));
});

/** TF.js completes the spectrum by its mirror image, and gives rows for all but rank 3. */
const inverseReal = defineOp(["IRFFT"], ["DFT", "Concat", "Slice", "Neg", "Gather"], (context) => {
  const { graph } = context;
  expectOpset(graph, 17, "a Fourier transform");
  const { real, imaginary } = expectComplex(context.numeric(0));
  const length = asNumber(dimOf(real, -1));
  if (length === null) throw new ExportError("the number of frequencies must be known");
  const [re, im] = [graph.plain(rows(graph, real)), graph.plain(rows(graph, imaginary))];
  const mirror = (tensor: GraphTensor): GraphTensor =>
    slice(graph, tensor, { axes: [1], starts: [length - 2], ends: [0], steps: [-1] });
  const whole =
    length <= 2
      ? [re, im]
      : [concat(graph, [re, mirror(re)], 1), concat(graph, [im, graph.op("Neg", [mirror(im)])], 1)];
  const [first, second] = whole;
  if (first === undefined || second === undefined) throw new ExportError("a spectrum has two parts");
  const result = part(graph, dft(graph, paired(graph, first, second), { axis: 1, inverse: true }), 0);
  if (real.rank !== 3) return result;
  return graph.reshape(result, [dimOf(real, 0), dimOf(real, 1), dimOf(result, -1)]);
});

export const spectralOps: readonly GraphOpConverter[] = [
  transform("FFT", false),
  transform("IFFT", true),
  realTransform,
  inverseReal,
];
