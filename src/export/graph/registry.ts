import type { GraphOpConverter } from "./converter.ts";
import { customOps, hasOne } from "./custom-ops.ts";
import { builtInOps } from "./ops/index.ts";

/**
 * Every converter by the name of the operator, the user's included.
 *
 * @param more Converters that are not registered.
 * @throws {ExportError} when one of them is for an operator that has a converter already.
 */
export function allOps(more: readonly GraphOpConverter[] = []): ReadonlyMap<string, GraphOpConverter> {
  const all = new Map<string, GraphOpConverter>();
  for (const converter of [...builtInOps, ...new Set(customOps.values()), ...more]) {
    for (const op of converter.tfOps) {
      if (all.has(op)) throw hasOne(op);
      all.set(op, converter);
    }
  }
  return all;
}
