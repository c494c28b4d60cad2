import { ModelFormatError } from "../../errors.ts";

import { isObject, plainJson, shown } from "./json.ts";
import type { RawModel } from "./model.ts";
import { joined } from "./memory.ts";
import { readWeightsManifest } from "./weights.ts";

/** The parts of `tf.io.ModelArtifacts` that are used here. */
export interface ModelArtifacts {
  readonly modelTopology?: unknown;
  readonly weightSpecs?: unknown;
  readonly weightData?: unknown;
  /** Returns a ReadableStream of buffers. TF.js 4 gives it instead of `weightData` when streaming is requested. */
  readonly getWeightStream?: unknown;
  readonly format?: unknown;
  readonly generatedBy?: unknown;
  readonly convertedBy?: unknown;
  readonly userDefinedMetadata?: unknown;
  /** Of Graph models: names of inputs and outputs, and the graph that fills hash tables. */
  readonly signature?: unknown;
  readonly modelInitializer?: unknown;
  readonly initializerSignature?: unknown;
}

/** What TF.js expects of a handler that has saved. */
interface SaveAnswer {
  readonly modelArtifactsInfo: { readonly dateSaved: Date; readonly modelTopologyType: "JSON" };
}

/** The parts of a `tf.LayersModel` or `tf.GraphModel` that are used here. */
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
export async function fromArtifacts(artifacts: ModelArtifacts): Promise<RawModel> {
  const given: unknown = artifacts;
  if (!isObject(given)) throw new ModelFormatError(`model artifacts must be an object; got ${shown(given)}`);
  const { weightSpecs } = artifacts;
  const weightData = artifacts.weightData ?? (await streamed(artifacts));
  return {
    manifest: {
      format: artifacts.format,
      generatedBy: artifacts.generatedBy,
      convertedBy: artifacts.convertedBy,
      userDefinedMetadata: artifacts.userDefinedMetadata,
      signature: artifacts.signature,
      modelInitializer: artifacts.modelInitializer,
      initializerSignature: artifacts.initializerSignature,
      modelTopology: artifacts.modelTopology,
      weightsManifest: weightSpecs === undefined || weightSpecs === null ? [] : [{ paths: [], weights: weightSpecs }],
    },
    weights: weightData === undefined || weightData === null ? null : joined(buffersOf(weightData)),
  };
}

/**
 * A live `tf.LayersModel` or `tf.GraphModel`, through its own `save`.
 *
 * @throws {ModelFormatError} when it gives no artifacts. Errors of its `save` are passed on.
 */
export async function fromModel(model: SavableModel): Promise<RawModel> {
  const saved: { raw: RawModel | null } = { raw: null };
  await model.save({
    async save(artifacts) {
      saved.raw = { ...(await fromArtifacts(artifacts)), live: true };
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: "JSON" } };
    },
  });
  if (saved.raw === null) throw new ModelFormatError("the model's save did not give its artifacts");
  return saved.raw;
}

/** The pieces of a weight stream: as many as the weights need, plus one more if the stream is too long. */
async function streamed({ getWeightStream, weightSpecs }: ModelArtifacts): Promise<readonly unknown[] | null> {
  if (typeof getWeightStream !== "function") return null;
  const stream: unknown = Reflect.apply(getWeightStream, undefined, []);
  if (!(stream instanceof ReadableStream)) {
    throw new ModelFormatError(`getWeightStream must give a ReadableStream; got ${shown(stream)}`);
  }
  const [group] = readWeightsManifest(plainJson([{ weights: weightSpecs ?? [] }], "weightSpecs"));
  const expected = group?.byteLength ?? 0;
  const pieces: Uint8Array[] = [];
  let received = 0;
  const reader = stream.getReader();
  const limit = group?.hasStrings === true ? Number.POSITIVE_INFINITY : expected;
  while (received <= limit) {
    const read: { readonly done: boolean; readonly value?: unknown } = await reader.read();
    if (read.done) break;
    const [piece = new Uint8Array()] = buffersOf(read.value);
    received += piece.byteLength;
    pieces.push(piece);
  }
  await reader.cancel();
  return pieces;
}

function buffersOf(data: unknown): readonly Uint8Array[] {
  const list: readonly unknown[] = Array.isArray(data) ? data : [data];
  return list.map((item) => {
    if (ArrayBuffer.isView(item)) return new Uint8Array(item.buffer, item.byteOffset, item.byteLength);
    if (isBuffer(item)) return new Uint8Array(item);
    throw new ModelFormatError(`weightData must be an ArrayBuffer, or a list of them; got ${shown(item)}`);
  });
}

/** Buffers from other realms (frames, workers) are not instances of this realm's ArrayBuffer. */
function isBuffer(value: unknown): value is ArrayBuffer {
  return /^\[object (Shared)?ArrayBuffer\]$/.test(Object.prototype.toString.call(value));
}
