// CTC on native TensorFlow: its own kernel beside the portable tensor operations, loss and gradient of one batch.
//
//   npm run build && node bench/ctc.mjs [--rounds 20]
import { parseArgs } from "node:util";

import { ctcLoss, ctcTargets, loadTensorFlow } from "../dist/train/index.js";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "20" } } });
const rounds = Number(values.rounds);
const tf = await loadTensorFlow({ install: "never" });

/** Lines, steps, classes with the blank, characters of a label. */
const SIZES = [
  [32, 48, 20, 5],
  [32, 64, 96, 20],
  [14, 140, 96, 50],
];

for (const [count = 0, steps = 0, classes = 0, length = 0] of SIZES) {
  const labels = Array.from({ length: count }, (_, line) =>
    Array.from({ length }, (__, place) => (line * 7 + place * 3) % (classes - 1)),
  );
  const lengths = labels.map(() => steps);
  const targets = ctcTargets(tf, labels, lengths, { classes: classes - 1 });
  const logits = tf.randomNormal([count, steps, classes], 0, 1, "float32", 1);
  /** @param {"native" | "portable"} method */
  const once = (method) => {
    const started = performance.now();
    tf.tidy(() => {
      const loss = tf.valueAndGrad((given) => ctcLoss(tf, given, targets.labels, targets.steps, method).sum());
      const { value, grad } = loss(logits);
      value.dataSync();
      grad.dataSync();
    });
    return performance.now() - started;
  };
  once("native");
  once("portable");
  /** @type {number[]} */
  const native = [];
  /** @type {number[]} */
  const portable = [];
  for (let round = 0; round < rounds; round++) {
    native.push(once("native"));
    portable.push(once("portable"));
  }
  const [fast, slow] = [Math.min(...native), Math.min(...portable)];
  console.log(
    `${count} lines of ${steps} steps, ${classes} classes, labels of ${length}: native ${fast.toFixed(2)} ms, ` +
      `portable ${slow.toFixed(2)} ms (${(slow / fast).toFixed(1)} x)`,
  );
  tf.dispose([targets.labels, targets.steps, logits]);
}
