import type * as tfjs from "@tensorflow/tfjs";

import { InferenceError } from "../errors.ts";
import type { ExportedTap } from "../export/export-model.ts";
import { followsKeras } from "../export/follows-keras.ts";
import type { LayersSource, RawModel, TensorRef } from "../export/source/model.ts";
import type { Provider } from "../infer/runtime.ts";
import { onBackend, openTfjsBackend, type LoadNative, type TfjsBackend } from "../infer/tfjs-backend.ts";
import { fromTfjs, toArtifacts, toTfjs } from "../infer/tfjs-session.ts";
import type { Tensor } from "../tensor.ts";

import { Layerwise } from "./layerwise.ts";
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
 * Load a model as TF.js's own `loadLayersModel` does, from memory. One that TF.js refuses is computed by TF.js layer by layer.
 *
 * @throws {SetupError} when TF.js is not installed.
 */
export async function loadReference(
  raw: RawModel,
  source: LayersSource,
  options: ReferenceOptions = {},
): Promise<LayersReference> {
  const providers = options.provider === undefined ? PORTABLE : [options.provider];
  let opened = await open(raw, source, providers[0] ?? "cpu", options);
  const attempt = async <Result>(task: (opened: Opened) => Promise<Result>): Promise<Result> => {
    try {
      return await onBackend(opened.backend, () => task(opened));
    } catch (error) {
      const next = providers[providers.indexOf(opened.backend.provider) + 1];
      if (next === undefined || !(error instanceof Error) || !/not registered|not supported/i.test(error.message))
        throw error;
      opened = await open(raw, source, next, options);
      return onBackend(opened.backend, () => task(opened));
    }
  };
  return {
    get backend(): string {
      return opened.refusal === null ? opened.backend.name : `${opened.backend.name}, layer by layer`;
    },
    get note(): string | null {
      return opened.refusal === null ? null : `TF.js refuses the model as a whole: ${opened.refusal}`;
    },
    predict: (feeds) => attempt((now) => predict(now, options.part, feeds)),
    refusal: async (feeds) => {
      const checking = await open(raw, source, providers.at(-1) ?? "cpu", options);
      try {
        await onBackend(checking.backend, () => predict(checking, options.part, feeds));
        return null;
      } catch (error) {
        return error instanceof Error ? error : new InferenceError(String(error));
      } finally {
        checking.dispose();
      }
    },
    trace: (feeds, paths) => attempt((now) => now.trace(feeds, paths)),
    dispose: () => {
      opened.dispose();
    },
  };
}

/** A model on one backend. */
interface Opened {
  readonly backend: TfjsBackend;
  /** Why TF.js does not take the model as a whole; null when it does. */
  readonly refusal: string | null;
  outputs(feeds: Readonly<Record<string, Tensor>>): Promise<Tensor[]>;
  trace(feeds: Readonly<Record<string, Tensor>>, paths: ReadonlySet<string>): Promise<Trace>;
  dispose(): void;
}

async function predict(
  opened: Opened,
  part: Part | undefined,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Tensor[]> {
  if (part === undefined) return opened.outputs(feeds);
  const paths = new Set(part.taps.map(({ path }) => path));
  return tapped(part.taps, await opened.trace(feeds, paths));
}

async function open(
  raw: RawModel,
  source: LayersSource,
  provider: Provider,
  { loadNative, part }: ReferenceOptions,
): Promise<Opened> {
  const backend = await openTfjsBackend({ provider }, loadNative);
  if (followsKeras(source)) {
    const reason = source.keras3 ? "it is written by Keras 3" : "it needs layers or axes that TF.js lacks";
    return openLayerwise(backend, source, part, reason);
  }
  try {
    const artifacts = toArtifacts(raw);
    const load = (): Promise<tfjs.LayersModel> =>
      backend.tf.loadLayersModel({ load: () => Promise.resolve(artifacts) });
    return openWhole(backend, await onBackend(backend, load), part);
  } catch (cause) {
    return openLayerwise(backend, source, part, cause instanceof Error ? cause.message : String(cause));
  }
}

function openWhole(backend: TfjsBackend, model: tfjs.LayersModel, part: Part | undefined): Opened {
  const loaded = { backend, model };
  const subject = part === undefined ? model : partOf(loaded, part);
  return {
    backend,
    refusal: null,
    outputs: (feeds) => runModel(loaded, subject, feeds),
    trace: (feeds, paths) => traceModel(loaded, subject, feeds, paths),
    dispose: () => {
      model.dispose();
    },
  };
}

function openLayerwise(backend: TfjsBackend, source: LayersSource, part: Part | undefined, refusal: string): Opened {
  const layers = new Layerwise(backend.tf, source);
  const fetches = part?.fetches ?? source.model.outputs;
  return {
    backend,
    refusal,
    async outputs(feeds) {
      const outputs = await layers.run(feeds, fetches, null);
      const tensors = await Promise.all(outputs.map((output) => fromTfjs(output, "output")));
      backend.tf.dispose(outputs);
      return tensors;
    },
    async trace(feeds, paths) {
      const recorder = new Recorder(backend.tf, paths);
      backend.tf.dispose(await layers.run(feeds, fetches, recorder));
      return recorder.read();
    },
    dispose: () => {
      layers.dispose();
    },
  };
}

interface Loaded {
  readonly backend: TfjsBackend;
  readonly model: tfjs.LayersModel;
}

/** The model with some of its layers' calls as its outputs. A model's own construction counts as its first call. */
function partOf({ backend, model }: Loaded, { fetches }: Part): tfjs.LayersModel {
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
  opened: Loaded,
  subject: tfjs.LayersModel,
  feeds: Readonly<Record<string, Tensor>>,
  paths: ReadonlySet<string>,
): Promise<Trace> {
  const { tf } = opened.backend;
  const recorder = new Recorder(tf, paths);
  const inputs = inputsOf(opened, feeds);
  try {
    opened.model.resetStates();
    recording(tf, subject, recorder, () => tf.tidy(() => subject.predictOnBatch(inputs)));
    return await recorder.read();
  } finally {
    tf.dispose(inputs);
  }
}

async function runModel(
  opened: Loaded,
  subject: tfjs.LayersModel,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Tensor[]> {
  const { tf } = opened.backend;
  const inputs = inputsOf(opened, feeds);
  try {
    opened.model.resetStates();
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
  { backend: { tf }, model }: Loaded,
  feeds: Readonly<Record<string, Tensor>>,
): tfjs.Tensor | tfjs.Tensor[] {
  // A Sequential, which has one input, has no inputNames.
  const names = model.inputNames.length > 0 ? model.inputNames : Object.keys(feeds).slice(0, 1);
  const inputs = names.map((name) => toTfjs(tf, name, feeds[name]));
  const [first] = inputs;
  return inputs.length === 1 && first !== undefined ? first : inputs;
}
