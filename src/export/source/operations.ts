import { emptyObject, isJsonList, isJsonObject, type Json, type JsonObject } from "./json.ts";

/** A layer's class and configuration. */
export interface LayerLike {
  readonly className: string;
  readonly config: JsonObject;
}

const MERGES: ReadonlySet<string> = new Set(["Add", "Subtract", "Multiply", "Maximum", "Minimum"]);
const ACTIVATIONS: ReadonlyMap<string, string> = new Map([
  ["Relu", "relu"],
  ["Relu6", "relu6"],
  ["Sigmoid", "sigmoid"],
  ["Silu", "swish"],
  ["Softplus", "softplus"],
  ["Softsign", "softsign"],
  ["Tanh", "tanh"],
]);

/** `scale · x + offset`, for an operation of a tensor and a number. */
const OF_NUMBER: ReadonlyMap<
  string,
  (number: number, first: boolean) => readonly [scale: number, offset: number] | null
> = new Map([
  ["Add", (number) => [1, number]],
  ["Multiply", (number) => [number, 0]],
  ["Subtract", (number, first) => (first ? [-1, number] : [1, -number])],
  ["TrueDivide", (number, first) => (first ? null : [1 / number, 0])],
  ["Divide", (number, first) => (first ? null : [1 / number, 0])],
]);

/**
 * The layer that computes the same as an operation that Keras 3 wrote among the layers (`x + y`, `x / 255`, `ops.relu(x)`);
 * null where there is none.
 */
export function operationAsLayer(entry: JsonObject, className: string, config: JsonObject): LayerLike | null {
  const args = onlyArguments(entry["inbound_nodes"]);
  if (args === null) return null;
  const [first = null, second = null] = args;
  if (className === "Concatenate" && args.length === 1 && isJsonList(first)) {
    return first.every(isFloat) ? { className, config } : null;
  }
  const activation = ACTIVATIONS.get(className);
  if (activation !== undefined && args.length === 1 && isFloat(first)) {
    return layer("Activation", config, { activation });
  }
  if (args.length !== 2) return null;
  if (isFloat(first) && isFloat(second)) {
    // Layers align tensors of different ranks at their first axes, operations at their last axes.
    return MERGES.has(className) && rankOf(first) === rankOf(second) ? { className, config } : null;
  }
  const tensor = isFloat(first) ? first : second;
  const number = isFloat(first) ? second : first;
  if (!isFloat(tensor) || typeof number !== "number") return null;
  const scaling = OF_NUMBER.get(className)?.(number, tensor === second) ?? null;
  return scaling === null ? null : layer("Rescaling", config, { scale: scaling[0], offset: scaling[1] });
}

function layer(className: string, { name }: JsonObject, own: JsonObject): LayerLike {
  return { className, config: Object.assign(emptyObject<Json>(), { name }, own) };
}

/** The arguments of an operation; null when it is called several times, or with keyword arguments. */
function onlyArguments(nodes: Json | undefined): readonly Json[] | null {
  if (nodes === undefined || !isJsonList(nodes) || nodes.length !== 1) return null;
  const [node = null] = nodes;
  if (!isJsonObject(node)) return null;
  const { args, kwargs } = node;
  if (args === undefined || !isJsonList(args)) return null;
  return isJsonObject(kwargs) && Object.keys(kwargs).length > 0 ? null : args;
}

function isFloat(value: Json): value is JsonObject {
  const config = isJsonObject(value) && value["class_name"] === "__keras_tensor__" ? value["config"] : null;
  return isJsonObject(config) && config["dtype"] === "float32";
}

function rankOf({ config }: JsonObject): number | null {
  const shape = isJsonObject(config) ? config["shape"] : null;
  return isJsonList(shape) ? shape.length : null;
}
