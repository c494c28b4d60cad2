import { createReadStream, existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { resolve } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Random } from "../../src/data/random.ts";
import { exportModel } from "../../src/export/export-any.ts";
import { exportRaw, exportSource } from "../../src/export/export-model.ts";
import { readLayersModel } from "../../src/export/source/layers-model.ts";
import type { LayersSource, RawModel } from "../../src/export/source/model.ts";
import type { Session } from "../../src/infer/runtime.ts";
import { getRuntime } from "../../src/infer/runtimes.ts";
import { readModel } from "../../src/node/read-model.ts";
import type { Tensor } from "../../src/tensor.ts";
import { freeDimensions, randomFeeds, type FeedSpec, type Sizes } from "../../src/verify/feeds.ts";
import { inputDomains } from "../../src/verify/input-domains.ts";
import { layersModel } from "../../src/verify/reference/layers-model.ts";
import { openReference } from "../../src/verify/reference/tfjs-reference.ts";

const folder = resolve(import.meta.dirname, "../../../shared/models/layers");
const models = existsSync(folder) ? readdirSync(folder) : [];
if (models.length === 0) process.stderr.write("skipped: no ../shared/models/layers beside this checkout\n");

/** Largest difference, of the range of TF.js's output. */
const TOLERANCE = 1e-5;
/** The oldest opset, the one that is usual, and the newest. */
const OPSETS = [13, 17, 21] as const;
const BATCHES = [1, 2, 5] as const;
/** What is given to other dimensions that a model leaves free, batch by batch. */
const FREE_SIZES = [32, 48, 40] as const;

/** Voxels of 256 x 256 x 256 keep TF.js busy for a quarter of an hour; the network takes any size. */
const SMALLER: ReadonlyMap<string, readonly [from: string, to: string]> = new Map([
  ["brainchop-meshnet5-conv3d", ["[null,256,256,256,1]", "[null,32,36,40,1]"]],
]);

/**
 * Fed with characters, as it was trained. On normal numbers its states run into chaos: there TF.js's own backends part by
 * hundreds of times the tolerance (wasm from cpu by 4e-3 of the range, native TensorFlow from both by 2e-2).
 */
const ONE_HOT: ReadonlySet<string> = new Set(["char-lstm"]);

async function read(name: string): Promise<RawModel> {
  const raw = await readModel(resolve(folder, name));
  const change = SMALLER.get(name);
  if (change === undefined) return raw;
  const text = JSON.stringify(raw.manifest);
  expect(text).toContain(change[0]);
  const manifest: unknown = JSON.parse(text.replaceAll(change[0], change[1]));
  return { manifest, weights: raw.weights };
}

function specsOf(source: LayersSource, session: Session): FeedSpec[] {
  const domains = inputDomains(source);
  return session.inputs.map(({ name, dtype, dims }) => {
    const index = source.model.inputs.findIndex(({ layer }) => layer === name);
    return { name, dtype, dims, domain: domains[index] ?? { kind: "normal" } };
  });
}

/** Several batches, each with another size for every other free dimension; one run where nothing is free. */
function sizesToTry(specs: readonly FeedSpec[]): Sizes[] {
  const free = freeDimensions(specs);
  return (free.length === 0 ? BATCHES.slice(0, 1) : BATCHES).map(
    (batch, index) => new Map(free.map((name) => [name, name === "batch" ? batch : (FREE_SIZES[index] ?? 32)])),
  );
}

/** One element along the last axis is 1, the others 0. */
function oneHot(tensor: Tensor, random: Random): Tensor {
  const size = tensor.dims.at(-1) ?? 1;
  const data = new Float32Array(tensor.data.length);
  for (let start = 0; start < data.length; start += size) data[start + random.integer(size)] = 1;
  return { dtype: "float32", dims: tensor.dims, data };
}

/** The largest difference of two outputs, in ranges of the second (a lone number's is its size); NaN where either has one. */
function differenceInRanges(actual: Tensor, expected: Tensor): number {
  expect(actual.dims).toEqual(expected.dims);
  let [low, high, most] = [Infinity, -Infinity, 0];
  expected.data.forEach((element, index) => {
    const want = Number(element);
    low = Math.min(low, want);
    high = Math.max(high, want);
    most = Math.max(most, Math.abs(Number(actual.data[index]) - want));
  });
  return most / (high > low ? high - low : Math.abs(high));
}

async function expectSame(
  session: Session,
  feeds: Readonly<Record<string, Tensor>>,
  expected: readonly Tensor[],
): Promise<void> {
  const actual = await session.run(feeds);
  expect(expected).toHaveLength(session.outputs.length);
  for (const [index, output] of session.outputs.entries()) {
    const [got, want] = [actual[output.name], expected[index]];
    if (got === undefined || want === undefined) throw new TypeError(`no output ${output.name}`);
    expect(differenceInRanges(got, want), `${output.name} of ${want.dims.join()}`).toBeLessThanOrEqual(TOLERANCE);
  }
}

describe.skipIf(models.length === 0)("real public models give TF.js's numbers", () => {
  test.each(models)(
    "%s, within 1e-5 of the output's range, in three opsets and in batches and sizes of all kinds",
    async (name) => {
      const raw = await read(name);
      const source = readLayersModel(raw);
      const runtime = await getRuntime("node");
      const sessions = await Promise.all(
        OPSETS.map((opset) => runtime.load(exportSource(source, { opset }).bytes, {})),
      );
      const [first] = sessions;
      if (first === undefined) throw new TypeError("no session");
      const reference = await openReference(layersModel(raw, source, null));
      const random = new Random(1);
      const specs = specsOf(source, first);
      for (const sizes of sizesToTry(specs)) {
        const numbers = randomFeeds(specs, sizes, random);
        const feeds = ONE_HOT.has(name)
          ? Object.fromEntries(Object.entries(numbers).map(([input, tensor]) => [input, oneHot(tensor, random)]))
          : numbers;
        const expected = await reference.run(feeds);
        for (const session of sessions) await expectSame(session, feeds, expected);
      }
      reference.dispose();
      await Promise.all(sessions.map((session) => session.dispose()));
    },
    300_000,
  );
});

describe.skipIf(models.length === 0)("real public models, from a folder, an address and chosen files", () => {
  const server = createServer((request, response) => {
    createReadStream(resolve(folder, `.${request.url ?? ""}`)).pipe(response);
  });

  beforeAll(async () => {
    await new Promise<void>((done) => {
      server.listen(0, "127.0.0.1", done);
    });
  });

  afterAll(() => {
    server.close();
  });

  test.each(models)("%s: the same bytes", async (name) => {
    const address = server.address();
    if (typeof address !== "object" || address === null) throw new TypeError("no address");
    const { bytes } = exportRaw(await readModel(resolve(folder, name)));
    const files = readdirSync(resolve(folder, name))
      .filter((file) => !/\.txt$|original/.test(file))
      .map((file) => new File([readFileSync(resolve(folder, name, file))], file));
    expect(files.length).toBeGreaterThan(1);
    for (const from of [new URL(`http://127.0.0.1:${address.port}/${name}/model.json`), files]) {
      const loaded = await exportModel(from);
      expect(Buffer.from(loaded.bytes).equals(bytes)).toBe(true);
    }
  });
});
