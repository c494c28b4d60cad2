import type * as tfjs from "@tensorflow/tfjs";

import { followsKeras } from "../../export/follows-keras.ts";
import type { LayersSource, RawModel, TensorRef } from "../../export/source/model.ts";
import type { Tensors } from "../../infer/runtime.ts";
import type { Tfjs } from "../../infer/tfjs-backend.ts";
import { fromTfjs, toArtifacts, toTfjs } from "../../infer/tfjs-session.ts";
import type { Tensor } from "../../tensor.ts";

import { examineLayers } from "./examine-layers.ts";
import { loadLayerwise } from "./keras/load-layerwise.ts";
import type { Part } from "./part.ts";
import type { TensorAt, Watch } from "./reference.ts";
import type { LoadedModel, LoadOn } from "./tfjs-reference.ts";
import { expectAll, Recorder, watching } from "./trace.ts";

/**
 * Loads a Layers model as TF.js's own `loadLayersModel` does, from memory. One that TF.js refuses is computed by TF.js layer
 * by layer.
 *
 * @param part Which layers' outputs to give; without it the model's own.
 */
export function layersModel(raw: RawModel, source: LayersSource, part: Part | null): LoadOn {
  return async ({ tf }) => {
    if (followsKeras(source)) {
      const reason = source.keras3 ? "Keras 3 wrote it" : "it needs layers or axes that TF.js lacks";
      return loadLayerwise(tf, source, part, reason);
    }
    try {
      const artifacts = toArtifacts(raw);
      const model = await tf.loadLayersModel({ load: () => Promise.resolve(artifacts) });
      return loadWhole(tf, source, model, part);
    } catch (cause) {
      const [reason] = (cause instanceof Error ? cause.message : String(cause)).split("\n");
      return loadLayerwise(tf, source, part, reason ?? "unknown");
    }
  };
}

function loadWhole(tf: Tfjs, source: LayersSource, model: tfjs.LayersModel, part: Part | null): LoadedModel {
  const subject = part === null ? model : partOf(tf, model, part.fetches);
  const predict = (feeds: Tensors, watch: Watch, recorder: Recorder | null): tfjs.Tensor[] => {
    const inputs = inputsOf(tf, model, feeds);
    try {
      model.resetStates();
      const compute = (): tfjs.Tensor | tfjs.Tensor[] => subject.predictOnBatch(inputs);
      return [watching(tf, subject, { watch, recorder }, () => tf.tidy(compute))].flat();
    } finally {
      tf.dispose(inputs);
    }
  };
  const record = (feeds: Tensors, watch: Watch, wanted: readonly TensorAt[]): Promise<readonly (Tensor | null)[]> => {
    const recorder = new Recorder(tf, wanted);
    return recorder.during(wanted, async () => {
      tf.dispose(predict(feeds, watch, recorder));
    });
  };
  return {
    manner: null,
    note: null,
    judgesShapes: true,
    examine: (shapes) => examineLayers(tf, model, source.model, shapes),
    async run(feeds, watch) {
      if (part !== null) return expectAll(await record(feeds, watch, part.taps), part.taps);
      const outputs = predict(feeds, watch, null);
      const read = outputs.map((output, index) => fromTfjs(output, subject.outputNames[index] ?? `output ${index}`));
      const tensors = await Promise.all(read);
      tf.dispose(outputs);
      return tensors;
    },
    trace: (feeds, wanted, watch) => record(feeds, watch, wanted),
    dispose: () => {
      model.dispose();
    },
  };
}

/** The model with some of its layers' calls as its outputs. A model's own construction counts as its first call. */
function partOf(tf: Tfjs, model: tfjs.LayersModel, fetches: readonly TensorRef[]): tfjs.LayersModel {
  const outputs = fetches.flatMap(({ layer: name, call }) => {
    const layer = model.getLayer(name);
    const output = layer.getOutputAt(layer instanceof tf.LayersModel ? call + 1 : call);
    return Array.isArray(output) ? output.slice(0, 1) : [output];
  });
  return tf.model({ inputs: model.inputs, outputs });
}

function inputsOf(tf: Tfjs, model: tfjs.LayersModel, feeds: Tensors): tfjs.Tensor | tfjs.Tensor[] {
  // A Sequential, which has one input, has no inputNames.
  const names = model.inputNames.length > 0 ? model.inputNames : Object.keys(feeds).slice(0, 1);
  const inputs = names.map((name) => toTfjs(tf, name, feeds[name]));
  const [first] = inputs;
  return inputs.length === 1 && first !== undefined ? first : inputs;
}
