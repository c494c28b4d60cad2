import * as node from "onnxruntime-node";
import { expect, test } from "vitest";

import { InferenceError } from "../../src/errors.ts";
import type { RunnableSession } from "../../src/infer/device-loss.ts";
import type { Ort } from "../../src/infer/ort-session.ts";
import { joinDevice, leaveOnRelease, oneConv } from "../../src/infer/webgpu-device.ts";
import { decodeOnnx } from "../helpers/onnx-proto.ts";
import { identity } from "../helpers/tiny-onnx.ts";

test("what is loaded to clear the list is a sound model of one Conv", () => {
  const { graph, opsetImport } = decodeOnnx(oneConv());
  expect(opsetImport.map(({ version }) => Number(version))).toEqual([17]);
  expect(graph?.node?.map(({ opType, input, output }) => [opType, input, output])).toEqual([
    ["Conv", ["x", "W"], ["y"]],
  ]);
  expect(graph?.initializer?.map(({ name }) => name)).toEqual(["W"]);
});

/** An ONNX Runtime that tells of each model it loads, on the CPU. */
function listening(models: Uint8Array[]): Ort {
  const create: Ort["InferenceSession"]["create"] = (model) => {
    models.push(model);
    return node.InferenceSession.create(model);
  };
  return { InferenceSession: { create }, Tensor: node.Tensor };
}

async function open(ort: Ort): Promise<RunnableSession> {
  const session = await joinDevice(ort, () => node.InferenceSession.create(identity("float32")));
  return leaveOnRelease(ort, session);
}

test("it is loaded when others are left on the device, and only then", async () => {
  const models: Uint8Array[] = [];
  const ort = listening(models);
  const [first, second] = [await open(ort), await open(ort)];
  await first.release();
  expect(models).toEqual([oneConv()]);
  await second.release();
  expect(models).toEqual([oneConv()]);
});

test("a model that was refused is left on the device", async () => {
  const models: Uint8Array[] = [];
  const ort = listening(models);
  await expect(joinDevice(ort, () => Promise.reject(new InferenceError("refused")))).rejects.toThrow("refused");
  await (await open(ort)).release();
  expect(models).toEqual([oneConv()]);
});

test("a runtime that cannot load it is a typed fault", async () => {
  const create = (): Promise<never> => Promise.reject(new Error("out of memory"));
  const ort: Ort = { InferenceSession: { create }, Tensor: node.Tensor };
  const [first] = [await open(ort), await open(ort)];
  await expect(first.release()).rejects.toThrow(InferenceError);
});
