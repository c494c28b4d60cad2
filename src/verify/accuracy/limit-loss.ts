import type { ExportedModel } from "../../export/export-model.ts";
import { at } from "../../require.ts";
import { sizeOf } from "../../tensor.ts";

/** How files that keep some weights as float32 are made and judged. */
export interface LossSearch {
  /** Exports the model once more. */
  exportWith(float32Weights: readonly string[]): Promise<ExportedModel>;
  /** What the limit is set to, on all samples. */
  lossOf(exported: ExportedModel): Promise<number>;
  /** How much the outputs change, on a few samples: which weights matter most. */
  roughLossOf(exported: ExportedModel): Promise<number>;
  onProgress?(sentence: string): void;
}

export interface LimitedLoss {
  readonly exported: ExportedModel;
  readonly loss: number;
  /** Weights that were put back to float32, the most harmful first. */
  readonly float32Weights: readonly string[];
}

/**
 * Put weights back to float32 until a file loses at most `limit`: those first that lose most for their size, as measured with each
 * of them alone in its smaller form. A file whose weights are all float32 loses nothing.
 */
export async function limitLoss(exported: ExportedModel, limit: number, search: LossSearch): Promise<LimitedLoss> {
  const loss = await search.lossOf(exported);
  if (loss <= limit) return { exported, loss, float32Weights: [] };
  const rounded = exported.precision.weights.filter((weight) => weight.loss > 0);
  const ranked: { readonly name: string; readonly harm: number }[] = [];
  for (const { name, dims } of rounded) {
    search.onProgress?.(`measuring ${name}, ${ranked.length + 1} of ${rounded.length} weights`);
    const others = rounded.filter((other) => other.name !== name).map((other) => other.name);
    const alone = await search.roughLossOf(await search.exportWith(others));
    ranked.push({ name, harm: Number.isNaN(alone) ? Infinity : alone ** 2 / sizeOf(dims) });
  }
  const names = ranked.toSorted((a, b) => b.harm - a.harm).map(({ name }) => name);
  // The fewest that are enough lie between `tooFew` and `enough`.
  let [tooFew, enough] = [0, names.length];
  let best = await attempt(search, names, enough);
  while (enough - tooFew > 1) {
    const middle = Math.floor((tooFew + enough) / 2);
    const tried = await attempt(search, names, middle);
    if (tried.loss <= limit) [enough, best] = [middle, tried];
    else tooFew = middle;
  }
  return best;
}

async function attempt(search: LossSearch, names: readonly string[], count: number): Promise<LimitedLoss> {
  const float32Weights = Array.from({ length: count }, (_, index) => at(names, index));
  const exported = await search.exportWith(float32Weights);
  return { exported, loss: await search.lossOf(exported), float32Weights };
}
