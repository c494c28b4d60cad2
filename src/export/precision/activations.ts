import type { Float32Tensor } from "../../computed-tensor.ts";
import { int, type OnnxGraph, type OnnxNode } from "../../onnx/model.ts";
import { at, first, valueOf } from "../../require.ts";
import { sizeOf, type Tensor } from "../../tensor.ts";

import { roundChannels } from "./integers.ts";
import { namesRead, weightUses, type WeightUse } from "./uses.ts";
import type { WeightPrecision } from "./options.ts";

/** The smallest and the largest number that a tensor has on typical inputs. */
export interface ActivationRange {
  readonly min: number;
  readonly max: number;
}

export interface QuantizedGraph {
  readonly graph: OnnxGraph;
  /** Weights of nodes that compute with integers. */
  readonly weights: readonly WeightPrecision[];
}

/**
 * 7 bits: processors without VNNI add two products of 8 bits to a sum of 16 bits that saturates.
 * https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html#when-and-why-do-i-need-to-try-u8u8
 */
const MOST_CODE = 64;
const LEAST_ELEMENTS = 256;
/** A weight that would lose more is not rounded to 7 bits. */
const MOST_LOST = 0.04;

/**
 * Let convolutions and products of matrices compute with integers, uint8 numbers and int8 weights, by QuantizeLinear and
 * DequantizeLinear before and after them, which ONNX Runtime joins with them on CPUs. Nodes whose tensors have no known range, or whose
 * result is an output of the graph, stay as they are.
 *
 * @param ranges of tensors, by name, on typical inputs
 */
export function quantizeActivations(
  graph: OnnxGraph,
  ranges: ReadonlyMap<string, ActivationRange>,
  float32Weights: ReadonlySet<string>,
): QuantizedGraph {
  const uses = weightUses(graph);
  const readers = readersOf(graph);
  const names = new Names(graph);
  const weights = new Map<string, QuantizedWeight | null>();
  const weightOf = (name: string): QuantizedWeight | null => {
    const known = weights.get(name);
    if (known !== undefined) return known;
    const tensor = graph.initializers.get(name);
    const use = uses.get(name);
    const isFit = tensor?.dtype === "float32" && use !== undefined && !float32Weights.has(name);
    const quantized = isFit ? quantizeWeight(name, tensor, use) : null;
    weights.set(name, quantized);
    return quantized;
  };

  const integerNodes = new Map<OnnxNode, QuantizedWeight>();
  const tensors = new Set<string>();
  for (const node of graph.nodes) {
    if (!isProduct(node)) continue;
    const [input, kernel] = [first(node.inputs), at(node.inputs, 1)];
    const end = endOf(node, readers);
    const isKnown = !graph.initializers.has(input) && ranges.has(input) && end !== null && ranges.has(end);
    const weight = isKnown ? weightOf(kernel) : null;
    if (weight === null || end === null) continue;
    integerNodes.set(node, weight);
    tensors.add(input).add(end);
  }
  if (integerNodes.size === 0) return { graph, weights: [] };

  const initializers = new Map(graph.initializers);
  const head: OnnxNode[] = [];
  const nodes: OnnxNode[] = [];
  const scales = new Map<string, number>();
  const quantized = new Map<string, string>();
  const quantize = (name: string): void => {
    if (!tensors.has(name)) return;
    const { scale, zero } = gridOf(valueOf(ranges, name, "range"));
    const own = names.next();
    initializers.set(`${own}.scale`, { dtype: "float32", dims: [], data: Float32Array.of(scale) });
    initializers.set(`${own}.zero`, { dtype: "uint8", dims: [], data: Uint8Array.of(zero) });
    const grid = [`${own}.scale`, `${own}.zero`];
    nodes.push(
      nodeOf("QuantizeLinear", `${own}.q`, [name, ...grid]),
      nodeOf("DequantizeLinear", `${own}.dq`, [`${own}.q`, ...grid]),
    );
    scales.set(name, scale);
    quantized.set(name, `${own}.dq`);
  };
  const read = (name: string): string => quantized.get(name) ?? name;
  const done = new Set<QuantizedWeight>();
  for (const { name } of graph.inputs) quantize(name);
  for (const each of graph.nodes) {
    const weight = integerNodes.get(each);
    if (weight !== undefined && !done.has(weight)) {
      done.add(weight);
      const own = names.next();
      initializers.delete(weight.name);
      initializers.set(`${own}.int8`, weight.codes);
      initializers.set(`${own}.scale`, { dtype: "float32", dims: [weight.scales.length], data: weight.scales });
      initializers.set(`${own}.zero`, {
        dtype: "int8",
        dims: [weight.scales.length],
        data: new Int8Array(weight.scales.length),
      });
      const inputs = [`${own}.int8`, `${own}.scale`, `${own}.zero`];
      head.push({ ...nodeOf("DequantizeLinear", weight.name, inputs), attributes: { axis: int(weight.axis) } });
    }
    const inputs = each.inputs.map(read);
    const bias = each.inputs[2];
    const constant = bias === undefined ? undefined : graph.initializers.get(bias);
    if (weight !== undefined && constant?.dtype === "float32") {
      const own = names.next();
      const step = Float32Array.from(weight.scales, (scale) => scale * valueOf(scales, first(each.inputs), "scale"));
      const codes = Int32Array.from(constant.data, (value, index) => clamp(Math.round(value / at(step, index))));
      initializers.set(`${own}.int32`, { dtype: "int32", dims: [codes.length], data: codes });
      initializers.set(`${own}.scale`, { dtype: "float32", dims: [step.length], data: step });
      nodes.push({
        ...nodeOf("DequantizeLinear", `${own}.bias`, [`${own}.int32`, `${own}.scale`]),
        attributes: { axis: int(0) },
      });
      inputs[2] = `${own}.bias`;
    }
    nodes.push({ ...each, inputs });
    for (const name of each.outputs) quantize(name);
  }
  const used = new Set([...head, ...nodes].flatMap(namesRead));
  for (const name of graph.initializers.keys()) if (!used.has(name)) initializers.delete(name);
  return {
    graph: { ...graph, nodes: [...head, ...nodes], initializers },
    weights: Array.from(done, ({ name, codes, loss }) => ({ name, dims: codes.dims, type: "int8", loss })),
  };
}

function isProduct({ opType, domain, inputs, attributes }: OnnxNode): boolean {
  if (domain !== "" || inputs.length < 2) return false;
  if (opType === "Conv" || opType === "MatMul") return true;
  const isPlain =
    ["alpha", "beta"].every((name) => attributes[name] === undefined) && attributes["transA"] === undefined;
  return opType === "Gemm" && isPlain;
}

interface QuantizedWeight {
  readonly name: string;
  readonly codes: Tensor;
  readonly scales: Float32Array;
  /** The axis of the channels. */
  readonly axis: number;
  readonly loss: number;
}

/** Null for a weight that has no single axis of channels, is small, or would lose too much. */
function quantizeWeight(name: string, weight: Float32Tensor, use: WeightUse): QuantizedWeight | null {
  const [axis] = use.channels;
  if (axis === undefined || use.channels.length > 1 || sizeOf(weight.dims) < LEAST_ELEMENTS) return null;
  const rounded = roundChannels(weight, use, MOST_CODE);
  if (rounded === null || rounded.loss > MOST_LOST) return null;
  // A scale of 0 stands for a channel of zeros, and is not one that integers can be divided by.
  const scales = rounded.scales.map((scale) => (scale === 0 ? 1 : scale));
  return { name, codes: { dtype: "int8", dims: weight.dims, data: rounded.codes }, scales, axis, loss: rounded.loss };
}

/** uint8 numbers that a range is cut into; 0 is one of them. */
function gridOf({ min, max }: ActivationRange): { readonly scale: number; readonly zero: number } {
  const [least, most] = [Math.min(0, min), Math.max(0, max)];
  const scale = Math.fround((most - least) / 255) || 1;
  return { scale, zero: Math.round(-least / scale) };
}

/** Where the numbers of a node are rounded: behind a ReLU that alone reads them, which costs nothing then. Null: at an output of the graph. */
function endOf(node: OnnxNode, readers: Readers): string | null {
  const output = first(node.outputs);
  if (readers.outputs.has(output)) return null;
  const own = readers.of.get(output) ?? [];
  const [next] = own;
  if (own.length !== 1 || next === undefined || !(next.opType === "Relu" || next.opType === "Clip")) return output;
  const end = first(next.outputs);
  return readers.outputs.has(end) ? null : end;
}

interface Readers {
  readonly of: ReadonlyMap<string, readonly OnnxNode[]>;
  /** Outputs of the graph, and tensors that bodies read. */
  readonly outputs: ReadonlySet<string>;
}

function readersOf({ nodes, outputs }: OnnxGraph): Readers {
  const of = new Map<string, OnnxNode[]>();
  const final = new Set(outputs.map(({ name }) => name));
  for (const node of nodes) {
    for (const name of node.inputs) {
      const known = of.get(name);
      if (known === undefined) of.set(name, [node]);
      else known.push(node);
    }
    const own = new Set(node.inputs);
    for (const name of namesRead(node)) if (!own.has(name)) final.add(name);
  }
  return { of, outputs: final };
}

/** Names that no tensor has: a0, a1, ... */
class Names {
  readonly #taken: ReadonlySet<string>;
  #count = 0;

  constructor({ nodes, initializers, inputs }: OnnxGraph) {
    const all = [...nodes.flatMap(({ name, outputs }) => [name, ...outputs]), ...initializers.keys()];
    this.#taken = new Set([...all, ...inputs.map(({ name }) => name)].map((name) => name.split(".", 1)[0] ?? name));
  }

  next(): string {
    while (this.#taken.has(`a${this.#count}`)) this.#count++;
    return `a${this.#count++}`;
  }
}

function nodeOf(opType: string, output: string, inputs: readonly string[]): OnnxNode {
  return { opType, domain: "", name: output, inputs, outputs: [output], attributes: {} };
}

function clamp(code: number): number {
  return Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, code));
}
