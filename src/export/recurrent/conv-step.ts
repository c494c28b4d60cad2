import { int } from "../../onnx/model.ts";
import { applyActivation, type Activation } from "../activation.ts";
import { fitWindow } from "../layers/windows.ts";
import { transposed, type GraphBuilder } from "../onnx/builder.ts";
import { dimOf, newAxis, type Axis, type Value } from "../onnx/value.ts";
import type { LayerWeights } from "../source/model.ts";

import type { ConvCell } from "./cell.ts";
import { zerosLike, type Stepper } from "./step.ts";

/** Gates i f c o, in the order the kernels' last axis has them. */
const GATES = 4;

/** Axes of images N T H W C, or N T C H W. */
interface ImageAxes {
  readonly channels: Axis;
  readonly height: Axis;
  readonly width: Axis;
}

/**
 * LSTM over images: `i, f, o = g(…)`, `ct = f · ct1 + i · f(…)`, `ht = o · f(ct)`, all of `W * xt + R * ht1 + b` with
 * convolutions. What the input adds is one convolution for all steps. Source: tfjs-layers, convolutional_recurrent.ts.
 */
export function convStepper(graph: GraphBuilder, cell: ConvCell, weights: LayerWeights, input: Value): Stepper {
  const { filters, kernelSize } = cell;
  const [batch = [], time = []] = input.axes;
  const features = dimOf(input, cell.dataFormat === "channels_first" ? 2 : 4);
  const gates = GATES * filters;
  const kernel = weights.get("kernel", [...kernelSize, typeof features === "number" ? features : null, gates]);
  const recurrent = weights.get("recurrent_kernel", [...kernelSize, filters, gates]);
  const bias = cell.useBias ? graph.constant("bias", weights.get("bias", [gates])) : null;
  const image = imageAxes(cell, input);
  const x = graph.store(input, [[...time, ...batch], image.channels, image.height, image.width]);
  const ofInput = fitWindow(
    { kernel: kernelSize, strides: cell.strides, dilations: cell.dilations, padding: cell.padding },
    [dimOf(input, spatial(cell)), dimOf(input, spatial(cell) + 1)],
  );
  const [height = 1, width = 1] = ofInput.dims;
  const [tall, wide] = [newAxis(height), newAxis(width)];
  const project = [x, graph.constant("kernel", transposed(kernel, TO_ONNX)), bias];
  const channels = newAxis(gates);
  const merged: Value = {
    name: graph.op("Conv", project, ofInput.attributes),
    dtype: "float32",
    axes: [[...time, ...batch], channels, tall, wide],
    stored: [[...time, ...batch], channels, tall, wide],
  };
  graph.learnSymbols(merged);
  const byStep: Value = { ...merged, axes: [time, batch, channels, tall, wide] };
  const projected = graph.storedAs(byStep, byStep.axes);
  const filterAxis = newAxis(filters);
  const stateStored = [batch, filterAxis, tall, wide];
  const stateAxes = cell.dataFormat === "channels_first" ? stateStored : [batch, tall, wide, filterAxis];
  const rh = graph.constant("recurrent_kernel", transposed(recurrent, TO_ONNX));
  const ofState = fitWindow({ kernel: kernelSize, strides: [1, 1], dilations: [1, 1], padding: "same" }, ofInput.dims);
  return {
    projected,
    stateAxes,
    stateStored,
    stateCount: 2,
    zeros: (body) => zerosLike(body, projected.name, filters),
    step: (body, xt, [ht1, ct1]) => {
      const value = (name: string): Value => ({ name, dtype: "float32", axes: stateAxes, stored: stateStored });
      const activate = (activation: Activation, name: string): string =>
        applyActivation(body, activation, value(name)).name;
      const gate = (name: string): string => activate(cell.recurrentActivation, name);
      const sum = body.op("Add", [xt.name, body.op("Conv", [ht1?.name ?? "", rh], ofState.attributes)]);
      const sizes = body.int64s(Array.from({ length: GATES }, () => filters));
      const [i = "", f = "", c = "", o = ""] = body.node("Split", [sum, sizes], { axis: int(1) }, GATES);
      const kept = body.op("Mul", [gate(f), ct1?.name ?? ""]);
      const ct = body.op("Add", [kept, body.op("Mul", [gate(i), activate(cell.activation, c)])]);
      const ht = body.op("Mul", [gate(o), activate(cell.activation, ct)]);
      return [value(ht), value(ct)];
    },
  };
}

/** [H, W, I, O] to [O, I, H, W]. */
const TO_ONNX = [3, 2, 0, 1];

function spatial(cell: ConvCell): number {
  return cell.dataFormat === "channels_first" ? 3 : 2;
}

function imageAxes(cell: ConvCell, { axes }: Value): ImageAxes {
  const [, , first = [], second = [], third = []] = axes;
  return cell.dataFormat === "channels_first"
    ? { channels: first, height: second, width: third }
    : { height: first, width: second, channels: third };
}
