/**
 * tf.function for TensorFlow.js: a training step is recorded once, op by op, and from then on runs as one TensorFlow
 * graph. Works for any LayersModel or function on tfjs-node; what cannot be recorded, and every other backend, runs
 * eagerly with the same numbers.
 */
export { compileStep } from "./compile-step.ts";
export type {
  CompiledStep,
  CompileOptions,
  FunctionStepOptions,
  LossValues,
  ModelStepOptions,
  OptimizerConfig,
  ProgramReport,
  StepMode,
  StepOptions,
  StepResult,
  StepState,
  TensorFlow,
  Tensors,
  UseWeights,
  VariableState,
} from "./types.ts";
