import { ExportError } from "../../errors.ts";
import { defineConverter, typeOf, type EmitContext, type MaskedValue, type LayerConverter } from "../converter.ts";
import type { GraphBuilder } from "../build/builder.ts";
import { concat, sameShape } from "../build/concat.ts";
import { isNumber } from "../../onnx/dim.ts";
import { reduce } from "../build/reduce.ts";
import type { Rules } from "../rules.ts";
import { dimOf, insertAxis, removeAxis, type Value } from "../ir/value.ts";
import { at } from "../../require.ts";

type MergeConfig = Pick<Rules, "masks">;

/**
 * TF.js gives each mask a leading axis of size 1, and joins the first mask with all others except the last (tfjs-layers, layers/merge.js,
 * `computeMask`). In Keras 3 one mask that holds is enough, if all inputs have a mask.
 *
 * @throws {ExportError} where TF.js would fail
 */
function mergedMask(
  { graph }: EmitContext,
  { masks: byKeras }: MergeConfig,
  inputs: readonly MaskedValue[],
): Value | null {
  const masks = inputs.map(({ mask }) => mask);
  const known = masks.filter((mask) => mask !== null);
  const [first, ...others] = known;
  if (first === undefined) return null;
  if (byKeras === true)
    return known.length < masks.length ? null : others.reduce((all, mask) => graph.binary("Or", all, mask), first);
  const [leading, ...between] = masks.slice(0, Math.max(1, masks.length - 1));
  if (between.some((mask) => mask === null) || (leading === null && between.length > 0)) {
    throw new ExportError("TF.js cannot merge masked inputs with others that have no mask, if there are three or more");
  }
  if (leading === null || leading === undefined) return null;
  return between.reduce<Value>(
    (all, mask) => (mask === null ? all : graph.binary("And", all, insertAxis(mask, 0))),
    insertAxis(leading, 0),
  );
}

/** Operands of fewer axes get axes of size 1 after the batch. */
function sameRank(inputs: readonly MaskedValue[]): Value[] {
  const rank = Math.max(...inputs.map(({ value }) => value.axes.length));
  return inputs.map(({ value }) => {
    let result = value;
    while (result.axes.length < rank) result = insertAxis(result, 1);
    return result;
  });
}

/** Elementwise over all inputs, with broadcasting. */
function elementwise(
  className: string,
  opType: "Add" | "Sub" | "Mul" | "Max" | "Min",
  finish: (graph: GraphBuilder, merged: Value, count: number) => Value = (_, merged) => merged,
): LayerConverter {
  return defineConverter({
    className,
    ops: [opType],
    ...(className === "Average" ? {} : { integers: "kept" }),
    parse: (_, { rules }): MergeConfig => rules,
    mask: mergedMask,
    emit({ graph }, _, inputs) {
      if (inputs.length < 2) throw new ExportError(`it merges 2 inputs or more; it has ${inputs.length}`);
      if (opType === "Sub" && inputs.length > 2) throw new ExportError(`it takes 2 inputs; it has ${inputs.length}`);
      const [first, ...others] = sameRank(inputs);
      if (first === undefined) throw new RangeError("no inputs");
      const merged = others.reduce((all, value) => graph.binary(opType, all, value), first);
      return finish(graph, merged, inputs.length);
    },
  });
}

const concatenate: LayerConverter = defineConverter({
  className: "Concatenate",
  ops: ["Concat"],
  takes: "any",
  parse: (config, { rules }) => ({ axis: config.integer("axis", -1), rules }),
  mask: (context, { axis, rules }, inputs) =>
    rules.joinedMasks === true ? joinedMask(context, axis, inputs) : concatenatedMask(context, axis, inputs),
  emit({ graph }, { axis, rules }, inputs) {
    if (inputs.length < 2) throw new ExportError(`it joins 2 inputs or more; it has ${inputs.length}`);
    const first = at(inputs, 0);
    // TF.js gives all elements the type of the first input's.
    const type = typeOf(first) === "int32" ? "int32" : "float32";
    const values = inputs.map(({ value }) => graph.cast(value, type));
    const rank = first.value.axes.length;
    const isLast = rules.negativeAxis !== true;
    if (axis < -1 && isLast) expectEqualBut(axis, values);
    return concat(graph, values, (axis < 0 || axis === rank) && isLast ? -1 : axis);
  },
});

/** TF.js joins along the last axis for any that is negative, and yet compares the sizes of all axes but the one named. */
function expectEqualBut(axis: number, values: readonly Value[]): void {
  const [first, ...others] = values.map((value) => removeAxis(value, Math.max(0, value.axes.length + axis)));
  if (first === undefined || others.every((other) => sameShape(other, first))) return;
  throw new ExportError(`inputs must have equal sizes on all axes but ${axis}`);
}

/**
 * Masks get a last axis of size 1 where they have fewer axes than their inputs, are joined along the axis, and then all must
 * hold along the last one. An input without a mask counts as unmasked. Source: tfjs-layers, layers/merge.js.
 *
 * @throws {ExportError} where TF.js would fail
 */
function concatenatedMask({ graph }: EmitContext, axis: number, inputs: readonly MaskedValue[]): Value | null {
  if (inputs.every(({ mask }) => mask === null)) return null;
  const masks = inputs.map(({ value, mask }) => {
    if (mask === null) return null;
    return mask.axes.length < value.axes.length ? insertAxis(mask, mask.axes.length) : mask;
  });
  const ranks = new Set(inputs.map(({ value }, index) => masks[index]?.axes.length ?? value.axes.length));
  const [rank = 0] = ranks;
  const place = axis < 0 ? rank + axis : axis;
  const fail = (): ExportError =>
    new ExportError("TF.js cannot join the masks of these inputs", { hint: "the model cannot be run in TF.js either" });
  if (ranks.size > 1 || place >= rank) throw fail();
  if (place === rank - 1) {
    const [first, ...others] = masks.flatMap((mask) => (mask === null ? [] : [allOfLast(graph, mask)]));
    if (first === undefined) return null;
    if (others.some((mask) => !sameShape(mask, first))) throw fail();
    return others.reduce((all, mask) => graph.binary("And", all, mask), first);
  }
  const filled = masks.map((mask, index) => mask ?? unmasked(graph, inputs[index]));
  const joined = filled.flatMap((mask) => mask ?? []);
  const [pattern] = joined;
  if (pattern === undefined || joined.length < filled.length) throw fail();
  if (joined.some((mask) => !sameShape(removeAxis(mask, place), removeAxis(pattern, place)))) throw fail();
  return allOfLast(graph, concat(graph, joined, place));
}

/**
 * In Keras 3 one mask that holds is enough along the features, where an input without one always holds; along another axis
 * they are joined. Source: Keras 3.15, layers/merging/concatenate.py.
 */
function joinedMask({ graph }: EmitContext, axis: number, inputs: readonly MaskedValue[]): Value | null {
  const rank = at(inputs, 0).value.axes.length;
  const place = axis < 0 ? rank + axis : axis;
  const masks = inputs.flatMap(({ mask }) => mask ?? []);
  const [first, ...others] = masks;
  if (first === undefined || (place === rank - 1 && masks.length < inputs.length)) return null;
  if (masks.length < inputs.length || masks.some((mask) => mask.axes.length !== rank - 1)) {
    throw new ExportError("masks of some of its inputs only, or of each feature, are not supported");
  }
  return place === rank - 1
    ? others.reduce((any, mask) => graph.binary("Or", any, mask), first)
    : concat(graph, masks, place);
}

/** True everywhere, for an input whose last axis has size 1 like that of a mask; else null: TF.js cannot join the two. */
function unmasked(graph: GraphBuilder, maskedValue: MaskedValue | undefined): Value | null {
  if (maskedValue === undefined || !isNumber(dimOf(maskedValue.value, -1), 1)) return null;
  const { value } = maskedValue;
  return value.replacedBy(graph.op("Equal", [value.tensor, value.tensor]));
}

/** Whether all hold along the last axis, which vanishes. */
function allOfLast(graph: GraphBuilder, mask: Value): Value {
  const last = mask.axes.length - 1;
  if (isNumber(dimOf(mask, last), 1)) return removeAxis(mask, last);
  const numbers = reduce(graph, "ReduceMin", graph.cast(mask, "float32"), [last]);
  return graph.cast(numbers, "bool");
}

export const merges: readonly LayerConverter[] = [
  elementwise("Add", "Add"),
  elementwise("Subtract", "Sub"),
  elementwise("Multiply", "Mul"),
  elementwise("Average", "Add", (graph, sum, count) =>
    graph.withConstant("Mul", sum, "share", { dtype: "float32", dims: [1], data: Float32Array.of(1 / count) }),
  ),
  elementwise("Maximum", "Max"),
  elementwise("Minimum", "Min"),
  concatenate,
];
