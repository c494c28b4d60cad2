import { ExportError, ModelFormatError } from "../../errors.ts";
import { readActivation, type Activation } from "../activation.ts";
import type { BindContext } from "../converter.ts";
import type { ConfigReader } from "../source/config.ts";
import type { LayerWeights } from "../source/model.ts";
import { first, floatAt } from "../../require.ts";

/**
 * SimpleRNN, GRU or LSTM over feature vectors. Weights: kernel [C, G·H], recurrent kernel [H, G·H], bias [G·H], with G = 1,
 * 3 (z r h) or 4 (i f c o) gates of H units.
 */
export interface GatedCell {
  readonly kind: "RNN" | "GRU" | "LSTM";
  readonly units: number;
  readonly activation: Activation;
  /** Of the gates; equal to `activation` for RNN, which has none. */
  readonly recurrentActivation: Activation;
  readonly useBias: boolean;
  /** GRU: the reset gate is applied after the recurrent kernel, which has a bias of its own: bias [2, 3H]. */
  readonly resetAfter: boolean;
  /** Kernels and biases are laid out as cuDNN wants them: bias [2·G·H]. */
  readonly cudnn: boolean;
}

/** LSTM whose products with the kernels are convolutions. */
export interface ConvCell {
  readonly kind: "ConvLSTM";
  readonly filters: number;
  readonly kernelSize: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly padding: "valid" | "same";
  readonly dataFormat: "channels_last" | "channels_first";
  readonly activation: Activation;
  readonly recurrentActivation: Activation;
  readonly useBias: boolean;
}

/** Stacked cells: each takes the output of the one before. */
export interface StackedCells {
  readonly kind: "stacked";
  readonly cells: readonly Cell[];
}

export type Cell = GatedCell | ConvCell | StackedCells;

/** Gates of a cell, in the order the kernels' columns have them. */
export const GATES: Readonly<Record<GatedCell["kind"], number>> = { RNN: 1, GRU: 3, LSTM: 4 };

/** How many states a cell keeps between steps; the first is its output. */
export function stateCount(cell: Cell): number {
  switch (cell.kind) {
    case "RNN":
    case "GRU":
      return 1;
    case "LSTM":
    case "ConvLSTM":
      return 2;
    case "stacked":
      return cell.cells.reduce((sum, each) => sum + stateCount(each), 0);
    default:
      return cell satisfies never;
  }
}

/** Read the cell of a layer or cell class. @throws {ExportError} for a class that is not a cell */
export function readCell(className: string, config: ConfigReader, context: BindContext): Cell {
  switch (className) {
    case "SimpleRNN":
    case "SimpleRNNCell":
      return readSimpleCell(config, context);
    case "GRU":
    case "GRUCell":
      return {
        ...readGates(config, context),
        kind: "GRU",
        resetAfter: config.boolean("reset_after", context.rules.gates === true),
        cudnn: false,
      };
    case "LSTM":
    case "LSTMCell":
      return { ...readGates(config, context), kind: "LSTM", resetAfter: false, cudnn: false };
    case "CuDNNGRU":
      return { ...cudnnGates(config), kind: "GRU", resetAfter: true };
    case "CuDNNLSTM":
      return { ...cudnnGates(config), kind: "LSTM", resetAfter: false };
    case "ConvLSTM2D":
    case "ConvLSTM2DCell":
      return readConvCell(config, context);
    case "StackedRNNCells":
      return { kind: "stacked", cells: readCells(config, context) };
    default:
      throw new ExportError(
        `cell must be one of SimpleRNNCell, GRUCell, LSTMCell, StackedRNNCells; got ${JSON.stringify(className)}`,
      );
  }
}

function readCells(config: ConfigReader, context: BindContext): Cell[] {
  const cells = config.layers("cells").map((cell) => readCell(cell.className, cell.config, context));
  if (cells.length === 0) throw new ExportError("cells must have at least one cell; got none");
  return cells;
}

function readSimpleCell(config: ConfigReader, context: BindContext): GatedCell {
  const activation = elementwise(readActivation(config, "activation", context.rules, "tanh"));
  return {
    kind: "RNN",
    units: config.positive("units"),
    activation,
    recurrentActivation: activation,
    useBias: config.boolean("use_bias", true),
    resetAfter: false,
    cudnn: false,
  };
}

/** cuDNN has no other activations, and always biases. */
function cudnnGates(config: ConfigReader): Omit<GatedCell, "kind" | "resetAfter"> {
  return {
    units: config.positive("units"),
    activation: "tanh",
    recurrentActivation: "sigmoid",
    useBias: true,
    cudnn: true,
  };
}

function readGates(config: ConfigReader, context: BindContext): Omit<GatedCell, "kind" | "resetAfter" | "cudnn"> {
  return {
    units: config.positive("units"),
    ...readActivations(config, context),
    useBias: config.boolean("use_bias", true),
  };
}

/** TF.js takes its default for an activation that is absent, and linear for one that is null. */
function readActivations(
  config: ConfigReader,
  { rules }: BindContext,
): Pick<GatedCell, "activation" | "recurrentActivation"> {
  const read = (key: string, otherwise: "tanh" | "sigmoid" | "hard_sigmoid"): Activation =>
    config.isNull(key) ? "linear" : elementwise(readActivation(config, key, rules, otherwise));
  return {
    activation: read("activation", "tanh"),
    recurrentActivation: read("recurrent_activation", rules.gates === true ? "sigmoid" : "hard_sigmoid"),
  };
}

/** @throws {ExportError} for an activation that changes the shape, which the states of a cell cannot take */
function elementwise(activation: Activation): Activation {
  if (typeof activation === "string" || activation.name !== "glu") return activation;
  throw new ExportError("glu halves the last axis, so that a recurrent layer cannot have it as its activation");
}

function readConvCell(config: ConfigReader, context: BindContext): ConvCell {
  return {
    kind: "ConvLSTM",
    filters: config.positive("filters"),
    kernelSize: config.positives("kernel_size", 2),
    strides: config.positives("strides", 2, [1, 1]),
    dilations: config.positives("dilation_rate", 2, [1, 1]),
    padding: config.oneOf("padding", ["valid", "same"], "valid"),
    dataFormat: config.dataFormat(),
    ...readActivations(config, context),
    useBias: config.boolean("use_bias", true),
  };
}

/** Weights of a {@link GatedCell} as TF.js has them. */
export interface GatedWeights {
  /** C. */
  readonly features: number;
  /** [C, G·H]. */
  readonly kernel: Float32Array;
  /** [H, G·H]. */
  readonly recurrent: Float32Array;
  /** [G·H]. */
  readonly bias: Float32Array | null;
  /** [G·H], with `resetAfter` only. */
  readonly recurrentBias: Float32Array | null;
}

/** @throws {ModelFormatError} when a weight is missing or does not fit `features` (null: any) and the cell's units */
export function readGatedWeights(cell: GatedCell, weights: LayerWeights, features: number | null): GatedWeights {
  if (cell.cudnn) return readCudnnWeights(cell, weights, features);
  const columns = GATES[cell.kind] * cell.units;
  const kernel = weights.get("kernel", [features, columns]);
  const recurrent = floats("recurrent_kernel", weights, [cell.units, columns]);
  const shared = { features: first(kernel.dims), kernel: floats("kernel", weights, [features, columns]), recurrent };
  if (!cell.useBias) return { ...shared, bias: null, recurrentBias: null };
  if (!cell.resetAfter) return { ...shared, bias: floats("bias", weights, [columns]), recurrentBias: null };
  const both = floats("bias", weights, [2, columns]);
  return { ...shared, bias: both.subarray(0, columns), recurrentBias: both.subarray(columns) };
}

/** Source: Keras 2.15, saving/legacy/hdf5_format.py, _convert_rnn_weights. */
function readCudnnWeights(cell: GatedCell, weights: LayerWeights, features: number | null): GatedWeights {
  const columns = GATES[cell.kind] * cell.units;
  const { dims } = weights.get("kernel", [features, columns]);
  const bias = floats("bias", weights, [2 * columns]);
  const [inputBias, recurrentBias] = [bias.subarray(0, columns), bias.subarray(columns)];
  const shared = {
    features: first(dims),
    kernel: fromCudnn(cell, floats("kernel", weights, [features, columns])),
    recurrent: fromCudnn(cell, floats("recurrent_kernel", weights, [cell.units, columns])),
  };
  if (cell.resetAfter) return { ...shared, bias: inputBias, recurrentBias };
  return { ...shared, bias: inputBias.map((each, index) => each + floatAt(recurrentBias, index)), recurrentBias: null };
}

/** The numbers of each gate's part [C, H] are those of a matrix [H, C], row after row. */
function fromCudnn({ kind, units }: GatedCell, kernel: Float32Array): Float32Array {
  const columns = GATES[kind] * units;
  const features = kernel.length / columns;
  return kernel.map((_, to) => {
    const column = to % columns;
    const at = (column % units) * features + Math.floor(to / columns);
    return floatAt(kernel, Math.floor(at / units) * columns + column - (column % units) + (at % units));
  });
}

/** @throws {ModelFormatError} when the weight is missing, has another shape, or does not hold real numbers */
export function floats(name: string, weights: LayerWeights, dims: readonly (number | null)[]): Float32Array {
  const weight = weights.get(name, dims);
  if (weight.dtype === "float32") return weight.data;
  throw new ModelFormatError(`weight ${name} must be float32; got ${weight.dtype}`);
}
