import { ExportError, InternalError, ModelFormatError, UnsupportedOpsError, type UnsupportedOp } from "../../errors.ts";
import { dim, type Dim } from "../../onnx/dim.ts";
import type { DType, Tensor } from "../../tensor.ts";
import { GraphBuilder } from "../build/builder.ts";
import type { NamedValue } from "../build/finish.ts";
import type { Value } from "../ir/value.ts";
import type { Fed } from "../input-feed.ts";
import { axisName, expectInputs, fixSizes, type NetworkOptions } from "../network-inputs.ts";
import { expectSaneShape } from "../sane-shape.ts";
import { listed, quoted } from "../source/json.ts";
import type { GraphWeight } from "../source/model.ts";

import { Environment } from "./control-flow/environment.ts";
import { Lowerer } from "./control-flow/lower.ts";
import { readsOf, type OpStep, type Region, type Step } from "./control-flow/structure.ts";
import { structured } from "./control-flow/structured.ts";
import { isComplex, isTensor, type GraphOpConverter, type OpValue } from "./converter.ts";
import { NodeContext } from "./op-context.ts";
import { refusals } from "./ops/refusals.ts";
import type { GraphInput, GraphOutput, GraphSource } from "./source/graph-model.ts";
import type { NodeOutput } from "./source/node.ts";
import { parseOutput } from "./source/node-output.ts";
import { at } from "../../require.ts";

export interface GraphConvertOptions extends NetworkOptions {
  /** Converters by the name of the operator: the built-in ones and those of the user. */
  readonly registry: ReadonlyMap<string, GraphOpConverter>;
  /** Names of outputs, `node`, or `node:1`. */
  readonly outputs: readonly string[] | null;
  /** Give what every node gives instead. */
  readonly everyNode: boolean;
}

/** Where an output comes from. */
export interface NodeTap {
  readonly name: string;
  readonly source: NodeOutput;
}

export interface ConvertedGraph {
  readonly graph: GraphBuilder;
  readonly inputs: readonly NamedValue[];
  readonly outputs: readonly NamedValue[];
  /** The nodes that the outputs come from, in their order. */
  readonly taps: readonly NodeTap[];
  /** The nodes in the order they are computed, those in branches and loops left out. */
  readonly nodes: readonly ConvertedNode[];
}

/** A node, and what it gives: null for what is no tensor. */
export interface ConvertedNode {
  readonly name: string;
  readonly op: string;
  readonly values: readonly (Value | null)[];
}

const FIND_OPS =
  "docs/ops.md lists what is supported; registerOp, or --plugin on the command line, adds a converter for your own";

/**
 * Turn a Graph model into an ONNX graph.
 *
 * @throws {UnsupportedOpsError} naming every node that cannot be converted.
 * @throws {ModelFormatError} when the model contradicts itself.
 * @throws {ExportError} when an option does not fit the model.
 */
export function convertGraph(source: GraphSource, options: GraphConvertOptions): ConvertedGraph {
  const wanted = options.outputs === null ? source.outputs : options.outputs.map((name) => requested(source, name));
  const inputs = neededInputs(source, wanted, options.outputs === null);
  expectInputs(
    inputs.map(({ name }) => name),
    options.inputShapes,
  );
  const structure = structured(
    source,
    inputs,
    wanted.map((output) => output.source),
  );
  const graph = new GraphBuilder(options.opset);
  for (const { name } of wanted) graph.reserve(name);
  assertRanksKnown(inputs, options);
  const fed = inputs.map((input) => graphInput(graph, input, inputs, options));
  const feeds = fed.map(({ input }) => input);
  const environment = new Environment();
  for (const [index, step] of structure.inputs.entries()) {
    const feed = fed[index];
    if (feed !== undefined) environment.set(step, [feed.value]);
  }
  const faults = new Faults();
  const tapped: { readonly step: Step; readonly values: readonly OpValue[] }[] = [];
  const results = new Lowerer({
    convert: (body, step, values) => convertOp(source, options.registry, body, step, values),
    onFault: (step, error) => {
      faults.add(step, error.message);
    },
    onValues: (step, values) => {
      tapped.push({ step, values });
    },
  }).run(graph, structure.region, environment);
  if (faults.list.length > 0) {
    addUnknown(structure.region, options.registry, faults);
    throw new UnsupportedOpsError(faults.list, FIND_OPS);
  }
  const nodes = tapped.flatMap(({ step, values }): ConvertedNode[] =>
    step.kind === "op" && step.node.op === "Const"
      ? []
      : [{ name: step.name, op: opOf(step), values: values.map((value) => (isTensor(value) ? value : null)) }],
  );
  if (options.everyNode) return { graph, inputs: feeds, nodes, ...everyNode(tapped, feeds) };
  const outputs = results.flatMap((value, index): (NamedValue & { readonly source: NodeOutput })[] => {
    const output = wanted[index];
    if (output === undefined || value === null) throw new InternalError("an output was not converted");
    return outputValues(output, value);
  });
  const names = uniqueNames(
    outputs.map(({ name }) => name),
    feeds,
  );
  return {
    graph,
    inputs: feeds,
    outputs: outputs.map(({ value }, index) => ({ name: at(names, index), value })),
    taps: outputs.map((output, index) => ({ name: at(names, index), source: output.source })),
    nodes,
  };
}

/** Every node that cannot be converted, each once, although bodies of loops may be written several times. */
class Faults {
  readonly list: UnsupportedOp[] = [];
  readonly #known = new Set<string>();

  add(step: Step, reason: string): void {
    if (this.#known.has(step.name)) return;
    this.#known.add(step.name);
    this.list.push({ node: step.name, op: opOf(step), reason });
  }
}

function opOf(step: Step): string {
  switch (step.kind) {
    case "op":
      return step.node.op;
    case "if":
      return "If";
    case "while":
      return "While";
    case "alias":
      return "Identity";
    case "parameter":
      return "Placeholder";
    default:
      return step satisfies never;
  }
}

/** Operators without a converter that come after a fault, or in a branch that was not written. */
function addUnknown(region: Region, registry: ReadonlyMap<string, GraphOpConverter>, faults: Faults): void {
  const regions = [region];
  for (let next = regions.pop(); next !== undefined; next = regions.pop()) {
    for (const step of next.steps) {
      if (step.kind === "if") regions.push(step.whenTrue, step.whenFalse);
      else if (step.kind === "while") regions.push(step.condition, step.body);
      else if (step.kind === "op" && step.node.op !== "Const" && !registry.has(step.node.op)) {
        faults.add(step, noConverter(step.node.op));
      }
    }
  }
}

function noConverter(op: string): string {
  return refusals.get(op) ?? "there is no converter for this operator";
}

function convertOp(
  source: GraphSource,
  registry: ReadonlyMap<string, GraphOpConverter>,
  graph: GraphBuilder,
  step: OpStep,
  inputs: readonly OpValue[],
): readonly OpValue[] {
  const { node } = step;
  const converter = registry.get(node.op);
  if (node.op === "Const") return [constant(source, graph, node.name)];
  if (converter === undefined) throw new ExportError(noConverter(node.op));
  const made = converter.convert(new NodeContext(graph, inputs, source), node);
  const values = isMany(made) ? made : [made];
  for (const value of values) if (isTensor(value)) expectSaneShape(value.dims);
  return values;
}

function isMany(made: OpValue | readonly OpValue[]): made is readonly OpValue[] {
  return Array.isArray(made);
}

function constant(source: GraphSource, graph: GraphBuilder, name: string): OpValue {
  const weight = source.weights.get(name);
  if (weight === undefined)
    throw new ModelFormatError(`its values are missing: no weight has the name ${quoted(name)}`);
  return weightValue(graph, name, weight.read());
}

function weightValue(graph: GraphBuilder, label: string, weight: GraphWeight): OpValue {
  if (weight.dtype !== "complex64") return graph.constantValue(label, weight);
  const part = (data: Float32Array): Tensor => ({ dtype: "float32", dims: weight.dims, data });
  return {
    kind: "complex",
    real: graph.constantValue(`${label}/real`, part(weight.real)),
    imaginary: graph.constantValue(`${label}/imaginary`, part(weight.imaginary)),
  };
}

/** An output that the user asked for. @throws {ExportError} when nothing has that name */
function requested(source: GraphSource, name: string): GraphOutput {
  const known = source.outputs.find((output) => output.name === name);
  if (known !== undefined) return known;
  const output = parseOutput(name);
  if (source.nodes.has(output.node)) return { name, source: output };
  throw new ExportError(`the model has no output or node ${quoted(name)}`, {
    hint: `outputs: ${listed(source.outputs.map((each) => each.name))}; names of nodes are in the model.json`,
  });
}

/**
 * The Placeholders that the outputs need. Of a whole model also the other inputs that the signature lists, so that its callers feed the file
 * as they feed the model.
 */
function neededInputs(
  { nodes, inputs }: GraphSource,
  outputs: readonly GraphOutput[],
  isWhole: boolean,
): readonly GraphInput[] {
  const needed = new Set<string>();
  const stack = outputs.map((output) => output.source.node);
  for (let name = stack.pop(); name !== undefined; name = stack.pop()) {
    const node = nodes.get(name);
    if (needed.has(name) || node === undefined) continue;
    needed.add(name);
    for (const input of node.inputs) stack.push(input.node);
  }
  return inputs.filter(({ listed: isListed, node }) => (isWhole && isListed) || needed.has(node));
}

/** @throws {ExportError} naming all inputs whose number of axes neither the model nor the user says */
function assertRanksKnown(inputs: readonly GraphInput[], { inputShapes }: GraphConvertOptions): void {
  const unknown = inputs.filter(({ name, shape }) => shape === null && !inputShapes.has(name));
  if (unknown.length === 0) return;
  const names = unknown.map(({ name }) => quoted(name)).join(", ");
  const what = unknown.length === 1 ? "input" : "inputs";
  throw new ExportError(`the number of axes of ${what} ${names} is not known`, {
    hint: `give the shapes (a scalar's is --input-shape NAME=), here with made-up sizes: ${unknown.map(({ name }) => `--input-shape ${name}=1,224,224,3`).join(" ")}`,
  });
}

function graphInput(
  graph: GraphBuilder,
  input: GraphInput,
  inputs: readonly GraphInput[],
  options: GraphConvertOptions,
): Fed {
  const { name } = input;
  const given = options.inputShapes.get(name);
  const shape = input.shape ?? given?.map(() => null);
  if (shape === undefined) throw new InternalError(`the shape of input ${name} was not checked`);
  const prefix = inputs.length > 1 ? `${name}_` : "";
  const own = shape.map((size, axis): Dim => {
    if (size !== null) return dim(size);
    // Nothing says that inputs have one batch; boxes and their images have not.
    if (axis === 0) return dim(hasOneBatch(inputs) ? "batch" : `${name}_batch`);
    return dim(`${prefix}${axisName(shape.length, axis)}`);
  });
  if (
    options.batch !== null &&
    shape.length > 0 &&
    shape[0] !== null &&
    shape[0] !== options.batch &&
    given === undefined
  ) {
    throw new ExportError(`input ${name} has batches of ${shape[0]}, which the model fixes; got ${options.batch}`, {
      hint: "leave the size of the batch out",
    });
  }
  const isBatched = given === undefined && options.batch !== null && shape[0] === null;
  const fixed = isBatched ? own.with(0, dim(options.batch)) : fixSizes(name, own, given);
  expectSaneShape(fixed);
  return options.feed(graph, { name, dtype: inputType(input), dims: fixed });
}

/** Whether one input alone has a first axis of a free size. */
function hasOneBatch(inputs: readonly GraphInput[]): boolean {
  return inputs.filter(({ shape }) => shape === null || shape[0] === null).length <= 1;
}

function inputType({ name, dtype }: GraphInput): DType {
  if (dtype !== "complex64") return dtype;
  throw new ExportError(`input ${quoted(name)} is complex, which no input of an ONNX model can be`);
}

function outputValues(output: GraphOutput, value: OpValue): (NamedValue & { readonly source: NodeOutput })[] {
  const { name, source } = output;
  if (isTensor(value)) return [{ name, value, source }];
  const what = isComplex(value) ? "complex numbers" : `a ${value.kind}`;
  throw new ExportError(`the output ${name} is ${what}, which no output of an ONNX model can be`, {
    hint: "choose other outputs (--output)",
  });
}

/** Names of the outputs, each once, and other than those of inputs. */
function uniqueNames(names: readonly string[], inputs: readonly NamedValue[]): readonly string[] {
  const used = new Set(inputs.map(({ name }) => name));
  return names.map((stem) => {
    let name = used.has(stem) ? `${stem}_output` : stem;
    for (let count = 1; used.has(name); count++) name = `${stem}_output_${count}`;
    used.add(name);
    return name;
  });
}

/** Everything that nodes of the top graph give, but constants. */
function everyNode(
  tapped: readonly { readonly step: Step; readonly values: readonly OpValue[] }[],
  inputs: readonly NamedValue[],
): Pick<ConvertedGraph, "outputs" | "taps"> {
  const found = tapped.flatMap(({ step, values }) => {
    if (step.kind !== "op" || readsOf(step).length === 0) return [];
    return values.flatMap((value, output) =>
      isTensor(value) && value.tensor.constant === null
        ? [{ name: output === 0 ? step.name : `${step.name}:${output}`, value, source: { node: step.name, output } }]
        : [],
    );
  });
  const names = uniqueNames(
    found.map(({ name }) => name),
    inputs,
  );
  return {
    outputs: found.map(({ value }, index) => ({ name: at(names, index), value })),
    taps: found.map(({ source }, index) => ({ name: at(names, index), source })),
  };
}
