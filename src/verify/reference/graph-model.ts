import type * as tfjs from "@tensorflow/tfjs";

import { InferenceError } from "../../errors.ts";
import type { RawModel } from "../../export/source/model.ts";
import type { Tensors } from "../../infer/runtime.ts";
import type { Tfjs } from "../../infer/tfjs-backend.ts";
import { fromTfjs, toArtifacts, toTfjs } from "../../infer/tfjs-session.ts";
import type { Tensor } from "../../tensor.ts";

import type { TensorAt } from "./reference.ts";
import type { LoadedModel, LoadOn } from "./tfjs-reference.ts";

/** Name of a flag of TF.js that makes a model keep what each of its nodes gives. */
const KEEP = "KEEP_INTERMEDIATE_TENSORS";

/**
 * Loads a Graph model as TF.js's own `loadGraphModel` does, from memory.
 *
 * @param outputs Which outputs to give: keys of the model's signature, or names of nodes.
 */
export function graphModel(raw: RawModel, outputs: readonly string[]): LoadOn {
  return async ({ tf }) => {
    const artifacts = toArtifacts(raw);
    const model = await tf.loadGraphModel({ load: () => Promise.resolve(artifacts) });
    return new LoadedGraph(tf, model, outputs);
  };
}

class LoadedGraph implements LoadedModel {
  readonly manner = null;
  readonly note = null;
  readonly judgesShapes = false;
  readonly #tf: Tfjs;
  readonly #model: tfjs.GraphModel;
  readonly #outputs: readonly string[];
  /** The model has control flow, or outputs whose size depends on data: it runs with `executeAsync` only. */
  #isDynamic = false;

  constructor(tf: Tfjs, model: tfjs.GraphModel, outputs: readonly string[]) {
    this.#tf = tf;
    this.#model = model;
    this.#outputs = outputs;
  }

  /** A Graph model has no rules for shapes but its kernels'. */
  examine(): ReturnType<LoadedModel["examine"]> {
    return { fault: null, work: null };
  }

  async run(feeds: Tensors): Promise<readonly Tensor[]> {
    const outputs = await this.#execute(feeds);
    try {
      return await Promise.all(outputs.map((output, index) => fromTfjs(output, this.#outputs[index] ?? String(index))));
    } finally {
      this.#tf.dispose(outputs);
    }
  }

  async trace(feeds: Tensors, wanted: readonly TensorAt[]): Promise<readonly (Tensor | null)[]> {
    const before = this.#tf.env().getBool(KEEP);
    this.#tf.env().set(KEEP, true);
    try {
      this.#tf.dispose(await this.#execute(feeds));
      const kept = this.#model.getIntermediateTensors();
      return await Promise.all(
        wanted.map(async ({ path, occurrence, tensor }) => {
          const found = occurrence === 0 && Object.hasOwn(kept, path) ? kept[path]?.[tensor] : undefined;
          // TF.js frees some of them in bodies of loops.
          return found === undefined || found.isDisposed ? null : fromTfjs(found, path);
        }),
      );
    } finally {
      this.#model.disposeIntermediateTensors();
      this.#tf.env().set(KEEP, before);
    }
  }

  dispose(): void {
    this.#model.dispose();
  }

  /** Output tensors, which the caller frees. */
  async #execute(feeds: Tensors): Promise<tfjs.Tensor[]> {
    const inputs = Object.fromEntries(
      Object.entries(feeds).map(([name, feed]) => [name, toTfjs(this.#tf, name, feed)]),
    );
    try {
      return [await this.#executeEither({ ...inputs })].flat();
    } finally {
      this.#tf.dispose(inputs);
    }
  }

  async #executeEither(inputs: tfjs.NamedTensorMap): Promise<tfjs.Tensor | tfjs.Tensor[]> {
    const names = [...this.#outputs];
    if (!this.#isDynamic) {
      try {
        return this.#model.execute(inputs, names);
      } catch (error) {
        if (!(error instanceof Error)) throw new InferenceError(String(error));
        if (!/executeAsync/.test(error.message)) throw error;
        this.#isDynamic = true;
      }
    }
    return this.#model.executeAsync(inputs, names);
  }
}
