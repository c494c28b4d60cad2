import { ModelFormatError } from "../../../errors.ts";
import { isJsonList, isJsonObject, quoted, shown, type Json, type JsonObject } from "../../source/json.ts";

import { AttributeReader, type AttributeShape } from "./attributes.ts";
import { dtypeOf, type GraphDType } from "./dtype.ts";
import type { NodeOutput } from "./node.ts";
import { parseOutput } from "./node-output.ts";

/** An entry of a SignatureDef. */
export interface SignatureEntry {
  readonly key: string;
  readonly tensor: NodeOutput;
  readonly dtype: GraphDType | null;
  readonly shape: AttributeShape;
  /** Number of a resource (a hash table) that the model's initializer makes. */
  readonly resource: string | null;
}

export interface Signature {
  readonly inputs: readonly SignatureEntry[];
  readonly outputs: readonly SignatureEntry[];
}

/**
 * A SignatureDef: `inputs` and `outputs` by the names that the model's author gave them.
 *
 * @throws {ModelFormatError} when an entry names no tensor.
 */
export function readSignature(value: Json | undefined, where: string): Signature {
  if (value === undefined || value === null) return { inputs: [], outputs: [] };
  if (!isJsonObject(value)) throw new ModelFormatError(`${where} must be an object; got ${shown(value)}`);
  return {
    inputs: readEntries(own(value, "inputs"), `${where}.inputs`),
    outputs: readEntries(own(value, "outputs"), `${where}.outputs`),
  };
}

function readEntries(value: Json | undefined, where: string): readonly SignatureEntry[] {
  if (value === undefined) return [];
  if (!isJsonObject(value)) throw new ModelFormatError(`${where} must be an object; got ${shown(value)}`);
  return Object.keys(value).map((key) => {
    const entry = own(value, key);
    const name = isJsonObject(entry) ? own(entry, "name") : undefined;
    if (!isJsonObject(entry) || typeof name !== "string") {
      throw new ModelFormatError(`${where}: the entry ${quoted(key)} must name a tensor; got ${shown(entry)}`);
    }
    const resource = own(entry, "resourceId");
    const shape = own(entry, "tensorShape");
    return {
      key,
      tensor: parseOutput(name),
      dtype: dtypeOf(own(entry, "dtype")),
      shape: isJsonObject(shape) ? new AttributeReader({ shape: { shape } }).shape("shape") : null,
      resource: typeof resource === "string" || typeof resource === "number" ? String(resource) : null,
    };
  });
}

/** `structuredOutputKeys`: names of the outputs of a model that returns a dictionary. Null: it has none. */
export function readOutputKeys(value: Json | undefined): readonly string[] | null {
  if (!isJsonList(value)) return null;
  const names = value.filter((name) => typeof name === "string");
  return names.length === value.length ? names : null;
}

function own(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? (object[key] ?? undefined) : undefined;
}
