/** Train in TensorFlow.js on native TensorFlow, one graph a step. For Node. */
export { SetupError, TrainError } from "../errors.ts";

export * from "./compile/index.ts";
export { loadTensorFlow, nativeStatus, planNative, setUpNative } from "./native/index.ts";
export type { LoadOptions, NativePlan, NativeStatus, SetUpOptions, SetUpResult } from "./native/index.ts";
export { ctcLoss, ctcTargets, stepsNeeded } from "./losses/ctc.ts";
export type { CtcMethod, CtcTargetOptions, CtcTargets } from "./losses/ctc.ts";
