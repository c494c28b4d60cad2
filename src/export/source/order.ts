import { ModelFormatError } from "../../errors.ts";

import { describeRef } from "./calls.ts";
import { listed, push, quoted } from "./json.ts";
import type { Call, LayerSpec, TensorRef } from "./model.ts";

/** Tensors a call uses, those in keyword arguments included. */
function* usedBy(call: Call): Generator<TensorRef> {
  yield* call.inputs;
  for (const argument of Object.values(call.kwargs)) if (argument.kind === "tensors") yield* argument.refs;
}

/**
 * The layers that take part in computing `outputs`, and all of `inputs`, each after those its first computed call
 * uses, otherwise in the order given.
 *
 * @throws {ModelFormatError} for references to layers, calls or outputs that do not exist, calls that wait for each
 *   other, missing or duplicate inputs, and outputs that need an input the model does not have.
 */
export function layersInOrder(
  layers: readonly LayerSpec[],
  inputs: readonly TensorRef[],
  outputs: readonly TensorRef[],
): readonly LayerSpec[] {
  const graph = new CallGraph(layers);
  checkReferences(graph, layers, inputs, outputs);
  const everywhere = layers.flatMap(({ name, calls }) => calls.map((_, call) => ({ layer: name, call, tensor: 0 })));
  graph.inOrder(everywhere);
  const needed = graph.ancestors(outputs);
  const given = new Set(inputs.map(({ layer }) => layer));
  const missing = [...needed].filter((name) => graph.layer(name)?.className === "InputLayer" && !given.has(name));
  if (missing.length > 0) {
    throw new ModelFormatError(
      `the outputs need ${listed(missing.map(quoted))}, which is not among the model's inputs`,
    );
  }
  const firsts = everywhere.filter(({ layer }) => needed.has(layer));
  const ordered = new Set([...given, ...graph.inOrder(firsts)]);
  return [...ordered].flatMap((name) => (needed.has(name) || given.has(name) ? (graph.layer(name) ?? []) : []));
}

/**
 * The layers with their calls in the order in which TF.js makes and counts them when it loads the model: it
 * scans the file repeatedly, and makes each call whose inputs exist. The given order where that never ends.
 * Source: tfjs-layers 4.22.0, engine/container.ts, fromConfig.
 */
export function callsAsMade(layers: readonly LayerSpec[]): readonly LayerSpec[] {
  if (layers.every(({ calls }) => calls.length < 2)) return layers;
  const given = new Set(layers.filter(({ className }) => className === "InputLayer").map(({ name }) => name));
  const made = new Map<string, Call[]>();
  const listing = layers.flatMap(({ name, calls }) => calls.map((call) => ({ name, call })));
  const waiting = new Map<string, number[]>();
  const lacking = listing.map(({ call }, at) => {
    const awaited = call.inputs.filter(({ layer }) => !given.has(layer));
    for (const ref of awaited) push(waiting, keyOf(ref), at);
    return awaited.length;
  });
  const ready = Uint8Array.from(lacking, (count) => Number(count === 0));
  let left = listing.length;
  for (let at = ready.indexOf(1); at !== -1; at = nextOf(ready, at)) {
    ready[at] = 0;
    left--;
    const each = listing[at];
    if (each === undefined) break;
    const call = made.get(each.name)?.length ?? 0;
    for (const user of waiting.get(keyOf({ layer: each.name, call, tensor: 0 })) ?? []) {
      const count = (lacking[user] ?? 0) - 1;
      lacking[user] = count;
      ready[user] = Number(count === 0);
    }
    push(made, each.name, each.call);
  }
  return left > 0 ? layers : layers.map((layer) => ({ ...layer, calls: made.get(layer.name) ?? [] }));
}

function nextOf(ready: Uint8Array, at: number): number {
  const after = ready.indexOf(1, at + 1);
  return after === -1 ? ready.indexOf(1) : after;
}

function checkReferences(
  graph: CallGraph,
  layers: readonly LayerSpec[],
  inputs: readonly TensorRef[],
  outputs: readonly TensorRef[],
): void {
  const faults: string[] = [];
  const check = (ref: TensorRef, user: string): void => {
    const fault = graph.fault(ref);
    if (fault !== null) faults.push(`${user} uses ${describeRef(ref)}, ${fault}`);
  };
  for (const { name, calls } of layers) {
    for (const call of calls) for (const ref of usedBy(call)) check(ref, `layer ${quoted(name)}`);
  }
  const seen = new Set<string>();
  for (const ref of inputs) {
    check(ref, "input_layers");
    if (graph.layer(ref.layer)?.className !== "InputLayer") {
      faults.push(`input_layers names ${quoted(ref.layer)}, which is not an InputLayer`);
    }
    if (seen.has(ref.layer)) faults.push(`input_layers names ${quoted(ref.layer)} twice`);
    seen.add(ref.layer);
  }
  for (const ref of outputs) check(ref, "output_layers");
  if (faults.length > 0)
    throw new ModelFormatError(`the layers do not fit together: ${listed([...new Set(faults)], 5)}`);
}

/** The calls of a model's layers as nodes of a graph. Nothing here recurses: a chain may be long. */
class CallGraph {
  readonly #layers: ReadonlyMap<string, LayerSpec>;

  constructor(layers: readonly LayerSpec[]) {
    this.#layers = new Map(layers.map((layer) => [layer.name, layer]));
  }

  layer(name: string): LayerSpec | undefined {
    return this.#layers.get(name);
  }

  /** Why there is no such tensor; null when there may be one. */
  fault(ref: TensorRef): string | null {
    const layer = this.#layers.get(ref.layer);
    if (layer === undefined) return "but there is no such layer";
    const calls = layer.className === "InputLayer" ? 1 : layer.calls.length;
    if (ref.call >= calls) return `but the layer is called ${calls === 1 ? "once" : `${calls} times`}`;
    const tensors = layer.className === "InputLayer" ? 1 : (layer.model?.outputs.length ?? Infinity);
    return ref.tensor < tensors ? null : `but it has ${tensors === 1 ? "one output" : `${tensors} outputs`}`;
  }

  /** Names of layers in the order their first calls come when every call follows those it uses. */
  inOrder(wanted: readonly TensorRef[]): ReadonlySet<string> {
    const order = new Set<string>();
    const state = new Map<string, "open" | "done">();
    for (const root of wanted) {
      const stack = [root];
      while (stack.length > 0) {
        const ref = stack.at(-1);
        if (ref === undefined) break;
        const key = keyOf(ref);
        if (state.get(key) === undefined) {
          state.set(key, "open");
          const waiting = this.#uses(ref).filter((each) => state.get(keyOf(each)) !== "done");
          const cyclic = waiting.find((each) => state.get(keyOf(each)) === "open");
          if (cyclic !== undefined)
            throw cycle(
              stack.filter((each) => state.get(keyOf(each)) === "open"),
              cyclic,
            );
          stack.push(...waiting.toReversed());
          continue;
        }
        stack.pop();
        if (state.get(key) === "open") {
          state.set(key, "done");
          order.add(ref.layer);
        }
      }
    }
    return order;
  }

  /** Names of the layers that `refs` are computed by and from. */
  ancestors(refs: readonly TensorRef[]): ReadonlySet<string> {
    const names = new Set<string>();
    const seen = new Set<string>();
    const stack = [...refs];
    for (let ref = stack.pop(); ref !== undefined; ref = stack.pop()) {
      if (seen.has(keyOf(ref))) continue;
      seen.add(keyOf(ref));
      names.add(ref.layer);
      stack.push(...this.#uses(ref));
    }
    return names;
  }

  #uses(ref: TensorRef): readonly TensorRef[] {
    const call = this.#layers.get(ref.layer)?.calls[ref.call];
    return call === undefined ? [] : [...usedBy(call)];
  }
}

function keyOf({ layer, call }: TensorRef): string {
  return `${call}:${layer}`;
}

/** @param open The calls that wait for each other, up to the one that uses `to` again. */
function cycle(open: readonly TensorRef[], to: TensorRef): ModelFormatError {
  const from = open.findIndex((ref) => keyOf(ref) === keyOf(to));
  const names = [...new Set(open.slice(from).map(({ layer }) => quoted(layer)))];
  return new ModelFormatError(`the layers wait for each other in a cycle: ${listed(names)}`);
}
