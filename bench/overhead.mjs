// What our Session.run costs above the raw runtime's call: a small dense network at batch 1, both in turn in one process,
// the raw call with a new tensor for each run as anyone would write it. `node bench/overhead.mjs [rounds]`.
import * as ortNode from "onnxruntime-node";
import * as ortWeb from "onnxruntime-web";

import { getRuntime } from "../dist/infer/runtimes.js";
import { concatenate, writeOnnx } from "../dist/onnx/write.js";

import { machine, median, table } from "./markdown.mjs";

const ROUNDS = Number(process.argv[2] ?? 60);
const RUNS = 200;
const SIDE = 16;

/** `y = relu(x W)`, x: [batch, 16], W: [16, 16]. */
function smallNetwork() {
  const data = Float32Array.from({ length: SIDE * SIDE }, (_, index) => Math.sin(index));
  const dtype = /** @type {const} */ ("float32");
  /** @param {string} name */
  const value = (name) => ({ name, dtype, dims: ["batch", SIDE] });
  const standard = { domain: "", attributes: {} };
  return concatenate(
    writeOnnx({
      irVersion: 8,
      opset: 17,
      producerName: "bench",
      producerVersion: "",
      graph: {
        name: "small",
        inputs: [value("x")],
        outputs: [value("y")],
        nodes: [
          { ...standard, opType: "MatMul", name: "product", inputs: ["x", "W"], outputs: ["xW"] },
          { ...standard, opType: "Relu", name: "relu", inputs: ["xW"], outputs: ["y"] },
        ],
        initializers: new Map([["W", { dtype, dims: [SIDE, SIDE], data }]]),
      },
      metadata: new Map(),
    }),
  );
}

/**
 * Microseconds a run.
 *
 * @param {() => Promise<unknown>} run
 */
async function time(run) {
  const started = process.hrtime.bigint();
  for (let count = 0; count < RUNS; count++) await run();
  return Number(process.hrtime.bigint() - started) / 1000 / RUNS;
}

/**
 * @param {"node" | "web"} name
 * @param {typeof ortNode | typeof ortWeb} ort
 * @param {string} provider
 */
async function measure(name, ort, provider) {
  const model = smallNetwork();
  const runtime = await getRuntime(name);
  const ours = await runtime.load(model, { threads: 1 });
  const raw = await ort.InferenceSession.create(model, { executionProviders: [provider], intraOpNumThreads: 1 });
  const data = Float32Array.from({ length: SIDE }, (_, index) => index / SIDE);
  const runRaw = async () => raw.run({ x: new ort.Tensor("float32", data, [1, SIDE]) });
  const runOurs = async () => ours.run({ x: { dtype: "float32", dims: [1, SIDE], data } });
  /** @type {number[]} */
  const rawTimes = [];
  /** @type {number[]} */
  const ourTimes = [];
  for (let round = 0; round < ROUNDS; round++) {
    rawTimes.push(await time(runRaw));
    ourTimes.push(await time(runOurs));
  }
  await ours.dispose();
  await raw.release();
  const differences = ourTimes.map((value, index) => value - (rawTimes[index] ?? Number.NaN));
  return [
    `${name}, ${provider}`,
    ...[median(rawTimes), median(ourTimes), median(differences), Math.min(...ourTimes) - Math.min(...rawTimes)].map(
      (value) => `${value.toFixed(1)} µs`,
    ),
  ];
}

const rows = [await measure("node", ortNode, "cpu"), await measure("web", ortWeb, "wasm")];
process.stdout.write(
  `${machine()}\n\n${table(["", "raw", "ours", "median difference", "difference of the fastest"], rows)}\n`,
);
