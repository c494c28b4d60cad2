import { ModelFormatError } from "../../errors.ts";

import { isObject, shown } from "./json.ts";
import type { RawModel } from "./model.ts";
import { joined } from "./shards.ts";

/** What of `tf.io.ModelArtifacts` matters here. */
export interface ModelArtifacts {
  readonly modelTopology?: unknown;
  readonly weightSpecs?: unknown;
  readonly weightData?: unknown;
  /** TF.js 4 gives this in the place of `weightData` when asked to stream. */
  readonly getWeightStream?: unknown;
  readonly format?: unknown;
  readonly generatedBy?: unknown;
  readonly convertedBy?: unknown;
  readonly userDefinedMetadata?: unknown;
}

/** What TF.js expects of a handler that has saved. */
interface SaveAnswer {
  readonly modelArtifactsInfo: { readonly dateSaved: Date; readonly modelTopologyType: "JSON" };
}

/** What of a `tf.LayersModel` matters here. */
export interface SavableModel {
  save(handler: { save(artifacts: ModelArtifacts): Promise<SaveAnswer> }): Promise<unknown>;
}

/** Whether this is a live model, rather than the artifacts of one. */
export function isSavable(value: unknown): value is SavableModel {
  return typeof value === "object" && value !== null && "save" in value && typeof value.save === "function";
}

/**
 * A model from `tf.io.ModelArtifacts`, as an IOHandler's `load` gives them.
 *
 * @throws {ModelFormatError} when the weight data is no buffer, or buffers.
 */
export function fromArtifacts(artifacts: ModelArtifacts): RawModel {
  const given: unknown = artifacts;
  if (!isObject(given)) throw new ModelFormatError(`model artifacts must be an object; got ${shown(given)}`);
  const { weightData, weightSpecs } = artifacts;
  if (weightData === undefined && typeof artifacts.getWeightStream === "function") {
    throw new ModelFormatError("the artifacts give their weights as a stream", {
      hint: "load the model without the option streamWeights",
    });
  }
  return {
    manifest: {
      format: artifacts.format,
      generatedBy: artifacts.generatedBy,
      convertedBy: artifacts.convertedBy,
      userDefinedMetadata: artifacts.userDefinedMetadata,
      modelTopology: artifacts.modelTopology,
      weightsManifest: weightSpecs === undefined || weightSpecs === null ? [] : [{ paths: [], weights: weightSpecs }],
    },
    weights: weightData === undefined || weightData === null ? null : joined(buffersOf(weightData)),
  };
}

/**
 * A live `tf.LayersModel`, through its own `save`.
 *
 * @throws {ModelFormatError} when it gives no artifacts. What its `save` throws comes through.
 */
export async function fromModel(model: SavableModel): Promise<RawModel> {
  const saved: { raw: RawModel | null } = { raw: null };
  await model.save({
    save(artifacts) {
      saved.raw = fromArtifacts(artifacts);
      return Promise.resolve({ modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: "JSON" } });
    },
  });
  if (saved.raw === null) throw new ModelFormatError("the model's save did not give its artifacts");
  return saved.raw;
}

function buffersOf(data: unknown): readonly Uint8Array[] {
  const list: readonly unknown[] = Array.isArray(data) ? data : [data];
  return list.map((item) => {
    if (ArrayBuffer.isView(item)) return new Uint8Array(item.buffer, item.byteOffset, item.byteLength);
    if (isBuffer(item)) return new Uint8Array(item);
    throw new ModelFormatError(`weightData must be an ArrayBuffer, or a list of them; got ${shown(item)}`);
  });
}

/** Buffers of other realms (frames, workers) are no instances of this one's ArrayBuffer. */
function isBuffer(value: unknown): value is ArrayBuffer {
  return /^\[object (Shared)?ArrayBuffer\]$/.test(Object.prototype.toString.call(value));
}
