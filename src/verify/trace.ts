import type * as tfjs from "@tensorflow/tfjs";

import { fromTfjs } from "../infer/tfjs-session.ts";
import type { Tfjs } from "../infer/tfjs-backend.ts";
import type { Tensor } from "../tensor.ts";

/** What layers gave: by path (`encoder/dense`), for each time the layer was run, its output tensors. */
export type Trace = ReadonlyMap<string, readonly (readonly Tensor[])[]>;

/** Output tensors of layers as they are run, kept until they are read. */
export class Recorder {
  readonly #wanted: ReadonlySet<string>;
  readonly #runs = new Map<string, (readonly tfjs.Tensor[])[]>();
  readonly #tf: Tfjs;

  constructor(tf: Tfjs, wanted: ReadonlySet<string>) {
    this.#tf = tf;
    this.#wanted = wanted;
  }

  record(path: string, outputs: tfjs.Tensor | readonly tfjs.Tensor[]): void {
    if (!this.#wanted.has(path)) return;
    const list = isList(outputs) ? outputs : [outputs];
    const kept = list.map((output) => this.#tf.keep(output.clone()));
    this.#runs.set(path, [...(this.#runs.get(path) ?? []), kept]);
  }

  /** Everything recorded; the recorder is empty after. */
  async read(): Promise<Trace> {
    const trace = new Map<string, readonly (readonly Tensor[])[]>();
    for (const [path, runs] of this.#runs) {
      const read: (readonly Tensor[])[] = [];
      for (const run of runs) read.push(await Promise.all(run.map((tensor) => fromTfjs(tensor, path))));
      trace.set(path, read);
      for (const tensor of runs.flat()) tensor.dispose();
    }
    this.#runs.clear();
    return trace;
  }
}

function isList(outputs: tfjs.Tensor | readonly tfjs.Tensor[]): outputs is readonly tfjs.Tensor[] {
  return Array.isArray(outputs);
}

/** Record what the layers of a model give, those of nested models included, while `run` runs it. */
export function recording<Result>(tf: Tfjs, model: tfjs.LayersModel, recorder: Recorder, run: () => Result): Result {
  const watched = [...layersOf(tf, model, "")];
  for (const { path, layer } of watched) {
    const call = layer.call.bind(layer);
    layer.call = (inputs, kwargs) => {
      const outputs = call(inputs, kwargs);
      recorder.record(path, outputs);
      return outputs;
    };
  }
  try {
    return run();
  } finally {
    // The class's own method shines through again.
    for (const { layer } of watched) Reflect.deleteProperty(layer, "call");
  }
}

function* layersOf(
  tf: Tfjs,
  model: tfjs.LayersModel,
  prefix: string,
): Generator<{ readonly path: string; readonly layer: tfjs.layers.Layer }> {
  for (const layer of model.layers) {
    const path = `${prefix}${layer.name}`;
    yield { path, layer };
    if (layer instanceof tf.LayersModel) yield* layersOf(tf, layer, `${path}/`);
  }
}
