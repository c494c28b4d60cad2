import { describe } from "vitest";

import { getRuntime } from "../../src/infer/runtimes.ts";
import { expectSessionContract } from "../helpers/session-contract.ts";

const web = await getRuntime("web");

describe("session in Chromium on wasm, two threads", () => {
  expectSessionContract((model, options) => web.load(model, { ...options, threads: 2 }));
});
