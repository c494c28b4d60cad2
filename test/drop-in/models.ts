import * as tf from "@tensorflow/tfjs";

import { randomizeWeights } from "../helpers/live-model.ts";
import { attr, GraphMaker, signature } from "../export/graph/graph-maker.ts";

const F = { T: attr.type("DT_FLOAT") };

function wave(count: number): number[] {
  return Array.from({ length: count }, (_, index) => Math.sin(index * 1.7) / 2);
}

/** A small Graph model: [N, 5, 4, 3] -> convolution -> `scores` [N, 4], with an inner node `features`. */
export function graphArtifacts(scale = 1): tf.io.ModelArtifacts & { readonly weightData: ArrayBuffer } {
  return new GraphMaker()
    .placeholder("image", "DT_FLOAT", [null, 5, 4, 3])
    .const("kernel", "float32", wave(2 * 2 * 3 * 4), [2, 2, 3, 4])
    .const(
      "bias",
      "float32",
      wave(4).map((value) => value * scale),
      [4],
    )
    .const("axes", "int32", [1, 2], [2])
    .node("conv", "Conv2D", ["image", "kernel"], {
      ...F,
      strides: attr.ints([1, 1, 1, 1]),
      padding: attr.text("SAME"),
      data_format: attr.text("NHWC"),
      dilations: attr.ints([1, 1, 1, 1]),
    })
    .node("features", "BiasAdd", ["conv", "bias"], F)
    .node("active", "Relu", ["features"], F)
    .node("mean", "Mean", ["active", "axes"], { ...F, keep_dims: attr.bool(false) })
    .node("scores", "Softmax", ["mean"], F)
    .artifacts({ signature: signature({ probabilities: "scores:0" }, { picture: "image:0" }) });
}

/** A small Layers model: [N, 6] -> `hidden` -> `out` [N, 3]. */
export async function layersArtifacts(seed = 3): Promise<tf.io.ModelArtifacts> {
  const input = tf.input({ shape: [6], name: "features" });
  const hidden = tf.layers.dense({ units: 5, activation: "tanh", name: "hidden" }).apply(input);
  const output = tf.layers.dense({ units: 3, name: "out" }).apply(hidden);
  if (!(output instanceof tf.SymbolicTensor)) throw new TypeError("a layer gave no symbolic tensor");
  const model = tf.model({ inputs: input, outputs: output, name: "small" });
  randomizeWeights(model, seed);
  const saved: tf.io.ModelArtifacts[] = [];
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved.push(structuredClone(artifacts));
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } };
    }),
  );
  model.dispose();
  const [artifacts] = saved;
  if (artifacts === undefined) throw new TypeError("TF.js saved nothing");
  return artifacts;
}
