import {
  inferTypes,
  integerAttribute,
  integersAttribute,
  type TensorFacts,
  type TypedNode,
} from "../onnx/infer-types.ts";
import { readOnnx } from "../onnx/read.ts";
import { ModelEditor } from "../onnx/rewrite.ts";

/** A node that WebGPU must not run. */
export interface WebGpuGap {
  /** Empty when the file gives it none. */
  readonly name: string;
  readonly opType: string;
  /** It belongs to a function of the model, where it cannot be placed by name. */
  readonly inFunction: boolean;
}

/**
 * Nodes that ONNX Runtime's WebGPU provider accepts when a session is created, but then cannot run or computes wrongly. All were
 * seen in 1.30 and are held by tests. They must be placed on the CPU by name. A node about which the file does not tell enough
 * counts as one of them.
 */
export function webGpuGaps(model: Uint8Array): WebGpuGap[] {
  const file = readOnnx(model);
  const opset = file.opsets.get("") ?? OLDEST_OPSET;
  return inferTypes(file)
    .filter((node) => isGap(node, opset))
    .map(toGap);
}

/** The standard operator set of a file that names none. */
const OLDEST_OPSET = 1;

/** The model with a name for every node, if one of those nodes has none, so that it can be placed. */
export function nameGaps(model: Uint8Array): Uint8Array {
  const isNameless = webGpuGaps(model).some(({ name, inFunction }) => name === "" && !inFunction);
  return isNameless ? new ModelEditor(model).nameNodes().finish() : model;
}

/** Name and operator of every node that computes something, also of those in bodies. */
export function nodesOf(model: Uint8Array): WebGpuGap[] {
  return inferTypes(readOnnx(model))
    .filter(({ node }) => node.opType !== "Constant")
    .map(toGap);
}

function toGap({ node: { name, opType }, inFunction }: TypedNode): WebGpuGap {
  return { name, opType, inFunction };
}

function isGap(node: TypedNode, opset: number): boolean {
  switch (node.node.opType) {
    case "LSTM":
    case "GRU":
      return hasUnknownActivation(node);
    case "Conv":
    case "FusedConv":
      return isMiscomputed(node);
    case "ConvTranspose":
      return isTransposeMiscomputed(node);
    case "Slice":
      return isMisreadBackward(node);
    case "Softmax":
      return opset < 13 && integerOf(node, "axis", 1) !== -1;
    case "Resize":
      return isMisresized(node);
    case "Pow":
      return isPowerOfShapes(node);
    case "BatchNormalization":
      return integerOf(node, "training_mode", 0) !== 0;
    case "MaxPool":
      return outputsOf(node) > 1;
    case "Split":
      return outputsOf(node) > MOST_PARTS;
    default:
      return node.node.opType.startsWith("Reduce") && integerOf(node, "noop_with_empty_axes", 0) !== 0;
  }
}

function integerOf({ node }: TypedNode, attribute: string, otherwise: number): number {
  return integerAttribute(node, attribute) ?? otherwise;
}

/** Number of outputs that are not left out. */
function outputsOf({ node }: TypedNode): number {
  return node.outputs.filter((output) => output !== "").length;
}

function integersOf({ node }: TypedNode, attribute: string): readonly number[] {
  return integersAttribute(node, attribute) ?? [];
}

/** Sizes of a tensor, when all of them are known. */
function sizesOf(facts: TensorFacts | null | undefined): readonly number[] | null {
  if (facts?.dims == null) return null;
  const sizes = facts.dims.filter((dim) => typeof dim === "number");
  return sizes.length === facts.dims.length ? sizes : null;
}

/** Activations of the WebGPU kernels of LSTM and GRU; any case. */
const ACTIVATIONS: ReadonlySet<string> = new Set(["sigmoid", "tanh", "relu"]);

/** At the first run: "Unsupported LSTM activation for WebGPU". HardSigmoid is TF.js's default. */
function hasUnknownActivation({ node }: TypedNode): boolean {
  const activations = node.attributes.get("activations");
  if (activations?.type !== "strings") return activations !== undefined;
  return activations.value.some((activation) => !ACTIVATIONS.has(activation.toLowerCase()));
}

/** WebGPU lets a shader have 8 buffers everywhere, one of which is Split's input. */
const MOST_PARTS = 7;

/**
 * Wrong numbers without a word. Ungrouped: 4 output channels at a time with 6, 9, 15, 18, 21 … input channels, which are read
 * in threes, but not as a product of matrices (1 x 1, unstrided, unpadded); a product of matrices that is padded, but only at the
 * end. Grouped: output channels are written by twos or fours, though a group ends among them. Grouped in three dimensions:
 * refused at the first run.
 */
function isMiscomputed(node: TypedNode): boolean {
  const [outputs, channels, ...kernel] = sizesOf(node.inputs[1]) ?? [];
  if (outputs === undefined || channels === undefined) return true;
  const group = integerOf(node, "group", 1);
  if (kernel.length > 2) return group > 1;
  if (group > 1) {
    const ofGroup = outputs / group;
    return ofGroup >= 4 && ofGroup % (outputs % 4 === 0 ? 4 : outputs % 2 === 0 ? 2 : 1) !== 0;
  }
  const pads = integersOf(node, "pads");
  const isPointwise = [kernel, integersOf(node, "strides")].every(allOnes);
  if (isPointwise && allZeros(pads.slice(0, kernel.length))) return !allZeros(pads);
  return channels > 3 && channels % 3 === 0 && channels % 4 !== 0 && outputs % 4 === 0;
}

/** Wrong numbers where groups have one output channel and an even number of input channels; three dimensions are refused. */
function isTransposeMiscomputed(node: TypedNode): boolean {
  const [channels, outputsOfGroup, ...kernel] = sizesOf(node.inputs[1]) ?? [];
  if (channels === undefined || outputsOfGroup === undefined) return true;
  const group = integerOf(node, "group", 1);
  return kernel.length > 2 || (group > 1 && outputsOfGroup === 1 && (channels / group) % 2 === 0);
}

/** Inputs of Slice. */
const SLICE = { starts: 1, ends: 2, steps: 4 };
/** What stands for the beginning or the end of an axis of any size. */
const FAR = 2 ** 31 - 1;

/** Wrong elements where a step is negative, unless it turns the whole axis round. */
function isMisreadBackward({ node, inputs }: TypedNode): boolean {
  if ((node.inputs[SLICE.steps] ?? "") === "") return false;
  const [starts, ends, steps] = [SLICE.starts, SLICE.ends, SLICE.steps].map((input) => inputs[input]?.numbers);
  if (starts == null || ends == null || steps == null) return true;
  const isWhole = (axis: number): boolean =>
    (starts[axis] === -1 || (starts[axis] ?? 0) >= FAR) && (ends[axis] ?? 0) <= -FAR;
  return steps.some((step, axis) => step < 0 && !isWhole(axis));
}

const RESIZE_SCALES = 2;

/** Refused at the first run: antialiased. Wrong numbers: interpolated with the channels last. */
function isMisresized(node: TypedNode): boolean {
  if (integerOf(node, "antialias", 0) !== 0) return true;
  const [, second, , last] = node.inputs[RESIZE_SCALES]?.numbers ?? [];
  const mode = node.node.attributes.get("mode");
  return mode !== undefined && !(mode.type === "string" && mode.value === "nearest") && second !== 1 && last === 1;
}

/** Refused at the first run: powers of differing shapes, unless all are to one number. */
function isPowerOfShapes({ inputs }: TypedNode): boolean {
  const exponents = sizesOf(inputs[1]);
  return exponents === null || exponents.some((dim) => dim !== 1);
}

function allOnes(values: readonly number[]): boolean {
  return values.every((value) => value === 1);
}

function allZeros(values: readonly number[]): boolean {
  return values.every((value) => value === 0);
}
