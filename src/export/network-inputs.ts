import { ExportError } from "../errors.ts";
import { asNumber, dim, showShape, type Dim } from "../onnx/dim.ts";

import type { GraphBuilder } from "./build/builder.ts";
import type { Fed, NetworkInput } from "./input-feed.ts";

/** What the conversions of Layers models and of Graph models are both told. */
export interface NetworkOptions {
  readonly opset: number;
  /** Size of the first axis of all inputs where it is free; null: it stays free. */
  readonly batch: number | null;
  /** Whole shapes for inputs by name, to fix free sizes. */
  readonly inputShapes: ReadonlyMap<string, readonly number[]>;
  /** What to give instead of the model's own outputs; null: those. */
  readonly outputs: readonly string[] | null;
  /** Makes the file's inputs. */
  readonly feed: (graph: GraphBuilder, network: NetworkInput) => Fed;
}

const AXIS_NAMES: Readonly<Record<number, readonly string[]>> = {
  2: ["length"],
  3: ["time", "features"],
  4: ["height", "width", "channels"],
  5: ["depth", "height", "width", "channels"],
};

/** What a free size of an input with `rank` axes is called; `axis` is 1 or more. */
export function axisName(rank: number, axis: number): string {
  return AXIS_NAMES[rank]?.[axis - 1] ?? `axis${axis}`;
}

/**
 * The sizes of an input as the user gave them.
 *
 * @throws {ExportError} when they are more or fewer, or differ from those that the model fixes
 */
export function fixSizes(name: string, own: readonly Dim[], given: readonly number[] | undefined): readonly Dim[] {
  if (given === undefined) return own;
  const fits =
    given.length === own.length && own.every((size, axis) => asNumber(size) === null || asNumber(size) === given[axis]);
  if (fits) return given.map(dim);
  throw new ExportError(`the shape [${given.join(", ")}] does not fit input ${name} of shape ${showShape(own)}`, {
    hint: "give every dimension, and change only those that are free (named)",
  });
}

/** @throws {ExportError} when a shape is given for an input that the model does not have */
export function expectInputs(names: readonly string[], shapes: NetworkOptions["inputShapes"]): void {
  const unknown = [...shapes.keys()].find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new ExportError(`unknown input "${unknown}"`, { hint: `inputs: ${names.join(", ")}` });
}
