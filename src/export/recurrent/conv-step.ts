import { applyActivation, type Activation } from "../activation.ts";
import { fitWindow } from "../build/windows.ts";
import { asNumber } from "../../onnx/dim.ts";
import { at, first } from "../../require.ts";
import type { GraphBuilder } from "../build/builder.ts";
import { add, mul } from "../build/ops/elementwise.ts";
import { split } from "../build/ops/shape.ts";
import { transposed } from "../build/permute.ts";
import type { GraphTensor } from "../ir/graph-tensor.ts";
import { axisOf, dimOf, newAxis, Value, type Axis } from "../ir/value.ts";
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
  const [batch, time] = [axisOf(input, 0), axisOf(input, 1)];
  const features = dimOf(input, cell.dataFormat === "channels_first" ? 2 : 4);
  const gates = GATES * filters;
  const kernel = weights.get("kernel", [...kernelSize, asNumber(features), gates]);
  const recurrent = weights.get("recurrent_kernel", [...kernelSize, filters, gates]);
  const bias = cell.useBias ? graph.constant("bias", weights.get("bias", [gates])) : null;
  const image = imageAxes(cell, input);
  const x = graph.store(input, [[...time, ...batch], image.channels, image.height, image.width]);
  const ofInput = fitWindow(
    { kernel: kernelSize, strides: cell.strides, dilations: cell.dilations, padding: cell.padding },
    [dimOf(input, spatial(cell)), dimOf(input, spatial(cell) + 1)],
  );
  const [tall, wide] = [newAxis(at(ofInput.dims, 0)), newAxis(at(ofInput.dims, 1))];
  const project = [x, graph.constant("kernel", transposed(kernel, TO_ONNX)), bias];
  const channels = newAxis(gates);
  const stepAxes = [time, batch, channels, tall, wide];
  const merged = graph.op("Conv", project, ofInput.attributes);
  const byStep = new Value(merged, stepAxes, [[...time, ...batch], channels, tall, wide]);
  const projected = graph.storedAs(byStep, stepAxes);
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
    zeros: (body) => zerosLike(body, projected.tensor, filters),
    step: (body, xt, states) => {
      const value = (tensor: GraphTensor): Value => new Value(tensor, stateAxes, stateStored);
      const activate = (activation: Activation, tensor: GraphTensor): GraphTensor =>
        body.store(applyActivation(body, activation, value(tensor)), stateStored);
      const gate = (tensor: GraphTensor): GraphTensor => activate(cell.recurrentActivation, tensor);
      const sum = add(body, xt.tensor, body.op("Conv", [first(states).tensor, rh], ofState.attributes));
      const sizes = Array.from({ length: GATES }, () => filters);
      const parts = split(body, sum, sizes, 1);
      const [i, f, c, o] = [at(parts, 0), at(parts, 1), at(parts, 2), at(parts, 3)];
      const kept = mul(body, gate(f), at(states, 1).tensor);
      const ct = add(body, kept, mul(body, gate(i), activate(cell.activation, c)));
      const ht = mul(body, gate(o), activate(cell.activation, ct));
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
  const [, , ...images] = axes;
  const [one, second, third] = [at(images, 0), at(images, 1), at(images, 2)];
  return cell.dataFormat === "channels_first"
    ? { channels: one, height: second, width: third }
    : { height: one, width: second, channels: third };
}
