import { ExportError } from "../../errors.ts";

import type { GraphOpConverter } from "./converter.ts";

/** Converters of the user by operator. Apart from the built-in ones, which are loaded when a Graph model is met. */
export const customOps: Map<string, GraphOpConverter> = new Map();

/**
 * Teach the exporter an operator of Graph models, for every export from here on. `ExportOptions.opConverters` teaches it for one.
 *
 * @throws {ExportError} when one of its operators has been registered already. One that comes with this package is refused by
 *   the next export of a Graph model.
 */
export function registerOp(converter: GraphOpConverter): void {
  for (const op of converter.tfOps) if (customOps.has(op)) throw hasOne(op);
  for (const op of converter.tfOps) customOps.set(op, converter);
}

/** Forget a converter that {@link registerOp} added. @returns whether there was one */
export function unregisterOp(tfOp: string): boolean {
  const converter = customOps.get(tfOp);
  if (converter === undefined) return false;
  for (const op of converter.tfOps) customOps.delete(op);
  return true;
}

export function hasOne(op: string): ExportError {
  return new ExportError(`the operator ${op} has a converter already`, {
    hint: "an operator has one converter; unregisterOp forgets one of your own",
  });
}
