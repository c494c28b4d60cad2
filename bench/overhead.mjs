// What our Session.run costs above the raw runtime's call: a small dense network at batch 1, both in turn in one process,
// the raw call with a new tensor for each run as anyone would write it. `node bench/overhead.mjs [rounds]`.
import * as ortNode from "onnxruntime-node";
import * as ortWeb from "onnxruntime-web";

import { onnx } from "../dist/export/onnx/proto.js";
import { getRuntime } from "../dist/infer/runtimes.js";

import { machine, median, table } from "./markdown.mjs";

const ROUNDS = Number(process.argv[2] ?? 60);
const RUNS = 200;
const SIDE = 16;

/** `y = relu(x W)`, x: [batch, 16], W: [16, 16]. */
function smallNetwork() {
  const weights = Float32Array.from({ length: SIDE * SIDE }, (_, index) => Math.sin(index));
  /** @param {string} name */
  const value = (name) => ({
    name,
    type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: "batch" }, { dimValue: SIDE }] } } },
  });
  return onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ domain: "", version: 17 }],
    graph: {
      name: "small",
      input: [value("x")],
      output: [value("y")],
      node: [
        { opType: "MatMul", name: "product", input: ["x", "W"], output: ["xW"] },
        { opType: "Relu", name: "relu", input: ["xW"], output: ["y"] },
      ],
      initializer: [{ name: "W", dims: [SIDE, SIDE], dataType: 1, rawData: new Uint8Array(weights.buffer) }],
    },
  }).finish();
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
