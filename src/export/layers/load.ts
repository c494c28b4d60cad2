import type { LayerConverter } from "../converter.ts";
import type { LayerSpec, ModelSpec } from "../source/model.ts";

import { classesWhere, groupOf, type ConverterGroup } from "../source/layer-classes.ts";

import { common } from "./common.ts";

interface Group {
  /** Classes of the group's converters. */
  readonly classes: readonly string[];
  readonly load: () => Promise<readonly LayerConverter[]>;
}

/** Converters that browsers load for models that need them. */
export const groups: readonly Group[] = [
  { classes: classesIn("mobile"), load: async () => (await import("./mobile.ts")).mobile },
  { classes: classesIn("overTime"), load: async () => (await import("./over-time.ts")).overTime },
  { classes: classesIn("further"), load: async () => (await import("./further.ts")).further },
];

function classesIn(group: ConverterGroup): readonly string[] {
  return classesWhere((each) => each.group === group);
}

/** The converters of a model's layers. Those of other groups are not loaded. */
export async function loadConverters(model: ModelSpec): Promise<readonly LayerConverter[]> {
  const classes = classesOf(model);
  const needed = groups.filter((group) => group.classes.some((each) => classes.has(each)));
  const loaded = await Promise.all(needed.map(({ load }) => load()));
  return [...common, ...loaded.flat()];
}

/** Classes that are refused, each with the reason; not loaded for a model whose layers all have converters. */
export async function loadRefusals(model: ModelSpec): Promise<ReadonlyMap<string, string>> {
  const classes = [...classesOf(model)].filter((className) => className !== "InputLayer");
  return classes.every((className) => groupOf(className) !== null)
    ? new Map()
    : (await import("./refusals.ts")).refusals;
}

/** Classes of all layers, those within layers included. */
function classesOf(model: ModelSpec): ReadonlySet<string> {
  const classes = new Set<string>();
  const visit = ({ className, model: inner, wrapped }: LayerSpec): void => {
    classes.add(className);
    if (inner !== null) for (const layer of inner.layers) visit(layer);
    if (wrapped !== null) visit(wrapped);
  };
  for (const layer of model.layers) visit(layer);
  return classes;
}
