import { ExportError } from "../../errors.ts";

import type { GraphOpConverter } from "./converter.ts";
import { builtInOps } from "./ops/index.ts";

const custom = new Map<string, GraphOpConverter>();

/**
 * Teach the exporter an operator of your own, for every export of a Graph model from here on.
 *
 * @throws {ExportError} when one of its operators has a converter already.
 */
export function registerOp(converter: GraphOpConverter): void {
  add(allOps(), converter);
  for (const op of converter.tfOps) custom.set(op, converter);
}

/** Forget a converter that {@link registerOp} added. @returns whether there was one */
export function unregisterOp(tfOp: string): boolean {
  const converter = custom.get(tfOp);
  if (converter === undefined) return false;
  for (const op of converter.tfOps) custom.delete(op);
  return true;
}

/**
 * Every converter by the name of the operator, the user's included.
 *
 * @param more Converters that are not registered.
 * @throws {ExportError} when one of them is for an operator that has a converter already.
 */
export function allOps(more: readonly GraphOpConverter[] = []): Map<string, GraphOpConverter> {
  const all = new Map<string, GraphOpConverter>();
  for (const converter of builtInOps) add(all, converter);
  for (const [op, converter] of custom) all.set(op, converter);
  for (const converter of more) add(all, converter);
  return all;
}

function add(all: Map<string, GraphOpConverter>, converter: GraphOpConverter): void {
  for (const op of converter.tfOps) {
    if (all.has(op)) {
      throw new ExportError(`the operator ${op} has a converter already`, {
        hint: "an operator has one converter; unregisterOp forgets one of your own",
      });
    }
  }
  for (const op of converter.tfOps) all.set(op, converter);
}
