import { ExportError } from "../errors.ts";

import { executionOrder } from "./execution-order.ts";
import type { ConvertedCall } from "./model-run.ts";
import type { Value } from "./ir/value.ts";
import type { ModelSpec, TensorRef } from "./source/model.ts";

/** A layer whose output the user asks for, and what has to be computed to come by it. */
export interface RequestedLayer {
  /** As the user wrote it. */
  readonly text: string;
  readonly path: string;
  /** Which of the layer's calls, in the order they are computed; null for all of them. */
  readonly call: number | null;
  readonly fetches: readonly TensorRef[];
}

/** One output, and the tensor of a layer's call that it is. */
export interface Tap {
  readonly name: string;
  readonly path: string;
  /** See {@link ConvertedCall.occurrence}. */
  readonly occurrence: number;
  readonly tensor: number;
  readonly value: Value;
}

const MOST_NAMED = 40;

/**
 * Find the layers that outputs are asked of: `conv1`, `encoder/conv1` within a nested model, `shared:1` for the second call
 * of a layer that is called several times.
 *
 * @throws {ExportError} when there is no such layer, or it is given twice.
 */
export function requestedLayers(model: ModelSpec, requested: readonly string[]): readonly RequestedLayer[] {
  const paths = pathsOf(model);
  const used = executionOrder(model, model.outputs);
  const seen = new Set<string>();
  return requested.map((text) => {
    const { path, call } = parse(text, paths);
    const root = paths.get(path);
    if (root === undefined) throw noLayer(text, [...paths.keys()]);
    if (seen.has(text)) throw new ExportError(`the output of layer ${text} is asked for twice`);
    seen.add(text);
    const calls = [...new Set(used.filter(({ layer }) => layer === root).map((ref) => ref.call))].toSorted(
      (a, b) => a - b,
    );
    const wanted = call !== null && root === path ? calls.slice(call, call + 1) : calls;
    if (wanted.length === 0) {
      throw new ExportError(
        `layer ${path} is called ${calls.length} times; there is no call ${call ?? 0} (counted from 0)`,
      );
    }
    const first = root === path && call !== null ? 0 : call;
    return { text, path, call: first, fetches: wanted.map((each) => ({ layer: root, call: each, tensor: 0 })) };
  });
}

/** Everything that has to be computed for some layers, each call once. */
export function fetchesOf(requested: readonly RequestedLayer[]): readonly TensorRef[] {
  const calls = new Map(requested.flatMap(({ fetches }) => fetches.map((ref) => [`${ref.call}:${ref.layer}`, ref])));
  return [...calls.values()];
}

/** The tensors asked for, each under the name of its layer: `lstm`, and `lstm_1`, `lstm_2` for the states beside it. */
export function tapsOf(
  requested: readonly RequestedLayer[],
  calls: readonly ConvertedCall[],
  taken: readonly string[],
): readonly Tap[] {
  const names = new Set([...taken, ...requested.map(({ text }) => text)]);
  return requested.flatMap(({ text, path, call, fetches }) => {
    const own = calls.filter((each) => each.path === path && !each.repeated);
    const within =
      path === fetches[0]?.layer ? own.filter((each) => fetches.some((ref) => ref.call === each.call)) : own;
    const found = call === null ? within : within.slice(call, call + 1);
    if (found.length === 0) {
      throw new ExportError(
        `layer ${path} is called ${own.length} times; there is no call ${call ?? 0} (counted from 0)`,
      );
    }
    const tensors = found.flatMap(({ occurrence, values }) =>
      values.map((value, tensor) => ({ path, occurrence, tensor, value })),
    );
    return tensors.map((tensor, index): Tap => {
      const name = index === 0 ? text : freeName(`${text}_${index}`, names);
      names.add(name);
      return { name, ...tensor };
    });
  });
}

/** The tensors of every call, each under the path of its layer, told apart where there are several. */
export function everyTap(calls: readonly ConvertedCall[], taken: readonly string[]): readonly Tap[] {
  const names = new Set(taken);
  return calls.flatMap(({ path, occurrence, repeated, values }) =>
    repeated
      ? []
      : values.map((value, tensor): Tap => {
          const name = freeName(path, names);
          names.add(name);
          return { name, path, occurrence, tensor, value };
        }),
  );
}

function freeName(stem: string, taken: ReadonlySet<string>): string {
  let name = stem;
  while (taken.has(name)) name += "_";
  return name;
}

function parse(
  text: string,
  paths: ReadonlyMap<string, string>,
): { readonly path: string; readonly call: number | null } {
  if (paths.has(text)) return { path: text, call: null };
  const [, path, call] = /^(.+):(\d+)$/.exec(text) ?? [];
  return path === undefined ? { path: text, call: null } : { path, call: Number(call) };
}

/** Every layer's path through nested models, with the outermost layer it is in. */
function pathsOf(model: ModelSpec): ReadonlyMap<string, string> {
  const paths = new Map<string, string>();
  const visit = (inner: ModelSpec, prefix: string, root: string | null): void => {
    for (const layer of inner.layers) {
      const path = `${prefix}${layer.name}`;
      if (layer.className !== "InputLayer" && !paths.has(path)) paths.set(path, root ?? layer.name);
      if (layer.model !== null) visit(layer.model, `${path}/`, root ?? layer.name);
    }
  };
  visit(model, "", null);
  return paths;
}

function noLayer(text: string, paths: readonly string[]): ExportError {
  const shown = paths.slice(0, MOST_NAMED).join(", ");
  const more = paths.length > MOST_NAMED ? `, and ${paths.length - MOST_NAMED} more (see: inspect)` : "";
  return new ExportError(`no layer ${text} whose output could be given`, { hint: `layers: ${shown}${more}` });
}
