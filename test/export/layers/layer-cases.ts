import * as tf from "@tensorflow/tfjs";

const { layers } = tf;

const STEPS = [5, 3];
const IMAGE = [7, 6, 3];
const VOLUME = [4, 5, 3, 2];
const FRAMES = [3, 4, 5, 2];
const square = { kernelSize: [3, 2], strides: [2, 1], padding: "same" as const, activation: "tanh" as const };
const plain = { kernelSize: 2, strides: 1, dataFormat: "channelsLast", useBias: false } as const;
const normal = { axis: -1, epsilon: 0.1 };
const recurrent = { units: 3, activation: "relu", returnSequences: true, goBackwards: true } as const;
const gates = { ...recurrent, recurrentActivation: "sigmoid" } as const;

/** A name, how the layer is made, and the shape of its input without the batch. */
export type LayerCase = readonly [name: string, make: () => tf.layers.Layer, shape: readonly number[]];

/**
 * Layers whose configuration has other values than the defaults. Resizing is missing, since TF.js cannot run it in a model; so are axes
 * of BatchNormalization that TF.js's cpu backend computes wrongly (docs/layers.md).
 */
export const LAYER_CASES: readonly LayerCase[] = [
  ["Dense", () => layers.dense({ units: 4, activation: "relu" }), STEPS],
  ["Conv1D", () => layers.conv1d({ filters: 2, kernelSize: 3, strides: 2, padding: "same" }), STEPS],
  ["Conv2D", () => layers.conv2d({ filters: 4, ...square }), IMAGE],
  ["Conv2D, dilated", () => layers.conv2d({ filters: 4, ...plain, dilationRate: 2 }), IMAGE],
  ["Conv3D", () => layers.conv3d({ filters: 3, kernelSize: 2, strides: 2, activation: "tanh" }), VOLUME],
  ["Conv2DTranspose", () => layers.conv2dTranspose({ filters: 4, ...square }), IMAGE],
  ["Conv3DTranspose", () => layers.conv3dTranspose({ filters: 3, ...plain }), VOLUME],
  ["DepthwiseConv2D", () => layers.depthwiseConv2d({ depthMultiplier: 2, kernelSize: 3, padding: "same" }), IMAGE],
  ["SeparableConv2D", () => layers.separableConv2d({ filters: 4, ...square, strides: 2 }), IMAGE],
  ["MaxPooling1D", () => layers.maxPooling1d({ poolSize: 3, strides: 1, padding: "same" }), STEPS],
  ["AveragePooling2D", () => layers.averagePooling2d({ poolSize: [3, 2], strides: [1, 2], padding: "same" }), IMAGE],
  ["MaxPooling3D", () => layers.maxPooling3d({ poolSize: 3, strides: 1, padding: "same" }), VOLUME],
  ["BatchNormalization", () => layers.batchNormalization(normal), STEPS],
  ["BatchNormalization without scale", () => layers.batchNormalization({ axis: 2, scale: false }), STEPS],
  ["BatchNormalization without center", () => layers.batchNormalization({ center: false }), STEPS],
  ["LayerNormalization", () => layers.layerNormalization({ axis: [1, 2], epsilon: 0.1 }), STEPS],
  ["LayerNormalization without scale", () => layers.layerNormalization({ scale: false }), STEPS],
  ["LayerNormalization without center", () => layers.layerNormalization({ center: false }), STEPS],
  ["PReLU", () => layers.prelu({ sharedAxes: [1] }), STEPS],
  ["LeakyReLU", () => layers.leakyReLU({ alpha: 0.1 }), STEPS],
  ["ReLU", () => layers.reLU({ maxValue: 1 }), STEPS],
  ["ELU", () => layers.elu(), STEPS],
  ["ThresholdedReLU", () => layers.thresholdedReLU({ theta: 0.5 }), STEPS],
  ["Softmax", () => layers.softmax({ axis: 2 }), STEPS],
  ["Activation", () => layers.activation({ activation: "selu" }), STEPS],
  ["Rescaling", () => layers.rescaling({ scale: 3, offset: 2 }), IMAGE],
  ["CenterCrop", () => layers.centerCrop({ height: 4, width: 3 }), IMAGE],
  ["UpSampling2D", () => layers.upSampling2d({ size: [2, 3], interpolation: "bilinear" }), IMAGE],
  ["ZeroPadding2D", () => layers.zeroPadding2d({ padding: [2, 3] }), IMAGE],
  ["Cropping2D", () => layers.cropping2D({ cropping: [2, 1] }), IMAGE],
  ["Reshape", () => layers.reshape({ targetShape: [3, 5] }), STEPS],
  ["Permute", () => layers.permute({ dims: [2, 1] }), STEPS],
  ["RepeatVector", () => layers.repeatVector({ n: 3 }), [4]],
  ["Flatten", () => layers.flatten({ dataFormat: "channelsFirst" }), IMAGE],
  ["GlobalMaxPooling2D", () => layers.globalMaxPooling2d({ dataFormat: "channelsFirst" }), IMAGE],
  ["Embedding", () => layers.embedding({ inputDim: 4, outputDim: 3, inputLength: 5 }), [5]],
  ["SimpleRNN", () => layers.simpleRNN(recurrent), STEPS],
  ["GRU", () => layers.gru(gates), STEPS],
  ["LSTM", () => layers.lstm(gates), STEPS],
  ["ConvLSTM2D", () => layers.convLstm2d({ filters: 2, ...plain, returnSequences: true, padding: "same" }), FRAMES],
  ["RNN", () => layers.rnn({ cell: [layers.simpleRNNCell({ units: 3 }), layers.simpleRNNCell({ units: 2 })] }), STEPS],
  ["Bidirectional", () => layers.bidirectional({ layer: layers.gru({ units: 2 }), mergeMode: "sum" }), STEPS],
  ["TimeDistributed", () => layers.timeDistributed({ layer: layers.dense({ units: 2 }) }), STEPS],
];
