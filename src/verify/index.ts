/** Compare an exported file with the TF.js model it was made of. */
export { DEFAULT_TOLERANCE, type Tolerance } from "./compare.ts";
export type { FirstDifference } from "./locate/first-difference.ts";
export type { VerifyProgress } from "./progress.ts";
export type { OutputComparison, VerifyRun } from "./side-by-side.ts";
export { verifyExport } from "./verify-export.ts";
export type { ModelVerification, Target, VerifyModelOptions } from "./verify-model.ts";
