import type * as tfjs from "@tensorflow/tfjs";

import { InferenceError } from "../errors.ts";
import { isObject } from "../export/source/json.ts";
import type { RawModel } from "../export/source/model.ts";
import type { Tensor } from "../tensor.ts";

import type { LayerOutputs } from "./first-difference.ts";
import type { Reference } from "./verify.ts";

/** The package `@tensorflow/tfjs`, or one that has all of it. */
export type Tfjs = typeof tfjs;

/** A LayersModel loaded by TF.js itself, with its layers' outputs within reach. */
export interface LayersReference extends Reference {
  readonly layerOutputs: LayerOutputs;
}

/**
 * Load a model as TF.js's own `loadLayersModel` does, from memory.
 *
 * @throws {InferenceError} with TF.js's message when it refuses the model.
 */
export async function loadReference(tf: Tfjs, raw: RawModel): Promise<LayersReference> {
  const model = await load(tf, raw);
  const inputsOf = (feeds: Readonly<Record<string, Tensor>>): tfjs.Tensor[] =>
    model.inputNames.map((name) => {
      const feed = feeds[name];
      if (feed === undefined) throw new InferenceError(`input ${name} was not given`);
      return toTfjs(tf, feed);
    });
  const run = (subject: tfjs.LayersModel, feeds: Readonly<Record<string, Tensor>>): Tensor[] => {
    tf.engine().startScope();
    try {
      const inputs = inputsOf(feeds);
      const [first] = inputs;
      const batchSize = first?.shape[0] ?? 1;
      const result = subject.predict(inputs.length === 1 && first !== undefined ? first : inputs, { batchSize });
      return (Array.isArray(result) ? result : [result]).map(fromTfjs);
    } finally {
      tf.engine().endScope();
    }
  };
  return {
    backend: tf.getBackend(),
    predict: (feeds) => Promise.resolve(run(model, feeds)),
    layerOutputs(layers, feeds) {
      const outputs = new Map<string, Tensor>();
      for (const name of layers) {
        const output = model.getLayer(name).getOutputAt(0);
        const first = Array.isArray(output) ? output[0] : output;
        if (first === undefined) continue;
        const [value] = run(tf.model({ inputs: model.inputs, outputs: first }), feeds);
        if (value !== undefined) outputs.set(name, value);
      }
      return Promise.resolve(outputs);
    },
    dispose: () => {
      model.dispose();
    },
  };
}

async function load(tf: Tfjs, raw: RawModel): Promise<tfjs.LayersModel> {
  const artifacts = toArtifacts(raw);
  try {
    return await tf.loadLayersModel({ load: () => Promise.resolve(artifacts) });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new InferenceError(`TF.js cannot load the model: ${message}`, { cause });
  }
}

/** The model in memory as TF.js takes it. */
function toArtifacts({ manifest, weights }: RawModel): tfjs.io.ModelArtifacts {
  if (!isObject(manifest)) throw new InferenceError("the model.json is not an object");
  const topology = manifest["modelTopology"];
  const groups = manifest["weightsManifest"];
  const specs = (Array.isArray(groups) ? groups : []).flatMap((group: unknown): unknown[] =>
    isObject(group) && Array.isArray(group["weights"]) ? group["weights"] : [],
  );
  const bytes = weights ?? new Uint8Array();
  return {
    modelTopology: isObject(topology) ? topology : {},
    weightSpecs: specs.filter(isWeightSpec),
    weightData: new Uint8Array(bytes).buffer,
  };
}

function isWeightSpec(spec: unknown): spec is tfjs.io.WeightsManifestEntry {
  return isObject(spec) && typeof spec["name"] === "string" && Array.isArray(spec["shape"]);
}

function toTfjs(tf: Tfjs, tensor: Tensor): tfjs.Tensor {
  const dims = [...tensor.dims];
  switch (tensor.dtype) {
    case "float32":
    case "int32":
    case "bool":
      return tf.tensor(tensor.data, dims, tensor.dtype);
    default:
      throw new InferenceError(`TF.js takes float32, int32 and bool inputs, not ${tensor.dtype}`);
  }
}

function fromTfjs(tensor: tfjs.Tensor): Tensor {
  const dims = tensor.shape;
  const data: unknown = tensor.dataSync();
  if (tensor.dtype === "int32" && data instanceof Int32Array) return { dtype: "int32", dims, data };
  if (tensor.dtype === "bool" && data instanceof Uint8Array) return { dtype: "bool", dims, data };
  if (data instanceof Float32Array) return { dtype: "float32", dims, data };
  throw new InferenceError(`TF.js gave an output of type ${tensor.dtype}`);
}
