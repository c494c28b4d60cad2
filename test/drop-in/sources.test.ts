import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";

import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { ToolError } from "../../src/errors.ts";
import { fromFetch } from "../../src/export/source/fetch.ts";
import { loadGraphModel, loadLayersModel, type DropInOptions } from "../../src/node/drop-in/index.ts";

import { graphArtifacts, layersArtifacts } from "./models.ts";
import { useOwnCache } from "./own-cache.ts";

useOwnCache();

const { weightData, weightSpecs, ...rest } = graphArtifacts();
const half = Math.floor(weightData.byteLength / 8) * 4;
const weights: Readonly<Record<string, Uint8Array>> = {
  "a.bin": new Uint8Array(weightData, 0, half),
  "b.bin": new Uint8Array(weightData, half),
};
const modelJson = JSON.stringify({
  ...rest,
  weightsManifest: [{ paths: Object.keys(weights), weights: weightSpecs }],
});
const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-sources-"));

interface Request {
  readonly url: string;
  readonly key: string | undefined;
}
const requests: Request[] = [];
let server: Server;
let origin = "";

beforeAll(async () => {
  await tf.setBackend("cpu");
  writeFileSync(join(folder, "model.json"), modelJson);
  for (const [name, bytes] of Object.entries(weights)) writeFileSync(join(folder, name), bytes);
  server = createServer(({ url = "/", headers }, response) => {
    const key = headers["x-key"];
    requests.push({ url, key: typeof key === "string" ? key : undefined });
    const name = new URL(url, "http://localhost").pathname.split("/").at(-1) ?? "";
    const found = name === "model.json" ? modelJson : weights[name];
    if (found === undefined) response.writeHead(404).end();
    else response.end(found);
  });
  await new Promise<void>((done) => {
    server.listen(0, "127.0.0.1", done);
  });
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new TypeError("the server has no port");
  origin = `http://127.0.0.1:${address.port}`;
});

afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const picture = Float32Array.from({ length: 60 }, (_, index) => Math.cos(index));

/** What the model gives, with what was asked of the server meanwhile. */
async function answerFrom(...[source, options]: Parameters<typeof loadGraphModel>): Promise<unknown> {
  requests.length = 0;
  const model = await loadGraphModel(source, options);
  const result = await model.predict(picture);
  await model.dispose();
  return Reflect.get(result, "data");
}

async function wanted(): Promise<unknown> {
  const model = await tf.loadGraphModel(tf.io.fromMemory(graphArtifacts()));
  const result = model.predict(tf.tensor(picture, [1, 5, 4, 3]));
  if (!(result instanceof tf.Tensor)) throw new TypeError("one tensor is expected");
  return Array.from(await result.data(), (value): unknown => expect.closeTo(value, 6));
}

describe("a model is read", () => {
  const files = (): File[] => [
    new File([modelJson], "model.json"),
    ...Object.entries(weights).map(([name, bytes]) => new File([Uint8Array.from(bytes)], name)),
  ];

  test("from paths, files, handlers, artifacts and live models", async () => {
    const want = await wanted();
    const live = await tf.loadGraphModel(tf.io.fromMemory(graphArtifacts()));
    const handler = { load: () => graphArtifacts(), save: () => Promise.reject(new Error("not to be called")) };
    for (const source of [
      join(folder, "model.json"),
      folder,
      pathToFileURL(join(folder, "model.json")).href,
      pathToFileURL(folder),
      // As tfjs-node reads it, though "..", the first part, would be the host of an address.
      `file://${relative(process.cwd(), join(folder, "model.json"))}`,
      files(),
      tf.io.fromMemory(graphArtifacts()),
      handler,
      graphArtifacts(),
      live,
    ]) {
      expect(Array.from(Object(await answerFrom(source)))).toEqual(want);
    }
  });

  test("from an address, with what TF.js's loaders take", async () => {
    const want = await wanted();
    const progress: number[] = [];
    const cases: readonly (readonly [string, DropInOptions, readonly string[]])[] = [
      ["/m/model.json?v=2", {}, ["/m/model.json?v=2", "/m/a.bin?v=2", "/m/b.bin?v=2"]],
      ["/m/model.json", { onProgress: (part) => progress.push(part) }, ["/m/model.json", "/m/a.bin", "/m/b.bin"]],
      [
        "/hub/1",
        { fromTFHub: true },
        ["/hub/1/model.json?tfjs-format=file", "/hub/1/a.bin?tfjs-format=file", "/hub/1/b.bin?tfjs-format=file"],
      ],
      [
        "/m/model.json?v=2",
        { weightPathPrefix: `${origin}/cdn/` },
        ["/m/model.json?v=2", "/cdn/a.bin?v=2", "/cdn/b.bin?v=2"],
      ],
      [
        "/m/model.json",
        { weightUrlConverter: async (name) => `${origin}/signed/${name}?s=1` },
        ["/m/model.json", "/signed/a.bin?s=1", "/signed/b.bin?s=1"],
      ],
    ];
    for (const [path, options, urls] of cases) {
      expect(Array.from(Object(await answerFrom(origin + path, options)))).toEqual(want);
      expect(requests.map(({ url }) => url).toSorted()).toEqual(urls.toSorted());
    }
    expect([progress[0], progress.at(-1)]).toEqual([0, 1]);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    expect(progress.length).toBeGreaterThan(2);
  });

  test("by the caller's own requests", async () => {
    const want = await wanted();
    expect(
      Array.from(Object(await answerFrom(`${origin}/model.json`, { requestInit: { headers: { "x-key": "k" } } }))),
    ).toEqual(want);
    expect(requests.map(({ key }) => key)).toEqual(["k", "k", "k"]);
    const asked: string[] = [];
    const withoutStream: typeof fetch = async (input) => {
      asked.push(input instanceof Request ? input.url : String(input));
      const response = await fetch(input);
      // As TF.js calls it: programs change the address as text.
      expect(typeof input).toBe("string");
      // React Native's answers have no stream.
      return Object.defineProperty(response, "body", { value: undefined });
    };
    expect(Array.from(Object(await answerFrom(`${origin}/model.json`, { fetchFunc: withoutStream })))).toEqual(want);
    expect(asked).toHaveLength(3);
  });

  test("from the scheme of a browser's extension, which no other address gets out of", async () => {
    const asked: string[] = [];
    const extension: typeof fetch = async (input) => {
      const address = input instanceof Request ? input.url : String(input);
      asked.push(address);
      const name = new URL(address).pathname.split("/").at(-1) ?? "";
      const found = name === "model.json" ? modelJson : weights[name];
      return found === undefined ? new Response(null, { status: 404 }) : new Response(Buffer.from(found));
    };
    const raw = await fromFetch("chrome-extension://abc/model/model.json", { fetch: extension });
    expect(raw.weights).toEqual(new Uint8Array(weightData));
    expect(asked.toSorted()).toEqual(
      ["a.bin", "b.bin", "model.json"].map((name) => `chrome-extension://abc/model/${name}`),
    );
    await expect(fromFetch("chrome-extension://abc/other.json", { fetch: extension })).rejects.toThrow(
      "chrome-extension://abc/other.json answered 404",
    );
    await expect(fromFetch("ftp://abc/model.json", { fetch: extension })).rejects.toThrow("over ftp:");
  });

  test("or the fault says what to do", async () => {
    await expect(loadGraphModel("indexeddb://mine")).rejects.toMatchObject({
      hint: 'give its handler: tf.io.getLoadHandlers("indexeddb://mine")[0]',
    });
    await expect(loadGraphModel(`${origin}/other.json`)).rejects.toThrow("other.json answered 404");
    const gone = { weightUrlConverter: () => Promise.resolve(`${origin}/gone.bin`) };
    const fault: unknown = await loadGraphModel(`${origin}/model.json`, gone).catch((error: unknown) => error);
    if (!(fault instanceof ToolError)) throw new TypeError("a typed error is expected");
    expect(fault.message).toContain("/gone.bin answered 404");
    expect(fault.hint).toContain("with its weight files beside it");
    await expect(loadGraphModel(tf.io.withSaveHandler(() => Promise.reject(new Error("not called"))))).rejects.toThrow(
      "this tf.io handler has no `load`",
    );
    await expect(loadGraphModel(join(folder, "none.json"))).rejects.toThrow(ToolError);
    const given: { source: string } = { source: "" };
    Reflect.set(given, "source", null);
    await expect(loadGraphModel(given.source)).rejects.toThrow("cannot load a model from null");
    const options: DropInOptions = {};
    Reflect.set(options, "onprogress", () => undefined);
    await expect(loadGraphModel(folder, options)).rejects.toThrow(
      'loadGraphModel has no option "onprogress"; did you mean "onProgress"?',
    );
  });
});

test("`strict: false` ignores weights that no layer has", async () => {
  const artifacts = await layersArtifacts();
  const extra = { name: "stranger/kernel", shape: [1], dtype: "float32" as const };
  const { weightData: data } = artifacts;
  if (!(data instanceof ArrayBuffer)) throw new TypeError("one buffer is expected");
  const larger = new Uint8Array(data.byteLength + 4);
  larger.set(new Uint8Array(data));
  const changed = { ...artifacts, weightSpecs: [...(artifacts.weightSpecs ?? []), extra], weightData: larger.buffer };
  await expect(loadLayersModel(changed)).rejects.toThrow("stranger/kernel");
  const model = await loadLayersModel(changed, { strict: false });
  const theirs = await tf.loadLayersModel(tf.io.fromMemory(artifacts));
  const x = tf.ones([1, 6]);
  const [want, got] = [theirs.predict(x), await model.predict(x)];
  if (!(want instanceof tf.Tensor) || !(got instanceof tf.Tensor)) throw new TypeError("tensors are expected");
  expect(Array.from(await got.data())).toEqual(
    Array.from(await want.data(), (value): unknown => expect.closeTo(value, 5)),
  );
  await model.dispose();
});
