import type { LayersSource } from "../../../export/source/model.ts";
import type { Tfjs } from "../../../infer/tfjs-backend.ts";
import { fromTfjs } from "../../../infer/tfjs-session.ts";
import type { Tensors } from "../../../infer/runtime.ts";
import type { Tensor } from "../../../tensor.ts";
import type { Part } from "../part.ts";
import type { TensorAt, Watch } from "../reference.ts";
import type { LoadedModel } from "../tfjs-reference.ts";
import { expectAll, Recorder } from "../trace.ts";

import { Layerwise } from "./layerwise.ts";

/** @param reason Why TF.js does not take the model as a whole. */
export function loadLayerwise(tf: Tfjs, source: LayersSource, part: Part | null, reason: string): LoadedModel {
  const layers = new Layerwise(tf, source);
  const fetches = part?.fetches ?? source.model.outputs;
  const record = (feeds: Tensors, watch: Watch, wanted: readonly TensorAt[]): Promise<readonly (Tensor | null)[]> => {
    const recorder = new Recorder(tf, wanted);
    return recorder.during(wanted, async () => {
      tf.dispose(await layers.run(feeds, fetches, { watch, recorder }));
    });
  };
  return {
    manner: "layer by layer",
    note: `TF.js does not load the model as a whole: ${reason}`,
    judgesShapes: false,
    examine: () => ({ fault: null, work: null, ones: 0 }),
    async run(feeds, watch) {
      if (part !== null) return expectAll(await record(feeds, watch, part.taps), part.taps);
      const outputs = await layers.run(feeds, fetches, { watch, recorder: null });
      const tensors = await Promise.all(outputs.map((output, index) => fromTfjs(output, `output ${index}`)));
      tf.dispose(outputs);
      return tensors;
    },
    trace: (feeds, wanted, watch) => record(feeds, watch, wanted),
    dispose: () => {
      layers.dispose();
    },
  };
}
