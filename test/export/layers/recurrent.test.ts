import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { expectParity, randomizeWeights } from "../../helpers/layer-parity.ts";

import { expectLayer, expectLayers } from "./single-layer.ts";

const MAKERS = {
  SimpleRNN: tf.layers.simpleRNN,
  GRU: tf.layers.gru,
  LSTM: tf.layers.lstm,
} as const;

/** Operators that ONNX Runtime's WebGPU does not have. */
const LEFT_BY_WEBGPU: ReadonlySet<string> = new Set(["RNN", "Scan", "ConstantOfShape"]);

for (const [name, make] of Object.entries(MAKERS)) {
  const gated = name !== "SimpleRNN";
  describe(name, () => {
    for (const returnSequences of [false, true]) {
      for (const goBackwards of [false, true]) {
        test(`returnSequences ${returnSequences}, goBackwards ${goBackwards}`, async () => {
          const { ops } = await expectLayer(make({ units: 4, returnSequences, goBackwards }), [6, 3]);
          expect(ops).toContain(name === "SimpleRNN" ? "RNN" : name);
        });
      }
    }

    test("without a bias, and with sigmoid gates", async () => {
      const gates = gated ? { recurrentActivation: "sigmoid" as const } : {};
      await expectLayer(make({ units: 5, useBias: false, returnSequences: true, ...gates }), [4, 2]);
    });

    for (const activation of ["relu", "elu", "softsign", "linear", "selu", "swish", "hardSigmoid"] as const) {
      test(`activation ${activation}`, async () => {
        const { ops } = await expectLayer(make({ units: 3, activation, returnSequences: true }), [3, 2], {
          atol: 1e-4,
        });
        const native = !["selu", "swish"].includes(activation);
        expect(ops.includes("Scan")).toBe(!native);
      });
    }

    test("a free number of steps", async () => {
      await expectLayer(make({ units: 3, returnSequences: true }), [null, 2]);
    });

    test("states as outputs", async () => {
      const input = tf.input({ shape: [5, 3] });
      const outputs = make({ units: 4, returnState: true, returnSequences: true }).apply(input);
      if (!Array.isArray(outputs)) throw new TypeError("no states");
      const symbolic = outputs.filter((each) => each instanceof tf.SymbolicTensor);
      const model = tf.model({ inputs: input, outputs: symbolic });
      randomizeWeights(model);
      await expectParity(model, tf.randomUniform([2, 5, 3], -1, 1, "float32", 3));
    });

    for (const activation of ["tanh", "mish"] as const) {
      test(`initial states as inputs, ${activation}, and final ones as outputs`, async () => {
        for (const wrap of [false, true]) {
          const input = tf.input({ shape: [null, 3] });
          const count = (name === "LSTM" ? 2 : 1) * (wrap ? 2 : 1);
          const initialState = Array.from({ length: count }, () => tf.input({ shape: [4] }));
          const inner = make({ units: 4, activation, returnState: true, returnSequences: true, goBackwards: wrap });
          const layer = wrap ? tf.layers.bidirectional({ layer: inner, mergeMode: "concat" }) : inner;
          const outputs = layer.apply(input, { initialState });
          if (!Array.isArray(outputs)) throw new TypeError("no states");
          const symbolic = outputs.filter((each) => each instanceof tf.SymbolicTensor);
          const model = tf.model({ inputs: [input, ...initialState], outputs: symbolic });
          randomizeWeights(model);
          const states = initialState.map((_, index) => tf.randomUniform([2, 4], -1, 1, "float32", 9 + index));
          await expectParity(model, [tf.randomUniform([2, 5, 3], -1, 1, "float32", 3), ...states]);
        }
      });
    }

    test("two layers, one after the other, need no Transpose between them", async () => {
      const { ops } = await expectLayers([make({ units: 4, returnSequences: true }), make({ units: 3 })], [6, 2]);
      expect(ops.filter((op) => op === "Transpose").length).toBeLessThanOrEqual(1);
    });

    for (const mergeMode of ["concat", "sum", "mul", "ave"] as const) {
      for (const returnSequences of [false, true]) {
        test(`Bidirectional, ${mergeMode}, returnSequences ${returnSequences}`, async () => {
          const layer = make({ units: 3, returnSequences });
          await expectLayer(tf.layers.bidirectional({ layer, mergeMode }), [5, 4]);
        });
      }
    }

    test("Bidirectional around a layer that goes backwards", async () => {
      const layer = make({ units: 3, returnSequences: true, goBackwards: true });
      await expectLayer(tf.layers.bidirectional({ layer, mergeMode: "concat" }), [5, 4]);
    });

    test("after Masking", async () => {
      const model = tf.sequential({
        layers: [tf.layers.masking({ maskValue: 0, inputShape: [5, 2] }), make({ units: 3, returnSequences: true })],
      });
      randomizeWeights(model);
      const mask = tf.tensor3d([1, 1, 1, 0, 0, 0, 1, 0, 1, 1], [2, 5, 1]);
      await expectParity(model, tf.mul(tf.randomUniform([2, 5, 2], 1, 2, "float32", 5), mask));
    });

    test("the portable form", async () => {
      const { ops } = await expectLayer(make({ units: 3, returnSequences: true }), [4, 2], {
        exportOptions: { recurrentForm: "portable" },
      });
      expect(ops.filter((op) => LEFT_BY_WEBGPU.has(op))).toEqual([]);
    });
  });
}

describe("gates with activations that ONNX's recurrent operators lack", () => {
  for (const [name, make] of [
    ["GRU", tf.layers.gru],
    ["LSTM", tf.layers.lstm],
  ] as const) {
    for (const recurrentActivation of ["relu", "softmax", "mish", "linear"] as const) {
      test(`${name}, ${recurrentActivation}`, async () => {
        await expectLayer(make({ units: 3, recurrentActivation, returnSequences: true }), [3, 2], { atol: 1e-4 });
      });
    }
  }
});

test("an RNN over a stack of cells", async () => {
  const cell = [
    tf.layers.lstmCell({ units: 3 }),
    tf.layers.gruCell({ units: 4 }),
    tf.layers.simpleRNNCell({ units: 2 }),
  ];
  await expectLayer(tf.layers.rnn({ cell, returnSequences: true }), [5, 3]);
});

describe("TimeDistributed", () => {
  test("Dense", async () => {
    await expectLayer(tf.layers.timeDistributed({ layer: tf.layers.dense({ units: 4, activation: "relu" }) }), [5, 3]);
  });

  test("Dense over a free number of steps", async () => {
    await expectLayer(tf.layers.timeDistributed({ layer: tf.layers.dense({ units: 4 }) }), [null, 3]);
  });

  test("Conv2D, then Flatten, then an LSTM", async () => {
    const conv = tf.layers.conv2d({ filters: 2, kernelSize: 3 });
    await expectLayers(
      [
        tf.layers.timeDistributed({ layer: conv }),
        tf.layers.timeDistributed({ layer: tf.layers.flatten() }),
        tf.layers.lstm({ units: 3 }),
      ],
      [3, 5, 6, 2],
    );
  });
});
