import type { Float32Tensor } from "../../computed-tensor.ts";
import type { OnnxGraph } from "../../onnx/model.ts";
import { valueOf } from "../../require.ts";
import { sizeOf } from "../../tensor.ts";
import type { Quantization } from "../source/weights.ts";

import { quantizeActivations, type ActivationRange } from "./activations.ts";
import { computeInHalf } from "./compute-half.ts";
import { halfForm } from "./half.ts";
import { int4Form, int8Form, type MatrixForm } from "./integers.ts";
import {
  asItIs,
  changesWeights,
  inFloat32,
  type PreciseGraph,
  type Precision,
  type WeightPrecision,
} from "./options.ts";
import { StoredForms } from "./stored.ts";
import { constantsOf, nodesBehind, recurrentBiases, weightUses, type WeightUse } from "./uses.ts";
import { floatBytes, formBytes, withForms, type WeightForm } from "./weight-form.ts";

export interface PrecisionRequest {
  readonly precision: Precision;
  readonly quantizations: readonly Quantization[];
  readonly matrixForm: MatrixForm;
  /** Names of weights that stay float32. */
  readonly float32Weights: ReadonlySet<string>;
  readonly compute: "float32" | "float16";
  /** Names of nodes that stay float32 under `compute`. */
  readonly float32Nodes: ReadonlySet<string>;
  /** Ranges of tensors, where nodes are to compute with integers; null: in `compute`. */
  readonly activationRanges: ReadonlyMap<string, ActivationRange> | null;
  /** A tensor that is computed exactly, from constants that are not rounded: pictures that the file prepares. Null: none. */
  readonly exactTensor: string | null;
}

/** Smaller weights, and vectors as biases and norms, stay float32. */
const LEAST_ELEMENTS = 256;
/** A weight that would lose more is kept in a larger form. */
const MOST_LOST: Readonly<Record<"float16" | "int8" | "int4", number>> = { float16: 1e-3, int8: 0.03, int4: 0.15 };

/**
 * Optimise a graph and put its weights into the form asked for: the last step of an export.
 *
 * @param optimise runs the passes, all of them or all but those that compute new weights
 */
export function applyPrecision(
  optimise: (keepsWeights: boolean) => OnnxGraph,
  request: PrecisionRequest,
): PreciseGraph {
  const { precision: name } = request;
  const graph = optimise(false);
  if (name === "float32" || !changesWeights(name, request.quantizations)) return asItIs(graph, name);
  if (name === "stored") return storedWeights(graph, () => optimise(true), request);
  if (name === "float16" && request.compute === "float16") return inHalf(graph, request);
  if (name === "int8" && request.activationRanges !== null) return inIntegers(graph, request, request.activationRanges);
  return inSmallerForms(graph, () => optimise(true), request, name);
}

/** Losing nothing is worth weights that are larger by this factor. */
const LOSSLESS_SIZE = 1.02;

/** Weights of a quantised model keep their stored forms, which lose nothing, where normalisations beside them make the file hardly larger. */
function inSmallerForms(
  folded: OnnxGraph,
  unfolded: () => OnnxGraph,
  request: PrecisionRequest,
  name: "float16" | "int8" | "int4",
): PreciseGraph {
  let [best, chosen] = [folded, chooseForms(folded, request, name)];
  if (name !== "int4" && request.quantizations.length > 0) {
    const graph = unfolded();
    const other = chooseForms(graph, request, name);
    if (weightBytes(graph, other.forms) <= LOSSLESS_SIZE * weightBytes(best, chosen.forms))
      [best, chosen] = [graph, other];
  }
  const precision = { name, weights: chosen.weights, ...inFloat32 };
  return { graph: withForms(best, chosen.forms), optimised: best, precision };
}

function weightBytes(graph: OnnxGraph, forms: ReadonlyMap<string, WeightForm>): number {
  let bytes = 0;
  for (const [name, { dims }] of floatWeights(graph)) {
    const form = forms.get(name);
    bytes += form === undefined ? floatBytes(name, dims) : formBytes(name, form);
  }
  return bytes;
}

function inHalf(graph: OnnxGraph, request: PrecisionRequest): PreciseGraph {
  const kept = new Set(request.float32Nodes);
  const { exactTensor } = request;
  if (exactTensor !== null) for (const node of nodesBehind(graph, exactTensor)) kept.add(node);
  const half = computeInHalf(graph, { kept, float32Weights: request.float32Weights });
  const chosen = chooseForms(half.graph, request, "float16");
  const weights = Array.from(half.weights, ([name, { type, loss }]): WeightPrecision => {
    const dims = valueOf(graph.initializers, name, "weight").dims;
    return { name, dims, type, loss };
  }).filter(({ dims }) => sizeOf(dims) >= LEAST_ELEMENTS);
  return {
    graph: withForms(half.graph, chosen.forms),
    optimised: half.graph,
    precision: {
      name: "float16",
      compute: "float16",
      float32Nodes: half.float32Nodes,
      weights: [...weights, ...chosen.weights],
    },
  };
}

function inIntegers(
  graph: OnnxGraph,
  request: PrecisionRequest,
  ranges: ReadonlyMap<string, ActivationRange>,
): PreciseGraph {
  const quantized = quantizeActivations(graph, ranges, request.float32Weights);
  const chosen = chooseForms(quantized.graph, request, "int8");
  return {
    graph: withForms(quantized.graph, chosen.forms),
    optimised: quantized.graph,
    precision: {
      name: "int8",
      compute: quantized.weights.length === 0 ? "float32" : "int8",
      float32Nodes: [],
      weights: [...quantized.weights, ...chosen.weights],
    },
  };
}

/** A normalisation that was folded into weights is left beside them where that makes the file smaller. */
function storedWeights(
  folded: OnnxGraph,
  unfolded: () => OnnxGraph,
  { quantizations }: PrecisionRequest,
): PreciseGraph {
  const stored = new StoredForms(quantizations);
  let [best, chosen] = [folded, chooseStored(folded, stored)];
  if (chosen.isChanged) {
    const graph = unfolded();
    const other = chooseStored(graph, stored);
    if (other.bytes < chosen.bytes) [best, chosen] = [graph, other];
  }
  return {
    graph: withForms(best, chosen.forms),
    optimised: best,
    precision: { name: "stored", weights: chosen.weights, ...inFloat32 },
  };
}

interface Chosen {
  readonly forms: ReadonlyMap<string, WeightForm>;
  readonly weights: readonly WeightPrecision[];
}

function chooseStored(
  graph: OnnxGraph,
  stored: StoredForms,
): Chosen & { readonly bytes: number; readonly isChanged: boolean } {
  const forms = new Map<string, WeightForm>();
  const weights: WeightPrecision[] = [];
  let [bytes, isChanged] = [0, false];
  for (const [name, tensor] of floatWeights(graph)) {
    const form = stored.formOf(tensor);
    const { dims } = tensor;
    const own = floatBytes(name, dims);
    if (form !== null && formBytes(name, form) < own) {
      forms.set(name, form);
      bytes += formBytes(name, form);
      weights.push({ name, dims, type: form.type, loss: 0 });
      continue;
    }
    bytes += own;
    if (form !== null || sizeOf(dims) < LEAST_ELEMENTS) continue;
    isChanged = true;
    weights.push({ name, dims, type: "float32", loss: 0, reason: "the model does not store these numbers quantised" });
  }
  return { forms, weights, bytes, isChanged };
}

function chooseForms(graph: OnnxGraph, request: PrecisionRequest, precision: "float16" | "int8" | "int4"): Chosen {
  const [uses, biases] = [weightUses(graph), recurrentBiases(graph)];
  const exact = request.exactTensor === null ? new Set() : constantsOf(graph, request.exactTensor);
  const stored = new StoredForms(request.quantizations);
  const forms = new Map<string, WeightForm>();
  const weights: WeightPrecision[] = [];
  for (const [name, tensor] of floatWeights(graph)) {
    const { dims } = tensor;
    if (exact.has(name)) continue;
    const lossless = request.float32Weights.has(name) ? null : storedForm(tensor, stored, precision);
    if (lossless !== null && formBytes(name, lossless) < floatBytes(name, dims)) {
      forms.set(name, lossless);
      weights.push({ name, dims, type: lossless.type, loss: 0 });
      continue;
    }
    if (sizeOf(dims) < LEAST_ELEMENTS) continue;
    if (precision !== "float16" && (isVector(dims) || biases.has(name))) continue;
    const { form, reason } = request.float32Weights.has(name)
      ? { form: null, reason: "asked for as float32" }
      : formFor(tensor, uses.get(name) ?? null, precision, request.matrixForm);
    const isSmaller = form !== null && formBytes(name, form) < floatBytes(name, dims);
    if (isSmaller) forms.set(name, form);
    weights.push({
      name,
      dims,
      type: isSmaller ? form.type : "float32",
      loss: isSmaller ? form.loss : 0,
      ...(reason === undefined ? {} : { reason }),
    });
  }
  return { forms, weights };
}

interface FormChoice {
  readonly form: WeightForm | null;
  readonly reason?: string;
}

/** A weight that TF.js stores in at most as many bits keeps its stored form, which loses nothing. */
function storedForm(
  weight: Float32Tensor,
  stored: StoredForms,
  precision: "float16" | "int8" | "int4",
): WeightForm | null {
  const form = precision === "int4" ? null : stored.formOf(weight);
  return form !== null && (precision === "float16" || form.type === "uint8") ? form : null;
}

function formFor(
  weight: Float32Tensor,
  use: WeightUse | null,
  precision: "float16" | "int8" | "int4",
  matrixForm: MatrixForm,
): FormChoice {
  if (precision === "float16") {
    const form = halfForm(weight);
    if (form === null) return { form: null, reason: "an element is larger than float16 holds, 65504" };
    return form.loss <= MOST_LOST.float16 ? { form } : { form: null, reason: tooMuch(form) };
  }
  if (use === null) return { form: null, reason: "no operator that integer weights are made for reads it" };
  const attempts = precision === "int4" ? [int4Form, int8Form] : [int8Form];
  const reasons: string[] = [];
  for (const attempt of attempts) {
    const form = attempt(weight, use, matrixForm);
    if (form === null && attempt === int8Form) reasons.push("an element is not finite");
    else if (form === null) reasons.push("it cannot be cut into blocks, or an element is not finite");
    else if (form.type === "int8" ? form.loss > MOST_LOST.int8 : form.loss > MOST_LOST.int4)
      reasons.push(tooMuch(form));
    else return { form, ...(reasons.length === 0 ? {} : { reason: reasons.join("; ") }) };
  }
  return { form: null, reason: reasons.join("; ") };
}

function tooMuch({ type, loss }: WeightForm): string {
  return `it would lose ${(100 * loss).toFixed(1)} % as ${type}`;
}

/** All but one axis have size 1. */
function isVector(dims: readonly number[]): boolean {
  return dims.filter((size) => size !== 1).length < 2;
}

function* floatWeights({ initializers }: OnnxGraph): Generator<readonly [string, Float32Tensor]> {
  for (const [name, tensor] of initializers) if (tensor.dtype === "float32") yield [name, tensor];
}
