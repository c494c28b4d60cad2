import * as tf from "@tensorflow/tfjs";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";

import { clearCache, loadGraphModel, loadLayersModel, type DropInOptions } from "../../src/drop-in/index.ts";
import { graphArtifacts, layersArtifacts } from "../drop-in/models.ts";

const picture = Float32Array.from({ length: 60 }, (_, index) => Math.cos(index));
const DAMAGED = "a kept model is damaged; it is converted again";

beforeAll(async () => {
  await clearCache();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await clearCache();
});

/** Whether the load found a kept file, what the model gives, and what was told. */
async function load(scale = 1, options: DropInOptions = {}): Promise<readonly [boolean, unknown, readonly string[]]> {
  const notes: string[] = [];
  const model = await loadGraphModel(graphArtifacts(scale), {
    provider: "wasm",
    onNote: (note) => notes.push(note),
    ...options,
  });
  expect([model.runtime, model.provider]).toEqual(["web", "wasm"]);
  const result = await model.predict(picture);
  await model.dispose();
  return [model.fromCache, Reflect.get(result, "data"), notes];
}

/** Calls `change` with the stores of kept models, in one transaction. */
async function inDatabase(change: (files: IDBObjectStore, uses: IDBObjectStore) => void): Promise<void> {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open("tfjs-to-onnx", 1);
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error ?? new Error("not opened")));
  });
  const transaction = database.transaction(["drop-in-files", "drop-in-uses"], "readwrite");
  change(transaction.objectStore("drop-in-files"), transaction.objectStore("drop-in-uses"));
  await new Promise((resolve) => {
    transaction.addEventListener("complete", resolve);
  });
  database.close();
}

async function keptKeys(): Promise<IDBValidKey[]> {
  let keys: IDBValidKey[] = [];
  await inDatabase((files) => {
    const request = files.getAllKeys();
    request.addEventListener("success", () => (keys = request.result));
  });
  return keys;
}

describe("in a browser, converted models are kept in IndexedDB", () => {
  test("and found by their content, by several loads at once", async () => {
    const [first, answer, notes] = await load();
    expect([first, notes]).toEqual([false, []]);
    expect(await load()).toEqual([true, answer, []]);
    const [changed, other] = await load(1.25);
    expect(changed).toBe(false);
    expect(other).not.toEqual(answer);
    await clearCache();
    const answers = await Promise.all([1, 1.25, 1, 1.25, 1].map((scale) => load(scale)));
    expect(answers.map(([, given]) => given)).toEqual([answer, other, answer, other, answer]);
    expect(await keptKeys()).toHaveLength(2);
  });

  test("within a number of bytes: the least recently used goes", async () => {
    await load(1);
    const [one] = await keptKeys();
    await load(2);
    // Used again, the first is the newest.
    expect((await load(1))[0]).toBe(true);
    let size = 0;
    await inDatabase((files) => {
      const request = files.getAll();
      request.addEventListener("success", () => {
        size = Math.max(
          ...request.result.map((bytes: unknown) => (bytes instanceof ArrayBuffer ? bytes.byteLength : 0)),
        );
      });
    });
    await load(3, { cache: { maxBytes: Math.floor(size * 2.5) } });
    const keys = await keptKeys();
    expect(keys).toHaveLength(2);
    expect(keys).toContain(one);
    expect((await load(2))[0]).toBe(false);
  });

  test("and a damaged one is converted again", async () => {
    const [, answer] = await load();
    const [key] = await keptKeys();
    if (key === undefined) throw new TypeError("nothing was kept");
    for (const damaged of [new ArrayBuffer(0), new Uint8Array(5000).fill(7).buffer]) {
      await inDatabase((files) => files.put(damaged, key));
      expect(await load()).toEqual([false, answer, [DAMAGED]]);
      expect((await load())[0]).toBe(true);
    }
    // What is no buffer at all is not there.
    await inDatabase((files) => files.put("text", key));
    expect(await load()).toEqual([false, answer, []]);
  });

  test("unless there is no place, or no space", async () => {
    const put = vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(() => {
      throw new DOMException("the disk is full", "QuotaExceededError");
    });
    const full = await load();
    expect(full[0]).toBe(false);
    expect(full[2]).toEqual([
      "the converted model cannot be kept, so it is converted again at the next load: the disk is full (clearCache() makes room, the option cache: false keeps nothing and says nothing)",
    ]);
    put.mockRestore();
    vi.spyOn(IDBFactory.prototype, "open").mockImplementation(() => {
      throw new DOMException("not in a private window", "SecurityError");
    });
    const [found, answer, notes] = await load();
    expect([found, answer]).toEqual([false, full[1]]);
    expect(notes).toEqual([
      "kept models cannot be read, so this one is converted again: not in a private window",
      "the converted model cannot be kept, so it is converted again at the next load: not in a private window (clearCache() makes room, the option cache: false keeps nothing and says nothing)",
    ]);
  });

  test("warns on the console, each once, where the program takes no notes", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    vi.spyOn(IDBFactory.prototype, "open").mockImplementation(() => {
      throw new DOMException("not here", "SecurityError");
    });
    for (let round = 0; round < 2; round++) {
      await (await loadGraphModel(graphArtifacts(), { provider: "wasm" })).dispose();
    }
    expect(warn.mock.calls.flat()).toEqual([
      expect.stringMatching(/^tfjs-to-onnx: kept models cannot be read/),
      expect.stringMatching(/^tfjs-to-onnx: the converted model cannot be kept/),
    ]);
  });
});

describe("in a browser, TF.js's tensors", () => {
  test.each(["cpu", "webgl"])("of its backend %s are answered with its tensors, and none is left", async (backend) => {
    await tf.setBackend(backend);
    const artifacts = await layersArtifacts();
    const theirs = await tf.loadLayersModel(tf.io.fromMemory(artifacts));
    const x = tf.randomNormal([3, 6], 0, 1, "float32", 2);
    const before = tf.memory().numTensors;
    const ours = await loadLayersModel(artifacts, { onNote: (note) => expect(note).toMatch(/^running on wasm: /) });
    expect(["wasm", "webgpu"]).toContain(ours.provider);
    const copy = x.clone();
    const running = ours.predict(copy);
    copy.dispose();
    const [got] = [await running].flat();
    const [want] = [theirs.predict(x)].flat();
    if (got === undefined || want === undefined) throw new TypeError("tensors are expected");
    const values = Array.from(await got.data());
    expect(values).toEqual(Array.from(await want.data(), (value): unknown => expect.closeTo(value, 3)));
    expect(values.every((value) => value !== 0)).toBe(true);
    tf.dispose([got, want]);
    expect(tf.memory().numTensors).toBe(before);
    await ours.dispose();
    theirs.dispose();
    x.dispose();
  });
});

test("reads files that a user chose, and addresses relative to the page", async () => {
  const { weightData, weightSpecs, ...rest } = graphArtifacts();
  const json = JSON.stringify({ ...rest, weightsManifest: [{ paths: ["w.bin"], weights: weightSpecs }] });
  const model = await loadGraphModel([new File([json], "model.json"), new File([weightData], "w.bin")], {
    provider: "wasm",
  });
  const want: unknown = Reflect.get(await model.predict(picture), "data");
  await model.dispose();
  const asked: string[] = [];
  const own: typeof fetch = async (input) => {
    const { href, pathname } = new URL(input instanceof Request ? input.url : String(input));
    asked.push(href);
    return new Response(pathname.endsWith(".json") ? json : weightData);
  };
  const fetched = await loadGraphModel("models/m/model.json", { provider: "wasm", fetchFunc: own });
  expect(Reflect.get(await fetched.predict(picture), "data")).toEqual(want);
  expect(asked).toEqual(["model.json", "w.bin"].map((name) => new URL(`models/m/${name}`, location.href).href));
  await fetched.dispose();
});
