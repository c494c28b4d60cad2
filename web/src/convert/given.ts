import { ModelFormatError, ToolError } from "../../../src/errors.ts";
import { fromFetch } from "../../../src/export/source/fetch.ts";
import { fromFiles, type ModelFile } from "../../../src/export/source/files.ts";
import type { RawModel } from "../../../src/export/source/model.ts";

import type { GivenFile, GivenModel } from "./messages.ts";
import { openZip } from "./zip.ts";

/** A model that was read, and how to come by it again without its network or its zip. */
export interface ReadModel {
  readonly raw: RawModel;
  readonly name: string;
  keep(): GivenModel;
}

/** Told how many bytes have been read, and of how many, where that is known. */
export type OnRead = (done: number, of: number | null) => void;

/**
 * Read the model.json and the weights of a model.
 *
 * @throws {ToolError} when an address does not answer, or a file cannot be read.
 * @throws {ModelFormatError} when there is no model, or a part of it is missing.
 */
export async function readGiven(given: GivenModel, onRead: OnRead): Promise<ReadModel> {
  switch (given.kind) {
    case "kept": {
      const manifest: unknown = JSON.parse(await given.manifest.text());
      const weights = given.weights === null ? null : new Uint8Array(await given.weights.arrayBuffer());
      return { raw: { manifest, weights }, name: given.name, keep: () => given };
    }
    case "address": {
      const raw = await fromFetch(given.url, { onProgress: (share) => onRead(share, 1) });
      const name = nameOf(new URL(given.url).pathname.split("/"));
      return { raw, name, keep: () => kept(name, raw) };
    }
    case "files": {
      const [only] = given.files;
      if (only !== undefined && given.files.length === 1 && (await isZip(only.file))) {
        const raw = await fromFiles(counted(await openZip(only.file), onRead));
        const name = nameOf([only.file.name.replace(/\.zip$/iu, "")]);
        return { raw, name, keep: () => kept(name, raw) };
      }
      expectModel(given.files);
      const files = given.files.map((each) => modelFile(each));
      const raw = await fromFiles(counted(files, onRead));
      const json = given.files.find(({ path }) => /(^|\/)model\.json$/u.test(path)) ?? only;
      return { raw, name: nameOf(json?.path.split("/") ?? []), keep: () => given };
    }
    default:
      return given satisfies never;
  }
}

function kept(name: string, { manifest, weights }: RawModel): GivenModel {
  return {
    kind: "kept",
    name,
    manifest: new Blob([JSON.stringify(manifest)]),
    weights: weights === null ? null : new Blob([ownBytes(weights)]),
  };
}

/** Bytes that a Blob takes: those of a buffer that is not shared. */
export function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = bytes;
  return buffer instanceof ArrayBuffer ? new Uint8Array(buffer, byteOffset, byteLength) : Uint8Array.from(bytes);
}

async function isZip(file: File): Promise<boolean> {
  const start = new Uint8Array(await file.slice(0, 4).arrayBuffer());
  return /\.zip$/iu.test(file.name) || String.fromCodePoint(...start) === "PK\u0003\u0004";
}

function modelFile({ file, path }: GivenFile): ModelFile {
  return {
    name: file.name,
    size: file.size,
    webkitRelativePath: path,
    arrayBuffer: () => reading(file, file.arrayBuffer()),
    text: () => reading(file, file.text()),
  };
}

/** A file that was moved, or changed since it was chosen, cannot be read any more. */
async function reading<Content>({ name }: File, content: Promise<Content>): Promise<Content> {
  try {
    return await content;
  } catch (cause) {
    throw new ToolError(`${name} cannot be read: it was changed or moved after it was chosen`, {
      hint: "choose the files again",
      cause,
    });
  }
}

/** The same files, which tell how much of all of them was read. Those that the model does not list are not read. */
function counted(files: readonly ModelFile[], onRead: OnRead): ModelFile[] {
  let done = 0;
  return files.map((file) => ({
    ...file,
    async arrayBuffer() {
      const buffer = await file.arrayBuffer();
      onRead((done += buffer.byteLength), null);
      return buffer;
    },
  }));
}

/** Files of models that TF.js does not read, by what their names end in. */
const OTHERS: readonly (readonly [end: RegExp, what: string, hint: string])[] = [
  [/\.(h5|hdf5|keras)$/iu, "a Keras model", "convert it with tensorflowjs_converter first, or with tf2onnx directly"],
  [/\.(pb|pbtxt)$/iu, "a TensorFlow SavedModel", "convert it with tf2onnx, which reads it directly"],
  [/\.tflite$/iu, "a TensorFlow Lite model", "convert it with tf2onnx --tflite, which reads it directly"],
  [/\.onnx$/iu, "an ONNX file already", "there is nothing to convert"],
  [/\.(pt|pth|safetensors)$/iu, "a PyTorch model", "export it with torch.onnx.export"],
];

/** @throws {ModelFormatError} when no file may be a model.json */
function expectModel(files: readonly GivenFile[]): void {
  if (files.some(({ path }) => /\.json$/iu.test(path))) return;
  for (const { path } of files) {
    const [, what, hint] = OTHERS.find(([end]) => end.test(path)) ?? [];
    if (what === undefined || hint === undefined) continue;
    throw new ModelFormatError(`${path} is ${what}, not a TensorFlow.js model`, { hint });
  }
}

/** `my-model` of `my-model/model.json`. */
function nameOf(path: readonly string[]): string {
  const parts = path.filter((part) => part !== "" && part !== "model.json");
  const name = (parts.at(-1) ?? "model").replace(/\.json$/iu, "");
  return name.replaceAll(/[^\p{L}\p{N}._-]+/gu, "-").replaceAll(/^[-.]+|[-.]+$/gu, "") || "model";
}
