import * as tf from "@tensorflow/tfjs";

import { apply, bounded, pick, type Maker, type Step, type Tensor } from "./step.ts";

/** Layers and keys that the other makers never draw, by the rank of what they take. */

const { layers } = tf;

const RARE_ACTIVATIONS = ["logSoftmax", "gelu", "gelu_new"] as const;

/** TF.js's types miss these activations. */
function rareActivation({ activation }: Step): tf.layers.Layer {
  const name = pick(RARE_ACTIVATIONS, activation);
  // @ts-expect-error: TF.js has them
  return layers.activation({ activation: name });
}

function paddingOf({ q }: Step): "same" | "valid" {
  return q ? "same" : "valid";
}

function formatOf({ p }: Step): "channelsFirst" | "channelsLast" {
  return p ? "channelsFirst" : "channelsLast";
}

function firstOf(outputs: ReturnType<tf.layers.Layer["apply"]>, index: number): Tensor | null {
  const symbols = (Array.isArray(outputs) ? outputs : [outputs]).flatMap((each) =>
    each instanceof tf.SymbolicTensor ? [each] : [],
  );
  return pick(symbols, index) ?? null;
}

/** Keys that change nothing when a model predicts, and biases and gates that do. */
function recurrentOf(s: Step): tf.RNN {
  const options = {
    units: s.a,
    returnSequences: s.p,
    useBias: s.q,
    dropout: 0.3,
    recurrentDropout: 0.2,
    activation: bounded(s),
  };
  if (s.b === 1) return layers.simpleRNN(options);
  const gates = { ...options, recurrentActivation: bounded({ ...s, activation: s.activation + 1 }), implementation: 1 };
  return s.b === 2 ? layers.gru(gates) : layers.lstm({ ...gates, unitForgetBias: s.r });
}

export const rareAnywhere: Readonly<Record<string, Maker>> = {
  rareActivation: (x, s) => apply(rareActivation(s), x),
  wrappedRareActivation: (x, s) => apply(layers.timeDistributed({ layer: rareActivation(s) }), x),
  layerNormalizationOfEpsilon: (x, s) => apply(layers.layerNormalization({ epsilon: s.a / 10 }), x),
  batchNormalizationOfEpsilon: (x, s) => apply(layers.batchNormalization({ epsilon: s.a / 10 }), x),
};

export const rareOnSequences: Readonly<Record<string, Maker>> = {
  spatialDropout1d: (x, s) => apply(layers.spatialDropout1d({ rate: s.a / 8 }), x),
  recurrentOfRareKeys: (x, s) => apply(recurrentOf(s), x),
  bidirectionalUnmerged: (x, s) => {
    // @ts-expect-error: TF.js takes null
    const layer = layers.bidirectional({ layer: recurrentOf(s), mergeMode: null });
    return firstOf(layer.apply(x), s.c);
  },
  cellOfRareKeys: (x, s) => {
    // No dropout: a cell of TF.js's keeps the mask of its first batch, and its size, for every later one.
    const options = { units: s.a, useBias: s.q, activation: bounded(s) };
    const recurrentActivation = bounded({ ...s, activation: s.activation + 2 });
    const cells = [
      layers.simpleRNNCell(options),
      layers.gruCell({ ...options, recurrentActivation }),
      layers.lstmCell({ ...options, recurrentActivation, unitForgetBias: s.r }),
    ];
    return apply(layers.rnn({ cell: pick(cells, s.b) ?? cells, returnSequences: s.p, goBackwards: s.r }), x);
  },
};

export const rareOnImages: Readonly<Record<string, Maker>> = {
  separableWithGaps: (x, s) =>
    apply(
      layers.separableConv2d({
        filters: s.a,
        kernelSize: [s.b, s.c],
        dilationRate: [s.c, s.b],
        padding: paddingOf(s),
        useBias: s.r,
      }),
      x,
    ),
  cropOfImages: (x, s) => {
    const [, height, width] = x.shape;
    if (height == null || width == null || height <= s.b || width <= s.c) return null;
    // CenterCrop writes into the shape it is given.
    const own = apply(layers.dropout({ rate: 0.1 }), x);
    return apply(layers.centerCrop({ height: height - s.b + 1, width: width - s.c }), own);
  },
};

export const rareOnVolumes: Readonly<Record<string, Maker>> = {
  convLstmOfRareKeys: (x, s) =>
    apply(
      layers.convLstm2d({
        filters: s.a,
        kernelSize: [s.b, s.c],
        dilationRate: s.q ? 2 : 1,
        dataFormat: formatOf(s),
        useBias: s.r,
        returnSequences: s.q,
        activation: bounded(s),
      }),
      x,
    ),
  conv3dWithGaps: (x, s) =>
    apply(
      layers.conv3d({
        filters: s.a,
        kernelSize: [1, s.b, s.c],
        dilationRate: [1, s.c, 2],
        padding: paddingOf(s),
        dataFormat: formatOf(s),
        useBias: s.r,
      }),
      x,
    ),
  conv3dTransposeActivated: (x, s) =>
    apply(
      layers.conv3dTranspose({
        filters: s.a,
        kernelSize: [2, s.b, s.c],
        strides: [2, s.b, s.c],
        padding: paddingOf(s),
        dataFormat: formatOf(s),
        activation: bounded(s),
      }),
      x,
    ),
};

export const rareOnTokens: Readonly<Record<string, Maker>> = {
  categoryEncoding: (x, s) =>
    apply(layers.categoryEncoding({ numTokens: 11 + s.a, outputMode: s.p ? "multiHot" : "count" }), x),
};
