import { ModelFormatError } from "../errors.ts";

import type { Call, ModelSpec, TensorRef } from "./source/model.ts";

/**
 * The tensors a model computes for `fetches`, each after those it is computed from, in exactly the order in which TF.js
 * computes them: depth first, the last input of a call before its first. The mask a layer gets depends on that order (see
 * ModelRun). A call with several outputs is listed once for each of them that is used. Source: tfjs-layers,
 * engine/executor.js, `getTopologicalSortAndRecipientCounts`.
 *
 * @throws {ModelFormatError} for references to layers or calls that do not exist.
 */
export function executionOrder(model: ModelSpec, fetches: readonly TensorRef[]): readonly TensorRef[] {
  const layers = new Map(model.layers.map((layer) => [layer.name, layer]));
  const callOf = ({ layer, call }: TensorRef): Call => {
    const found = layers.get(layer)?.calls[call];
    if (found !== undefined) return found;
    throw new ModelFormatError(`layer ${layer} is used, but the model does not apply it to anything`);
  };
  const visited = new Set(model.inputs.map(tensorKey));
  const order: TensorRef[] = [];
  for (const fetch of fetches) {
    const stack = [fetch];
    const marks: number[] = [];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const marked = marks.at(-1) === stack.length - 1;
      if (visited.has(tensorKey(top))) {
        stack.pop();
        if (marked) marks.pop();
        continue;
      }
      const inputs = dependencies(callOf(top));
      if (inputs.length === 0 || marked) {
        stack.pop();
        if (marked) marks.pop();
        order.push(top);
        visited.add(tensorKey(top));
        continue;
      }
      marks.push(stack.length - 1);
      stack.push(...inputs.filter((input) => !visited.has(tensorKey(input))));
    }
  }
  return order;
}

/** The tensors a call is given, by position and then by keyword. */
export function dependencies(call: Call): readonly TensorRef[] {
  const keywords = Object.values(call.kwargs).flatMap((argument) => (argument.kind === "tensors" ? argument.refs : []));
  return [...call.inputs, ...keywords];
}

function tensorKey({ layer, call, tensor }: TensorRef): string {
  return `${call}:${tensor}:${layer}`;
}
