/** What `checkOnLoad` needs, in a module that is loaded for it alone. */
export { readAnyModel } from "../export/any-source.ts";
export { DEFAULT_TOLERANCE } from "../verify/compare.ts";
export { verifyModel } from "../verify/verify-model.ts";
