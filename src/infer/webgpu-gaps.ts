import { nameNodes, readNodes, type OnnxNode } from "./onnx-nodes.ts";

/** A node that WebGPU must not run. */
export interface WebGpuGap {
  /** Empty when the file gives it none. */
  readonly name: string;
  readonly opType: string;
  /** In a function of the model, where it cannot be placed by name. */
  readonly inFunction: boolean;
}

/**
 * Nodes that ONNX Runtime's WebGPU provider takes when a session is created and then cannot run, or computes wrongly (all
 * seen in 1.30, and held by tests). They are to be placed on the CPU by name. Where the file does not tell enough to know, a
 * node is one of them.
 */
export function webGpuGaps(model: Uint8Array): WebGpuGap[] {
  const { nodes, opset } = readNodes(model);
  return nodes.filter((node) => isGap(node, opset)).map(toGap);
}

/** The model with a name for each such node that has none, so that it can be placed. */
export function nameGaps(model: Uint8Array): Uint8Array {
  const { nodes, opset } = readNodes(model);
  const isNameless = nodes.map((node) => node.name === "" && !node.inFunction && isGap(node, opset));
  if (!isNameless.includes(true)) return model;
  return nameNodes(model, (index) => (isNameless[index] === true ? `unnamed_${index}` : null));
}

/** `name` and operator of every node that computes something, those of loops' and branches' bodies too. */
export function nodesOf(model: Uint8Array): WebGpuGap[] {
  return readNodes(model)
    .nodes.filter(({ opType }) => opType !== "Constant")
    .map(toGap);
}

function toGap({ name, opType, inFunction }: OnnxNode): WebGpuGap {
  return { name, opType, inFunction };
}

function isGap(node: OnnxNode, opset: number): boolean {
  switch (node.opType) {
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
      return node.outputs > 1;
    case "Split":
      return node.outputs > MOST_PARTS;
    default:
      return node.opType.startsWith("Reduce") && integerOf(node, "noop_with_empty_axes", 0) !== 0;
  }
}

function integerOf({ integers }: OnnxNode, attribute: string, otherwise: number): number {
  return integers.get(attribute)?.[0] ?? otherwise;
}

/** Activations of the WebGPU kernels of LSTM and GRU; any case. */
const ACTIVATIONS: ReadonlySet<string> = new Set(["sigmoid", "tanh", "relu"]);

/** At the first run: "Unsupported LSTM activation for WebGPU". HardSigmoid is TF.js's default. */
function hasUnknownActivation({ strings }: OnnxNode): boolean {
  return (strings.get("activations") ?? []).some((activation) => !ACTIVATIONS.has(activation.toLowerCase()));
}

/** WebGPU lets a shader have 8 buffers everywhere, one of which is Split's input. */
const MOST_PARTS = 7;

/**
 * Wrong numbers without a word. Ungrouped: 4 output channels at a time with 6, 9, 15, 18, 21 … input channels, which are read
 * in threes, but not as a product of matrices (1 x 1, unstrided, unpadded); a product of matrices that is padded, but only at the
 * end. Grouped: output channels are written by twos or fours, though a group ends among them. Grouped in three dimensions:
 * refused at the first run.
 */
function isMiscomputed({ integers, inputs }: OnnxNode): boolean {
  const weights = inputs[1];
  if (weights === undefined) return true;
  const [outputs = 0, channels = 0, ...kernel] = weights.dims;
  const group = integers.get("group")?.[0] ?? 1;
  if (kernel.length > 2) return group > 1;
  if (group > 1) {
    const ofGroup = outputs / group;
    return ofGroup >= 4 && ofGroup % (outputs % 4 === 0 ? 4 : outputs % 2 === 0 ? 2 : 1) !== 0;
  }
  const pads = integers.get("pads") ?? [];
  const isPointwise = [kernel, integers.get("strides") ?? []].every(allOnes);
  if (isPointwise && allZeros(pads.slice(0, kernel.length))) return !allZeros(pads);
  return channels > 3 && channels % 3 === 0 && channels % 4 !== 0 && outputs % 4 === 0;
}

/** Wrong numbers where groups have one output channel and an even number of input channels; three dimensions are refused. */
function isTransposeMiscomputed({ integers, inputs }: OnnxNode): boolean {
  const weights = inputs[1];
  if (weights === undefined) return true;
  const [channels = 0, outputsOfGroup = 0, ...kernel] = weights.dims;
  const group = integers.get("group")?.[0] ?? 1;
  return kernel.length > 2 || (group > 1 && outputsOfGroup === 1 && (channels / group) % 2 === 0);
}

/** Inputs of Slice. */
const SLICE = { starts: 1, ends: 2, steps: 4 };
/** What stands for the beginning or the end of an axis of any size. */
const FAR = 2 ** 31 - 1;

/** Wrong elements where a step is negative, unless it turns the whole axis round. */
function isMisreadBackward({ inputs, given }: OnnxNode): boolean {
  if (given[SLICE.steps] !== true) return false;
  const [starts, ends, steps] = [SLICE.starts, SLICE.ends, SLICE.steps].map((input) => inputs[input]?.numbers);
  if (starts == null || ends == null || steps == null) return true;
  const isWhole = (axis: number): boolean =>
    (starts[axis] === -1 || (starts[axis] ?? 0) >= FAR) && (ends[axis] ?? 0) <= -FAR;
  return steps.some((step, axis) => step < 0 && !isWhole(axis));
}

const RESIZE_SCALES = 2;

/** Refused at the first run: antialiased. Wrong numbers: interpolated with the channels last. */
function isMisresized(node: OnnxNode): boolean {
  if (integerOf(node, "antialias", 0) !== 0) return true;
  const [, second, , last] = node.inputs[RESIZE_SCALES]?.numbers ?? [];
  return (node.strings.get("mode")?.[0] ?? "nearest") !== "nearest" && second !== 1 && last === 1;
}

/** Refused at the first run: powers of differing shapes, unless all are to one number. */
function isPowerOfShapes({ inputs }: OnnxNode): boolean {
  const exponents = inputs[1];
  return exponents === undefined || exponents.dims.some((dim) => dim !== 1);
}

function allOnes(values: readonly number[]): boolean {
  return values.every((value) => value === 1);
}

function allZeros(values: readonly number[]): boolean {
  return values.every((value) => value === 0);
}
