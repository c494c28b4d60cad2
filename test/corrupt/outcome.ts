import * as tf from "@tensorflow/tfjs";
import * as ort from "onnxruntime-node";

import { ToolError } from "../../src/errors.ts";
import { exportRaw, type ExportedModel, type ExportedValue } from "../../src/export/export-model.ts";
import type { RawModel } from "../../src/export/source/model.ts";
import { fromOrt, toOrt } from "../../src/infer/ort-tensor.ts";
import { toArtifacts } from "../../src/infer/tfjs-session.ts";
import type { Tensor } from "../../src/tensor.ts";
import { predict, tensorOf } from "../helpers/layer-parity.ts";

import type { Damaged } from "./damage.ts";

/** What became of one damaged model. */
export type Outcome =
  /** Exported, and the numbers are TF.js's. */
  | { readonly kind: "equal" }
  /** A typed error. */
  | { readonly kind: "refused"; readonly error: ToolError }
  /** Exported, but neither side gives numbers that could be compared. */
  | { readonly kind: "incomparable"; readonly why: string }
  | { readonly kind: "fault"; readonly message: string; readonly cause?: unknown };

/** Beyond this many elements TF.js's cpu backend would keep a test busy. */
const MOST_ELEMENTS = 200_000;
const LARGEST = 1e4;

/** Export a damaged model and, when that works, hold it against TF.js's own answer. */
export async function outcomeOf({ text, weights }: Damaged, seed: number): Promise<Outcome> {
  const exported = tryExport({ manifest: JSON.parse(text), weights });
  if (!("bytes" in exported)) return exported;
  const largest = Math.max(
    ...exported.layers.flatMap(({ outputs }) => outputs.map(elements)),
    ...exported.inputs.map(({ dims }) => elements(dims)),
  );
  if (largest > MOST_ELEMENTS) return { kind: "incomparable", why: `a layer gives ${largest} elements` };
  const feeds = exported.inputs.map((input, index) => feedOf(input, seed + index));
  const got = await run(exported, feeds);
  const want = await tfjsAnswer({ manifest: JSON.parse(text), weights }, feeds);
  try {
    if (got instanceof Error) {
      // What neither runs is nobody's different answer.
      if (want instanceof Error) return { kind: "incomparable", why: `neither runs it: ${want.message}` };
      return { kind: "fault", message: `exported, but does not run: ${got.message}` };
    }
    if (want instanceof Error) return acceptedAlone(want);
    return compared(got, want.map(tensorOf));
  } finally {
    for (const tensor of [...feeds, ...(want instanceof Error ? [] : want)]) tensor.dispose();
  }
}

function tryExport(raw: RawModel): ExportedModel | Outcome {
  try {
    return exportRaw(raw);
  } catch (error) {
    if (error instanceof ToolError && error.name !== "InternalError") return { kind: "refused", error };
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { kind: "fault", message: `untyped: ${message}`, cause: error };
  }
}

/** What TF.js cannot compute, and the exporter converts as Keras defines it: see the notes of docs/layers.md. */
const BEYOND_TFJS: readonly RegExp[] = [
  // TF.js gives an output that is listed twice only once, and then stumbles over the other.
  /must be a Tensor or TensorLike, but got 'null'/,
  // Names of weights are told by their ends, whatever a dialect puts before them.
  /Provided weight data has no target variable/,
  // Keras 3's name of the key is read in every dialect.
  /The first layer in a Sequential model must get an `inputShape` or `batchInputShape`/,
  // Flatten leaves what has two axes as it is, as in Keras.
  /expected min_ndim=3, found ndim=2/,
  // An open size in target_shape is known here, and free in TF.js until it runs.
  /The shape of the input to "Flatten" is not fully defined/,
  // What a model within the model declares of its input's shape goes for what it is given.
  /Tensor must have a shape comprised of positive integers/,
  /Shape mismatch: \[\d+,\d+\] vs/,
  /Invalid typed array length: \d+$/,
  /expected min_ndim=2, found ndim=1/,
  // A model may be of any class with a graph of layers: Keras writes the names of classes derived from Model.
  /Unknown layer: |loadWeights is not a function/,
  // A mask that lingers from another layer and does not fit a Softmax is left out.
  /Operands could not be broadcast together/,
  // A name that TF.js gives no tensor.
  /Not a valid tensor name/,
  // A tensor given to a layer twice is freed before the others that take it.
  /Cannot read properties of undefined \(reading 'backend'\)|Tensor is disposed/,
  /Non-default alpha value/,
  // Keras writes tuples as objects.
  /must be an integer or tuple of \d integers. Received: undefined elements/,
  // One input that fixes its batch fixes that of all.
  /requires inputs with matching shapes except for the concat axis. Got input shapes: \[\[(null|\d+),/,
  // TF.js compares a free size with it in each run.
  /"inputLength" is/,
  // Once there is a mask, TF.js hands a layer's initial states on to the next one, and refuses to have them twice.
  /neither initialState or constants should be provided/,
  /Softmax along a non-last dimension is not yet supported/,
  /causal/,
  /stateful, it needs to know its batch size/,
];

function acceptedAlone(refusal: Error): Outcome {
  if (BEYOND_TFJS.some((known) => known.test(refusal.message))) return { kind: "incomparable", why: refusal.message };
  return { kind: "fault", message: `TF.js refuses it: ${refusal.message}` };
}

export async function tfjsAnswer(raw: RawModel, feeds: readonly tf.Tensor[]): Promise<tf.Tensor[] | Error> {
  tf.engine().startScope();
  try {
    const manifest: unknown = JSON.parse(JSON.stringify(raw.manifest, withoutTraining));
    const artifacts = toArtifacts({ manifest, weights: raw.weights });
    const model = await tf.loadLayersModel({ load: () => Promise.resolve(artifacts) });
    const outputs = predict(model, feeds);
    return outputs.map((output) => tf.keep(output));
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    tf.engine().endScope();
  }
}

/**
 * Keys that say how weights began and how they are trained say nothing about the numbers: they are not read by the
 * exporter, and TF.js, which does read them, may refuse them or never come back.
 */
function withoutTraining(key: string, value: unknown): unknown {
  if (key === "training_config" || key === "optimizer_config" || /_(regularizer|constraint)$/.test(key)) return null;
  return key.endsWith("_initializer") ? { class_name: "Zeros", config: {} } : value;
}

async function run(exported: ExportedModel, feeds: readonly tf.Tensor[]): Promise<readonly Tensor[] | Error> {
  try {
    const session = await ort.InferenceSession.create(exported.bytes, {
      logSeverityLevel: 4,
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      extra: { session: { strict_shape_type_inference: "1" } },
    });
    try {
      const named = exported.inputs.map(({ name }, index) => {
        const feed = feeds[index];
        if (feed === undefined) throw new TypeError(`no feed for ${name}`);
        return [name, toOrt(ort.Tensor, tensorOf(feed))] as const;
      });
      const results = await session.run(Object.fromEntries(named));
      return exported.outputs.map(({ name }) => {
        const result = results[name];
        if (result === undefined) throw new TypeError(`no output ${name}`);
        return fromOrt(result, name);
      });
    } finally {
      await session.release();
    }
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function feedOf({ dtype, dims }: ExportedValue, seed: number): tf.Tensor {
  const shape = dims.map((dim, axis) => (typeof dim === "number" ? dim : axis === 0 ? 2 : 5));
  if (dtype === "int32") return tf.randomUniform(shape, 0, 9, "int32", seed);
  if (dtype === "bool") return tf.randomUniform(shape, 0, 2, "bool", seed);
  // Whole numbers, so that whatever is looked up in a table is in it.
  return tf.tidy(() => tf.randomUniform(shape, 0, 3, "float32", seed).round());
}

function elements(dims: readonly (number | string)[]): number {
  return dims.reduce<number>((size, dim) => size * (typeof dim === "number" ? dim : 5), 1);
}

function compared(got: readonly Tensor[], want: readonly Tensor[]): Outcome {
  if (got.length !== want.length)
    return { kind: "fault", message: `${got.length} outputs, where TF.js gives ${want.length}` };
  for (const [index, expected] of want.entries()) {
    const actual = got[index];
    if (actual === undefined) return { kind: "fault", message: `no output ${index}` };
    if (actual.dims.join() !== expected.dims.join() || actual.dtype !== expected.dtype) {
      return {
        kind: "fault",
        message: `output ${index} is ${actual.dtype} [${actual.dims.join()}], TF.js's ${expected.dtype} [${expected.dims.join()}]`,
      };
    }
    const values = Array.from(expected.data, Number);
    const largest = values.reduce(
      (most, value) => (Number.isNaN(value) ? Number.NaN : Math.max(most, Math.abs(value))),
      0,
    );
    if (!(largest < LARGEST)) return { kind: "incomparable", why: `TF.js gives values up to ${largest}` };
    const tolerance = 1e-5 * Math.max(1, largest);
    const worst = values.findIndex(
      (value, at) => !(Math.abs(Number(actual.data[at]) - value) <= tolerance + 1e-4 * Math.abs(value)),
    );
    if (worst !== -1) {
      return {
        kind: "fault",
        message: `output ${index} at ${worst}: ${String(actual.data[worst])}, TF.js's ${values[worst]}`,
      };
    }
  }
  return { kind: "equal" };
}
