/** Which side alone has a NaN. */
export type NanIn = "tfjs" | "file";

/** Where ONNX Runtime treats NaN otherwise than TF.js, for a right file. */
interface KnownDifference {
  /** Class of the layer, or operator of the node, that differs. */
  readonly layer: RegExp;
  readonly nanIn: NanIn;
  readonly explanation: string;
}

/** Seen with TF.js 4.22 on its WebAssembly and plain backends, onnxruntime-node and onnxruntime-web 1.30. */
const KNOWN: readonly KnownDifference[] = [
  {
    layer: /^(LSTM|GRU|CuDNNLSTM|CuDNNGRU|Bidirectional|RNN)$/,
    nanIn: "tfjs",
    explanation:
      "ONNX Runtime's LSTM and GRU give numbers where the input or a weight is NaN, TF.js gives NaN; an export with --recurrent portable gives NaN too",
  },
  {
    layer: /^GlobalMaxPooling[123]D$/,
    nanIn: "tfjs",
    explanation: "ONNX Runtime's max pooling passes over NaN, TF.js's global max pooling gives NaN",
  },
  {
    layer: /^ThresholdedReLU$/,
    nanIn: "tfjs",
    explanation: "ONNX Runtime gives 0 for NaN below a threshold, TF.js gives NaN",
  },
  {
    layer: /^(MaxPooling[123]D|MaxPool|MaxPool3D)$/,
    nanIn: "file",
    explanation: "TF.js's max pooling passes over NaN, that of onnxruntime-web gives NaN",
  },
];

/** Why a layer of this class differs where one side alone has a NaN; null when that is not known. */
export function knownDifference(className: string, nanIn: NanIn): string | null {
  return KNOWN.find((known) => known.nanIn === nanIn && known.layer.test(className))?.explanation ?? null;
}
