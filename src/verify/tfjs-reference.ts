import type * as tfjs from "@tensorflow/tfjs";

import { InferenceError } from "../errors.ts";
import type { ExportedTap } from "../export/export-model.ts";
import type { RawModel, TensorRef } from "../export/source/model.ts";
import type { Provider } from "../infer/runtime.ts";
import { onBackend, openTfjsBackend, type LoadNative, type TfjsBackend } from "../infer/tfjs-backend.ts";
import { fromTfjs, toArtifacts, toTfjs } from "../infer/tfjs-session.ts";
import type { Tensor } from "../tensor.ts";

import { Recorder, recording, type Trace } from "./trace.ts";
import type { Reference } from "./verify.ts";

/** A model that TF.js runs, with its layers' outputs within reach. */
export interface LayersReference extends Reference {
  /** What the layers at some paths give in one run. */
  trace(feeds: Readonly<Record<string, Tensor>>, paths: ReadonlySet<string>): Promise<Trace>;
}

/** Layers' outputs instead of the model's own. */
export interface Part {
  /** What is computed. */
  readonly fetches: readonly TensorRef[];
  /** What of it is given. */
  readonly taps: readonly ExportedTap[];
}

export interface ReferenceOptions {
  readonly part?: Part;
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
        const { part } = options;
        if (part === undefined) return runModel(now, now.model, feeds);
        const paths = new Set(part.taps.map(({ path }) => path));
        return tapped(part.taps, await traceModel(now, partOf(now, part), feeds, paths));
      }),
    refusal: async (feeds) => {
      const checking = await open(raw, providers.at(-1) ?? "cpu", options);
      try {
        const subject = options.part === undefined ? checking.model : partOf(checking, options.part);
        await onBackend(checking.backend, () => runModel(checking, subject, feeds));
        return null;
      } catch (error) {
        return error instanceof Error ? error : new InferenceError(String(error));
      } finally {
        checking.model.dispose();
      }
    },
    trace: (feeds, paths) =>
      attempt((now) =>
        traceModel(now, options.part === undefined ? now.model : partOf(now, options.part), feeds, paths),
      ),
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

/** The model with some of its layers' calls as its outputs. A model's own construction counts as its first call. */
function partOf({ backend, model }: Opened, { fetches }: Part): tfjs.LayersModel {
  const outputs = fetches.flatMap(({ layer: name, call }) => {
    const layer = model.getLayer(name);
    const output = layer.getOutputAt(layer instanceof backend.tf.LayersModel ? call + 1 : call);
    return Array.isArray(output) ? output.slice(0, 1) : [output];
  });
  return backend.tf.model({ inputs: model.inputs, outputs });
}

function tapped(taps: readonly ExportedTap[], trace: Trace): Tensor[] {
  return taps.map(({ name, path, occurrence, tensor }) => {
    const found = trace.get(path)?.[occurrence]?.[tensor];
    if (found !== undefined) return found;
    throw new InferenceError(
      `TF.js gave no output ${name}: it ran layer ${path} ${trace.get(path)?.length ?? 0} times`,
    );
  });
}

async function traceModel(
  opened: Opened,
  subject: tfjs.LayersModel,
  feeds: Readonly<Record<string, Tensor>>,
  paths: ReadonlySet<string>,
): Promise<Trace> {
  const { tf } = opened.backend;
  const recorder = new Recorder(tf, paths);
  const inputs = inputsOf(opened, feeds);
  try {
    recording(tf, subject, recorder, () => tf.tidy(() => subject.predictOnBatch(inputs)));
    return await recorder.read();
  } finally {
    tf.dispose(inputs);
  }
}

async function runModel(
  opened: Opened,
  subject: tfjs.LayersModel,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Tensor[]> {
  const { tf } = opened.backend;
  const inputs = inputsOf(opened, feeds);
  try {
    const result = tf.tidy(() => subject.predictOnBatch(inputs));
    const outputs = Array.isArray(result) ? result : [result];
    const tensors = await Promise.all(outputs.map((each, index) => fromTfjs(each, subject.outputNames[index] ?? "")));
    tf.dispose(outputs);
    return tensors;
  } finally {
    tf.dispose(inputs);
  }
}

function inputsOf(
  { backend: { tf }, model }: Opened,
  feeds: Readonly<Record<string, Tensor>>,
): tfjs.Tensor | tfjs.Tensor[] {
  // A Sequential, which has one input, has no inputNames.
  const names = model.inputNames.length > 0 ? model.inputNames : Object.keys(feeds).slice(0, 1);
  const inputs = names.map((name) => toTfjs(tf, name, feeds[name]));
  const [first] = inputs;
  return inputs.length === 1 && first !== undefined ? first : inputs;
}
