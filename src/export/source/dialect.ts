import { ModelFormatError } from "../../errors.ts";

import { isCamelCase, snakeCase } from "./config.ts";
import { isLayerClass, LAYER_CLASSES } from "./layer-classes.ts";
import { emptyObject, isJsonList, isJsonObject, shown, type Json, type JsonObject } from "./json.ts";

/** Which library wrote the topology. The same names mean different things in each. */
export interface Dialect {
  /** Keras 3, whose nodes have keyword arguments and whose Sequential models count calls from 0. */
  readonly keras3: boolean;
  /** tfjs-layers itself, which writes weights in the order of the layers. */
  readonly tfjs: boolean;
}

/** Determine the dialect of a topology (`model.toJSON()`, or a whole Keras file's attributes) from its version and its form. */
export function dialectOf(topology: JsonObject, model: JsonObject): Dialect {
  const version = topology["keras_version"] ?? model["keras_version"];
  const written = typeof version === "string" ? version : "";
  if (written.startsWith("tfjs")) return { keras3: false, tfjs: true };
  return { keras3: written === "" ? looksLikeKeras3(model) : Number.parseInt(written, 10) >= 3, tfjs: false };
}

function looksLikeKeras3(model: JsonObject): boolean {
  const config = model["config"];
  const layers = isJsonObject(config) ? config["layers"] : config;
  if (!isJsonList(layers)) return false;
  return layers.filter(isJsonObject).some((layer) => {
    const own = layer["config"];
    return layer["build_config"] !== undefined || (isJsonObject(own) && own["batch_shape"] !== undefined);
  });
}

/** The present name of each class that had another. */
const RENAMED_CLASSES: ReadonlyMap<string, string> = new Map(
  [...LAYER_CLASSES].flatMap(([className, { formerly = [] }]) =>
    formerly.map((former): [string, string] => [former, className]),
  ),
);

/** What the class of an operation begins with. */
export const KERAS_OPERATION = "keras.ops.";

/**
 * The class a serialized layer is of. Keras 3 writes operations on tensors (`x * 2`) among the layers, under names that
 * layers have too; their configuration does not say `trainable`, where every layer's does.
 */
export function layerClass(entry: JsonObject, className: string, config: JsonObject, dialect: Dialect): string {
  const module = entry["module"];
  const ofOps = typeof module === "string" && /^keras\.(src\.)?ops\b/.test(module);
  if (ofOps || (dialect.keras3 && isOperation(className, config))) return `${KERAS_OPERATION}${className}`;
  return RENAMED_CLASSES.get(className) ?? className;
}

/** Layers of files edited by hand may say little; operations have `axis` at most where a layer has the same name. */
function isOperation(className: string, config: JsonObject): boolean {
  if (className === "InputLayer" || config["trainable"] !== undefined) return false;
  return !isLayerClass(className) || Object.keys(config).every((key) => key === "name" || key === "axis");
}

/** Keys under which a layer's configuration holds other layers. */
const NESTED_KEYS = ["layer", "backward_layer", "cell", "cells"] as const;

/**
 * A layer's configuration in Keras 2's form: the keys it had there, plain values for serialized ones. TF.js also takes keys in
 * camel case (`batchInputShape`), which files that were edited by hand have.
 */
export function keras2Config(className: string, config: JsonObject, dialect: Dialect): JsonObject {
  const result = emptyObject<Json>();
  for (const [key, value] of Object.entries(config))
    result[isCamelCase(key) ? snakeCase(key) : key] = plainValue(value);
  rename(result, "batch_shape", "batch_input_shape");
  const shape = result["input_shape"];
  if (className === "InputLayer" && isJsonList(shape)) {
    result["batch_input_shape"] ??= [result["batch_size"] ?? null, ...shape];
  }
  for (const [from, to] of LAYER_CLASSES.get(className)?.renamedKeys ?? []) rename(result, from, to);
  const dtype = result["dtype"];
  if (dtype !== undefined) {
    result["dtype"] = className === "InputLayer" && !dialect.tfjs ? inputDType(dtype) : policyName(dtype);
  }
  for (const key of NESTED_KEYS) {
    const nested = result[key];
    if (nested !== undefined) result[key] = nestedConfig(nested, dialect);
  }
  return result;
}

function nestedConfig(nested: Json, dialect: Dialect): Json {
  if (isJsonList(nested)) return nested.map((item) => nestedConfig(item, dialect));
  if (!isJsonObject(nested)) return nested;
  const className = nested["class_name"];
  const config = nested["config"];
  if (typeof className !== "string" || !isJsonObject(config)) return nested;
  const own = layerClass(nested, className, config, dialect);
  const fields: JsonObject = { class_name: own, config: keras2Config(own, config, dialect) };
  return Object.assign(emptyObject<Json>(), nested, fields);
}

function rename(config: Record<string, Json>, from: string, to: string): void {
  const value = config[from];
  if (value !== undefined) config[to] ??= value;
}

/** Keras writes shapes, tuples and arrays as objects. */
function plainValue(value: Json): Json {
  if (!isJsonObject(value)) return value;
  const config = value["config"];
  const kind = value["class_name"] ?? value["type"];
  if (kind === "TensorShape" || kind === "__tuple__") return value["items"] ?? value;
  if (kind === "ndarray") return value["value"] ?? value;
  const holdsValue = kind === "__numpy__" || kind === "__tensor__";
  return holdsValue && isJsonObject(config) ? (config["value"] ?? value) : value;
}

/**
 * The dtype a policy object names. All computation is in float32, as in TF.js.
 *
 * @throws {ModelFormatError} for an object that names none
 */
function policyName(dtype: Json): Json {
  if (!isJsonObject(dtype)) return dtype;
  const config = dtype["config"];
  const name = isJsonObject(config) ? config["name"] : undefined;
  if (typeof name === "string") return name;
  throw new ModelFormatError(`dtype must be a name, or a policy that has one; got ${shown(dtype)}`);
}

const INPUT_DTYPES: Readonly<Record<string, string>> = {
  float16: "float32",
  bfloat16: "float32",
  float64: "float32",
  mixed_float16: "float32",
  mixed_bfloat16: "float32",
  int8: "int32",
  int16: "int32",
  int64: "int32",
  uint8: "int32",
  uint16: "int32",
  uint32: "int32",
};

/** TF.js has float32, int32 and bool; Keras' other dtypes become the nearest of them. */
function inputDType(dtype: Json): Json {
  const name = policyName(dtype);
  return typeof name === "string" && Object.hasOwn(INPUT_DTYPES, name) ? (INPUT_DTYPES[name] ?? name) : name;
}

/** `Conv2DTranspose` to `conv2d_transpose`, `PReLU` to `p_re_lu`: the stem Keras names a layer by. */
export function kerasStem(className: string): string {
  return className
    .replaceAll(/\W+/g, "")
    .replaceAll(/(.)([A-Z][a-z]+)/g, "$1_$2")
    .replaceAll(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase();
}
