import { ModelFormatError } from "../../errors.ts";

import { listed } from "./json.ts";
import type { LayerWeights, Weight } from "./model.ts";
import type { StoredWeight } from "./weights.ts";

/** A weight of a layer: the directions and cells it is in, and its name in the layer's class. */
export interface OwnWeight {
  readonly scope: readonly string[];
  readonly name: string;
  readonly stored: StoredWeight;
}

/** The weights of one layer, or of a direction or cell of it. */
export class OwnWeights implements LayerWeights {
  readonly #weights: readonly OwnWeight[];

  constructor(weights: readonly OwnWeight[]) {
    this.#weights = weights;
  }

  get(name: string, dims?: readonly (number | null)[]): Weight {
    const found = this.#find(name);
    if (found === null) throw new ModelFormatError(`weight ${name} is missing; ${this.#contents()}`);
    const { stored } = found;
    if (dims !== undefined && !fits(stored.dims, dims)) {
      const expected = dims.map((dim) => dim ?? "any").join(", ");
      throw new ModelFormatError(`weight ${name} must have shape [${expected}]; got [${stored.dims.join(", ")}]`);
    }
    return stored.read();
  }

  has(name: string): boolean {
    return this.#find(name) !== null;
  }

  /** Weights of a wrapped layer or cell. When nothing is stored under `child`, its weights have the names of the layer around it. */
  within(child: string): LayerWeights {
    const scope = canonicalScope(child);
    const own = this.#weights.filter((weight) => weight.scope[0] === scope);
    const inner = (own.length > 0 ? own : this.#weights).flatMap((weight) => {
      const index = weight.scope.indexOf(scope);
      return index === -1 ? [] : [{ ...weight, scope: weight.scope.slice(index + 1) }];
    });
    const mustBe = /^(forward|backward|cell_\d+)$/.test(scope);
    return inner.length === 0 && !mustBe ? this : new OwnWeights(inner);
  }

  #find(name: string): OwnWeight | null {
    const named = this.#weights.filter((weight) => weight.name === name);
    const direct = named.find((weight) => weight.scope.length === 0);
    if (direct !== undefined) return direct;
    if (named.length > 1) {
      const names = named.map(({ stored }) => stored.name);
      throw new ModelFormatError(`more than one weight could be ${name}: ${listed(names)}`);
    }
    return named[0] ?? null;
  }

  #contents(): string {
    const names = this.#weights.map(({ scope, name }) => [...scope, name].join("/"));
    return names.length === 0 ? "the file has none for this layer" : `the file has ${listed(names)}`;
  }
}

function fits(dims: readonly number[], expected: readonly (number | null)[]): boolean {
  return dims.length === expected.length && expected.every((dim, axis) => dim === null || dim === dims[axis]);
}

/** `forward_lstm` and `forward_layer` to `forward`, `RNNCell_1` to `cell_1`; other names as they are. */
export function canonicalScope(name: string): string {
  const direction = /^(forward|backward)(_|$)/.exec(name)?.[1];
  if (direction !== undefined) return direction;
  return name.replace(/^RNNCell_(\d+)$/, "cell_$1");
}
