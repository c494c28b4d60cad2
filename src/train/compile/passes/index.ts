import type { Graph } from "../graph.ts";
import { normaliseAtOnce } from "./batch-norm.ts";
import { type Pass, shareSame } from "./editor.ts";
import { dropNoGradients } from "./no-gradient.ts";
import { poolFirst } from "./pooling.ts";
import { biasToProduct, productsAtOnce, sumProductsAtOnce, unpackPacked } from "./recurrence.ts";
import { biasAdd, biasAddGrad, dropCasts, mergeReshapes, plainMatMul } from "./simplify.ts";

/** In the order they run. Each keeps the numbers, but for the order in which sums are added up. */
export const PASSES: Readonly<Record<string, Pass>> = {
  dropNoGradients,
  normaliseAtOnce,
  dropCasts,
  plainMatMul,
  mergeReshapes,
  biasAdd,
  biasAddGrad,
  unpackPacked,
  biasToProduct,
  sumProductsAtOnce,
  productsAtOnce,
  poolFirst,
  shareSame,
};

/** How often each pass was of use. */
export type PassCounts = Readonly<Record<string, number>>;

export function optimise(
  graph: Graph,
  passes: Readonly<Record<string, Pass>> = PASSES,
): { readonly graph: Graph; readonly counts: PassCounts } {
  let current = graph;
  const counts: Record<string, number> = {};
  for (const [name, pass] of Object.entries(passes)) {
    const { graph: rewritten, count } = pass(current);
    counts[name] = count;
    current = rewritten;
  }
  return { graph: current, counts };
}
