import type * as tfjs from "@tensorflow/tfjs";

import { TrainError } from "../errors.ts";
import { reasonOf } from "../infer/ort-session.ts";
import type { TfjsModel } from "../infer/runtime.ts";
import { toArtifacts } from "../infer/tfjs-session.ts";

import { compileStep, type CompiledStep, type TensorFlow } from "./compile/index.ts";
import type { Tf } from "./networks.ts";

/** Trained models that a network learns from. */
export interface Teaching {
  readonly models: readonly tfjs.LayersModel[];
  /** Of the target that is theirs, above 0 to 1; the rest is the label's. */
  readonly share: number;
}

/**
 * Labels mixed with what trained models say of the very images that the network is shown: knowledge distillation (Hinton,
 * Vinyals and Dean 2015, arXiv:1503.02531) from the mean of several models, at temperature 1.
 */
export class Teachers {
  readonly #tf: TensorFlow;
  readonly #steps: readonly CompiledStep[];
  readonly #share: number;

  constructor(
    tf: TensorFlow,
    { models, share }: Teaching,
    { eager, onNote }: { readonly eager?: boolean; readonly onNote?: ((note: string) => void) | undefined } = {},
  ) {
    this.#tf = tf;
    this.#share = share;
    this.#steps = models.map((model) =>
      compileStep(tf, {
        model,
        loss: "categoricalCrossentropy",
        optimizer: { name: "sgd", learningRate: 0 },
        mode: eager === true ? "eager" : "auto",
        ...(onNote === undefined ? {} : { onNote }),
      }),
    );
  }

  /**
   * @param images - [N, H, W, 1]
   * @param labels - one-hot [N, classes]
   * @returns targets [N, classes], of which the caller disposes
   */
  mix(images: tfjs.Tensor4D, labels: tfjs.Tensor2D): tfjs.Tensor2D {
    const tf = this.#tf;
    return tf.tidy(() => {
      const answers = this.#steps.flatMap((step) => step.predict(images));
      const mean = tf.addN(answers).mul(this.#share / answers.length);
      return mean.add(labels.mul(1 - this.#share)).as2D(labels.shape[0], labels.shape[1]);
    });
  }

  dispose(): void {
    for (const step of this.#steps) step.dispose();
  }
}

/**
 * A trained model that reads what `network` reads and answers as it does.
 *
 * @param name - how messages call it
 * @throws {TrainError} when it is another kind of model, or takes or gives tensors of other shapes
 */
export async function loadTrained(
  tf: Tf,
  raw: TfjsModel,
  network: tfjs.LayersModel,
  name: string,
): Promise<tfjs.LayersModel> {
  const model = await tf.loadLayersModel({ load: () => Promise.resolve(toArtifacts(raw)) }).catch((cause: unknown) => {
    throw new TrainError(`TF.js does not load ${name}: ${reasonOf(cause)}`, {
      cause,
    });
  });
  const [found, expected] = [signatureOf(model), signatureOf(network)];
  if (found === expected) return model;
  model.dispose();
  throw new TrainError(`${name} goes from ${found}; ${network.name} goes from ${expected}`, {
    hint: "name a model for the same images and classes",
  });
}

function signatureOf({ inputs, outputs }: tfjs.LayersModel): string {
  const shapes = (symbols: readonly tfjs.SymbolicTensor[]): string =>
    symbols.map(({ shape }) => `[${shape.map((dim) => dim ?? "N").join(", ")}]`).join(", ");
  return `${shapes(inputs)} to ${shapes(outputs)}`;
}

/**
 * Give a network the weights of a trained model of the same architecture.
 *
 * @throws {TrainError} naming the first weight that does not fit
 */
export function copyWeights(trained: tfjs.LayersModel, network: tfjs.LayersModel, name: string): void {
  const [from, to] = [trained.weights, network.weights];
  const at = Array.from({ length: Math.max(from.length, to.length) }).findIndex(
    (_, index) => JSON.stringify(from[index]?.shape) !== JSON.stringify(to[index]?.shape),
  );
  if (at >= 0) {
    const described = (weight: tfjs.LayersModel["weights"][number] | undefined): string =>
      weight === undefined ? "no more weights" : `${weight.originalName} [${weight.shape.join(", ")}]`;
    throw new TrainError(
      `${name} is no ${network.name}: it has ${described(from[at])} where the network has ${described(to[at])}`,
      { hint: "begin with a model of the same network, or leave --init out" },
    );
  }
  to.forEach((weight, index) => weight.write(from[index]?.read() ?? weight.read()));
}
