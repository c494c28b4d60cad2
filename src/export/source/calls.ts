import { ModelFormatError } from "../../errors.ts";

import { emptyObject, isJsonList, isJsonObject, quoted, shown, type Json, type JsonObject } from "./json.ts";
import type { Call, CallArgument, TensorRef } from "./model.ts";

/**
 * The calls of one layer, from its `inbound_nodes`: Keras 2 and TF.js list `[layer, call, tensor, kwargs]` for each
 * input, Keras 3 gives positional and keyword arguments in which tensors are `__keras_tensor__` objects.
 *
 * @param names Layers of the model, which tells a reference from any other list in a keyword argument.
 * @throws {ModelFormatError} when a node has neither form.
 */
export function readCalls(nodes: Json | undefined, names: ReadonlySet<string>): readonly Call[] {
  if (nodes === undefined || nodes === null) return [];
  if (!isJsonList(nodes)) throw new ModelFormatError(`inbound_nodes must be a list; got ${shown(nodes)}`);
  const calls = nodes.map((node) => (isJsonObject(node) ? keywordCall(node) : listedCall(node, names)));
  for (const call of calls) expectFewInputs(call);
  return calls.filter((call) => call.inputs.length > 0 || Object.keys(call.kwargs).length > 0);
}

/** Limit on the inputs of one call: the search for an order keeps them on a stack. No known model comes near. */
const MAX_INPUTS = 10_000;

function expectFewInputs({ inputs, kwargs }: Call): void {
  const count = Object.values(kwargs).reduce(
    (sum, argument) => sum + (argument.kind === "tensors" ? argument.refs.length : 0),
    inputs.length,
  );
  if (count > MAX_INPUTS) throw new ModelFormatError(`a call has ${count} inputs, more than ${MAX_INPUTS}`);
}

/** References as `input_layers` and `output_layers` have them: one alone, a list, or a mapping by name. */
export function readRefs(value: Json | undefined, where: string): readonly TensorRef[] {
  if (isJsonList(value)) {
    const list = isRefLike(value) ? [value] : value;
    return list.map((item) => requiredRef(item, where));
  }
  if (isJsonObject(value)) return Object.values(value).flatMap((item) => readRefs(item, where));
  throw new ModelFormatError(`${where} must be a list of references to layers; got ${shown(value)}`);
}

function requiredRef(value: Json, where: string): TensorRef {
  const ref = asRef(value);
  if (ref !== null) return ref;
  throw new ModelFormatError(`${where} must refer to layers as [name, call, tensor]; found ${shown(value)}`);
}

function isRefLike(value: readonly Json[]): boolean {
  return typeof value[0] === "string" && typeof value[1] === "number";
}

function asRef(value: Json): TensorRef | null {
  if (!isJsonList(value) || value.length > 4) return null;
  const [layer, call, tensor] = value;
  if (typeof layer !== "string" || !isIndex(call) || !isIndex(tensor)) return null;
  return { layer, call, tensor };
}

function isIndex(value: Json | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** TensorFlow 2 writes this instead of a tensor where an argument is a constant. */
const CONSTANT = "_CONSTANT_VALUE";

function listedCall(node: Json, names: ReadonlySet<string>): Call {
  if (!isJsonList(node)) throw new ModelFormatError(`a node of inbound_nodes must be a list; got ${shown(node)}`);
  const inputs: TensorRef[] = [];
  const constants: Json[] = [];
  const kwargs = emptyObject<CallArgument>();
  // TensorFlow 2 writes the node of an operation without the list around it.
  for (const item of isRefLike(node) ? [node] : node) {
    if (isJsonList(item) && item[0] === CONSTANT) constants.push(item[2] ?? null);
    else inputs.push(requiredRef(item, "inbound_nodes"));
    const given = (isJsonList(item) ? item[3] : null) ?? null;
    if (given === null) continue;
    if (!isJsonObject(given)) {
      throw new ModelFormatError(`inbound_nodes must have keyword arguments as an object; found ${shown(given)}`);
    }
    addArguments(kwargs, given, (value) => listedTensors(value, names));
  }
  if (constants.length > 0) kwargs["args"] = { kind: "value", value: constants };
  return { inputs, kwargs };
}

function addArguments(
  kwargs: Record<string, CallArgument>,
  given: JsonObject,
  tensors: (value: Json) => readonly TensorRef[] | null,
): void {
  for (const [key, value] of Object.entries(given)) {
    if (value === null) continue;
    const refs = tensors(value);
    kwargs[key] = refs === null ? { kind: "value", value } : { kind: "tensors", refs };
  }
}

function listedTensors(value: Json, names: ReadonlySet<string>): readonly TensorRef[] | null {
  const own = knownRef(value, names);
  if (own !== null) return [own];
  if (!isJsonList(value) || value.length === 0) return null;
  const refs: TensorRef[] = [];
  for (const item of value) {
    const ref = knownRef(item, names);
    if (ref === null) return null;
    refs.push(ref);
  }
  return refs;
}

function knownRef(value: Json, names: ReadonlySet<string>): TensorRef | null {
  if (!isJsonList(value) || !isRefLike(value)) return null;
  const ref = asRef(value);
  return ref !== null && names.has(ref.layer) ? ref : null;
}

function keywordCall(node: JsonObject): Call {
  const { args, kwargs: given } = { args: node["args"], kwargs: node["kwargs"] ?? emptyObject<Json>() };
  if (!isJsonList(args) || !isJsonObject(given)) {
    throw new ModelFormatError(`a node of inbound_nodes must have args (a list) and kwargs (an object)`);
  }
  const inputs: TensorRef[] = [];
  const constants: Json[] = [];
  for (const arg of args) {
    const refs = kerasTensors(arg);
    if (refs !== null) for (const ref of refs) inputs.push(ref);
    else if (arg !== null) constants.push(arg);
  }
  const kwargs = emptyObject<CallArgument>();
  addArguments(kwargs, given, kerasTensors);
  // Layers are also called as layer(inputs=x).
  const named = kwargs["inputs"];
  if (inputs.length === 0 && named?.kind === "tensors") {
    for (const ref of named.refs) inputs.push(ref);
    delete kwargs["inputs"];
  }
  if (constants.length > 0) kwargs["args"] = { kind: "value", value: constants };
  return { inputs, kwargs };
}

/** The tensors in an argument of Keras 3, taken out of nested lists and mappings, in order; null when it holds anything else. */
function kerasTensors(value: Json): readonly TensorRef[] | null {
  if (isJsonObject(value) && value["class_name"] === "__keras_tensor__") return [historyOf(value)];
  const items = isJsonList(value) ? value : isJsonObject(value) ? Object.values(value) : [];
  if (items.length === 0) return null;
  const refs: TensorRef[] = [];
  for (const item of items) {
    const inner = kerasTensors(item);
    if (inner === null) return null;
    for (const ref of inner) refs.push(ref);
  }
  return refs;
}

function historyOf(tensor: JsonObject): TensorRef {
  const config = tensor["config"];
  const ref = isJsonObject(config) ? asRef(config["keras_history"] ?? null) : null;
  if (ref !== null) return ref;
  throw new ModelFormatError(`a __keras_tensor__ of inbound_nodes must have a keras_history of [name, call, tensor]`);
}

/** `reference to layer "x"`, for messages. */
export function describeRef(ref: TensorRef): string {
  return `output ${ref.tensor} of call ${ref.call} of layer ${quoted(ref.layer)}`;
}
