import { readFileSync } from "node:fs";

import * as ort from "onnxruntime-node";
import { describe, expect, test } from "vitest";

import { exportRaw, type ExportedModel } from "../../../src/export/export-model.ts";
import { readLayersModel } from "../../../src/export/source/layers-model.ts";
import { isJsonList, plainJson, type Json } from "../../../src/export/source/json.ts";
import type { RawModel } from "../../../src/export/source/model.ts";
import { verifyModel } from "../../../src/verify/verify-model.ts";
import { decodeOnnx } from "../../helpers/onnx-proto.ts";

/**
 * What Keras 3.15.1 gave for activations as its `model.to_json()` writes them, and, at the end, for functions called with
 * arguments, which Keras writes in no file.
 */
const TABLE = plainJson(JSON.parse(readFileSync(new URL("keras3-activations.json", import.meta.url), "utf8")), "table");

/** Every activation in keras.activations of Keras 3.15.1 (keras/src/activations/__init__.py) that needs no argument. */
const ALL =
  "celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear log_sigmoid " +
  "log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid sparsemax " +
  "squareplus swish tanh tanh_shrink";

const X = [-3, -1.5, -1, -0.6, -0.5, -0.2, 0, 0.3, 0.5, 1, 2, 4.5];
/** The table's softmax along axis 1 was of [1, 3, 4], and all others go along the last of these axes or none. */
const SHAPE = [3, 4] as const;

function list(value: Json | undefined): readonly Json[] {
  if (isJsonList(value)) return value;
  throw new TypeError("a list was expected");
}

const ROWS = list(TABLE).map((row) => {
  const [written = null, numbers] = list(row);
  return { written, expected: list(numbers).map(Number), name: JSON.stringify(written) };
});

interface LayerOf {
  readonly className: string;
  readonly config: Readonly<Record<string, Json>>;
  readonly shape: readonly number[];
  readonly weights: readonly (readonly [name: string, ...shape: readonly number[]])[];
}

/** A model of Keras 3 with one layer. */
function keras3({ className, config, shape, weights }: LayerOf): RawModel {
  const specs = weights.map(([name, ...dims]) => ({ name: `layer/${name}`, shape: dims, dtype: "float32" }));
  const size = specs.reduce((sum, spec) => sum + spec.shape.reduce((product, dim) => product * dim, 1), 0);
  const tensor = { dtype: "float32", shape: [null, ...shape], keras_history: ["x", 0, 0] };
  const layers = [
    {
      module: "keras.layers",
      class_name: "InputLayer",
      name: "x",
      config: { batch_shape: [null, ...shape], name: "x" },
    },
    {
      module: "keras.layers",
      class_name: className,
      name: "layer",
      config: { name: "layer", trainable: true, ...config },
    },
  ].map((entry, index) => ({
    ...entry,
    inbound_nodes: index === 0 ? [] : [{ args: [{ class_name: "__keras_tensor__", config: tensor }], kwargs: {} }],
  }));
  return {
    manifest: {
      format: "layers-model",
      modelTopology: {
        keras_version: "3.15.1",
        model_config: {
          class_name: "Functional",
          config: { name: "m", layers, input_layers: [["x", 0, 0]], output_layers: [["layer", 0, 0]] },
        },
      },
      weightsManifest: [{ paths: ["w.bin"], weights: specs }],
    },
    weights: new Uint8Array(Float32Array.from({ length: size }, (_, index) => Math.sin(index * 1.7) * 0.8).buffer),
  };
}

function layer(activation: Json): RawModel {
  return keras3({ className: "Activation", config: { activation }, shape: SHAPE, weights: [] });
}

async function run({ bytes }: ExportedModel, dims: readonly number[], data: readonly number[]): Promise<ort.Tensor> {
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  try {
    const feeds = { x: new ort.Tensor("float32", Float32Array.from(data), [...dims]) };
    const { layer: output } = await session.run(feeds);
    if (output === undefined) throw new TypeError("no output");
    return output;
  } finally {
    await session.release();
  }
}

/** Operators with the number of their inputs: what an older or newer opset writes otherwise. */
function formOf({ bytes }: ExportedModel): string {
  const { graph } = decodeOnnx(bytes);
  return (graph?.node ?? []).map(({ opType, input }) => `${opType}/${input?.length}`).join();
}

test("the table has every activation of Keras 3", () => {
  expect(ROWS.map(({ written }) => written).filter((written) => typeof written === "string")).toEqual(ALL.split(" "));
});

describe("as Keras 3 computes it", () => {
  for (const { name, written, expected } of ROWS) {
    test(name, async () => {
      const forms = new Set<string>();
      for (const opset of [13, 14, 18, 20]) {
        const exported = exportRaw(layer(written), { opset });
        const form = formOf(exported);
        if (forms.has(form)) continue;
        forms.add(form);
        const { data } = await run(exported, [1, ...SHAPE], X);
        expect(data).toHaveLength(expected.length);
        expected.forEach((value, index) => {
          expect(Math.abs(Number(data[index]) - value), `${index} in opset ${opset}`).toBeLessThan(
            2e-6 * (1 + Math.abs(value)),
          );
        });
      }
    });
  }
});

/** glu gives half the channels, which the reference builds no layer for. */
const VERIFIED = ROWS.filter(({ written }) => written !== "glu");

async function passes(raw: RawModel): Promise<boolean> {
  const source = readLayersModel(raw);
  const { passed } = await verifyModel(raw, source, exportRaw(raw).bytes, {
    targets: [{ runtime: "node" }],
    tolerance: { atol: 1e-5, rtol: 1e-4 },
    batches: [3],
    seed: 1,
    exportOptions: {},
  });
  return passed;
}

describe("in a layer, as the reference with TF.js's operations computes it", () => {
  for (const { name, written } of VERIFIED) {
    test(`Conv2D with ${name}`, async () => {
      const weights = [["kernel", 2, 3, 3, 4] as const, ["bias", 4] as const];
      const config = { filters: 4, kernel_size: [2, 3], activation: written };
      expect(await passes(keras3({ className: "Conv2D", config, shape: [5, 6, 3], weights }))).toBe(true);
    });
  }

  for (const className of ["LSTM", "GRU", "SimpleRNN"]) {
    for (const activation of ["celu", "sparsemax", "hard_tanh", "leaky_relu", "hard_sigmoid"]) {
      test(`${className} with ${activation}`, async () => {
        const columns = { LSTM: 12, GRU: 9, SimpleRNN: 3 }[className] ?? 0;
        const bias = className === "GRU" ? ([2, columns] as const) : ([columns] as const);
        const weights = [
          ["kernel", 2, columns] as const,
          ["recurrent_kernel", 3, columns] as const,
          ["bias", ...bias] as const,
        ];
        const config = { units: 3, activation, return_sequences: true };
        expect(await passes(keras3({ className, config, shape: [4, 2], weights }))).toBe(true);
      });
    }
  }
});

describe("what cannot be", () => {
  test("glu in a recurrent layer, whose state it would halve", () => {
    const config = { units: 4, activation: "glu" };
    const weights = [
      ["kernel", 2, 4],
      ["recurrent_kernel", 4, 4],
      ["bias", 4],
    ] as const;
    const raw = keras3({ className: "SimpleRNN", config, shape: [4, 2], weights });
    expect(() => exportRaw(raw)).toThrow("glu halves the last axis");
  });

  test("glu of an odd number of channels", () => {
    const raw = keras3({ className: "Activation", config: { activation: "glu" }, shape: [2, 5], weights: [] });
    expect(() => exportRaw(raw)).toThrow("whose size must be even; it is 5");
  });

  test("PReLU as an activation, whose weights no file has", () => {
    expect(() => exportRaw(layer({ class_name: "PReLU", config: {} }))).toThrow(
      "a PReLU, whose weights belong to a layer",
    );
  });

  test("a name that no one knows", () => {
    expect(() => exportRaw(layer("wobble"))).toThrow('got "wobble"');
  });
});
