import { expect, test } from "vitest";

import { isObject } from "../../../src/export/source/json.ts";
import { LAYER_CASES } from "./layer-cases.ts";
import { chain } from "./single-layer.ts";
import { randomizeWeights, rawModelOf } from "../../helpers/layer-parity.ts";

import { outcomeOf } from "../../corrupt/outcome.ts";

/** Keys for training and for speed, which change no number. */
const TRAINING =
  /_(initializer|regularizer|constraint)$|^(trainable|momentum|(recurrent_)?dropout|implementation|unroll)$/;

type Change = readonly [what: string, apply: () => void, undo: () => void];

/** Each key of each object within `value` is left out, then set to null. */
function* keysLeftOut(value: unknown, path: string): Generator<Change> {
  if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* keysLeftOut(item, `${path}/${index}`);
  if (!isObject(value)) return;
  for (const [key, old] of Object.entries(value)) {
    if (TRAINING.test(key)) continue;
    const undo = (): boolean => Reflect.set(value, key, old);
    yield [`${path}/${key} left out`, () => Reflect.deleteProperty(value, key), undo];
    if (old !== null) yield [`${path}/${key} null`, () => Reflect.set(value, key, null), undo];
    yield* keysLeftOut(old, `${path}/${key}`);
  }
}

/** Each weight gets other shapes of as many elements: an axis of 1 added, its axes reversed, one axis only. */
function* otherShapes(specs: unknown): Generator<Change> {
  if (!Array.isArray(specs)) return;
  for (const spec of specs) {
    if (!isObject(spec) || !Array.isArray(spec["shape"])) continue;
    const shape = spec["shape"].map(Number);
    const others = [[...shape, 1], shape.toReversed(), [shape.reduce((size, dim) => size * dim, 1)]];
    for (const other of others) {
      if (other.join() === shape.join()) continue;
      const set = (dims: readonly number[]) => (): boolean => Reflect.set(spec, "shape", dims);
      yield [`${String(spec["name"])} as [${other.join()}]`, set(other), set(shape)];
    }
  }
}

function at(value: unknown, ...keys: readonly string[]): unknown {
  return keys.reduce<unknown>(
    (inner, key) => (typeof inner === "object" && inner !== null ? Reflect.get(inner, key) : undefined),
    value,
  );
}

/**
 * Leaving out a key means the default of TF.js. A weight whose shape does not fit the configuration is refused, as TF.js does. So each change
 * ends in TF.js's numbers or in a typed error.
 */
test.each(LAYER_CASES)("%s", async (_, make, shape) => {
  const model = chain([make()], shape);
  randomizeWeights(model);
  const { manifest, weights } = await rawModelOf(model);
  const layer = at(manifest, "modelTopology", "config", "layers", "1", "config");
  const changes = [...keysLeftOut(layer, ""), ...otherShapes(at(manifest, "weightsManifest", "0", "weights"))];
  const faults: string[] = [];
  for (const [what, apply, undo] of changes) {
    apply();
    const outcome = await outcomeOf({ text: JSON.stringify(manifest), weights, deeds: [] }, 1);
    if (outcome.kind === "fault") faults.push(`${what}: ${outcome.message}`);
    undo();
  }
  expect(changes.length).toBeGreaterThan(1);
  expect(faults).toEqual([]);
});
