import { isBeyondTfjs } from "./source/layer-classes.ts";

/** What a user should know of a layer's conversion, for the support table: apart from the converters, which browsers download. */
const NOTES: readonly (readonly [note: string, ...classes: readonly string[]])[] = [
  [
    "on axes other than the last as Keras, TF.js with WebGL and with tfjs-node compute it; TF.js's own cpu and wasm kernels take the statistics along the last axis there",
    "BatchNormalization",
  ],
  [
    "ids beyond num_tokens, at which TF.js throws, count for nothing; TF.js cannot compute output_mode: tf_idf",
    "CategoryEncoding",
  ],
  ["the input's height and width must be fixed; pixels are picked as TF.js resamples them", "CenterCrop"],
  ["a negative axis is the last one, as in TF.js; in models of Keras 3 it is counted from the end", "Concatenate"],
  ["TF.js cannot compute padding: causal; it is converted as Keras defines it", "Conv1D"],
  ["TF.js ignores dilation_rate and output_padding here", "Conv2DTranspose", "Conv3DTranspose"],
  [
    "a stateful layer starts each run from zero states, and goes on from call to call within it; in a model with masks TF.js cannot run a recurrent layer after one with initial states, nor give the states of that",
    "ConvLSTM2D",
    "GRU",
    "LSTM",
    "RNN",
    "SimpleRNN",
  ],
  ["Keras 2 has it, TF.js does not", "CuDNNGRU", "CuDNNLSTM"],
  ["Keras has it, TF.js does not; padding valid or same", "DepthwiseConv1D", "SeparableConv1D"],
  ["TF.js ignores dilation_rate here", "DepthwiseConv2D"],
  ["inputs of two or three axes", "Dot"],
  ["TF.js has it under layers/nlp, and cannot compute an equation with an ellipsis", "EinsumDense"],
  ["TF.js cannot load an alpha other than 1; it is converted as Keras defines it", "ELU"],
  ["TF.js needs sizes that are fixed before it", "Flatten"],
  [
    "TF.js ignores keepdims; it counts in models that TF.js cannot load",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling2D",
  ],
  ["Keras has it, TF.js does not; along the last axis or with one mean for all", "Normalization"],
  ["TF.js has it under layers/nlp", "PositionEmbedding"],
  [
    "nothing, as documented, although TF.js draws a size when it predicts too; a range of one factor is computed",
    "RandomHeight",
    "RandomWidth",
  ],
  ["TF.js ignores negative_slope and threshold; they count in files of Keras 3", "ReLU"],
  [
    "as TF.js computes it within TimeDistributed (as a model's own layer it cannot): with aligned corners, without them where crop_to_aspect_ratio is set; never cropped",
    "Resizing",
  ],
];

/** The notes that single classes have. */
export const layerNotes: ReadonlyMap<string, string> = new Map(
  NOTES.flatMap(([note, ...classes]) => classes.map((className): [string, string] => [className, note])),
);

/** The note on a class of layers; empty where there is none. */
export function layerNote(className: string): string {
  return layerNotes.get(className) ?? (isBeyondTfjs(className) ? "Keras has it, TF.js does not" : "");
}
