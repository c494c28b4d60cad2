/** Where ONNX Runtime is known to give other numbers than TF.js, for a right file. */
interface KnownDifference {
  /** Class of the layer that differs. */
  readonly layer: RegExp;
  /** What TF.js gives where the two differ. */
  readonly expected: "NaN";
  readonly explanation: string;
}

/** Seen with onnxruntime-node and onnxruntime-web 1.20 to 1.30. */
const KNOWN: readonly KnownDifference[] = [
  {
    layer: /^(LSTM|GRU|CuDNNLSTM|CuDNNGRU|Bidirectional|SimpleRNN|RNN)$/,
    expected: "NaN",
    explanation:
      "ONNX Runtime's LSTM, GRU and RNN give numbers where TF.js gives NaN, for an input or a weight that is NaN; export with --recurrent portable for NaN",
  },
  {
    layer: /^GlobalMaxPooling[123]D$|^MaxPooling[123]D$/,
    expected: "NaN",
    explanation: "ONNX Runtime's max pooling passes over NaN, TF.js's gives NaN",
  },
];

/** Why a layer of this class differs where TF.js gives NaN and the file does not; null when that is not known. */
export function knownDifference(className: string): string | null {
  return KNOWN.find(({ layer }) => layer.test(className))?.explanation ?? null;
}
