import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";

import * as tf from "@tensorflow/tfjs";
import { beforeEach, describe, expect, test } from "vitest";

import { contentOf } from "../../src/drop-in/convert.ts";
import { decodeRecord, encodeRecord } from "../../src/drop-in/record.ts";
import type { OpenedModel, Surroundings } from "../../src/drop-in/surroundings.ts";
import { defineConverter } from "../../src/export/converter.ts";
import { viewOf } from "../../src/export/ir/value.ts";
import { openFileStore } from "../../src/node/drop-in/file-store.ts";
import { clearCache, loadGraphModel, loadLayersModel, type DropInOptions } from "../../src/node/drop-in/index.ts";

import { graphArtifacts } from "./models.ts";
import { useOwnCache } from "./own-cache.ts";

const cache = useOwnCache();
const kept = (): string => join(cache(), "drop-in");
const files = (): string[] => readdirSync(kept()).toSorted();
const picture = Float32Array.from({ length: 60 }, (_, index) => Math.cos(index));

beforeEach(() => {
  rmSync(kept(), { recursive: true, force: true });
});

async function crc(bytes: Uint8Array): Promise<Uint8Array> {
  const sum = new Uint8Array(4);
  new DataView(sum.buffer).setUint32(0, crc32(bytes));
  return sum;
}

/** Whether the load found a kept file, what the model gives, and what was told. */
async function load(scale = 1, options: DropInOptions = {}): Promise<readonly [boolean, unknown, readonly string[]]> {
  const notes: string[] = [];
  const model = await loadGraphModel(graphArtifacts(scale), { onNote: (note) => notes.push(note), ...options });
  const result = await model.predict(picture);
  await model.dispose();
  return [model.fromCache, Reflect.get(result, "data"), notes];
}

describe("converted models are kept", () => {
  test("and found again by their content: a changed model is another", async () => {
    const [first, answer] = await load();
    const [second, again] = await load();
    expect([first, second]).toEqual([false, true]);
    expect(again).toEqual(answer);
    const [changed, other] = await load(1.25);
    expect(changed).toBe(false);
    expect(other).not.toEqual(answer);
    expect((await load(1.25)).slice(0, 2)).toEqual([true, other]);
    // Another opset is another file.
    expect((await load(1, { exportOptions: { opset: 18 } }))[0]).toBe(false);
    expect(files()).toHaveLength(3);
    // Ranges are a map, which JSON does not write.
    for (const max of [1, 2]) {
      const exportOptions = { precision: "int8", activationRanges: new Map([["image", { min: 0, max }]]) } as const;
      expect((await load(1, { exportOptions }))[0]).toBe(false);
    }
  });

  test("with the files of inner outputs", async () => {
    const inner = async (): Promise<boolean> => {
      const model = await loadGraphModel(graphArtifacts());
      const before = files().length;
      await Promise.all([model.execute(picture, "features"), model.execute(picture, "features")]);
      await model.dispose();
      return files().length > before;
    };
    expect([await inner(), await inner()]).toEqual([true, false]);
  });

  test("but not without a wish for it, nor with converters that are code", async () => {
    expect((await load(1, { cache: false }))[0]).toBe(false);
    expect((await load(1, { exportOptions: { opConverters: [] } }))[0]).toBe(false);
    expect(() => files()).toThrow("ENOENT");
    await load();
    expect((await load(1, { cache: false }))[0]).toBe(false);
    await clearCache();
    expect(files()).toEqual([]);
    await expect(load(1, { cache: { maxBytes: -1 } })).rejects.toThrow(
      "cache.maxBytes takes a whole number from 0; got -1",
    );
  });

  test("within a number of bytes: the least recently used goes", async () => {
    await load(1);
    const [one = ""] = files();
    const { size } = statSync(join(kept(), one));
    const maxBytes = Math.floor(size * 2.5);
    await load(2, { cache: { maxBytes } });
    const [two] = files().filter((name) => name !== one);
    for (const [name, age] of [
      [one, 100],
      [two, 50],
    ] as const) {
      const used = new Date(Date.now() - age * 1000);
      utimesSync(join(kept(), name ?? ""), used, used);
    }
    // Used again, the oldest is the newest.
    expect((await load(1, { cache: { maxBytes } }))[0]).toBe(true);
    await load(3, { cache: { maxBytes } });
    expect(files()).toContain(one);
    expect(files()).not.toContain(two);
    expect(files()).toHaveLength(2);
    // What is larger than all that may be kept is not kept, and removes nothing.
    expect((await load(4, { cache: { maxBytes: 100 } }))[2]).toEqual([]);
    expect(files()).toHaveLength(2);
  });

  test("and a damaged one is converted again, which is told", async () => {
    const [, answer] = await load();
    const [name = ""] = files();
    const path = join(kept(), name);
    const whole = readFileSync(path);
    const flipped = Uint8Array.from(whole);
    flipped[whole.length - 40] = (flipped[whole.length - 40] ?? 0) ^ 1;
    for (const damaged of [flipped, whole.subarray(0, 100), whole.subarray(0, 20), new Uint8Array()]) {
      writeFileSync(path, damaged);
      expect(await load()).toEqual([false, answer, ["a kept model is damaged; it is converted again"]]);
      expect(readFileSync(path).equals(whole)).toBe(true);
    }
  });

  test("unless the folder cannot be used, which is told", async () => {
    writeFileSync(join(cache(), "file"), "");
    const folder = join(cache(), "file", "inside");
    const [found, , notes] = await load(1, { cache: { folder } });
    expect(found).toBe(false);
    expect(notes).toEqual([
      expect.stringMatching(
        /^the converted model cannot be kept, so it is converted again at the next load: cannot write .*inside.* \(clearCache\(\) makes room, the option cache: false/,
      ),
    ]);
    mkdirSync(kept(), { recursive: true });
  });

  test("and loaded without the converter", async () => {
    await load();
    const entry = join(import.meta.dirname, "../../dist/node/drop-in/index.js");
    const hooks = `
      import { writeSync } from "node:fs";
      export const load = (url, context, next) => { writeSync(1, url + "\\n"); return next(url, context); };`;
    const script = `
      import { writeSync } from "node:fs";
      import { register } from "node:module";
      register("data:text/javascript," + encodeURIComponent(${JSON.stringify(hooks)}));
      const { loadGraphModel } = await import(${JSON.stringify(entry)});
      const files = JSON.parse(process.env.MODEL);
      for (const changed of [0, 1]) {
        const weightData = Uint8Array.from(files.weightData, (byte, index) => (index === 0 ? byte ^ changed : byte)).buffer;
        const { fromCache } = await loadGraphModel({ ...files, weightData });
        writeSync(1, "from the cache: " + fromCache + "\\n");
      }`;
    const artifacts = graphArtifacts();
    const model = JSON.stringify({ ...artifacts, weightData: [...new Uint8Array(artifacts.weightData)] });
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      env: { ...process.env, MODEL: model },
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    const [loadingKept = "", converting = ""] = stdout.split(/^from the cache: true$/mu);
    const converter =
      /\/dist\/export\/(?:any-source|build\/|graph\/(?!source\/node-output)|layers\/|onnx\/)|\/dist\/onnx\/generated\//u;
    expect(converting).toMatch(converter);
    expect(converting).toContain("from the cache: false");
    expect(loadingKept).toContain("onnxruntime-node");
    expect(loadingKept.split("\n").filter((url) => converter.test(url))).toEqual([]);
  });

  test("by several processes at once", async () => {
    const script = `
      import { loadGraphModel } from ${JSON.stringify(join(import.meta.dirname, "../../dist/bundle/drop-in-node.js"))};
      const files = JSON.parse(process.env.MODEL);
      const artifacts = { ...files, weightData: Uint8Array.from(files.weightData).buffer };
      const answers = new Set();
      for (let round = 0; round < 5; round++) {
        const model = await loadGraphModel(artifacts, { onNote: (note) => { throw new Error(note); }, cache: { maxBytes: 1 + round % 2 * 1e7 } });
        answers.add((await model.predict(new Float32Array(60).fill(0.5))).data.join());
        await model.dispose();
      }
      console.log(answers.size);`;
    const artifacts = graphArtifacts();
    const model = JSON.stringify({ ...artifacts, weightData: [...new Uint8Array(artifacts.weightData)] });
    const run = (): Promise<string> =>
      new Promise((resolve) => {
        const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
          env: { ...process.env, MODEL: model },
        });
        let text = "";
        child.stdout.on("data", (data) => (text += String(data)));
        child.stderr.on("data", (data) => (text += String(data)));
        child.on("close", () => resolve(text.trim()));
      });
    expect(await Promise.all([run(), run(), run()])).toEqual(["1", "1", "1"]);
    expect(files().filter((name) => !name.endsWith(".kept"))).toEqual([]);
  });
});

describe("a model on disk", () => {
  const folder = (): string => join(cache(), "model");
  const write = (scale: number): void => {
    const { weightData, weightSpecs, ...rest } = graphArtifacts(scale);
    mkdirSync(folder(), { recursive: true });
    writeFileSync(join(folder(), "weights.bin"), new Uint8Array(weightData));
    const manifest = { ...rest, weightsManifest: [{ paths: ["weights.bin"], weights: weightSpecs }] };
    writeFileSync(join(folder(), "model.json"), JSON.stringify(manifest));
  };
  const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 3_200));
  const loadIt = async (): Promise<readonly [boolean, unknown]> => {
    const model = await loadGraphModel(folder());
    const result = await model.predict(picture);
    await model.dispose();
    return [model.fromCache, Reflect.get(result, "data")];
  };

  test("is not read again while its files are the same, and a changed one is noticed", async () => {
    write(1);
    const [, answer] = await loadIt();
    // Files that were just written may change within one tick of their clock.
    expect(files()).toHaveLength(1);
    await settled();
    expect(await loadIt()).toEqual([true, answer]);
    expect(files()).toHaveLength(2);
    const before = statSync(join(folder(), "weights.bin"));
    write(2);
    utimesSync(join(folder(), "weights.bin"), before.atime, before.mtime);
    expect(statSync(join(folder(), "weights.bin"))).toMatchObject({ size: before.size, mtime: before.mtime });
    const [found, other] = await loadIt();
    expect(found).toBe(false);
    expect(other).not.toEqual(answer);
  });

  test("is known by its identity alone, unless what is kept of that is damaged", async () => {
    const raw = { manifest: { a: 1 }, weights: new Uint8Array(8) };
    let reads = 0;
    const opened = (identity: string): OpenedModel => ({
      manifest: raw.manifest,
      identity,
      read: () => {
        reads += 1;
        return Promise.resolve(raw);
      },
    });
    const surroundings: Surroundings = {
      hash: async (bytes) => createHash("sha256").update(bytes).digest(),
      checksum: null,
      openStore: openFileStore,
      openPath: null,
      runtimes: [],
      optimizing: null,
      hooks: {},
      loadNative: null,
    };
    const content = await contentOf(opened("one"), {}, surroundings);
    expect([await contentOf(opened("one"), {}, surroundings), reads]).toEqual([content, 1]);
    expect([await contentOf(opened("two"), {}, surroundings), reads]).toEqual([content, 2]);
    expect([await contentOf(opened("one"), { cache: false }, surroundings), reads]).toEqual([content, 3]);
    for (const name of files()) writeFileSync(join(kept(), name), "no hash");
    expect([await contentOf(opened("one"), {}, surroundings), reads]).toEqual([content, 4]);
  });

  test("whose optimised graph ONNX Runtime refuses is converted again, which is told", async () => {
    await load();
    const [name = ""] = files();
    const record = await decodeRecord(readFileSync(join(kept(), name)), crc);
    if (record?.optimized == null) throw new TypeError("no optimised graph is kept");
    const chunks = [new Uint8Array(record.onnx.length)];
    const { bytes } = await encodeRecord({ chunks, byteLength: record.onnx.length }, record, crc);
    writeFileSync(join(kept(), name), bytes);
    const [found, , notes] = await load();
    expect([found, notes]).toEqual([false, [expect.stringMatching(/^ONNX Runtime refuses a kept model, so it is/)]]);
    expect((await load())[0]).toBe(true);
  });
});

test("a model that changes at its source is not taken for inner outputs of the one that was loaded", async () => {
  let scale = 1;
  const model = await loadGraphModel({ load: () => graphArtifacts(scale) });
  scale = 2;
  await expect(model.execute(picture, "features")).rejects.toThrow(
    "the model at its source is another than the one that was loaded",
  );
  scale = 1;
  expect(await model.execute(picture, "features")).toMatchObject({ shape: [1, 5, 4, 4] });
  await model.dispose();
});

describe("checkOnLoad", () => {
  test("says nothing of a model that gives TF.js's numbers", async () => {
    expect((await load(1, { checkOnLoad: true }))[2].filter((note) => !note.startsWith("TF.js takes"))).toEqual([]);
  });

  test("warns of one that does not", async () => {
    class Twice extends tf.layers.Layer {
      static readonly className = "Twice";
      override computeOutputShape(shape: tf.Shape): tf.Shape {
        return shape;
      }
      override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
        const [x] = [inputs].flat();
        if (x === undefined) throw new TypeError("no input");
        return tf.mul(x, 2);
      }
    }
    tf.serialization.registerClass(Twice);
    const wrong = defineConverter<null>({
      className: "Twice",
      ops: ["Mul"],
      parse: () => null,
      emit: ({ graph }, _, [flow]) => {
        if (flow === undefined) throw new TypeError("no input");
        return graph.binary("Mul", flow.value, viewOf(graph.scalar(3)));
      },
    });
    const notes: string[] = [];
    const live = tf.sequential({ layers: [new Twice({ inputShape: [3], name: "twice" })] });
    const model = await loadLayersModel(live, {
      checkOnLoad: true,
      exportOptions: { converters: [wrong] },
      onNote: (note) => notes.push(note),
    });
    expect(notes.at(-1)).toMatch(
      /^the model gives other numbers than TF.js \(.*\): they differ by up to [\d.]+ at the output "twice"/,
    );
    await model.dispose();
  });
});
