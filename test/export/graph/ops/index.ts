import type { OpCase } from "../op-case.ts";

import { arithmetic } from "./arithmetic.ts";
import { basicMath } from "./basic-math.ts";
import { control } from "./control.ts";
import { convolution } from "./convolution.ts";
import { creation } from "./creation.ts";
import { dynamic } from "./dynamic.ts";
import { evaluation } from "./evaluation.ts";
import { graph } from "./graph.ts";
import { hashTable } from "./hash-table.ts";
import { image } from "./image.ts";
import { logical } from "./logical.ts";
import { matrices } from "./matrices.ts";
import { normalization } from "./normalization.ts";
import { ragged } from "./ragged.ts";
import { reduction } from "./reduction.ts";
import { sliceJoin } from "./slice-join.ts";
import { sparse } from "./sparse.ts";
import { spectral } from "./spectral.ts";
import { string } from "./string.ts";
import { tfdf } from "./tfdf.ts";
import { transformation } from "./transformation.ts";

/** Cases by the categories of TF.js's op lists. */
export const TABLES: Readonly<Record<string, readonly OpCase[]>> = {
  arithmetic,
  "basic math": basicMath,
  control,
  convolution,
  creation,
  dynamic,
  evaluation,
  graph,
  "hash table": hashTable,
  image,
  logical,
  matrices,
  normalization,
  ragged,
  reduction,
  "slice and join": sliceJoin,
  sparse,
  spectral,
  string,
  tfdf,
  transformation,
};

/** The ops that a node of the case has, whether it tests them or needs them. */
export function opsOf({ inputs, nodes, initializer, functions }: OpCase): Set<string> {
  const all = [...nodes, ...initializer, ...functions.flatMap((inner) => inner.nodes)];
  const sources = Object.values(inputs).map(({ constant }) => (constant ? "Const" : "Placeholder"));
  return new Set([...sources, ...all.map(({ op }) => op)]);
}

/** Cases by the op they test. */
export function byOp(cases: readonly OpCase[]): Map<string, OpCase[]> {
  const groups = new Map<string, OpCase[]>();
  for (const given of cases) {
    const group = groups.get(given.op);
    if (group === undefined) groups.set(given.op, [given]);
    else group.push(given);
  }
  return groups;
}
