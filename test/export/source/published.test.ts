import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";

import { isObject } from "../../../src/export/source/json.ts";
import type { RawModel } from "../../../src/export/source/model.ts";
import { toArtifacts } from "../../../src/infer/tfjs-session.ts";
import { expectParity, predict, randomizeWeights, rawModelOf } from "../../helpers/layer-parity.ts";

type Json = Record<string, unknown>;
type Rewrite = (manifest: Json) => void;

function object(value: unknown): Json {
  if (isObject(value) && !Array.isArray(value)) return value;
  throw new TypeError("an object was expected");
}

function list(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new TypeError("a list was expected");
}

function topologyOf(manifest: Json): Json {
  const topology = object(manifest["modelTopology"]);
  return isObject(topology["model_config"]) ? object(topology["model_config"]) : topology;
}

/** Every layer of a model and of the models in it, wrapped ones and directions included. */
function layersOf(model: Json): readonly Json[] {
  const { config } = model;
  const entries = Array.isArray(config) ? config : list(object(config)["layers"]);
  return entries.map(object).flatMap(within);
}

function within(entry: Json): readonly Json[] {
  if (Array.isArray(entry["config"]) || object(entry["config"])["layers"] !== undefined)
    return [entry, ...layersOf(entry)];
  const own = object(entry["config"]);
  const inner = ["layer", "backward_layer"].flatMap((key) => (isObject(own[key]) ? within(object(own[key])) : []));
  return [entry, ...inner];
}

/** Change the configuration of every layer of some classes. */
function configs(classes: RegExp, change: (config: Json) => void): Rewrite {
  return (manifest) => {
    const found = layersOf(topologyOf(manifest)).filter(
      (entry) => classes.test(String(entry["class_name"])) && !Array.isArray(entry["config"]),
    );
    expect(found.length).toBeGreaterThan(0);
    for (const { config } of found) change(object(config));
  };
}

function weightNames(change: (name: string) => string): Rewrite {
  return (manifest) => {
    for (const group of list(manifest["weightsManifest"]).map(object)) {
      for (const spec of list(group["weights"]).map(object)) spec["name"] = change(String(spec["name"]));
    }
  };
}

/** As the converter wrote a Keras file of that version. */
function keras(version: string, functional = "Model"): Rewrite {
  return (manifest) => {
    const { class_name: className, config } = topologyOf(manifest);
    manifest["modelTopology"] = {
      keras_version: version,
      backend: "tensorflow",
      model_config: { class_name: className === "Sequential" ? className : functional, config },
      training_config: {
        optimizer_config: { class_name: "Nadam", config: { lr: 0.002, schedule_decay: 0.004, beta_1: 0.9 } },
        loss: { class_name: "MeanSquaredError", config: { reduction: "auto" } },
        metrics: [[{ class_name: "MeanMetricWrapper", config: { fn: "accuracy" } }]],
        sample_weight_mode: null,
        loss_weights: { scores: 0.5 },
      },
    };
    manifest["convertedBy"] = "TensorFlow.js Converter v1.7.4";
  };
}

/** Sequential models in the form of Keras before 2.2.3: a list of layers, without a name. */
const bare: Rewrite = (manifest) => {
  const strip = (model: Json): void => {
    const { config } = model;
    const entries = list(object(config)["layers"]).map(object);
    for (const entry of entries) if (object(entry["config"])["layers"] !== undefined) strip(entry);
    if (model["class_name"] === "Sequential") model["config"] = entries;
  };
  strip(topologyOf(manifest));
};

const camelCase: Rewrite = (manifest) => {
  for (const { config } of layersOf(topologyOf(manifest))) {
    const own = object(config);
    for (const [key, value] of Object.entries(own)) {
      const camel = key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
      if (camel === key || key === "input_layers" || key === "output_layers") continue;
      delete own[key];
      own[camel] = value;
    }
  }
};

const inboundArguments =
  (given: Json): Rewrite =>
  (manifest) => {
    for (const entry of layersOf(topologyOf(manifest))) {
      for (const node of Array.isArray(entry["inbound_nodes"]) ? entry["inbound_nodes"] : []) {
        for (const ref of list(node)) if (Array.isArray(ref)) ref[3] = given;
      }
    }
  };

function all(...rewrites: readonly Rewrite[]): Rewrite {
  return (manifest) => {
    for (const rewrite of rewrites) rewrite(manifest);
  };
}

function one(layer: tf.layers.Layer, input: tf.SymbolicTensor | tf.SymbolicTensor[]): tf.SymbolicTensor {
  const output = layer.apply(input);
  if (output instanceof tf.SymbolicTensor) return output;
  throw new TypeError("one output was expected");
}

/** A convolutional network as MobileNet's are: blocks with a shortcut, batch normalisation and capped rectifiers. */
function images(): tf.LayersModel {
  const { layers } = tf;
  const x = tf.input({ shape: [8, 7, 2], name: "input_1" });
  const stem = one(
    layers.conv2d({ filters: 4, kernelSize: 3, strides: 2, useBias: false, name: "Conv1" }),
    one(
      layers.zeroPadding2d({
        padding: [
          [0, 1],
          [0, 1],
        ],
        name: "pad",
      }),
      x,
    ),
  );
  const capped = one(
    layers.reLU({ maxValue: 6, name: "Conv1_relu" }),
    one(layers.batchNormalization({ epsilon: 1e-3, momentum: 0.99, name: "bn_Conv1" }), stem),
  );
  const deep = one(layers.depthwiseConv2d({ kernelSize: 3, padding: "same", name: "expanded" }), capped);
  const sum = one(layers.add({ name: "block_add" }), [capped, one(layers.activation({ activation: "relu6" }), deep)]);
  const pooled = one(layers.globalAveragePooling2d({ name: "pool" }), sum);
  const dropped = one(layers.dropout({ rate: 0.2, name: "drop" }), pooled);
  return named(
    tf.model({
      inputs: x,
      outputs: one(layers.dense({ units: 3, activation: "softmax", name: "scores" }), dropped),
      name: "m",
    }),
  );
}

/** Embedding and recurrent layers, as text and gestures are read. */
function text(): tf.LayersModel {
  const { layers } = tf;
  return named(
    tf.sequential({
      layers: [
        layers.embedding({ inputDim: 9, outputDim: 4, inputLength: 6, name: "embedding_1" }),
        layers.bidirectional({
          layer: layers.lstm({ units: 3, returnSequences: true, name: "lstm_1", recurrentActivation: "hardSigmoid" }),
          name: "bidirectional_1",
        }),
        layers.timeDistributed({ layer: layers.dense({ units: 4, name: "dense_1" }), name: "time_distributed_1" }),
        layers.gru({ units: 3, name: "gru_1", returnSequences: true }),
        layers.simpleRNN({ units: 2, name: "simple_rnn_1" }),
        layers.dense({ units: 2, activation: "sigmoid", name: "dense_2" }),
      ],
    }),
  );
}

/** A model of models, as Teachable Machine's are. */
function nested(): tf.LayersModel {
  const { layers } = tf;
  const x = tf.input({ shape: [6, 6, 2], name: "input_1" });
  const features = tf.model({
    inputs: x,
    outputs: one(layers.conv2d({ filters: 3, kernelSize: 3, activation: "relu", name: "Conv1" }), x),
    name: "truncated",
  });
  const first = tf.sequential({
    name: "sequential_1",
    layers: [features, layers.globalAveragePooling2d({ name: "p" })],
  });
  const second = tf.sequential({
    name: "sequential_3",
    layers: [
      layers.dense({ units: 4, activation: "relu", name: "dense_Dense1", inputShape: [3] }),
      layers.dense({ units: 2, useBias: false, activation: "softmax", name: "dense_Dense2" }),
    ],
  });
  return named(tf.sequential({ name: "sequential_4", layers: [first, second] }));
}

function named(model: tf.LayersModel): tf.LayersModel {
  randomizeWeights(model);
  return model;
}

const IMAGES = tf.randomNormal([2, 8, 7, 2], 0, 3, "float32", 3);
const TEXT = tf.randomUniform([2, 6], 0, 9, "int32", 3).cast("float32");
const NESTED = tf.randomNormal([2, 6, 6, 2], 0, 1, "float32", 3);

const CASES: Readonly<Record<string, readonly [build: () => tf.LayersModel, input: tf.Tensor, rewrite: Rewrite]>> = {
  "Keras 2.1.6-tf, class Model": [images, IMAGES, keras("2.1.6-tf")],
  "Keras 2.13, class Functional": [images, IMAGES, keras("2.13.1", "Functional")],
  "calls in inference mode": [images, IMAGES, all(keras("2.2.4-tf"), inboundArguments({ training: false }))],
  "calls with arguments of null": [
    images,
    IMAGES,
    all(keras("2.4.0"), inboundArguments({ training: null, mask: null })),
  ],
  "what TensorFlow 1.13 and 2 write beside it": [
    images,
    IMAGES,
    all(
      keras("2.3.0-tf", "Functional"),
      configs(/^InputLayer$/, (config) => Object.assign(config, { sparse: false, ragged: false })),
      configs(/^BatchNormalization$/, (config) => Object.assign(config, { axis: [3], dtype: "float32" })),
      configs(/^ReLU$/, (config) => Object.assign(config, { negative_slope: 0, threshold: 0 })),
      configs(/^(Depthwise)?Conv2D$/, (config) => Object.assign(config, { groups: 1, dilation_rate: [1, 1] })),
      configs(/^Dropout$/, (config) => Object.assign(config, { noise_shape: null, seed: null })),
      configs(/^Global/, (config) => Object.assign(config, { data_format: "channels_last", keepdims: false })),
      configs(/^Dense$/, (config) =>
        Object.assign(config, {
          kernel_initializer: { class_name: "GlorotUniform", config: { seed: null, dtype: "float32" } },
          kernel_regularizer: { class_name: "L1L2", config: { l1: 0, l2: 9.999_999_747_378_752e-5 } },
          bias_initializer: { class_name: "Constant", config: { value: 0.1 } },
        }),
      ),
    ),
  ],
  "a rectifier without a cap, of null": [
    () => named(tf.sequential({ layers: [tf.layers.reLU({ inputShape: [8, 7, 2] })] })),
    IMAGES,
    all(
      keras("2.2.4"),
      configs(/^ReLU$/, (config) => {
        config["max_value"] = null;
      }),
    ),
  ],
  "an activation as an object": [
    images,
    IMAGES,
    configs(/^Dense$/, (config) => {
      config["activation"] = { class_name: "softmax", config: {} };
    }),
  ],
  "keys in camel case": [images, IMAGES, camelCase],
  "recurrent keys in camel case": [text, TEXT, camelCase],
  "Sequential as a list, Keras 2.1.5": [text, TEXT, all(bare, keras("2.1.5"))],
  "Sequential as a list within one": [nested, NESTED, all(bare, keras("2.1.5"))],
  "models within models, Keras 2.2": [nested, NESTED, keras("2.2.2")],
  "names of cells in names of weights": [
    text,
    TEXT,
    all(
      keras("2.6.0"),
      weightNames((name) =>
        name
          .replace(/(forward|backward)_lstm_1\//, "$1_lstm_1/lstm_cell_4/")
          .replace(/^gru_1\//, "gru_1/gru_cell/")
          .replace(/^simple_rnn_1\//, "simple_rnn_1/simple_rnn_cell_2/"),
      ),
    ),
  ],
  "recurrent layers as Keras 2 configures them": [
    text,
    TEXT,
    all(
      keras("2.3.1"),
      configs(/^(LSTM|GRU|SimpleRNN)$/, (config) =>
        Object.assign(config, {
          implementation: 2,
          time_major: false,
          unroll: false,
          reset_after: false,
          dtype: "float32",
        }),
      ),
      configs(/^Bidirectional$/, (config) => Object.assign(config, { backward_layer: undefined })),
      configs(/^Embedding$/, (config) => Object.assign(config, { input_length: 6, mask_zero: false })),
    ),
  ],
  "InputLayer first, as TensorFlow 2.3 writes it": [
    text,
    TEXT,
    all(keras("2.4.0"), (manifest) => {
      const config = object(topologyOf(manifest)["config"]);
      const own = {
        batch_input_shape: [null, 6],
        dtype: "float32",
        sparse: false,
        ragged: false,
        name: "embedding_input",
      };
      config["layers"] = [{ class_name: "InputLayer", config: own }, ...list(config["layers"])];
      config["build_input_shape"] = [null, 6];
    }),
  ],
  "names that were saved with dtype policies": [
    images,
    IMAGES,
    all(
      keras("2.4.0", "Functional"),
      configs(/^(Dense|Conv2D)$/, (config) => {
        config["dtype"] = { class_name: "Policy", config: { name: "float32" } };
      }),
    ),
  ],
  "Sequential of Keras 3, mended by hand": [
    nested,
    NESTED,
    all(keras("3.6.0"), (manifest) => {
      for (const entry of layersOf(topologyOf(manifest))) {
        const config = object(entry["config"]);
        Object.assign(entry, {
          module: "keras.layers",
          registered_name: null,
          build_config: { input_shape: [null, 8] },
        });
        const shape = config["batch_input_shape"];
        delete config["batch_input_shape"];
        if (shape !== undefined) config["batchInputShape"] = shape;
        if (entry["class_name"] === "Dense" && shape === undefined) {
          config["dtype"] = {
            module: "keras",
            class_name: "DTypePolicy",
            config: { name: "float32" },
            registered_name: null,
          };
        }
      }
    }),
  ],
  "sizes before the batch as a user may write them": [
    images,
    IMAGES,
    all(
      keras("3.5.0", "Functional"),
      configs(/^InputLayer$/, (config) => {
        delete config["batch_input_shape"];
        config["input_shape"] = [8, 7, 2];
      }),
    ),
  ],
};

async function load(files: RawModel): Promise<tf.LayersModel> {
  const given = toArtifacts(files);
  return tf.loadLayersModel({ load: () => Promise.resolve(given) });
}

describe("models as they are published, each in another dialect, give TF.js's numbers", () => {
  test.each(Object.entries(CASES))("%s", async (_, [build, input, rewrite]) => {
    const edit = (raw: RawModel): RawModel => {
      const manifest = object(structuredClone(raw.manifest));
      rewrite(manifest);
      return { manifest: JSON.parse(JSON.stringify(manifest)), weights: raw.weights };
    };
    const model = build();
    const loaded = await load(edit(await rawModelOf(model)));
    await expectParity(model, input, { edit, expected: (inputs) => predict(loaded, inputs), runtimes: ["node"] });
  });
});
