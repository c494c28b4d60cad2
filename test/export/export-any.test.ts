import { createServer } from "node:http";
import { gzipSync } from "node:zlib";

import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, expect, test } from "vitest";

import { exportModel, ModelFormatError } from "../../src/index.ts";

const model = tf.sequential({
  layers: [tf.layers.lstm({ units: 3, inputShape: [4, 2] }), tf.layers.dense({ units: 2 })],
});
let json = "";
let artifacts: tf.io.ModelArtifacts = {};
let weights = new Uint8Array();

beforeAll(async () => {
  await model.save(
    tf.io.withSaveHandler((saved) => {
      artifacts = saved;
      const { modelTopology, weightSpecs, weightData } = saved;
      weights = new Uint8Array(tf.io.CompositeArrayBuffer.join(weightData));
      json = JSON.stringify({ modelTopology, weightsManifest: [{ paths: ["w.bin"], weights: weightSpecs }] });
      return Promise.resolve({ modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: "JSON" } });
    }),
  );
});

const asked: string[] = [];
const server = createServer((request, response) => {
  if (request.url === "/m/model.json") response.end(json);
  else if (request.url === "/m/w.bin") response.end(weights);
  else response.writeHead(404).end();
});

/** Answers everything, in one shard. */
const open = createServer((request, response) => {
  asked.push(request.url ?? "");
  const isModel = /model\.json|resolve/.test(request.url ?? "");
  const path = new URL(request.url ?? "", "http://localhost").searchParams.get("path") ?? "w.bin";
  const text = json.replace('"w.bin"', JSON.stringify(path));
  const body = isModel ? Buffer.from(path === "marked" ? `\uFEFF${text}` : text) : weights;
  if (path === "zipped") response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(body));
  else response.end(body);
});

afterAll(() => {
  open.close();
  server.close();
});

async function serve(from = server): Promise<string> {
  await new Promise<void>((resolve) => {
    from.listen(0, "127.0.0.1", resolve);
  });
  const address = from.address();
  if (typeof address !== "object" || address === null) throw new TypeError("no address");
  return `http://127.0.0.1:${address.port}`;
}

test("a live model, its artifacts, its files and its address give the same bytes", async () => {
  const { bytes, nodes } = await exportModel(model);
  expect(bytes.length).toBeGreaterThan(500);
  const files = [new File([json], "model.json"), new File([weights], "w.bin")];
  const host = await serve();
  for (const source of [artifacts, files, `${host}/m/model.json`, new URL(`${host}/m/model.json`)]) {
    const exported = await exportModel(source);
    expect(exported.nodes).toBe(nodes);
    expect(exported.parameters).toBe(model.countParams());
    expect(exported.inputs).toEqual((await exportModel(model)).inputs);
  }
  await expect(exportModel(`${host}/nowhere/model.json`)).rejects.toThrow("404");
  await expect(exportModel({})).rejects.toThrow(ModelFormatError);
});

test("weight files are asked for as TF.js asks for them", async () => {
  const host = await serve(open);
  const own = [
    "w.bin",
    "my weights.bin",
    "my%20weights.bin",
    "a+b.bin",
    "größe.bin",
    "sub/folder/w.bin",
    "./w.bin",
    "marked",
    "zipped",
    "w.bin?signature=1",
  ];
  for (const folder of ["/m/model.json", "/my%20models/model.json", "/m/resolve"]) {
    for (const path of own) {
      const address = `${host}${folder}?path=${encodeURIComponent(path)}`;
      asked.length = 0;
      await exportModel(address);
      const ours = asked.map((each) => each.replace("signature=1&path", "signature=1?path"));
      asked.length = 0;
      await tf.loadLayersModel(address);
      expect(ours).toEqual(asked);
    }
  }
});
