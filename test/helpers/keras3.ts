import { plainJson, type Json, type JsonObject } from "../../src/export/source/json.ts";
import type { RawModel } from "../../src/export/source/model.ts";

/** A functional model that TF.js saved, as Keras 3 would have written it: TF.js refuses to load that. */
export function asKeras3({ manifest, weights }: RawModel): RawModel {
  const whole = object(plainJson(manifest, "manifest"));
  const topology = object(whole["modelTopology"]);
  const model = object(topology["model_config"] ?? topology);
  return {
    weights,
    manifest: {
      ...whole,
      modelTopology: { keras_version: "3.6.0", backend: "tensorflow", model_config: modelOf(model) },
    },
  };
}

function modelOf(model: JsonObject): JsonObject {
  const config = object(model["config"]);
  return {
    class_name: "Functional",
    config: { ...config, layers: list(config["layers"]).map((layer) => layerOf(object(layer))) },
  };
}

function layerOf(layer: JsonObject): JsonObject {
  const { batch_input_shape: shape, ...config } = object(layer["config"]);
  const isModel = config["layers"] !== undefined;
  return {
    module: "keras.layers",
    class_name: layer["class_name"] ?? null,
    name: layer["name"] ?? null,
    config: isModel
      ? object(modelOf(layer)["config"])
      : {
          ...config,
          dtype: policy(config["dtype"] ?? "float32", layer["class_name"] === "InputLayer"),
          ...(shape === undefined ? {} : { batch_shape: shape }),
        },
    registered_name: null,
    build_config: {},
    inbound_nodes: list(layer["inbound_nodes"]).map(nodeOf),
  };
}

function policy(dtype: Json, input: boolean): Json {
  return input ? dtype : { module: "keras", class_name: "DTypePolicy", config: { name: dtype }, registered_name: null };
}

function nodeOf(node: Json): JsonObject {
  const tensors = list(node).map((ref): JsonObject => {
    const [name = null, call = 0, tensor = 0] = list(ref);
    return {
      class_name: "__keras_tensor__",
      config: { shape: [null], dtype: "float32", keras_history: [name, call, tensor] },
    };
  });
  const [first = null] = tensors;
  return { args: [tensors.length === 1 ? first : tensors], kwargs: {} };
}

function object(value: Json | undefined): JsonObject {
  if (typeof value === "object" && value !== null && !isList(value)) return value;
  throw new TypeError("an object was expected");
}

function list(value: Json | undefined): readonly Json[] {
  return value !== undefined && isList(value) ? value : [];
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
