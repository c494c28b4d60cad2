import * as tf from "@tensorflow/tfjs";
import * as ort from "onnxruntime-node";
import { expect, test } from "vitest";

import { exportRaw } from "../../src/export/export-model.ts";
import { ELEMENT_TYPE } from "../../src/onnx/element-type.ts";
import { bodiesOf, type FileGraph, type FileValue } from "../../src/onnx/file-model.ts";
import { readOnnx } from "../../src/onnx/read.ts";
import { ModelEditor } from "../../src/onnx/rewrite.ts";
import { describeFile } from "../../src/verify/file/onnx-file.ts";
import { evaluateSize } from "../../src/verify/sizes/expression.ts";
import { rawModelOf } from "../helpers/live-model.ts";

/** Images of any size, a recurrent layer with a native node, and one that is written as a Scan with a body. */
function modelOfAnySize(): tf.LayersModel {
  const input = tf.input({ shape: [5, null, null, 2] });
  const steps = tf.layers.timeDistributed({
    layer: tf.layers.conv2d({ filters: 3, kernelSize: 3, strides: 2, padding: "same", activation: "relu" }),
  });
  const recurrent = tf.layers.convLstm2d({ filters: 2, kernelSize: 2, returnSequences: true });
  const pooled = tf.layers.timeDistributed({ layer: tf.layers.globalAveragePooling2d({}) });
  const lstm = tf.layers.lstm({ units: 4, returnSequences: true });
  const layers = [steps, recurrent, pooled, lstm, tf.layers.flatten(), tf.layers.dense({ units: 3 })];
  const output = layers.reduce<tf.SymbolicTensor>((value, layer) => {
    const next = layer.apply(value);
    if (!(next instanceof tf.SymbolicTensor)) throw new TypeError("a layer has several outputs");
    return next;
  }, input);
  return tf.model({ inputs: input, outputs: output });
}

/** Outputs of nodes that are neither described as inner tensors nor as outputs, in bodies too. */
function undescribed(graph: FileGraph): readonly string[] {
  const described = new Set([...graph.valueInfo, ...graph.outputs].map(({ name }) => name));
  return graph.nodes.flatMap((node) => [
    ...node.outputs.filter((name) => name !== "" && !described.has(name)),
    ...bodiesOf(node).flatMap(undescribed),
  ]);
}

function declared({ name, type }: FileValue): { readonly elementType: number; readonly dims: readonly unknown[] } {
  if (type.kind !== "tensor" || type.dims === null) throw new TypeError(`${name} has no shape`);
  return { elementType: type.elementType, dims: type.dims };
}

test("every tensor of a file has the type and shape that ONNX Runtime computes for it", async () => {
  const { bytes } = exportRaw(await rawModelOf(modelOfAnySize()));
  const { graph } = readOnnx(bytes);
  expect(graph.nodes.flatMap(bodiesOf)).toHaveLength(1);
  expect(undescribed(graph)).toEqual([]);
  expect(describeFile(bytes).shapes).toHaveLength(graph.valueInfo.length + 1);

  const added = graph.valueInfo.map((value) => ({ name: value.name, elementType: declared(value).elementType }));
  const session = await ort.InferenceSession.create(new ModelEditor(bytes).addOutputs(added).finish());
  const sizes = new Map([
    ["batch", 2],
    ["height", 9],
    ["width", 12],
  ]);
  const [input] = graph.inputs;
  if (input === undefined) throw new TypeError("no input");
  const dims = declared(input).dims.map((size) =>
    typeof size === "number" ? size : evaluateSize(String(size), sizes),
  );
  const known = dims.filter((size) => size !== null);
  expect(known).toEqual([2, 5, 9, 12, 2]);
  const count = known.reduce((product, size) => product * size, 1);
  const results = await session.run({ [input.name]: new ort.Tensor("float32", new Float32Array(count), known) });
  const values = [...graph.valueInfo, ...graph.outputs];
  const expected = values.map((value) => {
    const { elementType, dims: own } = declared(value);
    const sizesOf = own.map((size) => (typeof size === "number" ? size : evaluateSize(String(size), sizes)));
    return { name: value.name, elementType, dims: sizesOf };
  });
  const found = values.map(({ name }) => {
    const result = results[name];
    if (result?.type !== "float32" && result?.type !== "int64") throw new TypeError(`${name} is ${result?.type}`);
    return { name, elementType: ELEMENT_TYPE[result.type], dims: [...result.dims] };
  });
  expect(found).toEqual(expected);
});
