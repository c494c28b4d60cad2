import { resolve } from "node:path";

import { expect, test } from "vitest";

import { exportRaw } from "../../src/export/export-model.ts";
import { readModel } from "../../src/node/read-model.ts";
import { decodeOnnx } from "../helpers/onnx-proto.ts";

// Each layer's tests run in several opsets: test/helpers/layer-parity.ts.
const raw = await readModel(resolve(import.meta.dirname, "../../models/crnn-mnist"));

test.each([
  [13, 7],
  [14, 7],
  [15, 8],
  [17, 8],
  [18, 8],
  [19, 9],
  [20, 9],
  [21, 10],
])("opset %i is written as IR version %i", (opset, version) => {
  const { bytes } = exportRaw(raw, { opset });
  const { irVersion, opsetImport } = decodeOnnx(bytes);
  expect(Number(irVersion)).toBe(version);
  expect(opsetImport?.map(({ domain, version: number }) => [domain, Number(number)])).toEqual([["", opset]]);
});

test.each([12, 22, 17.5, Number.NaN])("opset %d is refused", (opset) => {
  expect(() => exportRaw(raw, { opset })).toThrow(`opset must be 13 to 21; got ${opset}`);
});
