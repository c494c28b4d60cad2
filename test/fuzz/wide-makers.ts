import * as tf from "@tensorflow/tfjs";

import { activationOf, apply, bounded, pick, type Maker, type Step, type Tensor } from "./step.ts";

/** More layers, keys and ways to combine them than random-model.ts has, by the rank of what they take. */

type Format = "channelsFirst" | "channelsLast";

const { layers } = tf;

function formatOf({ p }: Step): Format {
  return p ? "channelsFirst" : "channelsLast";
}

function paddingOf({ q }: Step): "same" | "valid" {
  return q ? "same" : "valid";
}

/** One of a layer's several outputs. */
function outputOf(layer: tf.layers.Layer, x: Tensor | Tensor[], index: number, options?: object): Tensor | null {
  const outputs = layer.apply(x, { ...options });
  const symbols = (Array.isArray(outputs) ? outputs : [outputs]).flatMap((each) =>
    each instanceof tf.SymbolicTensor ? [each] : [],
  );
  return pick(symbols, index) ?? null;
}

/** Any other tensor made so far. */
function otherThan(x: Tensor, made: readonly Tensor[], index: number): Tensor | undefined {
  return pick(
    made.filter((each) => each !== x),
    index,
  );
}

function wrapped(layer: tf.layers.Layer, x: Tensor): Tensor {
  return apply(layers.timeDistributed({ layer }), x);
}

export const wideAnywhere: Readonly<Record<string, Maker>> = {
  elu: (x) => apply(layers.elu(), x),
  alphaDropout: (x) => apply(layers.alphaDropout({ rate: 0.5 }), x),
  gaussianDropout: (x) => apply(layers.gaussianDropout({ rate: 0.5 }), x),
  rescaling: (x, s) => apply(layers.rescaling({ scale: s.a / 4, offset: s.b - 2 }), x),
  softmaxOverSeveral: (x, s) => (x.shape.length < 3 ? null : apply(layers.softmax({ axis: s.p ? [-1, -2] : [-1] }), x)),
  layerNormalizationElsewhere: (x, s) => {
    const rank = x.shape.length;
    const axis = s.p ? [1 + (s.a % (rank - 1))] : [rank - 1, 1].slice(0, rank - 1);
    return apply(layers.layerNormalization({ axis, center: s.q, scale: s.r, epsilon: 0.01 }), x);
  },
  flattenChannelsFirst: (x) => apply(layers.flatten({ dataFormat: "channelsFirst" }), x),
  mergeBroadcasting: (x, s, { made }) => {
    const other = otherThan(x, made, s.c);
    if (other === undefined) return null;
    const all = [layers.add(), layers.multiply(), layers.average(), layers.maximum(), layers.minimum()];
    return apply(pick(all, s.activation) ?? layers.add(), s.p ? [x, other] : [other, x, x]);
  },
  mergeWithInput: (x, s, { input }) => {
    const shape = x.shape.slice(1).map((size, axis) => (size === null || axis % 2 === s.b % 2 ? 1 : size));
    return apply(s.q ? layers.add() : layers.multiply(), [x, input(s.p ? shape : shape.slice(-1))]);
  },
  concatenateAnywhere: (x, s, { made }) => {
    const other = otherThan(x, made, s.c) ?? x;
    return apply(layers.concatenate({ axis: s.a - 3 }), [x, other]);
  },
  concatenateItself: (x, s) => apply(layers.concatenate({ axis: s.a % 2 === 0 ? -1 : 1 }), [x, x]),
  dot: (x, s, { made }) => {
    const other = s.q ? x : otherThan(x, made, s.c);
    if (other === undefined) return null;
    // An axis that neither has is refused when the model runs, not when it is built.
    const [left, right] = [x.shape.length - 1, other.shape.length - 1];
    const axes: number | [number, number] = s.p
      ? Math.min(s.b, left, right)
      : [1 + (s.b % Math.min(2, left)), 1 + (s.c % Math.min(2, right))];
    return apply(layers.dot({ axes, normalize: s.r }), [x, other]);
  },
  nestedWithTwoOutputs: (x, s) => {
    const inner = tf.input({ shape: x.shape.slice(1) });
    const left = apply(layers.dense({ units: s.a, activation: "tanh" }), inner);
    const right = apply(layers.dense({ units: s.b, activation: activationOf(s) }), left);
    return outputOf(tf.model({ inputs: inner, outputs: [left, right] }), x, s.c);
  },
  sharedModel: (x, s) => {
    const width = x.shape.at(-1) ?? null;
    if (width === null) return null;
    const inner = tf.sequential({
      layers: [
        layers.dense({ units: width, inputShape: x.shape.slice(1), activation: "tanh" }),
        layers.layerNormalization({ epsilon: 0.01 }),
      ],
    });
    return apply(s.p ? layers.add() : layers.concatenate(), [apply(inner, apply(inner, x)), x]);
  },
  wrappedModel: (x, s) => {
    if (x.shape.length < 3) return null;
    const inner = tf.sequential({
      layers: [
        layers.dense({ units: s.a, inputShape: x.shape.slice(2), activation: activationOf(s) }),
        layers.dense({ units: s.b, useBias: s.p }),
      ],
    });
    return wrapped(inner, x);
  },
  wrappedActivation: (x, s) => wrapped(layers.activation({ activation: activationOf(s) }), x),
  wrappedFlatten: (x) => wrapped(layers.flatten(), x),
  wrappedNormalization: (x, s) =>
    wrapped(s.p ? layers.batchNormalization({ epsilon: 0.01 }) : layers.layerNormalization({ epsilon: 0.01 }), x),
};

function recurrent(s: Step, more: { returnState?: boolean } = {}): tf.RNN {
  const options = {
    units: s.a,
    returnSequences: s.p,
    goBackwards: s.q,
    useBias: s.r,
    activation: s.c === 1 ? activationOf(s) : bounded(s),
    ...more,
  };
  const all = [layers.lstm, layers.gru, layers.simpleRNN] as const;
  return (pick(all, s.b) ?? layers.lstm)(options);
}

type Cell = ReturnType<typeof layers.lstmCell> | ReturnType<typeof layers.gruCell>;

function cellsOf(s: Step): (Cell | ReturnType<typeof layers.simpleRNNCell>)[] {
  return Array.from({ length: s.b }, (_, index) => {
    const units = s.a + index;
    const kind = (s.activation + index) % 3;
    if (kind === 0) return layers.lstmCell({ units, activation: bounded(s) });
    if (kind === 1) return layers.gruCell({ units, recurrentActivation: "sigmoid" });
    return layers.simpleRNNCell({ units, useBias: s.r });
  });
}

export const wideOnSequences: Readonly<Record<string, Maker>> = {
  recurrentWithAnyActivation: (x, s) => apply(recurrent({ ...s, c: 1 }), x),
  recurrentState: (x, s) => outputOf(recurrent(s, { returnState: true }), x, s.activation),
  recurrentFromState: (x, s, { input }) => {
    const layer = recurrent(s);
    const states = layer.getClassName() === "LSTM" ? 2 : 1;
    const initialState = Array.from({ length: states }, () => input([s.a]));
    return outputOf(layer, x, 0, { initialState });
  },
  encoderAndDecoder: (x, s) => {
    const outputs = layers.lstm({ units: s.a, returnState: true, goBackwards: s.q }).apply(x);
    const [, ...states] = Array.isArray(outputs) ? outputs : [];
    return outputOf(layers.lstm({ units: s.a, returnSequences: s.p }), x, 0, { initialState: states });
  },
  rnnOverCells: (x, s) => {
    const cell = cellsOf(s);
    const [only] = cell;
    const options = { returnSequences: s.p, goBackwards: s.q, returnState: s.r };
    return outputOf(layers.rnn({ cell: cell.length === 1 && only !== undefined ? only : cell, ...options }), x, s.c);
  },
  bidirectionalAnyhow: (x, s) => {
    const mergeMode = pick(["concat", "sum", "mul", "ave"] as const, s.activation) ?? "concat";
    const layer = recurrent(s, { returnState: s.c === 2 });
    return outputOf(layers.bidirectional({ layer, mergeMode }), x, s.a);
  },
  bidirectionalFromState: (x, s, { input }) => {
    const layer = recurrent(s);
    const states = layer.getClassName() === "LSTM" ? 4 : 2;
    const initialState = Array.from({ length: states }, () => input([s.a]));
    return outputOf(layers.bidirectional({ layer, mergeMode: s.p ? "concat" : "ave" }), x, 0, { initialState });
  },
  convolutionOfAllKeys: (x, s) =>
    apply(
      layers.conv1d({
        filters: s.a,
        kernelSize: s.b,
        strides: s.c,
        padding: paddingOf(s),
        activation: activationOf(s),
        useBias: s.r,
      }),
      x,
    ),
};

export const wideOnImages: Readonly<Record<string, Maker>> = {
  conv2dAnyFormat: (x, s) =>
    apply(
      layers.conv2d({
        filters: s.a,
        kernelSize: [s.b, s.c],
        strides: s.r ? [s.c, s.b] : 1,
        padding: paddingOf(s),
        dataFormat: formatOf(s),
        activation: activationOf(s),
      }),
      x,
    ),
  depthwiseAnyFormat: (x, s) =>
    apply(
      layers.depthwiseConv2d({
        kernelSize: [s.b, s.c],
        strides: s.a === 2 ? [s.c, s.b] : 1,
        depthMultiplier: s.c,
        padding: paddingOf(s),
        dataFormat: formatOf(s),
        activation: activationOf(s),
      }),
      x,
    ),
  separableAnyFormat: (x, s) =>
    apply(
      layers.separableConv2d({
        filters: s.a,
        kernelSize: [s.b, s.c],
        strides: s.r ? 2 : 1,
        depthMultiplier: s.b,
        padding: paddingOf(s),
        dataFormat: formatOf(s),
        useBias: !s.p,
        activation: activationOf(s),
      }),
      x,
    ),
  conv2dTransposeAnyFormat: (x, s) =>
    apply(
      layers.conv2dTranspose({
        filters: s.a,
        kernelSize: [s.b, s.c],
        strides: s.r ? [s.c, s.b] : 2,
        padding: paddingOf(s),
        dataFormat: formatOf(s),
        activation: activationOf(s),
        useBias: s.r,
      }),
      x,
    ),
  poolingAnyFormat: (x, s) => {
    const layer = s.r ? layers.maxPooling2d : layers.averagePooling2d;
    const options = { poolSize: [s.b, s.c], strides: [s.c, s.b] } satisfies Record<string, [number, number]>;
    return apply(layer({ ...options, padding: paddingOf(s), dataFormat: formatOf(s) }), x);
  },
  globalPoolingAnyFormat: (x, s) =>
    apply((s.r ? layers.globalMaxPooling2d : layers.globalAveragePooling2d)({ dataFormat: formatOf(s) }), x),
  bordersAnyFormat: (x, s) => {
    const sides: [[number, number], [number, number]] = [
      [s.b - 1, s.c],
      [0, 1],
    ];
    const layer = s.q
      ? layers.zeroPadding2d({ padding: sides, dataFormat: formatOf(s) })
      : layers.cropping2D({ cropping: sides, dataFormat: formatOf(s) });
    return apply(layer, x);
  },
  upSampling2dAnyFormat: (x, s) =>
    apply(
      layers.upSampling2d({
        size: [s.b, s.c],
        interpolation: s.q ? "bilinear" : "nearest",
        dataFormat: formatOf(s),
      }),
      x,
    ),
  centerCrop: (x, s) => {
    const [, height, width] = x.shape;
    if (height == null || width == null || height <= s.b || width <= s.c + 1) return null;
    return apply(layers.centerCrop({ height: height - s.b, width: width - s.c }), apply(identity(x), x));
  },
  wrappedRecurrent: (x, s) => wrapped(recurrent(s), x),
  wrappedBidirectional: (x, s) => wrapped(layers.bidirectional({ layer: recurrent(s), mergeMode: "concat" }), x),
  wrappedPooling: (x, s) => wrapped(layers.maxPooling1d({ poolSize: s.b, strides: s.c, padding: paddingOf(s) }), x),
};

/** Makes a shape of its own, which CenterCrop then writes into. */
function identity(x: Tensor): tf.layers.Layer {
  return layers.permute({ dims: x.shape.slice(1).map((_, axis) => axis + 1) });
}

export const onVolumes: Readonly<Record<string, Maker>> = {
  convLstm2d: (x, s) =>
    outputOf(
      layers.convLstm2d({
        filters: s.a,
        kernelSize: [s.b, s.c],
        strides: s.c === 3 ? 2 : 1,
        padding: paddingOf(s),
        dataFormat: formatOf(s),
        returnSequences: s.r,
        goBackwards: s.activation % 3 === 0,
        returnState: s.activation % 5 === 0,
        recurrentActivation: "sigmoid",
        activation: bounded(s),
      }),
      x,
      s.b,
    ),
  bidirectionalConvLstm2d: (x, s) => {
    const options = { filters: s.a, kernelSize: s.b, dataFormat: formatOf(s), returnSequences: s.r } as const;
    return apply(layers.bidirectional({ layer: layers.convLstm2d(options), mergeMode: s.q ? "concat" : "ave" }), x);
  },
  conv3d: (x, s) =>
    apply(
      layers.conv3d({
        filters: s.a,
        kernelSize: [s.b, s.c, 2],
        strides: s.r ? [1, s.c, 1] : 1,
        padding: paddingOf(s),
        dataFormat: formatOf(s),
        activation: activationOf(s),
      }),
      x,
    ),
  conv3dTranspose: (x, s) =>
    apply(
      layers.conv3dTranspose({
        filters: s.a,
        kernelSize: [s.b, s.c, 2],
        strides: [1, s.c, 2],
        padding: paddingOf(s),
        dataFormat: formatOf(s),
        useBias: s.r,
      }),
      x,
    ),
  pooling3d: (x, s) => {
    const layer = s.r ? layers.maxPooling3d : layers.averagePooling3d;
    const options = { poolSize: [s.b, 2, s.c], strides: [1, 2, s.c] } satisfies Record<
      string,
      [number, number, number]
    >;
    return apply(layer({ ...options, padding: paddingOf(s), dataFormat: formatOf(s) }), x);
  },
  wrappedConv2d: (x, s) =>
    wrapped(layers.conv2d({ filters: s.a, kernelSize: s.b, padding: paddingOf(s), dataFormat: formatOf(s) }), x),
  wrappedPooling2d: (x, s) => wrapped(layers.maxPooling2d({ poolSize: [s.b, s.c], padding: paddingOf(s) }), x),
  wrappedGlobalPooling2d: (x) => wrapped(layers.globalAveragePooling2d({}), x),
  wrappedUpSampling2d: (x, s) =>
    wrapped(layers.upSampling2d({ size: [s.b, s.c], interpolation: s.p ? "bilinear" : "nearest" }), x),
  wrappedResizing: (x, s) =>
    wrapped(
      layers.resizing({
        height: s.a + s.b,
        width: 2 * s.c + 1,
        interpolation: s.p ? "bilinear" : "nearest",
        cropToAspectRatio: s.q,
      }),
      x,
    ),
};
