import { resolve } from "node:path";

import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, test, vi } from "vitest";

import { exportModel } from "../../src/export/export-any.ts";
import { exportRaw } from "../../src/export/export-model.ts";
import { allOps } from "../../src/export/graph/registry.ts";
import { readModel } from "../../src/node/read-model.ts";
import { valueOf } from "../../src/require.ts";
import { expectParity, randomizeWeights } from "../helpers/layer-parity.ts";
import { decodeOnnx } from "../helpers/onnx-proto.ts";

import { artifactsOf, type OpCase } from "./graph/op-case.ts";
import { byOp, opsOf, TABLES } from "./graph/ops/index.ts";
import { compareAll, computeAll, reportOf, type Failure } from "./graph/run-cases.ts";
import { LAYER_CASES } from "./layers/layer-cases.ts";

/** Every operator set that is written, each on ONNX Runtime: no other test needs to try another than the default. */
const OPSETS = [13, 14, 15, 16, 17, 18, 19, 20, 21] as const;

describe("the crnn-mnist model", async () => {
  const raw = await readModel(resolve(import.meta.dirname, "../../models/crnn-mnist"));

  test.each([
    [13, 7],
    [14, 7],
    [15, 8],
    [17, 8],
    [18, 8],
    [19, 9],
    [20, 9],
    [21, 10],
  ])("opset %i is written as IR version %i", (opset, version) => {
    const { bytes } = exportRaw(raw, { opset });
    const { irVersion, opsetImport } = decodeOnnx(bytes);
    expect(Number(irVersion)).toBe(version);
    expect(opsetImport?.map(({ domain, version: number }) => [domain, Number(number)])).toEqual([["", opset]]);
  });

  test.each([12, 22, 17.5, Number.NaN])("opset %d is refused", (opset) => {
    expect(() => exportRaw(raw, { opset })).toThrow(`opset must be 13 to 21; got ${opset}`);
  });
});

type Shape = readonly (number | null)[];

/** A model with an output for each layer. */
function sideBySide(
  made: readonly tf.layers.Layer[],
  shape: Shape,
  dtype: "float32" | "int32" = "float32",
): tf.LayersModel {
  const input = tf.input({ shape: [...shape], dtype });
  const outputs = made.flatMap((layer) => {
    const output = layer.apply(input);
    return (Array.isArray(output) ? output : [output]).filter((each) => each instanceof tf.SymbolicTensor);
  });
  const model = tf.model({ inputs: input, outputs });
  randomizeWeights(model);
  return model;
}

const { layers } = tf;

/** What reads sizes while it runs, and what is done otherwise where sizes are known. */
const FREE: readonly (readonly [make: () => tf.layers.Layer, shape: Shape])[] = [
  [() => layers.upSampling2d({ size: [2, 3] }), [null, null, 2]],
  [() => layers.upSampling2d({ size: [2, 1], interpolation: "bilinear" }), [null, null, 2]],
  [() => layers.globalAveragePooling2d({}), [null, null, 2]],
  [() => layers.conv2d({ filters: 3, kernelSize: 3, strides: 2, padding: "same" }), [null, null, 2]],
  [() => layers.layerNormalization(), [null, 3]],
  [() => layers.timeDistributed({ layer: layers.dense({ units: 2 }) }), [null, 3]],
  [
    () => layers.bidirectional({ layer: layers.lstm({ units: 2, returnSequences: true }), mergeMode: "concat" }),
    [null, 3],
  ],
  [() => layers.globalMaxPooling1d(), [null, 3]],
  [() => layers.timeDistributed({ layer: layers.conv1d({ filters: 2, kernelSize: 3 }) }), [null, 5, 3]],
  [() => layers.reshape({ targetShape: [-1, 6] }), [null, 3]],
];

/** CenterCrop of TF.js changes the shape of its input in place, so it does not share its input. Layers that are made of several nodes, of which some are newer than the oldest opset. */
function chained(kind: "steps" | "image" | "crop"): tf.layers.Layer {
  const inner = tf.sequential();
  if (kind === "steps") {
    inner.add(layers.masking({ maskValue: 0, inputShape: [5, 3] }));
    inner.add(layers.gru({ units: 3, activation: "relu", returnSequences: true }));
    inner.add(layers.globalAveragePooling1d());
  } else if (kind === "crop") {
    inner.add(layers.zeroPadding2d({ padding: 1, inputShape: [7, 6, 3] }));
    inner.add(layers.centerCrop({ height: 4, width: 3 }));
  } else {
    inner.add(layers.conv2d({ filters: 4, kernelSize: 3, inputShape: [7, 6, 3] }));
    inner.add(layers.layerNormalization());
    inner.add(layers.globalMaxPooling2d({}));
    inner.add(layers.softmax());
  }
  return inner;
}

const ACTIVATIONS = ["gelu", "gelu_new", "mish", "hardSigmoid", "logSoftmax", "softsign"] as const;

describe("layers", () => {
  const groups = new Map<string, { shape: Shape; made: (() => tf.layers.Layer)[] }>();
  const add = (make: () => tf.layers.Layer, shape: Shape): void => {
    const group = groups.get(String(shape)) ?? { shape, made: [] };
    group.made.push(make);
    groups.set(String(shape), group);
  };
  for (const [name, make, shape] of LAYER_CASES) if (name !== "CenterCrop") add(make, shape);
  for (const [make, shape] of FREE) add(make, shape);
  for (const activation of ACTIVATIONS) {
    // @ts-expect-error: TF.js's types miss gelu and gelu_new
    add(() => layers.activation({ activation }), [5, 3]);
  }
  for (const axis of [[1, 2], [1], [2], -1]) add(() => layers.layerNormalization({ axis, epsilon: 0.02 }), [5, 3]);
  for (const axis of [[1, 2, 3], [2], [1, 3], [3, 2]])
    add(() => layers.layerNormalization({ axis, center: axis.length > 1, scale: axis.length < 3 }), [7, 6, 3]);
  for (const dataFormat of ["channelsFirst", "channelsLast"] as const) {
    add(() => layers.globalAveragePooling2d({ dataFormat }), [7, 6, 3]);
    add(() => layers.globalMaxPooling2d({ dataFormat }), [7, 6, 3]);
  }
  add(() => chained("steps"), [5, 3]);
  add(() => chained("image"), [7, 6, 3]);
  add(() => chained("crop"), [7, 6, 3]);

  test.each([...groups.values()])("for $shape, in every opset", async ({ shape, made }) => {
    const model = sideBySide(
      made.map((make) => make()),
      shape,
    );
    const sizes = shape.map((size, axis) => size ?? 6 + axis);
    const feed =
      shape.length === 1 && shape[0] === 5
        ? tf.tensor([
            [0, 1, 2, 3, 0],
            [3, 2, 1, 0, 1],
          ])
        : tf.randomUniform([2, ...sizes], -1, 1, "float32", 3);
    for (const opset of OPSETS)
      await expectParity(model, feed, {
        atol: 1e-4,
        rtol: 1e-4,
        single: false,
        runtimes: ["node"],
        exportOptions: { opset },
      });
  });

  const WHOLE = {
    steps: [
      layers.permute({ dims: [2, 1] }),
      layers.masking({ maskValue: 2 }),
      layers.maxPooling1d({ poolSize: 2 }),
      layers.globalMaxPooling1d(),
      layers.globalAveragePooling1d({}),
      layers.reshape({ targetShape: [2, 6] }),
      layers.activation({ activation: "relu" }),
      layers.prelu(),
      layers.rescaling({ scale: 0.5, offset: 1 }),
      layers.lstm({ units: 2 }),
    ],
    images: [
      layers.zeroPadding2d({ padding: 1 }),
      layers.cropping2D({ cropping: 1 }),
      layers.upSampling2d({ size: [2, 3] }),
      layers.maxPooling2d({ poolSize: 2 }),
    ],
  };

  test.each([
    [WHOLE.steps, [4, 3]],
    [WHOLE.images, [4, 5, 2]],
  ])("for integers, in every opset", async (made, shape) => {
    const model = sideBySide(made, shape, "int32");
    const feed = tf.randomUniform([2, ...shape], -4, 5, "int32", 1);
    for (const opset of OPSETS)
      await expectParity(model, feed, { single: false, runtimes: ["node"], exportOptions: { opset } });
  });

  test.each(["float32", "int32"] as const)("that merge %s, in every opset", async (dtype) => {
    const inputs = [tf.input({ shape: [5], dtype }), tf.input({ shape: [5], dtype })];
    const merging = [
      layers.add(),
      layers.multiply(),
      layers.average(),
      layers.maximum(),
      layers.minimum(),
      layers.concatenate(),
    ];
    const outputs = merging.flatMap((layer) => {
      const output = layer.apply(inputs);
      return output instanceof tf.SymbolicTensor ? [output] : [];
    });
    const model = tf.model({ inputs, outputs });
    const feeds = [1, 2].map((seed) => tf.randomUniform([2, 5], -4.9, 4.9, dtype, seed));
    for (const opset of OPSETS)
      await expectParity(model, feeds, { single: false, runtimes: ["node"], exportOptions: { opset } });
  });

  test("merged by a normalised dot product, in every opset", async () => {
    const inputs = [tf.input({ shape: [4, 3] }), tf.input({ shape: [5, 3] })];
    const output = layers.dot({ axes: 2, normalize: true }).apply(inputs);
    if (!(output instanceof tf.SymbolicTensor)) throw new TypeError("one output was expected");
    const model = tf.model({ inputs, outputs: output });
    const feeds = [tf.randomUniform([2, 4, 3]), tf.randomUniform([2, 5, 3])];
    for (const opset of OPSETS) await expectParity(model, feeds, { runtimes: ["node"], exportOptions: { opset } });
  });
});

describe("operators of Graph models", () => {
  beforeAll(() => {
    vi.spyOn(console, "warn").mockReturnValue();
    vi.spyOn(console, "log").mockReturnValue();
  });

  const converters = allOps();

  /** The first and the last case of each operator that TF.js computes and the exporter converts, as free in their sizes as they can be. */
  function casesOf(table: readonly OpCase[]): OpCase[] {
    const compared = table.filter(
      (each) =>
        each.tfjsThrows === null &&
        each.skipped === null &&
        each.refused === null &&
        [...opsOf(each)].some((op) => converters.has(op)),
    );
    return [...byOp(compared).values()]
      .flatMap((group) => [...new Set([...group.slice(0, 1), ...group.slice(-1)])])
      .map((given) => ({ ...given, free: given.free.slice(-1) }));
  }

  /** The oldest opset that has what a case needs, as the exporter says. */
  async function oldestFor(given: OpCase): Promise<number> {
    const [free] = given.free;
    if (free === undefined) throw new TypeError(`${given.name} is not exported`);
    for (let opset = 13; ;) {
      try {
        await exportModel(artifactsOf([given], free), { opset });
        return opset;
      } catch (error) {
        const needed = Number(/needs? opset (\d+)/.exec(String(error))?.[1]);
        if (!(needed > opset)) throw error;
        opset = needed;
      }
    }
  }

  test.each(Object.entries(TABLES))("%s, in every opset that has them", async (_, table) => {
    const cases = casesOf(table);
    const failures: Failure[] = [];
    const computed = await computeAll(cases, failures);
    const oldest = new Map<OpCase, number>();
    for (const given of cases) oldest.set(given, await oldestFor(given));
    for (const opset of OPSETS) {
      const group = computed.filter(({ given }) => valueOf(oldest, given) <= opset);
      await compareAll(group, async (artifacts) => exportModel(artifacts, { opset }), ["node"], failures);
      expect(reportOf(failures), `opset ${opset}`).toBe("");
    }
  });
});
