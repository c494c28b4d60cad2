import * as tf from "@tensorflow/tfjs";
import { expect, test } from "vitest";

import { InferenceError } from "../../src/errors.ts";
import { watching } from "../../src/verify/reference/trace.ts";

test("layers are counted from none done while a model runs, and left as they were, also by a run that fails", () => {
  const { dense } = tf.layers;
  const model = tf.sequential({ layers: [dense({ units: 2, inputShape: [3] }), dense({ units: 4 })] });
  const counts: string[] = [];
  const run = (fault: Error | null): void => {
    const watch = (done: number, total: number): unknown => counts.push(`${done} of ${total}`);
    watching(tf, model, { watch, recorder: null }, () => {
      model.predict(tf.ones([1, 3]));
      if (fault !== null) throw fault;
    });
  };
  run(null);
  expect(() => run(new InferenceError("stopped"))).toThrow("stopped");
  expect(counts).toEqual(["0 of 2", "1 of 2", "0 of 2", "1 of 2"]);
  expect(model.layers.filter((layer) => Object.hasOwn(layer, "call"))).toEqual([]);
});
