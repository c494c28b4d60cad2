import type * as tfjs from "@tensorflow/tfjs";

import { ConfigReader } from "../../../export/source/config.ts";
import { toTfjs } from "../../../infer/tfjs-session.ts";

import type { KerasContext } from "./layers.ts";

/** The parameters of one gate: W [H, C], R [H, H], and their biases [H]. */
interface Gate {
  readonly w: tfjs.Tensor2D;
  readonly r: tfjs.Tensor2D;
  readonly bw: tfjs.Tensor;
  readonly br: tfjs.Tensor;
}

/** The next state, or states, of a cell; the first is its output. */
type Step = (x: tfjs.Tensor, states: readonly tfjs.Tensor[]) => readonly tfjs.Tensor[];

/** Where cuDNN finds a gate's numbers in the weights of keras/layers/cudnn_recurrent.py: flattened, row after row. */
function gatesOf({ tf, config, weights }: KerasContext, count: number): { gates: readonly Gate[]; units: number } {
  const units = new ConfigReader(config).positive("units");
  const read = (name: string): tfjs.Tensor => toTfjs(tf, name, weights.get(name));
  const [kernel, recurrent] = [read("kernel"), read("recurrent_kernel")];
  const biases = tf.split(read("bias"), 2 * count);
  const part = (matrix: tfjs.Tensor, gate: number): tfjs.Tensor2D =>
    matrix
      .slice([0, gate * units], [-1, units])
      .flatten()
      .as2D(units, matrix.shape[0] ?? 1);
  const gates = Array.from({ length: count }, (_, gate) => ({
    w: part(kernel, gate),
    r: part(recurrent, gate),
    bw: biases[gate] ?? tf.scalar(Number.NaN),
    br: biases[count + gate] ?? tf.scalar(Number.NaN),
  }));
  return { gates, units };
}

function overTime(
  { tf, config, states }: KerasContext,
  x: tfjs.Tensor,
  initial: number,
  units: number,
  step: Step,
): tfjs.Tensor[] {
  const steps = tf.unstack(x, 1);
  if (config["go_backwards"] === true) steps.reverse();
  const zeros = (): tfjs.Tensor => tf.zeros([x.shape[0] ?? 1, units]);
  let now: readonly tfjs.Tensor[] = states.length > 0 ? states : Array.from({ length: initial }, zeros);
  const outputs = steps.map((xt) => {
    now = step(xt, now);
    return now[0] ?? xt;
  });
  const output = config["return_sequences"] === true ? tf.stack(outputs, 1) : (outputs.at(-1) ?? x);
  return config["return_state"] === true ? [output, ...now] : [output];
}

/** `ct = f · ct1 + i · g`, `ht = o · tanh(ct)`. */
export function cudnnLstm(context: KerasContext, x: tfjs.Tensor): tfjs.Tensor[] {
  const { tf } = context;
  const { gates, units } = gatesOf(context, 4);
  return overTime(context, x, 2, units, (xt, [h = xt, c = xt]) => {
    const [i = xt, f = xt, g = xt, o = xt] = gates.map(({ w, r, bw, br }) =>
      tf
        .matMul(xt.as2D(-1, w.shape[1]), w, false, true)
        .add(tf.matMul(h.as2D(-1, units), r, false, true))
        .add(bw)
        .add(br),
    );
    const ct = f.sigmoid().mul(c).add(i.sigmoid().mul(g.tanh()));
    return [o.sigmoid().mul(ct.tanh()), ct];
  });
}

/** `ht = (1 − z) · tanh(W xt + bW + r · (R ht1 + bR)) + z · ht1`. */
export function cudnnGru(context: KerasContext, x: tfjs.Tensor): tfjs.Tensor[] {
  const { tf } = context;
  const { gates, units } = gatesOf(context, 3);
  return overTime(context, x, 1, units, (xt, [h = xt]) => {
    const ofInput = gates.map(({ w, bw }) => tf.matMul(xt.as2D(-1, w.shape[1]), w, false, true).add(bw));
    const ofState = gates.map(({ r, br }) => tf.matMul(h.as2D(-1, units), r, false, true).add(br));
    const [z = xt, reset = xt] = ofInput.map((each, gate) => each.add(ofState[gate] ?? each).sigmoid());
    const candidate = (ofInput[2] ?? xt).add(reset.mul(ofState[2] ?? xt)).tanh();
    return [z.mul(h).add(tf.sub(1, z).mul(candidate))];
  });
}
