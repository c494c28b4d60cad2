// A program for TF.js after the change of one line: it loads a model, runs it on a tf.Tensor, and frees both.
//
//   npm install tfjs-to-onnx onnxruntime-node @tensorflow/tfjs
//   node index.mjs ./my-model
import * as tf from "@tensorflow/tfjs";
// Before: import { loadLayersModel } from "@tensorflow/tfjs";
import { loadLayersModel } from "tfjs-to-onnx/drop-in";

tf.env().set("PROD", true); // no advertisement for tfjs-node
const source = process.argv[2] ?? "./my-model"; // in a browser, the address of a model.json
const model = await loadLayersModel(source);
console.log(model.fromCache ? "found in the cache" : "converted", "for", model.runtime, model.provider);

const image = tf.zeros([1, ...model.inputs[0].shape.slice(1)]);
const before = tf.memory().numTensors;
const result = await model.predict(image); // before: without `await`
const values = await result.data();
console.log(model.outputNames[0], Array.from(values, (value) => value.toFixed(3)).join(" "));

result.dispose();
console.log(tf.memory().numTensors - before, "tensors left");
image.dispose();
await model.dispose();
