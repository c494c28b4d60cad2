import type * as tfjs from "@tensorflow/tfjs/dist/index.js";

/** TF.js as its user loaded it: tfjs-node, or tfjs with any other backend (which then runs eagerly). */
export type TensorFlow = Omit<typeof tfjs, "default">;
export type Tensor = tfjs.Tensor;
export type Variable = tfjs.Variable;

/** One tensor, or one for each input (or target). */
export type Tensors = Tensor | readonly Tensor[];

/** The update rules of TF.js by name, with TF.js's own defaults for what is left out. */
export type OptimizerConfig =
  | { readonly name: "sgd"; readonly learningRate: number }
  | {
      readonly name: "momentum";
      readonly learningRate: number;
      readonly momentum: number;
      readonly useNesterov?: boolean;
    }
  | { readonly name: "adagrad"; readonly learningRate: number; readonly initialAccumulatorValue?: number }
  | { readonly name: "adadelta"; readonly learningRate?: number; readonly rho?: number; readonly epsilon?: number }
  | {
      readonly name: "rmsprop";
      readonly learningRate: number;
      readonly decay?: number;
      readonly momentum?: number;
      readonly epsilon?: number;
      readonly centered?: boolean;
    }
  | {
      readonly name: "adam";
      readonly learningRate?: number;
      readonly beta1?: number;
      readonly beta2?: number;
      readonly epsilon?: number;
    }
  | {
      readonly name: "adamax";
      readonly learningRate?: number;
      readonly beta1?: number;
      readonly beta2?: number;
      readonly epsilon?: number;
      readonly decay?: number;
    };

/** What every step has, whatever computes the loss. */
export interface StepOptions {
  /** A TF.js optimizer (its settings are read, its slots are not: training starts afresh) or a rule by name. */
  readonly optimizer: tfjs.Optimizer | OptimizerConfig;
  /** Decides every random number of training, together with the step's number. Default 0. */
  readonly seed?: number;
  /** Scales the gradients so that their global norm is at most this. */
  readonly clipNorm?: number;
  /** Decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101): w -= rate * decay * w before the update. */
  readonly weightDecay?: number;
  /** Which variables decay. Default: those of rank 2 and more, so neither biases nor normalisation scales. */
  readonly decays?: (variable: Variable) => boolean;
  /**
   * Keeps an exponential moving average of the trainable weights: a = d * a + (1 - d) * w after every step, where d
   * is this number, at first less: min(averageDecay, (1 + t) / (10 + t)).
   */
  readonly averageDecay?: number;
  /** "eager" runs everything op by op; "auto" (the default) compiles what can be compiled. */
  readonly mode?: "auto" | "eager";
  /** Largest relative difference between the compiled first batch and the eager one. Default 1e-3. */
  readonly tolerance?: number;
  /**
   * Which shapes of training batches are compared with an eager step when they are compiled: every one (the default), or
   * the first alone, where the others differ from it in sizes only and would take long.
   */
  readonly compare?: "every" | "first";
  /** Told in a sentence whenever something runs eagerly that was meant to be compiled, and why. */
  readonly onNote?: (note: string) => void;
}

type LossFunction = (target: Tensor, output: Tensor) => Tensor;

/** A step of a LayersModel, with the loss and the metrics that `model.compile` takes. */
export interface ModelStepOptions extends StepOptions {
  readonly model: tfjs.LayersModel;
  readonly loss:
    | string
    | string[]
    | Record<string, string>
    | LossFunction
    | LossFunction[]
    | Record<string, LossFunction>;
  readonly metrics?: string | LossFunction | (string | LossFunction)[] | Record<string, string | LossFunction>;
  /** Training targets become y * (1 - s) + s / classes, over the last axis. Evaluation is not smoothed. */
  readonly labelSmoothing?: number;
}

/** A loss (rank 0) and, if wanted, metrics (rank 0) by name. */
export interface LossValues {
  readonly loss: Tensor;
  readonly metrics?: Readonly<Record<string, Tensor>>;
}

/** A step of anything else: any function of variables, inputs and targets. */
export interface FunctionStepOptions extends StepOptions {
  /** Every variable the functions read or assign; one they use beside these makes the step run eagerly. */
  readonly variables: readonly Variable[];
  /** Those that learn. Default: the variables that say `trainable`. */
  readonly trainable?: readonly Variable[];
  /** Must be pure apart from assignments to `variables`: it is called once and then replayed. */
  readonly lossFunction: (xs: readonly Tensor[], ys: readonly Tensor[], training: boolean) => LossValues;
  readonly predictFunction?: (xs: readonly Tensor[]) => readonly Tensor[];
}

/** What `compileStep` makes a step of: a model with a loss, or a function. */
export type CompileOptions = ModelStepOptions | FunctionStepOptions;

/** Loss and metrics of one batch. */
export interface StepResult {
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** Which weights are used. */
export interface UseWeights {
  /** Use the moving average instead of the weights. */
  readonly average?: boolean;
}

/** The values of one variable, of any dtype. */
export interface VariableState {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array | Uint8Array;
}

/** All that a run needs to go on as if it had never stopped. Plain data. */
export interface StepState {
  /** Steps done. */
  readonly step: number;
  readonly seed: number;
  readonly learningRate: number;
  readonly optimizer: string;
  /** Why the steps could not be compiled; then those that follow are not either, and end with the same weights. */
  readonly eagerBecause?: string;
  /** Weights, then the optimizer's slots, then the moving average, always in the same order. */
  readonly variables: readonly VariableState[];
}

/** A function compiled for one shape of batch. */
export interface ProgramReport {
  readonly what: "training" | "evaluation" | "prediction";
  /** Types and shapes of the batch, in words. */
  readonly batch: string;
  readonly nodes: number;
  /** How often each rewrite of the graph was of use. */
  readonly passes: Readonly<Record<string, number>>;
}

/** How training runs: as one TensorFlow graph a step, or op by op. */
export type StepMode = "graph" | "eager";

/** A training step that was compiled, or that runs eagerly; the same methods either way. All of them are synchronous. */
export interface CompiledStep {
  /** How the next training step will run, as far as is known: a graph is tried at the first batch of each shape. */
  readonly mode: StepMode;
  /** Why it runs eagerly; undefined in graph mode. */
  readonly reason: string | undefined;
  /** Steps done. */
  readonly stepCount: number;
  /** What has been compiled so far. */
  readonly programs: readonly ProgramReport[];
  /** Takes effect at the next step. */
  learningRate: number;
  /** One update of the weights. xs and ys stay the caller's. */
  step(xs: Tensors, ys: Tensors): StepResult;
  /** Loss and metrics without an update; dropout off, moving statistics used. */
  evaluate(xs: Tensors, ys: Tensors, use?: UseWeights): StepResult;
  /** The outputs, which the caller disposes of. */
  predict(xs: Tensors, use?: UseWeights): Tensor[];
  /** Brings the tf.Variables (the model's weights) up to date with training; with `average`, to the moving average. */
  pull(use?: UseWeights): void;
  /** Takes over the tf.Variables' values after something else has assigned them. Slots are kept. */
  push(): void;
  state(): StepState;
  /** @throws TrainError if the state is of other variables or another optimizer. */
  setState(state: StepState): void;
  /** Frees sessions and slots; the tf.Variables get the last weights and stay the caller's. */
  dispose(): void;
}
