import { expect, test } from "vitest";

import { ModelFormatError } from "../../src/errors.ts";
import { readOnnxHeader } from "../../src/onnx/header.ts";
import { readRecognizer } from "../../src/infer/recognize.ts";
import { RECOGNIZER_KEY } from "../../src/metadata.ts";
import { tinyOnnx } from "../helpers/tiny-onnx.ts";

const input = { kind: "image", height: 28, width: 28, channels: 1, range: [0, 1], fit: "mnist" };
const output = { kind: "classes", labels: ["0", "1"], activation: "softmax" };

/** What a file says of itself that holds this text. */
function metadataOf(text: string): ReadonlyMap<string, string> {
  const value = [{ name: "x", dtype: "float32" as const, dims: [1] }];
  const bytes = tinyOnnx({ inputs: value, outputs: value, nodes: [], metadata: { [RECOGNIZER_KEY]: text } });
  return readOnnxHeader(bytes).metadata;
}

test("a recogniser is read as it was written", () => {
  expect(readRecognizer(metadataOf(JSON.stringify({ version: 1, input, output })))).toEqual({
    version: 1,
    input,
    output,
  });
});

test.each<readonly [string, unknown]>([
  ["nothing", ""],
  ["no JSON", "{"],
  ["null", null],
  ["a number", 1],
  ["a list", [1]],
  ["another version", { version: 2, input, output }],
  ["no input", { version: 1, output }],
  ["an input of no object", { version: 1, input: "image", output }],
  ["a side of 0", { version: 1, input: { ...input, fit: "stretch", height: 0 }, output }],
  ["a side of a billion pixels", { version: 1, input: { ...input, fit: "stretch", height: 1e9 }, output }],
  ["a side of text", { version: 1, input: { ...input, fit: "stretch", width: "28" }, output }],
  ["a side of half a pixel", { version: 1, input: { ...input, fit: "stretch", width: 0.5 }, output }],
  ["MNIST's fit into other sides than MNIST's", { version: 1, input: { ...input, height: 32 }, output }],
  ["MNIST's fit in colours", { version: 1, input: { ...input, channels: 3 }, output }],
  ["two channels", { version: 1, input: { ...input, fit: "stretch", channels: 2 }, output }],
  ["a fit nobody knows", { version: 1, input: { ...input, fit: "toString" }, output }],
  ["a range of one number", { version: 1, input: { ...input, range: [0] }, output }],
  ["a range of text", { version: 1, input: { ...input, range: ["0", "1"] }, output }],
  ["a range without an end", '{"version":1,"input":{"range":[0,1e999]}}'],
  ["no labels", { version: 1, input, output: { ...output, labels: [] } }],
  ["labels of numbers", { version: 1, input, output: { ...output, labels: [0, 1] } }],
  ["labels of no list", { version: 1, input, output: { ...output, labels: { length: 2 } } }],
  ["an activation nobody knows", { version: 1, input, output: { ...output, activation: "constructor" } }],
  ["keys by way of __proto__", `{"__proto__":${JSON.stringify({ version: 1, input, output })}}`],
  ["brackets without end", "[".repeat(200_000)],
])("metadata of %s is refused with a plain error", (_, value) => {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const read = (): unknown => readRecognizer(metadataOf(text));
  expect(read).toThrow(ModelFormatError);
  expect(read).toThrow(/^the model's metadata tfjs-to-onnx\.recognizer is none that this version reads: /u);
});

test("a file that says nothing of pictures is told apart", () => {
  expect(() => readRecognizer(new Map())).toThrow("the model does not say how to prepare a picture for it");
});
