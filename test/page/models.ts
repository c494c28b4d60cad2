import { createServer, type Server } from "node:http";

import { GraphMaker, attr } from "../export/graph/graph-maker.ts";

/** A model as files: names and contents, the model.json first. */
export type ModelFiles = Readonly<Record<string, Buffer>>;

/** A dense layer between a free length: [batch, time, 3] to [batch, time, 2]; its weights are in two files. */
export function denseModel(): ModelFiles {
  const kernel = Float32Array.of(0.5, -1, 2, 0.25, 1, -3);
  const bias = Float32Array.of(0.125, -0.5);
  const layer = {
    class_name: "Dense",
    config: { name: "scores", units: 2, activation: "tanh", batch_input_shape: [null, null, 3] },
  };
  return {
    "model.json": Buffer.from(
      JSON.stringify({
        format: "layers-model",
        generatedBy: "TensorFlow.js tfjs-layers v4.22.0",
        modelTopology: { class_name: "Sequential", config: { name: "small", layers: [layer] } },
        weightsManifest: [
          {
            paths: ["group1-shard1of2.bin", "group1-shard2of2.bin"],
            weights: [
              { name: "scores/kernel", shape: [3, 2], dtype: "float32" },
              { name: "scores/bias", shape: [2], dtype: "float32" },
            ],
          },
        ],
      }),
    ),
    "group1-shard1of2.bin": Buffer.from(kernel.buffer),
    "group1-shard2of2.bin": Buffer.from(bias.buffer),
  };
}

/** A dense layer of 128 x 128 weights, which are enough to be rounded: [batch, 128] to [batch, 128]. */
export function wideModel(): ModelFiles {
  const kernel = Float32Array.from({ length: 128 * 128 }, (_, index) => Math.sin(index * 1.3) / 16);
  const layer = {
    class_name: "Dense",
    config: { name: "wide", units: 128, use_bias: false, batch_input_shape: [null, 128] },
  };
  return {
    "model.json": Buffer.from(
      JSON.stringify({
        format: "layers-model",
        modelTopology: { class_name: "Sequential", config: { name: "wide", layers: [layer] } },
        weightsManifest: [
          { paths: ["wide.bin"], weights: [{ name: "wide/kernel", shape: [128, 128], dtype: "float32" }] },
        ],
      }),
    ),
    "wide.bin": Buffer.from(kernel.buffer),
  };
}

/** A Graph model: [batch, 4] times [4, 3], with a relu behind it. */
export function graphModel(): ModelFiles {
  const { weightSpecs, weightData, ...rest } = new GraphMaker()
    .placeholder("image", "DT_FLOAT", [null, 4])
    .const(
      "kernel",
      "float32",
      Array.from({ length: 12 }, (_, index) => Math.sin(index)),
      [4, 3],
    )
    .node("product", "MatMul", ["image", "kernel"], { T: attr.type("DT_FLOAT") })
    .node("answer", "Relu", ["product"], { T: attr.type("DT_FLOAT") })
    .artifacts({ convertedBy: "TensorFlow.js Converter v4.22.0" });
  const weightsManifest = [{ paths: ["weights.bin"], weights: weightSpecs }];
  return {
    "model.json": Buffer.from(JSON.stringify({ ...rest, weightsManifest })),
    "weights.bin": Buffer.from(weightData),
  };
}

/** A Layers model with two layers that have no ONNX counterpart. */
export function unsupportedModel(): ModelFiles {
  const layers = ["first", "second"].map((name) => ({
    class_name: "Lambda",
    config: { name, batch_input_shape: [null, 2] },
  }));
  const modelTopology = { class_name: "Sequential", config: { name: "lambdas", layers } };
  return { "model.json": Buffer.from(JSON.stringify({ format: "layers-model", modelTopology, weightsManifest: [] })) };
}

/** Another site: `/open/` lets any page read a model, `/closed/` none, `/slow/` never answers. */
export async function serveModels(files: ModelFiles): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer((request, response) => {
    const [, folder = "", name = ""] = (request.url ?? "").split("/");
    if (folder === "slow") return;
    const body = files[name];
    const headers = folder === "closed" ? {} : { "Access-Control-Allow-Origin": "*" };
    if (folder === "page") response.writeHead(200, headers).end("<!doctype html><p>Sign in");
    else if (body === undefined) response.writeHead(404, headers).end();
    else response.writeHead(200, headers).end(body);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the host has no port");
  return { url: `http://127.0.0.1:${address.port}`, server };
}
