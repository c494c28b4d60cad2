import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { exportRaw } from "../../src/export/export-model.ts";
import { expectParity, predict, randomizeWeights, rawModelOf, type ParityResult } from "../helpers/layer-parity.ts";

const TOKENS = 7;
const STEPS = 5;

/** Ids with gaps, a row of zeros only, and a row without any. */
const IDS = tf.tensor2d([1, 0, 3, 0, 6, 0, 0, 0, 0, 0, 2, 5, 1, 4, 3, 0, 4, 4, 0, 0], [4, STEPS], "int32");

type Symbolic = tf.SymbolicTensor;

function one(layer: tf.layers.Layer, input: Symbolic | Symbolic[]): Symbolic {
  const output = layer.apply(input);
  if (output instanceof tf.SymbolicTensor) return output;
  throw new TypeError("one output was expected");
}

function several(layer: tf.layers.Layer, input: Symbolic | Symbolic[]): Symbolic[] {
  const output = layer.apply(input);
  if (!Array.isArray(output)) throw new TypeError("several outputs were expected");
  return output.filter((each) => each instanceof tf.SymbolicTensor);
}

function embed(input: Symbolic, outputDim = 3): Symbolic {
  return one(tf.layers.embedding({ inputDim: TOKENS, outputDim, maskZero: true }), input);
}

/** The model with random weights gives TF.js's numbers. */
async function expectMasked(
  inputs: Symbolic | Symbolic[],
  outputs: Symbolic | Symbolic[],
  feeds: tf.Tensor | tf.Tensor[] = IDS,
): Promise<ParityResult> {
  const model = tf.model({ inputs, outputs });
  randomizeWeights(model);
  return expectParity(model, feeds);
}

function ids(length: number | null = STEPS): Symbolic {
  return tf.input({ shape: [length], dtype: "int32" });
}

describe("a mask from an embedding", () => {
  for (const [name, make] of [
    ["SimpleRNN", tf.layers.simpleRNN],
    ["GRU", tf.layers.gru],
    ["LSTM", tf.layers.lstm],
  ] as const) {
    for (const goBackwards of [false, true]) {
      for (const returnSequences of [false, true]) {
        test(`${name}, goBackwards ${goBackwards}, returnSequences ${returnSequences}`, async () => {
          const x = ids(null);
          const { ops } = await expectMasked(x, one(make({ units: 4, goBackwards, returnSequences }), embed(x)));
          expect(ops).toContain(name === "SimpleRNN" ? "RNN" : name);
        });
      }
    }

    test(`${name}, with its states as outputs`, async () => {
      const x = ids();
      await expectMasked(x, several(make({ units: 4, returnSequences: true, returnState: true }), embed(x)));
    });

    test(`${name}, from given states`, async () => {
      const x = ids();
      const initial = Array.from({ length: name === "LSTM" ? 2 : 1 }, () => tf.input({ shape: [4] }));
      const output = one(make({ units: 4, returnSequences: true }), [embed(x), ...initial]);
      const feeds = initial.map((_, index) => tf.randomUniform([4, 4], -1, 1, "float32", index + 1));
      await expectMasked([x, ...initial], output, [IDS, ...feeds]);
    });

    for (const mergeMode of ["concat", "sum", "mul", "ave"] as const) {
      test(`Bidirectional ${name}, ${mergeMode}`, async () => {
        const x = ids();
        const layer = make({ units: 3, returnSequences: mergeMode !== "sum" });
        await expectMasked(x, one(tf.layers.bidirectional({ layer, mergeMode }), embed(x)));
      });
    }
  }

  test("goes through layers that pass it on, and through every recurrent layer that gives its steps", async () => {
    const x = ids();
    let y = embed(x, 4);
    y = one(tf.layers.dropout({ rate: 0.5 }), y);
    y = one(tf.layers.dense({ units: 4, activation: "tanh" }), y);
    y = one(tf.layers.batchNormalization(), y);
    y = one(tf.layers.timeDistributed({ layer: tf.layers.dense({ units: 3 }) }), y);
    y = one(tf.layers.lstm({ units: 3, returnSequences: true }), y);
    y = one(
      tf.layers.bidirectional({ layer: tf.layers.gru({ units: 2, returnSequences: true }), mergeMode: "sum" }),
      y,
    );
    await expectMasked(x, one(tf.layers.simpleRNN({ units: 3 }), y));
  });

  test("holds the states of a stack of cells", async () => {
    const x = ids();
    const cell = [
      tf.layers.lstmCell({ units: 3 }),
      tf.layers.gruCell({ units: 2 }),
      tf.layers.simpleRNNCell({ units: 4 }),
    ];
    await expectMasked(x, one(tf.layers.rnn({ cell, returnSequences: true }), embed(x)));
  });

  test("changes nothing in a pooling", async () => {
    const x = ids();
    await expectMasked(x, one(tf.layers.globalAveragePooling1d({}), embed(x)));
  });
});

test("an embedding masks zeros, not what is only cut down to zero", async () => {
  const x = tf.input({ shape: [STEPS] });
  const halves = tf.tensor2d([0.5, 0, 1, -0.25, 2, 0, 3, 0.75, 0, 1], [2, STEPS]);
  await expectMasked(x, one(tf.layers.gru({ units: 3, returnSequences: true }), embed(x)), halves);
});

describe("Masking", () => {
  const steps = tf.tensor3d([1, 2, -1, -1, 3, -1, -1, -1, -1, -1, -1, -1, 1, -1, -1, 1], [2, 4, 2]);

  for (const maskValue of [0, -1]) {
    test(`value ${maskValue}`, async () => {
      const x = tf.input({ shape: [4, 2] });
      const masked = one(tf.layers.masking({ maskValue }), x);
      await expectMasked(
        x,
        [one(tf.layers.lstm({ units: 3 }), masked), masked],
        maskValue === -1 ? steps : steps.add(1),
      );
    });
  }

  test("twice: only the second counts", async () => {
    const x = tf.input({ shape: [4, 2] });
    const masked = one(tf.layers.masking({ maskValue: 1 }), one(tf.layers.masking({ maskValue: -1 }), x));
    await expectMasked(x, one(tf.layers.gru({ units: 3 }), masked), steps);
  });
});

describe("ConvLSTM2D", () => {
  const images = tf.randomUniform([2, 3, 4, 5, 2], -1, 1, "float32", 5);
  const gaps = tf.randomUniform([2, 3, 4, 5, 1], 0, 1, "float32", 6).greater(0.5).cast("float32");

  test("holds the state of every pixel that is masked", async () => {
    const x = tf.input({ shape: [3, 4, 5, 2] });
    const masked = one(tf.layers.masking({ maskValue: 0 }), x);
    const options = { filters: 2, kernelSize: 3, padding: "same", returnSequences: true } as const;
    await expectMasked(x, one(tf.layers.convLstm2d(options), masked), images.mul(gaps));
  });

  test("is refused where the mask is not of its state's size", async () => {
    const x = tf.input({ shape: [3, 4, 5, 2] });
    const masked = one(tf.layers.masking({ maskValue: 0 }), x);
    const y = one(tf.layers.convLstm2d({ filters: 2, kernelSize: 3, padding: "valid" }), masked);
    const model = tf.model({ inputs: x, outputs: y });
    expect(() => predict(model, [images])).toThrow("could not be broadcast");
    const raw = await rawModelOf(model);
    expect(() => exportRaw(raw)).toThrow("cannot apply a mask of images [4, 5, 1] to states [2, 3, 2]");
  });
});

describe("a mask lingers, as in TF.js", () => {
  test("beyond a layer that drops it", async () => {
    const x = ids();
    const y = one(tf.layers.conv1d({ filters: 3, kernelSize: 3, padding: "same" }), embed(x));
    await expectMasked(x, one(tf.layers.lstm({ units: 4 }), y));
  });

  test("over fewer steps, cut at the end that comes last", async () => {
    for (const goBackwards of [false, true]) {
      const x = ids(null);
      const y = one(tf.layers.maxPooling1d({ poolSize: 2, strides: 1 }), embed(x));
      await expectMasked(x, one(tf.layers.lstm({ units: 4, goBackwards, returnSequences: true }), y));
    }
    const x = ids();
    const y = one(tf.layers.conv1d({ filters: 3, kernelSize: 3 }), embed(x));
    await expectMasked(x, one(tf.layers.bidirectional({ layer: tf.layers.gru({ units: 2 }), mergeMode: "concat" }), y));
  });

  test("in a decoder that repeats the encoder's answer", async () => {
    const x = ids();
    const code = one(tf.layers.lstm({ units: 4 }), embed(x));
    const y = one(tf.layers.lstm({ units: 3, returnSequences: true }), one(tf.layers.repeatVector({ n: STEPS }), code));
    await expectMasked(x, one(tf.layers.timeDistributed({ layer: tf.layers.dense({ units: 2 }) }), y));
  });

  test("in another branch, if that is computed later", async () => {
    const a = ids();
    const b = tf.input({ shape: [STEPS, 2] });
    const masked = one(tf.layers.lstm({ units: 3 }), embed(a));
    const plain = one(tf.layers.lstm({ units: 3 }), b);
    const feed = tf.randomUniform([4, STEPS, 2], -1, 1, "float32", 5);
    await expectMasked([a, b], one(tf.layers.add(), [masked, plain]), [IDS, feed]);
    await expectMasked([a, b], one(tf.layers.add(), [plain, masked]), [IDS, feed]);
    await expectMasked([a, b], [plain, masked], [IDS, feed]);
    await expectMasked([a, b], [masked, plain], [IDS, feed]);
  });

  test("when a layer with several outputs is computed once more", async () => {
    const a = tf.input({ shape: [STEPS, 2] });
    const b = ids();
    const [first, state] = several(tf.layers.gru({ units: 3, returnState: true, returnSequences: true }), a);
    const masked = one(tf.layers.gru({ units: 3 }), embed(b));
    if (first === undefined || state === undefined) throw new TypeError("no states");
    const feed = tf.randomUniform([4, STEPS, 2], -1, 1, "float32", 5);
    await expectMasked([a, b], [first, masked, state], [feed, IDS]);
  });

  test("is replaced by no mask where the first of several inputs has none", async () => {
    const a = ids();
    const b = tf.input({ shape: [STEPS, 3] });
    const joined = one(tf.layers.concatenate({ axis: -1 }), [
      b,
      one(tf.layers.reshape({ targetShape: [STEPS, 3] }), embed(a)),
    ]);
    const feed = tf.randomUniform([4, STEPS, 3], -1, 1, "float32", 5);
    await expectMasked([a, b], one(tf.layers.lstm({ units: 3 }), joined), [IDS, feed]);
    const summed = one(tf.layers.add(), [b, embed(a)]);
    const flat = one(tf.layers.reshape({ targetShape: [STEPS, 3] }), summed);
    await expectMasked([a, b], one(tf.layers.lstm({ units: 3 }), flat), [IDS, feed]);
  });

  test("within a nested model", async () => {
    const inner = tf.sequential({
      layers: [
        tf.layers.conv1d({ filters: 3, kernelSize: 1, inputShape: [STEPS, 3] }),
        tf.layers.lstm({ units: 3, returnSequences: true }),
        tf.layers.masking({ maskValue: 0 }),
        tf.layers.gru({ units: 2, returnSequences: true }),
      ],
    });
    const x = ids();
    await expectMasked(x, one(tf.layers.dense({ units: 2 }), one(inner, embed(x))));
    const plain = tf.input({ shape: [STEPS, 3] });
    const feed = tf.randomUniform([4, STEPS, 3], -1, 1, "float32", 5);
    await expectMasked(plain, one(tf.layers.gru({ units: 2 }), one(inner, plain)), feed);
  });

  test("and TF.js fails on one that a nested model leaves behind", async () => {
    const inner = tf.sequential({
      layers: [tf.layers.masking({ maskValue: 0, inputShape: [STEPS, 3] }), tf.layers.dense({ units: 3 })],
    });
    const x = ids();
    const model = tf.model({ inputs: x, outputs: one(tf.layers.gru({ units: 2 }), one(inner, embed(x))) });
    expect(() => predict(model, [IDS])).toThrow("reading 'backend'");
    expect(exportRaw(await rawModelOf(model)).nodes).toBeGreaterThan(0);
  });

  test("in layers called several times", async () => {
    const a = ids();
    const b = tf.input({ shape: [STEPS, 3] });
    const shared = tf.layers.lstm({ units: 3, returnSequences: true });
    const outputs = [one(shared, b), one(shared, one(shared, embed(a)))];
    const feed = tf.randomUniform([4, STEPS, 3], -1, 1, "float32", 5);
    await expectMasked([a, b], outputs, [IDS, feed]);
    await expectMasked([a, b], outputs.toReversed(), [IDS, feed]);
  });

  test("over a time axis that is a multiple of another", async () => {
    const x = ids();
    const y = one(tf.layers.reshape({ targetShape: [3, 5] }), embed(x));
    await expectMasked(x, one(tf.layers.lstm({ units: 2 }), y));
  });
});

describe("merged masks", () => {
  test("Concatenate along the features: both must hold", async () => {
    const [a, b] = [ids(), ids()];
    const joined = one(tf.layers.concatenate(), [embed(a), embed(b)]);
    await expectMasked([a, b], one(tf.layers.lstm({ units: 3 }), joined), [IDS, IDS.reverse(1)]);
  });

  test("Concatenate with an input that has none", async () => {
    const a = ids();
    const b = tf.input({ shape: [STEPS, 2] });
    const feed = tf.randomUniform([4, STEPS, 2], -1, 1, "float32", 5);
    for (const inputs of [
      [embed(a), b],
      [b, embed(a)],
    ]) {
      await expectMasked([a, b], one(tf.layers.lstm({ units: 3 }), one(tf.layers.concatenate(), inputs)), [IDS, feed]);
    }
  });

  test("Concatenate along the steps", async () => {
    const [a, b] = [ids(), ids()];
    const joined = one(tf.layers.concatenate({ axis: 1 }), [embed(a), embed(b)]);
    await expectMasked([a, b], one(tf.layers.lstm({ units: 3 }), joined), [IDS, IDS.reverse(1)]);
  });

  test("Dot drops them", async () => {
    const [a, b] = [ids(), ids()];
    const product = one(tf.layers.dot({ axes: [2, 2] }), [embed(a), embed(b)]);
    await expectMasked([a, b], product, [IDS, IDS.reverse(1)]);
  });

  test("Add: one that TF.js can apply by chance, to as many samples as steps, is applied as it does", async () => {
    const [a, b] = [ids(4), ids(4)];
    const x = one(tf.layers.add(), [embed(a), embed(b)]);
    const model = tf.model({ inputs: [a, b], outputs: one(tf.layers.gru({ units: 4 }), x) });
    randomizeWeights(model);
    const four = IDS.slice([0, 0], [4, 4]);
    await expectParity(model, [four, four.reverse(1)], { single: false });
  });

  test("Add: one that TF.js fails on is refused", async () => {
    const [a, b] = [ids(), ids()];
    const x = one(tf.layers.add(), [embed(a), embed(b)]);
    const model = tf.model({ inputs: [a, b], outputs: one(tf.layers.gru({ units: 4 }), x) });
    expect(() => predict(model, [IDS, IDS])).toThrow("could not be broadcast");
    const raw = await rawModelOf(model);
    expect(() => exportRaw(raw)).toThrow(/gru.*TF\.js cannot apply a mask of shape \[1, batch, 5\]/u);
  });
});

describe("Softmax", () => {
  test("leaves out what is masked", async () => {
    const x = ids();
    const scores = one(tf.layers.flatten(), one(tf.layers.dense({ units: 1 }), embed(x)));
    await expectMasked(x, one(tf.layers.softmax({ axis: -1 }), scores));
  });

  test("over scores of every step with every other, one sample at a time in TF.js", async () => {
    const x = ids();
    const embedded = embed(x);
    const scores = one(tf.layers.dot({ axes: 2 }), [embedded, embedded]);
    await expectMasked(x, one(tf.layers.softmax({ axis: -1 }), scores), IDS.slice([0, 0], [1, STEPS]));
  });

  test("over one score becomes as wide as the mask, as in TF.js", async () => {
    const x = ids(3);
    const score = one(tf.layers.dense({ units: 1 }), one(tf.layers.gru({ units: 2 }), embed(x)));
    await expectMasked(x, one(tf.layers.softmax({ axis: -1 }), score), IDS.slice([0, 0], [4, 3]));
  });

  test("is not touched by a mask of another size", async () => {
    const x = ids();
    const scores = one(tf.layers.flatten(), one(tf.layers.dense({ units: 1 }), embed(x)));
    const weights = one(tf.layers.repeatVector({ n: 2 }), one(tf.layers.softmax({ axis: -1 }), scores));
    await expectMasked(x, weights);
  });
});

describe("TimeDistributed", () => {
  test("over a free number of steps, when a mask lingers", async () => {
    const x = ids(null);
    const y = one(tf.layers.timeDistributed({ layer: tf.layers.dense({ units: 2 }) }), embed(x));
    await expectMasked(x, [y, one(tf.layers.gru({ units: 2 }), y)]);
  });

  test("hands the mask to the layer within at every step", async () => {
    const x = ids();
    const y = one(tf.layers.reshape({ targetShape: [3, STEPS, 1] }), embed(x));
    await expectMasked(x, one(tf.layers.timeDistributed({ layer: tf.layers.lstm({ units: 2 }) }), y));
  });
});
