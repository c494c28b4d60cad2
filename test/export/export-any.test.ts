import { createServer } from "node:http";

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

const server = createServer((request, response) => {
  if (request.url === "/m/model.json") response.end(json);
  else if (request.url === "/m/w.bin") response.end(weights);
  else response.writeHead(404).end();
});

afterAll(() => {
  server.close();
});

async function serve(): Promise<string> {
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
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
