import { isObject } from "./json.ts";
import { isRecurrent, LAYER_CLASSES } from "./layer-classes.ts";
import type { Config } from "./model.ts";

/** A weight a layer must have: its name, and the names of the layers or cells within the layer that it is in. */
export interface ExpectedWeight {
  readonly scope: readonly string[];
  readonly name: string;
}

/** Names of weights in the order of their numbers; none where the configuration determines them. */
export function namesByNumber(className: string): readonly string[] {
  return LAYER_CLASSES.get(className)?.numbered ?? [];
}

/** The name of a layer's weight of this number; undefined when it has none. */
export function numberedName(layer: InnerLayer, index: number): string | undefined {
  const expected = expectedWeights(layer);
  if (expected !== null) return expected[index]?.name;
  return namesByNumber(layer.className)[index] ?? String(index);
}

/** A layer or cell as a configuration holds it. */
export interface InnerLayer {
  readonly className: string;
  readonly config: Config;
}

/**
 * The weights a layer of this class and configuration has; null when that is not known, as for a user's own layers. Those of the
 * two directions are within `forward` and `backward`, those of stacked cells within `cell_0`, `cell_1` and so on.
 */
export function expectedWeights({ className, config }: InnerLayer): readonly ExpectedWeight[] | null {
  const known = LAYER_CLASSES.get(className);
  if (known === undefined) return null;
  const { holds, weights = () => [] } = known;
  if (holds === undefined) return weights?.(config).map((name) => ({ scope: [], name })) ?? null;
  if (holds === "cells") {
    return expectedIn(stackedCells(config).map((cell, index) => [`cell_${index}`, cell]));
  }
  if (holds === "directions") {
    return expectedIn([
      ["forward", recurrentLayer(config["layer"])],
      ["backward", recurrentLayer(config["backward_layer"] ?? config["layer"])],
    ]);
  }
  const inner = innerLayer(config[holds]);
  if (holds === "cell") return inner === null ? null : expectedWeights(inner);
  // The layers of a wrapped model have their weights themselves.
  return inner === null || isModel(inner) ? [] : expectedWeights(inner);
}

function expectedIn(parts: readonly (readonly [string, InnerLayer | null])[]): readonly ExpectedWeight[] | null {
  const all: ExpectedWeight[] = [];
  for (const [scope, inner] of parts) {
    const expected = inner === null ? null : expectedWeights(inner);
    if (expected === null) return null;
    all.push(...expected.map((weight) => ({ scope: [scope, ...weight.scope], name: weight.name })));
  }
  return all;
}

export function innerLayer(value: unknown): InnerLayer | null {
  if (!isObject(value)) return null;
  const { class_name: className, config } = value;
  return typeof className === "string" && isObject(config) ? { className, config } : null;
}

/** What Bidirectional may wrap. It must not wrap itself: nested sixty times, its weights could not be counted. */
function recurrentLayer(value: unknown): InnerLayer | null {
  const inner = innerLayer(value);
  return inner !== null && isRecurrent(inner.className) ? inner : null;
}

export function stackedCells(config: Config): readonly (InnerLayer | null)[] {
  const cells = config["cells"];
  return Array.isArray(cells) ? cells.map(innerLayer) : [];
}

function isModel({ className, config }: InnerLayer): boolean {
  return className === "Sequential" || config["layers"] !== undefined;
}
