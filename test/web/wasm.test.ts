import { describe, expect, test } from "vitest";

import { InferenceError } from "../../src/errors.ts";
import { getRuntime } from "../../src/infer/runtimes.ts";
import { expectSessionContract } from "../helpers/session-contract.ts";
import { smallDense } from "../helpers/tiny-onnx.ts";

const web = await getRuntime("web");

test("the page is cross-origin isolated", () => {
  expect(globalThis.crossOriginIsolated).toBe(true);
});

describe("session in Chromium on wasm, one thread", () => {
  expectSessionContract((model, options) => web.load(model, options));

  test("refuses to change its number of threads", async () => {
    await expect(web.load(smallDense(), { threads: 2 })).rejects.toThrow(InferenceError);
    await expect(web.load(smallDense(), { threads: 2 })).rejects.toThrow("cannot change to 2");
  });
});
