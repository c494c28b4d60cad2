import * as tf from "@tensorflow/tfjs";

import type { RawModel } from "../../src/export/source/model.ts";
import type { Tensor } from "../../src/tensor.ts";

/** A live model as its files would have it. */
export async function rawModelOf(model: tf.LayersModel): Promise<RawModel> {
  let raw: RawModel | undefined;
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      const weights = artifacts.weightData;
      const parts = weights === undefined ? [] : Array.isArray(weights) ? weights : [weights];
      raw = {
        manifest: structuredClone({
          format: "layers-model",
          generatedBy: artifacts.generatedBy,
          modelTopology: artifacts.modelTopology,
          weightsManifest: [{ paths: ["weights.bin"], weights: artifacts.weightSpecs ?? [] }],
        }),
        weights: new Uint8Array(await new Blob(parts).arrayBuffer()),
        live: true,
      };
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } };
    }),
  );
  if (raw === undefined) throw new TypeError("TF.js saved nothing");
  return raw;
}

/** Give every weight random values, biases and statistics included; variances stay positive. */
export function randomizeWeights(model: tf.LayersModel, seed = 1): void {
  for (const [index, weight] of model.weights.entries()) {
    const positive = weight.name.includes("variance");
    const fanIn = weight.shape.slice(0, -1).reduce<number>((size, dim) => size * (dim ?? 1), 1);
    const spread = positive ? 0 : Math.max(0.2, Math.min(1, 1.5 / Math.sqrt(fanIn)));
    const shape = weight.shape.map((dim) => dim ?? 1);
    weight.write(
      positive
        ? tf.randomUniform(shape, 0.5, 1.5, "float32", seed + index)
        : tf.randomUniform(shape, -spread, spread, "float32", seed + index),
    );
  }
}

/** A model applied as `predict` does, its outputs in a list. */
export function predict(model: tf.LayersModel, inputs: readonly tf.Tensor[]): tf.Tensor[] {
  const batch = inputs[0]?.shape[0] ?? 1;
  const output = model.predict([...inputs], { batchSize: batch });
  return output instanceof tf.Tensor ? [output] : output;
}

/** A TF.js tensor as ours. */
export function tensorOf(tensor: tf.Tensor): Tensor {
  const data = tensor.dataSync<"float32" | "int32" | "bool">();
  const dims = tensor.shape;
  if (tensor.dtype === "int32") return { dtype: "int32", dims, data: Int32Array.from(data) };
  if (tensor.dtype === "bool") return { dtype: "bool", dims, data: Uint8Array.from(data) };
  return { dtype: "float32", dims, data: Float32Array.from(data) };
}
