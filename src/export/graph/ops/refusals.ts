/** Operators that no converter can exist for, and why. */
export const refusals: ReadonlyMap<string, string> = new Map([
  ["StaticRegexReplace", "ONNX has no regular expressions"],
  ["StringNGrams", "ONNX has no n-grams of strings"],
  ["StringToHashBucketFast", "ONNX has no hash of strings"],
  ["SimpleMLCreateModelResource", "ONNX graphs made here have no decision forests"],
  ["SimpleMLLoadModelFromPathWithHandle", "ONNX graphs made here have no decision forests"],
  ["SimpleMLInferenceOpWithHandle", "ONNX graphs made here have no decision forests"],
]);
