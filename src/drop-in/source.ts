import { ToolError } from "../errors.ts";
import {
  fromArtifacts,
  fromModel,
  isSavable,
  type ModelArtifacts,
  type SavableModel,
} from "../export/source/artifacts.ts";
import { fromFetch } from "../export/source/fetch.ts";
import type { ModelFile } from "../export/source/files.ts";
import type { RawModel } from "../export/source/model.ts";
import { readSource } from "../export/source/read-source.ts";

import type { DropInOptions, DropInSource, LoadHandler } from "./options.ts";
import type { OpenedModel, Surroundings } from "./surroundings.ts";

const HUB_FILE = "model.json?tfjs-format=file";
/** TF.js in Node reads `file://model/model.json` and `file://./model.json` as relative paths, which as addresses name a host. */
const RELATIVE_FILE = /^file:\/\/(?!\/|localhost\/|[a-z]:)(.+)$/iu;

/**
 * Find a model wherever TF.js's loaders take one. Weights of files on this machine are read only when they are asked for.
 *
 * @throws {ToolError} when an address does not answer, or a weight file is missing
 * @throws {ModelFormatError} when what is there is no model
 */
export async function openSource(
  source: DropInSource,
  options: DropInOptions,
  { openPath }: Pick<Surroundings, "openPath">,
): Promise<OpenedModel> {
  if (typeof source === "string" || source instanceof URL) return openAddress(String(source), options, openPath);
  options.onProgress?.(0);
  return told(whole(await readObject(source)), options);
}

function whole(raw: RawModel): OpenedModel {
  return { manifest: raw.manifest, identity: null, read: async () => raw };
}

/** The end of the work is told when the weights are there. */
function told({ manifest, identity, read }: OpenedModel, { onProgress }: DropInOptions): OpenedModel {
  return {
    manifest,
    identity,
    async read() {
      const raw = await read();
      onProgress?.(1);
      return raw;
    },
  };
}

async function readObject(
  source: LoadHandler | ModelArtifacts | SavableModel | Iterable<ModelFile>,
): Promise<RawModel> {
  const given: unknown = source;
  if (typeof given !== "object" || given === null) {
    throw new ToolError(`cannot load a model from ${given === null ? "null" : typeof given}`, {
      hint: "give the address of a model.json, a tf.io handler, or the files of a model",
    });
  }
  // A live tf.GraphModel has a `load` of its own, and handlers may have a `save`.
  if (isSavable(source) && "predict" in source) return fromModel(source);
  if ("load" in source && typeof source.load === "function") return fromArtifacts(await source.load());
  if (isSavable(source) || isHandler(source)) {
    throw new ToolError("this tf.io handler has no `load`, so no model can be read from it");
  }
  return readSource(source);
}

function isHandler(source: LoadHandler | ModelArtifacts | Iterable<ModelFile>): source is LoadHandler {
  return "load" in source && !(Symbol.iterator in source);
}

async function openAddress(
  given: string,
  options: DropInOptions,
  openPath: Surroundings["openPath"],
): Promise<OpenedModel> {
  const address = options.fromTFHub === true ? `${given.replace(/\/?$/u, "/")}${HUB_FILE}` : given;
  // One letter before the colon is a drive of Windows.
  const scheme = /^([a-z][a-z0-9+.-]+):/iu.exec(address)?.[1]?.toLowerCase();
  if (scheme === "indexeddb" || scheme === "localstorage") {
    throw new ToolError(`${address} is a place that only TF.js knows`, {
      hint: `give its handler: tf.io.getLoadHandlers(${JSON.stringify(address)})[0]`,
    });
  }
  const isWeb = scheme === "http" || scheme === "https";
  if (!isWeb && openPath !== null) {
    options.onProgress?.(0);
    return told(await openPath(RELATIVE_FILE.exec(address)?.[1] ?? address), options);
  }
  const { weightUrlConverter, weightPathPrefix: prefix, fetchFunc, requestInit, onProgress } = options;
  const search = /\?.*$/u.exec(address)?.[0] ?? "";
  const weightAddress = weightUrlConverter ?? (prefix === undefined ? undefined : (path) => prefix + path + search);
  const raw = await fromFetch(address, {
    ...(weightAddress === undefined ? {} : { weightAddress }),
    ...(fetchFunc === undefined ? {} : { fetch: fetchFunc }),
    ...(requestInit === undefined ? {} : { request: requestInit }),
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  return whole(raw);
}
