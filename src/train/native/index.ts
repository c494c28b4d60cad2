export { findCompiler } from "./compile.ts";
export { findDownloaders } from "./download.ts";
export type { SetupEvent, SetupListener, SetupStage } from "./events.ts";
export { loadTensorFlow, type LoadOptions, type TensorFlow } from "./load.ts";
export { installCommand } from "./install-command.ts";
export { findPackage, installPackages, packageVersion, planNative, type NativePlan } from "./plan.ts";
export { findProgram } from "./programs.ts";
export { setUpNative, type SetUpOptions, type SetUpResult } from "./set-up.ts";
export { nativeStatus, verifyNative, type NativeStatus } from "./status.ts";
