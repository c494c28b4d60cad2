import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { ExportError } from "../../../src/errors.ts";
import { expectParity, randomizeWeights } from "../../helpers/layer-parity.ts";

const { layers } = tf;
const BATCH = 2;

function sequence(): tf.SymbolicTensor {
  return tf.input({ batchShape: [BATCH, 4, 3] });
}

function applied(layer: tf.layers.Layer, input: tf.SymbolicTensor): tf.SymbolicTensor[] {
  const outputs = layer.apply(input);
  return (Array.isArray(outputs) ? outputs : [outputs]).flatMap((each) =>
    each instanceof tf.SymbolicTensor ? [each] : [],
  );
}

/** A run from zero states, as a model that has been loaded has them. */
async function expectRun(inputs: tf.SymbolicTensor[], outputs: tf.SymbolicTensor[]): Promise<void> {
  const model = tf.model({ inputs, outputs });
  randomizeWeights(model);
  model.resetStates();
  await expectParity(
    model,
    inputs.map((_, index) => tf.randomUniform([BATCH, 4, 3], -1, 1, "float32", index + 1)),
  );
}

const MAKERS = { SimpleRNN: layers.simpleRNN, GRU: layers.gru, LSTM: layers.lstm } as const;

for (const [name, make] of Object.entries(MAKERS)) {
  describe(`stateful ${name}`, () => {
    for (const activation of ["tanh", "mish"] as const) {
      test(`called once, ${activation}`, async () => {
        const input = sequence();
        await expectRun([input], applied(make({ units: 3, stateful: true, returnSequences: true, activation }), input));
      });

      test(`called twice, goes on from the first call, ${activation}`, async () => {
        const inputs = [sequence(), sequence()];
        const layer = make({ units: 3, stateful: true, activation });
        await expectRun(
          inputs,
          inputs.flatMap((input) => applied(layer, input)),
        );
      });
    }

    test("with its states as outputs, for each of which TF.js runs it again", async () => {
      const input = sequence();
      await expectRun([input], applied(make({ units: 3, stateful: true, returnState: true }), input));
    });

    test("within Bidirectional", async () => {
      const inputs = [sequence(), sequence()];
      const layer = layers.bidirectional({ layer: make({ units: 3, stateful: true }), mergeMode: "concat" });
      await expectRun(
        inputs,
        inputs.flatMap((input) => applied(layer, input)),
      );
    });
  });
}

test("a layer that does not say whether it is stateful starts each call from zeros", async () => {
  const inputs = [sequence(), sequence()];
  const layer = layers.gru({ units: 3 });
  const model = tf.model({ inputs, outputs: inputs.flatMap((input) => applied(layer, input)) });
  randomizeWeights(model);
  const feeds = [1, 2].map((seed) => tf.randomUniform([BATCH, 4, 3], -1, 1, "float32", seed));
  await expectParity(model, feeds, {
    runtimes: ["node"],
    edit: (raw) => {
      const text = JSON.stringify(raw.manifest);
      expect(text).toContain('"stateful":false,');
      const manifest: unknown = JSON.parse(text.replaceAll('"stateful":false,', ""));
      return { ...raw, manifest };
    },
  });
});

test("within TimeDistributed a stateful layer is refused", async () => {
  const input = tf.input({ batchShape: [BATCH, 2, 4, 3] });
  const model = tf.model({
    inputs: input,
    outputs: applied(layers.timeDistributed({ layer: layers.lstm({ units: 3, stateful: true }) }), input),
  });
  await expect(expectParity(model, tf.zeros([BATCH, 2, 4, 3]))).rejects.toThrow(ExportError);
});
