import { isObject } from "./json.ts";

/** Whether this is the model.json of a Graph model: a SavedModel, or a Keras model, that was converted to operators. */
export function isGraphModel(manifest: unknown): boolean {
  if (!isObject(manifest)) return false;
  const topology = ownValue(manifest, "modelTopology");
  return (
    (isObject(topology) && Array.isArray(ownValue(topology, "node"))) || ownValue(manifest, "format") === "graph-model"
  );
}

/** A value of the object's own, not of its prototype. */
export function ownValue(object: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
