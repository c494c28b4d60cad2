import type * as tfjs from "@tensorflow/tfjs";

import { InferenceError, InternalError } from "../../errors.ts";
import type { RawModel } from "../../export/source/model.ts";
import type { Tensors } from "../../infer/runtime.ts";
import type { Tfjs } from "../../infer/tfjs-backend.ts";
import { executeAsync } from "../../infer/tfjs-async.ts";
import { fromTfjs, toArtifacts, toTfjs } from "../../infer/tfjs-session.ts";
import type { Tensor } from "../../tensor.ts";

import type { TensorAt, Watch } from "./reference.ts";
import type { LoadedModel, LoadOn } from "./tfjs-reference.ts";

/** Name of a flag of TF.js that makes a model keep what each of its nodes gives. */
const KEEP = "KEEP_INTERMEDIATE_TENSORS";

/** Every operation of TF.js goes through this method of its engine. */
const RUN = "runKernel";
/** Time between two calls of a watch. */
const WATCH_MS = 50;

/** Nodes of a Graph model by the names that a file has for its inputs and outputs. */
export interface GraphEnds {
  /** The Placeholder of each input. */
  readonly inputs: ReadonlyMap<string, string>;
  /** Which tensors to give, in the file's order: `NODE`, or `NODE:1` for the second output of a node. */
  readonly outputs: readonly string[];
}

/** Loads a Graph model as TF.js's own `loadGraphModel` does, from memory. */
export function graphModel(raw: RawModel, ends: GraphEnds): LoadOn {
  return async ({ tf }) => {
    const artifacts = toArtifacts(raw);
    const model = await tf.loadGraphModel({ load: () => Promise.resolve(artifacts) });
    return new LoadedGraph(tf, model, ends);
  };
}

/**
 * Calls `watch` now and then between the kernels that TF.js runs. Loops of a Graph model never let a timer fire, so that only this can end one
 * that goes on and on.
 *
 * @returns what ends the watching
 */
function watchKernels(tf: Tfjs, watch: Watch): () => void {
  const engine = tf.engine();
  const runKernel: unknown = Reflect.get(engine, RUN);
  if (typeof runKernel !== "function") throw new InternalError(`TF.js's engine has no ${RUN}`);
  let done = 0;
  let last = performance.now();
  const watched = (...args: unknown[]): unknown => {
    const now = performance.now();
    if (now - last > WATCH_MS) {
      watch(done, done + 1);
      last = now;
    }
    done++;
    return Reflect.apply(runKernel, engine, args);
  };
  Reflect.set(engine, RUN, watched);
  return () => {
    // The method of its class shows again.
    Reflect.deleteProperty(engine, RUN);
  };
}

class LoadedGraph implements LoadedModel {
  readonly manner = null;
  readonly note = null;
  readonly judgesShapes = false;
  readonly #tf: Tfjs;
  readonly #model: tfjs.GraphModel;
  readonly #ends: GraphEnds;
  /** The model has control flow, or outputs whose size depends on data: it runs with `executeAsync` only. */
  #isDynamic = false;

  constructor(tf: Tfjs, model: tfjs.GraphModel, ends: GraphEnds) {
    this.#tf = tf;
    this.#model = model;
    this.#ends = ends;
  }

  /** A Graph model has no rules for shapes but its kernels'. */
  examine(): ReturnType<LoadedModel["examine"]> {
    return { fault: null, work: null, ones: 0 };
  }

  async run(feeds: Tensors, watch: Watch): Promise<readonly Tensor[]> {
    const outputs = await this.#execute(feeds, watch);
    try {
      return await Promise.all(
        outputs.map((output, index) => fromTfjs(output, this.#ends.outputs[index] ?? String(index))),
      );
    } finally {
      this.#tf.dispose(outputs);
    }
  }

  async trace(feeds: Tensors, wanted: readonly TensorAt[], watch: Watch): Promise<readonly (Tensor | null)[]> {
    // `set` would print a warning to the console.
    const flags = this.#tf.env().getFlags();
    const before = this.#tf.env().getBool(KEEP);
    flags[KEEP] = true;
    try {
      this.#tf.dispose(await this.#execute(feeds, watch));
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
      flags[KEEP] = before;
    }
  }

  dispose(): void {
    this.#model.dispose();
  }

  /** Output tensors, which the caller frees. */
  async #execute(feeds: Tensors, watch: Watch): Promise<tfjs.Tensor[]> {
    const unwatch = watchKernels(this.#tf, watch);
    const inputs = Object.fromEntries(
      Object.entries(feeds).map(([name, feed]) => [name, toTfjs(this.#tf, name, feed)]),
    );
    try {
      return [await this.#executeEither({ ...inputs })].flat();
    } finally {
      unwatch();
      this.#tf.dispose(inputs);
    }
  }

  async #executeEither(inputs: tfjs.NamedTensorMap): Promise<tfjs.Tensor | tfjs.Tensor[]> {
    const names = [...this.#ends.outputs];
    if (!this.#isDynamic) {
      try {
        return this.#model.execute(inputs, names);
      } catch (error) {
        if (!(error instanceof Error)) throw new InferenceError(String(error));
        if (!/executeAsync/.test(error.message)) throw error;
        this.#isDynamic = true;
      }
    }
    return await executeAsync(this.#model, inputs, names);
  }
}
