// Nodes of ONNX files; needs a build.
import { readFileSync, rmSync } from "node:fs";

import * as ort from "onnxruntime-node";

import { bodiesOf } from "../dist/onnx/file-model.js";
import { readOnnx } from "../dist/onnx/read.js";

import { oneThread } from "./peers.mjs";

/** Nodes of a file, including those of loop and branch bodies. @param {string} file */
export function countNodes(file) {
  /** @param {import("../dist/onnx/file-model.js").FileGraph} graph @returns {number} */
  const count = ({ nodes }) =>
    nodes.reduce((sum, node) => bodiesOf(node).reduce((inner, body) => inner + count(body), sum + 1), 0);
  return count(readOnnx(readFileSync(file)).graph);
}

/** Nodes that remain after ONNX Runtime optimises the graph. @param {string} file */
export async function countOptimised(file) {
  const out = `${file}.optimised`;
  const options = {
    ...oneThread(),
    graphOptimizationLevel: /** @type {const} */ ("extended"),
    optimizedModelFilePath: out,
  };
  await (await ort.InferenceSession.create(file, options)).release();
  const nodes = countNodes(out);
  rmSync(out);
  return nodes;
}
