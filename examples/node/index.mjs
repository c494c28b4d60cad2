// Export a TF.js model to ONNX, compare it with TF.js, and run it with onnxruntime-node.
//
//   npm install tfjs-to-onnx onnxruntime-node @tensorflow/tfjs @tensorflow/tfjs-backend-wasm
//   node index.mjs ./my-model
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { exportModel } from "tfjs-to-onnx";
import { getRuntime } from "tfjs-to-onnx/infer";
import { verifyExport } from "tfjs-to-onnx/verify";

const folder = process.argv[2] ?? "./my-model";
const file = async (name) => new File([await readFile(join(folder, name))], name);
const model = [await file("model.json"), await file("weights.bin")];

const { bytes, inputs, outputs } = await exportModel(model);
await writeFile("model.onnx", bytes);

const { passed } = await verifyExport(model, bytes);
console.log(passed ? "the same numbers as TF.js" : "the numbers differ");

const runtime = await getRuntime("node");
const session = await runtime.load(bytes);
const [{ name, dims }] = inputs;
const shape = dims.map((size) => (typeof size === "number" ? size : 1));
const zeros = new Float32Array(shape.reduce((product, size) => product * size, 1));
const results = await session.run({ [name]: { dtype: "float32", dims: shape, data: zeros } });
console.log(outputs[0].name, Array.from(results[outputs[0].name].data, (value) => value.toFixed(3)).join(" "));
await session.dispose();
