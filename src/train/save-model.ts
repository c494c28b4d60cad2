import { join } from "node:path";

import type * as tfjs from "@tensorflow/tfjs";

import { TrainError } from "../errors.ts";
import type { Recognizer } from "../metadata.ts";
import { writeAside } from "../node/write-aside.ts";

import type { Tf } from "./networks.ts";

/**
 * Write model.json and weights.bin, a TF.js LayersModel that says what it is for (`userDefinedMetadata.recognizer`).
 *
 * @returns the path of the model.json
 * @throws {ToolError} when the folder cannot be written
 */
export async function saveModel(
  tf: Tf,
  model: tfjs.LayersModel,
  recognizer: Recognizer,
  folder: string,
): Promise<string> {
  model.setUserDefinedMetadata({ recognizer });
  const saved: { artifacts: tfjs.io.ModelArtifacts | null } = { artifacts: null };
  await model.save(
    tf.io.withSaveHandler((artifacts) => {
      saved.artifacts = artifacts;
      return Promise.resolve({ modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: "JSON" } });
    }),
  );
  if (saved.artifacts === null) throw new TrainError("TF.js gave no artifacts of the model");
  const { weightData, weightSpecs, modelTopology, format, generatedBy, userDefinedMetadata } = saved.artifacts;
  const manifest = {
    format,
    generatedBy,
    convertedBy: null,
    modelTopology,
    weightsManifest: [{ paths: ["weights.bin"], weights: weightSpecs }],
    userDefinedMetadata,
  };
  const path = join(folder, "model.json");
  await writeAside(join(folder, "weights.bin"), new Uint8Array(tf.io.CompositeArrayBuffer.join(weightData)));
  await writeAside(path, `${JSON.stringify(manifest)}\n`);
  return path;
}
