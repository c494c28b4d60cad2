/** Compare an exported file with the TF.js model it was made of. */
export { DEFAULT_TOLERANCE, type Tolerance } from "./compare.ts";
export type { FirstDifference } from "./first-difference.ts";
export { verifyExport } from "./verify-export.ts";
export type { ModelVerification, Target, VerifyModelOptions } from "./verify-model.ts";
export type { OutputComparison, Verification, VerifyRun } from "./verify.ts";
