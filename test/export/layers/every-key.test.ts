import * as tf from "@tensorflow/tfjs";
import { test } from "vitest";

import { expectParity, randomizeWeights } from "../../helpers/layer-parity.ts";

/** Keys whose values are too many for a model each: a model for each class, with an output for each value. */

const { layers } = tf;

const ACTIVATIONS = [
  "elu",
  "selu",
  "relu",
  "relu6",
  "linear",
  "sigmoid",
  "hardSigmoid",
  "softplus",
  "softsign",
  "tanh",
  "softmax",
  "logSoftmax",
  "gelu",
  "gelu_new",
  "mish",
  "swish",
] as const;

type Shape = readonly number[];

async function expectAll(made: readonly tf.layers.Layer[], shape: Shape): Promise<void> {
  const input = tf.input({ shape: [...shape] });
  const outputs = made.flatMap((layer) => {
    const output = layer.apply(input);
    return (Array.isArray(output) ? output : [output]).filter((each) => each instanceof tf.SymbolicTensor);
  });
  const model = tf.model({ inputs: input, outputs });
  randomizeWeights(model);
  const feed = tf.randomUniform([2, ...shape], -1, 1, "float32", 3);
  await expectParity(model, feed, { atol: 1e-4, rtol: 1e-4, single: false });
  model.dispose();
}

/** TF.js's types miss some activations. */
function tanhFor(activation: (typeof ACTIVATIONS)[number]): "tanh" {
  // @ts-expect-error: TF.js has them all
  return activation;
}

const HOLDING = {
  Dense: [(activation) => layers.dense({ units: 3, activation }), [4]],
  Conv1D: [(activation) => layers.conv1d({ filters: 3, kernelSize: 2, activation }), [4, 2]],
  Conv2D: [(activation) => layers.conv2d({ filters: 3, kernelSize: 2, activation }), [4, 3, 2]],
  Conv3D: [(activation) => layers.conv3d({ filters: 3, kernelSize: 2, activation, useBias: false }), [3, 4, 3, 2]],
  Conv2DTranspose: [(activation) => layers.conv2dTranspose({ filters: 3, kernelSize: 2, activation }), [3, 2, 2]],
  Conv3DTranspose: [
    (activation) => layers.conv3dTranspose({ filters: 2, kernelSize: 2, activation, useBias: false }),
    [2, 3, 2, 2],
  ],
  DepthwiseConv2D: [(activation) => layers.depthwiseConv2d({ kernelSize: 2, activation }), [4, 3, 2]],
  SeparableConv2D: [(activation) => layers.separableConv2d({ filters: 3, kernelSize: 2, activation }), [4, 3, 2]],
  SimpleRNN: [(activation) => layers.simpleRNN({ units: 3, activation, returnSequences: true }), [3, 2]],
  GRU: [(activation) => layers.gru({ units: 3, activation, returnSequences: true }), [3, 2]],
  LSTM: [(activation) => layers.lstm({ units: 3, activation, returnSequences: true }), [3, 2]],
  ConvLSTM2D: [(activation) => layers.convLstm2d({ filters: 2, kernelSize: 2, activation }), [2, 3, 4, 2]],
  "GRU's gates": [(activation) => layers.gru({ units: 3, recurrentActivation: activation }), [3, 2]],
  "LSTM's gates": [(activation) => layers.lstm({ units: 3, recurrentActivation: activation }), [3, 2]],
  "ConvLSTM2D's gates": [
    (activation) => layers.convLstm2d({ filters: 2, kernelSize: 2, recurrentActivation: activation }),
    [2, 3, 4, 2],
  ],
} satisfies Record<string, [(activation: "tanh") => tf.layers.Layer, Shape]>;

test.each(Object.entries(HOLDING))("every activation within %s", async (_, [make, shape]) => {
  await expectAll(
    ACTIVATIONS.map((each) => make(tanhFor(each))),
    shape,
  );
});

test("keys of recurrent layers that say how they are trained or computed", async () => {
  const keys = [
    { dropout: 0.5 },
    { recurrentDropout: 0.5 },
    { unroll: true },
    { implementation: 1 },
    { implementation: 2 },
  ];
  const made = keys.flatMap((each) => [
    layers.simpleRNN({ units: 3, ...each }),
    layers.gru({ units: 3, ...each }),
    layers.lstm({ units: 3, ...each, unitForgetBias: false }),
  ]);
  await expectAll(made, [4, 2]);
  const images = [{ dropout: 0.5 }, { recurrentDropout: 0.5 }, { implementation: 2 }, { unitForgetBias: false }];
  await expectAll(
    images.map((each) => layers.convLstm2d({ filters: 2, kernelSize: 2, ...each })),
    [2, 3, 4, 2],
  );
});

test("keys of RNN and its cells", async () => {
  const made = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((bits) => {
    const flags = { returnSequences: (bits & 1) > 0, goBackwards: (bits & 2) > 0, returnState: (bits & 4) > 0 };
    const cells = [
      layers.simpleRNNCell({ units: 3, activation: "relu", useBias: flags.goBackwards }),
      layers.gruCell({ units: 3, activation: "elu", recurrentActivation: "sigmoid", useBias: flags.returnState }),
      layers.lstmCell({
        units: 3,
        activation: "softsign",
        recurrentActivation: "relu6",
        useBias: flags.returnSequences,
      }),
    ];
    return [...cells, cells.length].map((cell) =>
      layers.rnn({ cell: typeof cell === "number" ? stack() : cell, ...flags }),
    );
  });
  await expectAll(made, [4, 2]);
});

function stack(): ReturnType<typeof layers.stackedRNNCells> {
  return layers.stackedRNNCells({
    cells: [layers.gruCell({ units: 3, useBias: false }), layers.lstmCell({ units: 2, unitForgetBias: false })],
  });
}

test("other values of keys that tests of their own give one", async () => {
  await expectAll(
    [
      layers.cropping2D({ cropping: 1 }),
      layers.cropping2D({ cropping: [0, 1] }),
      layers.zeroPadding2d({ padding: 2 }),
      layers.rescaling({ scale: 3 }),
      layers.rescaling({ scale: 0, offset: 2 }),
      layers.layerNormalization({ center: false, epsilon: 0.1 }),
      layers.layerNormalization({ scale: false, epsilon: 0.2 }),
      layers.batchNormalization({ momentum: 0.5, epsilon: 0.1 }),
      layers.gaussianNoise({ stddev: 0.1 }),
      layers.gaussianDropout({ rate: 0.1 }),
      layers.alphaDropout({ rate: 0.1 }),
    ],
    [4, 5, 3],
  );
  const volumes = [2, 3].flatMap((poolSize) => [
    layers.maxPooling3d({ poolSize, strides: 1 }),
    layers.averagePooling3d({ poolSize, padding: "same" }),
  ]);
  await expectAll(volumes, [4, 4, 3, 2]);
});
