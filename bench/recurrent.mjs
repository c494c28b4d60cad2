// What the portable form of recurrent layers costs beside ONNX's own nodes: a GRU and an LSTM with TF.js's default gates
// (hardSigmoid), 28 steps of 32 features, 64 units, in turn in one process. `node bench/recurrent.mjs [rounds]`.
import * as tf from "@tensorflow/tfjs";
import { exportModel } from "../dist/index.js";
import { getRuntime } from "../dist/infer/runtimes.js";

import { machine, median, milliseconds, table } from "./markdown.mjs";

const ROUNDS = Number(process.argv[2] ?? 30);
const [STEPS, FEATURES, UNITS] = [28, 32, 64];
/** @type {readonly ("native" | "portable")[]} */
const FORMS = ["native", "portable"];
tf.enableProdMode();

/** @param {"gru" | "lstm"} kind */
function network(kind) {
  const input = tf.input({ shape: [STEPS, FEATURES], name: "x" });
  const output = tf.layers[kind]({ units: UNITS, recurrentInitializer: "glorotUniform" }).apply(input);
  if (!(output instanceof tf.SymbolicTensor)) throw new TypeError("the layer has several outputs");
  return tf.model({ inputs: input, outputs: output });
}

/**
 * @param {"gru" | "lstm"} kind
 * @param {"node" | "web"} runtimeName
 */
async function measure(kind, runtimeName) {
  const runtime = await getRuntime(runtimeName);
  /** @type {{ nodes: number, session: import("../dist/infer/runtime.js").Session, load: number }[]} */
  const made = [];
  // The first session of a runtime starts it; that is not what is measured.
  await (await runtime.load((await exportModel(network(kind))).bytes, { threads: 1 })).dispose();
  for (const recurrentForm of FORMS) {
    const { bytes, nodes } = await exportModel(network(kind), { recurrentForm });
    const started = performance.now();
    const session = await runtime.load(bytes, { threads: 1 });
    made.push({ nodes, session, load: performance.now() - started });
  }
  /** @param {number} batch */
  const runs = async (batch) => {
    const dims = [batch, STEPS, FEATURES];
    const data = Float32Array.from({ length: batch * STEPS * FEATURES }, (_, index) => Math.sin(index));
    const times = made.map(() => /** @type {number[]} */ ([]));
    for (let round = 0; round < ROUNDS; round++) {
      for (const [index, { session }] of made.entries()) {
        const started = performance.now();
        await session.run({ [session.inputs[0]?.name ?? ""]: { dtype: "float32", dims, data } });
        times[index]?.push(performance.now() - started);
      }
    }
    return times.map(median);
  };
  const [one, many] = [await runs(1), await runs(32)];
  const rows = made.map(({ nodes, load }, index) => [
    `${kind.toUpperCase()}, ${runtimeName}, ${FORMS[index]}`,
    String(nodes),
    ...[load, one[index], many[index]].map((value) => milliseconds(value ?? Number.NaN)),
  ]);
  for (const { session } of made) await session.dispose();
  return rows;
}

const rows = [];
for (const runtime of /** @type {const} */ (["node", "web"])) {
  for (const kind of /** @type {const} */ (["gru", "lstm"])) rows.push(...(await measure(kind, runtime)));
}
process.stdout.write(`${machine()}\n\n${table(["", "nodes", "load", "batch 1", "batch 32"], rows)}\n`);
