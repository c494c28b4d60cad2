import type * as tfjs from "@tensorflow/tfjs";

import { InferenceError } from "../../errors.ts";
import type { Tfjs } from "../../infer/tfjs-backend.ts";
import { fromTfjs } from "../../infer/tfjs-session.ts";
import type { Tensor } from "../../tensor.ts";

import type { TensorAt, Watch } from "./reference.ts";

/** Keeps the tensors that are wanted while layers run, until they are read. */
export class Recorder {
  readonly #tf: Tfjs;
  readonly #paths: ReadonlySet<string>;
  readonly #runs = new Map<string, (readonly tfjs.Tensor[])[]>();

  constructor(tf: Tfjs, wanted: readonly TensorAt[]) {
    this.#tf = tf;
    this.#paths = new Set(wanted.map(({ path }) => path));
  }

  record(path: string, outputs: tfjs.Tensor | readonly tfjs.Tensor[]): void {
    if (!this.#paths.has(path)) return;
    const list = isList(outputs) ? outputs : [outputs];
    const kept = list.map((output) => this.#tf.keep(output.clone()));
    this.#runs.set(path, [...(this.#runs.get(path) ?? []), kept]);
  }

  /** The wanted tensors of a run, in their order; null for those that no layer gives. */
  async during(wanted: readonly TensorAt[], run: () => Promise<void>): Promise<readonly (Tensor | null)[]> {
    try {
      await run();
      return await Promise.all(
        wanted.map(async ({ path, occurrence, tensor }) => {
          const found = this.#runs.get(path)?.[occurrence]?.[tensor];
          return found === undefined ? null : fromTfjs(found, path);
        }),
      );
    } finally {
      for (const tensor of [...this.#runs.values()].flat(2)) tensor.dispose();
      this.#runs.clear();
    }
  }
}

function isList(outputs: tfjs.Tensor | readonly tfjs.Tensor[]): outputs is readonly tfjs.Tensor[] {
  return Array.isArray(outputs);
}

/** @throws {InferenceError} when TF.js did not give one of the tensors */
export function expectAll(
  tensors: readonly (Tensor | null)[],
  wanted: readonly (TensorAt & { readonly name: string })[],
): readonly Tensor[] {
  return tensors.map((tensor, index) => {
    if (tensor !== null) return tensor;
    const { name, path } = wanted[index] ?? { name: String(index), path: "" };
    throw new InferenceError(`TF.js gives no tensor for output ${name}: it runs layer ${path} fewer times`);
  });
}

/** Run something while the layers of a model, those of nested models included, are watched and recorded. */
export function watching<Result>(
  tf: Tfjs,
  model: tfjs.LayersModel,
  { watch, recorder }: { readonly watch: Watch; readonly recorder: Recorder | null },
  run: () => Result,
): Result {
  const watched = [...layersOf(tf, model, "")];
  let done = 0;
  for (const { path, layer } of watched) {
    const call = layer.call.bind(layer);
    layer.call = (inputs, kwargs) => {
      watch(done, watched.length);
      const outputs = call(inputs, kwargs);
      done++;
      recorder?.record(path, outputs);
      return outputs;
    };
  }
  try {
    return run();
  } finally {
    // Uncovers the method of the layer's class.
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
