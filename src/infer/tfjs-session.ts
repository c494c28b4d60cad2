import type * as tfjs from "@tensorflow/tfjs";

import { InferenceError } from "../errors.ts";
import type { DType, Tensor } from "../tensor.ts";
import { at } from "../require.ts";

import { checkFeeds } from "./check-feeds.ts";
import { checkSessionOptions } from "./check-options.ts";
import { reasonOf } from "./ort-session.ts";
import { Queue } from "./queue.ts";
import type { Runtime, Session, SessionOptions, Tensors, TfjsModel, ValueInfo } from "./runtime.ts";
import type { LoadNative } from "./hooks.ts";
import { executeAsync } from "./tfjs-async.ts";
import { onBackend, openTfjsBackend, type Tfjs, type TfjsBackend } from "./tfjs-backend.ts";

/** TF.js itself, running a model.json. `loadNative` gives it native TensorFlow, where there is one. */
export function createTfjsRuntime(loadNative?: LoadNative): Runtime {
  return {
    name: "tfjs",
    async load(model, options = {}) {
      checkSessionOptions(options);
      if (model instanceof Uint8Array) {
        throw new InferenceError("the runtime tfjs runs TF.js models; got an ONNX file", {
          hint: "give the model.json that was exported, or use the runtime node or web",
        });
      }
      return loadTfjs(model, options, loadNative);
    },
  };
}

/** All of TF.js shares one engine with one current backend, so loads and runs take turns. */
const engine = new Queue();

async function loadTfjs(
  model: TfjsModel,
  options: SessionOptions,
  loadNative: LoadNative | undefined,
): Promise<Session> {
  const artifacts = toArtifacts(model);
  const backend = await engine.run(() => openTfjsBackend(options, loadNative));
  const loaded = await engine.run(() => onBackend(backend, () => loadModel(backend.tf, artifacts)));
  return wrapModel(backend, loaded);
}

/** A model of either kind, with one face. */
interface LoadedModel {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** Output tensors in the order of `outputs`; the caller frees them. */
  predict(inputs: readonly tfjs.Tensor[]): Promise<readonly tfjs.Tensor[]>;
  dispose(): void;
}

function wrapModel(backend: TfjsBackend, model: LoadedModel): Session {
  let disposed: Promise<void> | undefined;
  const runNow = async (feeds: Tensors): Promise<Tensors> => {
    const inputs = model.inputs.map(({ name }) => toTfjs(backend.tf, name, feeds[name]));
    const outputs = await predict(model, inputs);
    try {
      const answer: Record<string, Tensor> = {};
      for (const [index, { name }] of model.outputs.entries()) {
        const output = outputs[index];
        if (output !== undefined) answer[name] = await fromTfjs(output, name);
      }
      return answer;
    } finally {
      for (const tensor of [...inputs, ...outputs]) tensor.dispose();
    }
  };
  return {
    runtime: "tfjs",
    provider: backend.provider,
    elsewhere: [],
    inputs: model.inputs,
    outputs: model.outputs,
    async run(feeds) {
      if (disposed !== undefined) throw new InferenceError("the session was disposed; load the model again");
      checkFeeds(model.inputs, feeds);
      return engine.run(() => onBackend(backend, () => runNow(feeds)));
    },
    dispose() {
      disposed ??= engine.run(() => onBackend(backend, () => Promise.resolve(model.dispose())));
      return disposed;
    },
  };
}

async function predict(model: LoadedModel, inputs: readonly tfjs.Tensor[]): Promise<readonly tfjs.Tensor[]> {
  try {
    return await model.predict(inputs);
  } catch (cause) {
    for (const tensor of inputs) tensor.dispose();
    throw new InferenceError(`TF.js failed to run the model: ${reasonOf(cause)}`, { cause });
  }
}

async function loadModel(tf: Tfjs, artifacts: tfjs.io.ModelArtifacts): Promise<LoadedModel> {
  const handler = { load: () => Promise.resolve(artifacts) };
  try {
    if (artifacts.format === "graph-model") return wrapGraphModel(await tf.loadGraphModel(handler));
    return wrapLayersModel(tf, await tf.loadLayersModel(handler));
  } catch (cause) {
    if (cause instanceof InferenceError) throw cause;
    throw new InferenceError(`TF.js refuses the model: ${reasonOf(cause)}`, { cause });
  }
}

function describeSymbol({ dtype, shape }: tfjs.SymbolicTensor, name: string): ValueInfo {
  return { name, dtype: toDType(dtype, name), dims: shape };
}

/**
 * Converted models may lack shapes; then TF.js takes any.
 *
 * @param key The name that the model's signature gives to the node, which is what the export has, unless it is `node:0`.
 */
function describeNode({ name: node, dtype, shape }: tfjs.GraphModel["inputs"][number], key = node): ValueInfo {
  const name = key === `${node}:0` ? node : key;
  const value = { name, dtype: toDType(dtype, name) };
  return shape === undefined
    ? { ...value, dims: [], anyRank: true }
    : { ...value, dims: shape.map((dim) => (dim === null || dim < 0 ? null : dim)) };
}

function wrapLayersModel(tf: Tfjs, model: tfjs.LayersModel): LoadedModel {
  const inputNames = namesOf(model.inputs, model.inputNames);
  const outputNames = namesOf(model.outputs, model.outputNames);
  return {
    inputs: model.inputs.map((input, index) => describeSymbol(input, at(inputNames, index))),
    outputs: model.outputs.map((output, index) => describeSymbol(output, at(outputNames, index))),
    predict: async (inputs) =>
      tf.tidy(() => {
        const result = model.predictOnBatch(inputs.length === 1 && inputs[0] !== undefined ? inputs[0] : [...inputs]);
        return Array.isArray(result) ? result : [result];
      }),
    dispose: () => {
      model.dispose();
    },
  };
}

/**
 * Names of a model's inputs or outputs, each once, as the export has them: those of their layers, which a Sequential does
 * not list; a layer that gives several has them numbered from the second on.
 */
function namesOf(tensors: readonly tfjs.SymbolicTensor[], listed: readonly string[]): string[] {
  const names: string[] = [];
  for (const [index, { sourceLayer }] of tensors.entries()) {
    const name = listed[index] ?? sourceLayer.name;
    const before = tensors.slice(0, index).filter((other, place) => (listed[place] ?? other.sourceLayer.name) === name);
    names.push(before.length === 0 ? name : `${name}_${before.length}`);
  }
  return names;
}

function wrapGraphModel(model: tfjs.GraphModel): LoadedModel {
  const keys = model.inputNodes;
  // Resources, such as hash tables, have no type; TF.js fills them in.
  const inputs = model.inputs.flatMap((node, index) =>
    typeof node.dtype === "string" ? [describeNode(node, keys[index])] : [],
  );
  const outputKeys = model.outputNodes;
  const structured = model.modelStructuredOutputKeys;
  const declared = entriesOf(model.modelSignature, "outputs");
  const outputs = model.outputs.map((node, index) => {
    const key = outputKeys[index] ?? node.name;
    const entry = declared[key];
    const dtype = typeof node.dtype === "string" ? node.dtype : signatureType(isObject(entry) ? entry["dtype"] : null);
    const described = describeNode({ ...node, dtype }, key);
    const name = isObject(structured) ? structured[String(index)] : undefined;
    return typeof name === "string" ? { ...described, name } : described;
  });
  let dynamic = false;
  return {
    inputs,
    outputs,
    async predict(tensors) {
      const feeds = Object.fromEntries(inputs.map(({ name }, index) => [name, tensors[index] ?? missingTensor(name)]));
      const names = [...outputKeys];
      const result = dynamic
        ? await executeAsync(model, feeds, names)
        : await executeOnce(model, feeds, names, () => (dynamic = true));
      return Array.isArray(result) ? result : [result];
    },
    dispose: () => {
      model.dispose();
    },
  };
}

/** TensorFlow's types that TF.js has, by name and by number. */
const SIGNATURE_TYPES: readonly (readonly [
  names: readonly unknown[],
  dtype: "float32" | "int32" | "bool" | "string",
])[] = [
  [["DT_INT32", 3, "DT_INT64", 9, "DT_UINT8", 4, "DT_INT8", 6], "int32"],
  [["DT_BOOL", 10], "bool"],
  [["DT_STRING", 7], "string"],
];

/** The type that a signature declares. Where there is none, TF.js tells the type only when the model has run: most are float32. */
function signatureType(type: unknown): "float32" | "int32" | "bool" | "string" {
  return SIGNATURE_TYPES.find(([names]) => names.includes(type))?.[1] ?? "float32";
}

function entriesOf(signature: unknown, part: "outputs"): Readonly<Record<string, unknown>> {
  const entries = isObject(signature) ? signature[part] : null;
  return isObject(entries) ? entries : {};
}

/** Control flow and outputs of unknown size run only asynchronously; TF.js says so at the first try. */
async function executeOnce(
  model: tfjs.GraphModel,
  feeds: tfjs.NamedTensorMap,
  names: string[],
  becomeDynamic: () => void,
): Promise<tfjs.Tensor | tfjs.Tensor[]> {
  try {
    return model.execute(feeds, names);
  } catch (error) {
    if (!(error instanceof Error && /executeAsync/u.test(error.message))) throw error;
    becomeDynamic();
    return executeAsync(model, feeds, names);
  }
}

function missingTensor(name: string): never {
  throw new InferenceError(`input "${name}" is missing`);
}

/** The model in memory as TF.js takes it. */
export function toArtifacts({ manifest, weights }: TfjsModel): tfjs.io.ModelArtifacts {
  if (!isObject(manifest)) throw notAModel("not an object");
  const topology = manifest["modelTopology"];
  if (!isObject(topology)) throw notAModel("no modelTopology in it");
  const groups = manifest["weightsManifest"];
  const specs = (Array.isArray(groups) ? groups : []).flatMap((group: unknown): unknown[] =>
    isObject(group) && Array.isArray(group["weights"]) ? group["weights"] : [],
  );
  const parts = ["signature", "userDefinedMetadata", "modelInitializer", "initializerSignature"] as const;
  const isGraph = manifest["format"] === "graph-model" || Array.isArray(topology["node"]);
  return {
    modelTopology: topology,
    format: isGraph ? "graph-model" : "layers-model",
    weightSpecs: specs.filter(isWeightSpec),
    weightData: new Uint8Array(weights ?? []).buffer,
    ...Object.fromEntries(parts.flatMap((part) => (isObject(manifest[part]) ? [[part, manifest[part]]] : []))),
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isWeightSpec(spec: unknown): spec is tfjs.io.WeightsManifestEntry {
  return isObject(spec) && typeof spec["name"] === "string" && Array.isArray(spec["shape"]);
}

function notAModel(reason: string): InferenceError {
  return new InferenceError(`not a TF.js model.json: ${reason}`, {
    hint: "give the model.json that model.save() or tensorflowjs_converter wrote",
  });
}

function toDType(dtype: string, name: string): DType {
  if (dtype === "float32" || dtype === "int32" || dtype === "bool" || dtype === "string") return dtype;
  throw new InferenceError(`"${name}" is ${dtype}, which no tensor here can hold`);
}

export function toTfjs(tf: Tfjs, name: string, tensor: Tensor | undefined): tfjs.Tensor {
  if (tensor === undefined) return missingTensor(name);
  const dims = [...tensor.dims];
  switch (tensor.dtype) {
    case "float32":
    case "int32":
    case "bool":
      // A copy: kernels of TF.js's plain backend write into their inputs (TensorScatterUpdate in 4.22).
      return tf.tensor(tensor.data.slice(), dims, tensor.dtype);
    case "string":
      return tf.tensor([...tensor.data], dims, "string");
    case "float64":
    case "float16":
    case "int8":
    case "uint8":
    case "int16":
    case "uint16":
    case "uint32":
    case "int64":
    case "uint64":
      throw new InferenceError(
        `input "${name}": TF.js has no ${tensor.dtype}; expected float32, int32, bool or string`,
      );
    default:
      return tensor satisfies never;
  }
}

export async function fromTfjs(tensor: tfjs.Tensor, name: string): Promise<Tensor> {
  const dims = tensor.shape;
  const data: unknown = await tensor.data();
  if (tensor.dtype === "string" && isStrings(data)) return { dtype: "string", dims, data };
  // TF.js's plain backend may keep the array of a tensor that was cast: bytes in a float32 tensor.
  if (data instanceof Float32Array || data instanceof Int32Array || data instanceof Uint8Array) {
    if (tensor.dtype === "float32") {
      return { dtype: "float32", dims, data: data instanceof Float32Array ? data : Float32Array.from(data) };
    }
    if (tensor.dtype === "int32") {
      return { dtype: "int32", dims, data: data instanceof Int32Array ? data : Int32Array.from(data) };
    }
    if (tensor.dtype === "bool") {
      return { dtype: "bool", dims, data: data instanceof Uint8Array ? data : Uint8Array.from(data) };
    }
  }
  throw new InferenceError(`output "${name}" came back as ${tensor.dtype}; expected float32, int32, bool or string`);
}

function isStrings(data: unknown): data is string[] {
  return Array.isArray(data) && data.every((item) => typeof item === "string");
}
