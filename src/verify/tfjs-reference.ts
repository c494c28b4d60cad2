import type * as tfjs from "@tensorflow/tfjs";

import { InferenceError } from "../errors.ts";
import type { RawModel } from "../export/source/model.ts";
import type { Provider } from "../infer/runtime.ts";
import { onBackend, openTfjsBackend, type LoadNative, type TfjsBackend } from "../infer/tfjs-backend.ts";
import { fromTfjs, toArtifacts, toTfjs } from "../infer/tfjs-session.ts";
import type { Tensor } from "../tensor.ts";

import type { LayerOutputs } from "./first-difference.ts";
import type { Reference } from "./verify.ts";

/** A LayersModel loaded by TF.js itself, with its layers' outputs within reach. */
export interface LayersReference extends Reference {
  readonly layerOutputs: LayerOutputs;
}

export interface ReferenceOptions {
  /** Layers whose outputs to give instead of the model's own. */
  readonly outputs?: readonly string[];
  readonly provider?: Provider;
  readonly loadNative?: LoadNative;
}

/** Backends without native TensorFlow, the faster first; a kernel that one lacks is tried on the next. */
const PORTABLE: readonly Provider[] = ["wasm", "cpu"];

/**
 * Load a model as TF.js's own `loadLayersModel` does, from memory.
 *
 * @throws {SetupError} when TF.js is not installed. @throws {InferenceError} with its message when it refuses the model.
 */
export async function loadReference(raw: RawModel, options: ReferenceOptions = {}): Promise<LayersReference> {
  const providers = options.provider === undefined ? PORTABLE : [options.provider];
  let opened = await open(raw, providers[0] ?? "cpu", options);
  const attempt = async <Result>(task: (opened: Opened) => Promise<Result>): Promise<Result> => {
    try {
      return await onBackend(opened.backend, () => task(opened));
    } catch (error) {
      const next = providers[providers.indexOf(opened.backend.provider) + 1];
      if (next === undefined || !(error instanceof Error) || !/not registered|not supported/i.test(error.message))
        throw error;
      opened = await open(raw, next, options);
      return onBackend(opened.backend, () => task(opened));
    }
  };
  return {
    get backend(): string {
      return opened.backend.name;
    },
    predict: (feeds) =>
      attempt(async (now) => {
        const subject = options.outputs === undefined ? now.model : partOf(now, options.outputs);
        return runModel(now, subject, feeds);
      }),
    layerOutputs: (layers, feeds) =>
      attempt(async (now) => {
        const tensors = await runModel(now, partOf(now, layers), feeds);
        return new Map(layers.flatMap((name, index) => (tensors[index] === undefined ? [] : [[name, tensors[index]]])));
      }),
    dispose: () => {
      opened.model.dispose();
    },
  };
}

interface Opened {
  readonly backend: TfjsBackend;
  readonly model: tfjs.LayersModel;
}

async function open(raw: RawModel, provider: Provider, { loadNative }: ReferenceOptions): Promise<Opened> {
  const backend = await openTfjsBackend({ provider }, loadNative);
  const artifacts = toArtifacts(raw);
  try {
    const load = (): Promise<tfjs.LayersModel> =>
      backend.tf.loadLayersModel({ load: () => Promise.resolve(artifacts) });
    return { backend, model: await onBackend(backend, load) };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new InferenceError(`TF.js cannot load the model: ${message}`, { cause });
  }
}

/** The model with the first output of these layers' first calls as its outputs. */
function partOf({ backend, model }: Opened, layers: readonly string[]): tfjs.LayersModel {
  const outputs = layers.flatMap((name) => {
    const output = model.getLayer(name).getOutputAt(0);
    return Array.isArray(output) ? output.slice(0, 1) : [output];
  });
  return backend.tf.model({ inputs: model.inputs, outputs });
}

async function runModel(
  { backend: { tf }, model }: Opened,
  subject: tfjs.LayersModel,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Tensor[]> {
  // A Sequential, which has one input, has no inputNames.
  const names = model.inputNames.length > 0 ? model.inputNames : Object.keys(feeds).slice(0, 1);
  const inputs = names.map((name) => toTfjs(tf, name, feeds[name]));
  const [first] = inputs;
  const result = tf.tidy(() => subject.predictOnBatch(inputs.length === 1 && first !== undefined ? first : inputs));
  const outputs = Array.isArray(result) ? result : [result];
  const tensors = await Promise.all(outputs.map((output, index) => fromTfjs(output, subject.outputNames[index] ?? "")));
  for (const tensor of [...inputs, ...outputs]) tensor.dispose();
  return tensors;
}
