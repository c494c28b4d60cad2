import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { expect, test } from "vitest";

import { exportAnySource, readAnyModel } from "../../src/export/any-source.ts";
import { tritonConfig } from "../../src/export/deploy/triton-config.ts";
import { getRuntime } from "../../src/infer/index.ts";
import { readModel } from "../../src/node/read-model.ts";
import { float32 } from "../../src/tensor.ts";
import { pythonWith, type Python } from "../helpers/python-package.ts";
import { smallDense } from "../helpers/tiny-onnx.ts";

import { openServer } from "./open-server.ts";

const root = resolve(import.meta.dirname, "../..");
const model = join(root, "models", "crnn-mnist-best", "model.onnx");
const python: Python | string = await pythonWith(
  "tritonclient[http,grpc]==2.73.0",
  "tritonclient.http, tritonclient.grpc",
);
if (typeof python === "string") process.stderr.write(`skipped: Triton's clients, for ${python}\n`);

function bytesOf(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

test.skipIf(typeof python === "string")(
  "Triton's own clients get the bits of onnxruntime by every call",
  { timeout: 180_000 },
  async () => {
    if (typeof python === "string") throw new TypeError(python);
    const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-clients-"));
    const dense = join(folder, "dense.onnx");
    writeFileSync(dense, smallDense());
    const session = await (await getRuntime("node")).load(readFileSync(model), { threads: 1 });
    const data = Float32Array.from({ length: 4 * 784 }, () => Math.random());
    const [want] = Object.values(await session.run({ image: float32(data, [4, 28, 28, 1]) }));
    await session.dispose();
    if (want?.dtype !== "float32") throw new Error("no answer");
    writeFileSync(join(folder, "x.f32"), bytesOf(data));
    writeFileSync(join(folder, "want.f32"), bytesOf(want.data));
    // The network of the shipped file, which has no model.json.
    const exported = await exportAnySource(await readAnyModel(await readModel(join(root, "models", "crnn-mnist"))));
    writeFileSync(join(folder, "config.pbtxt"), tritonConfig("crnn-mnist", exported));
    const server = await openServer({ models: [model, dense] });
    try {
      const args = [
        server.http.slice("http://".length),
        server.grpc ?? "",
        ...["x.f32", "want.f32", "config.pbtxt"].map((name) => join(folder, name)),
      ];
      const child = spawn(python.command, [join(import.meta.dirname, "clients.py"), ...args], { env: python.env });
      let [stdout, stderr] = ["", ""];
      child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
      child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
      await new Promise((fulfil) => child.once("close", fulfil));
      if (!stdout.startsWith("{")) throw new Error(stderr);
      const found: unknown = JSON.parse(stdout);
      const names = typeof found === "object" && found !== null ? Object.keys(found) : [];
      expect(found).toEqual(Object.fromEntries(names.map((name) => [name, "ok"])));
      expect(names).toHaveLength(42);
    } finally {
      await server.close(5000);
      rmSync(folder, { recursive: true });
    }
  },
);
