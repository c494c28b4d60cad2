import * as tf from "@tensorflow/tfjs";
import { expect, test } from "vitest";

import { initialise, networks } from "../../src/train/networks.ts";

test.each(networks)("only the LSTMs' biases of $name start with ones, in the forget gates", async (network) => {
  await tf.setBackend("cpu");
  const model = network.build(tf);
  initialise(tf, model, 3);
  for (const layer of model.layers) {
    const gated = ["LSTM", "Bidirectional"].includes(layer.getClassName());
    for (const bias of layer.weights.filter(({ originalName }) => originalName.includes("bias"))) {
      const values = Array.from(bias.read().dataSync());
      const quarter = values.length / 4;
      const expected = values.map((_, at) => (gated && at >= quarter && at < 2 * quarter ? 1 : 0));
      expect({ layer: layer.name, values }).toEqual({ layer: layer.name, values: expected });
    }
  }
  model.dispose();
});
