import { ExportError } from "../../errors.ts";
import {
  defineConverter,
  type BindContext,
  type BoundLayer,
  type EmitContext,
  type MaskedValue,
  type LayerConverter,
} from "../converter.ts";
import type { GraphBuilder } from "../build/builder.ts";
import { reduce } from "../build/reduce.ts";
import { concat } from "../build/ops/shape.ts";
import { axisOf, viewOf, type Value } from "../ir/value.ts";
import {
  noteLingering,
  readInputs,
  readRecurrent,
  recall,
  type RecurrentConfig,
  type RecurrentInputs,
} from "../recurrent/layer.ts";
import { passMask } from "../recurrent/mask.ts";
import { emitNative, isNative } from "../recurrent/native.ts";
import { runPass } from "../recurrent/run.ts";
import { reverseTime } from "../recurrent/time.ts";
import type { ConfigReader } from "../source/config.ts";
import { isRecurrent } from "../source/layer-classes.ts";

type MergeMode = "concat" | "sum" | "mul" | "ave";

interface BidirectionalConfig {
  readonly kind: "recurrent";
  readonly forward: RecurrentConfig;
  readonly backward: RecurrentConfig;
  /** Null: both outputs. */
  readonly merge: MergeMode | null;
}

/** Two layers that know no direction. TF.js wraps those as well. */
interface PairConfig {
  readonly kind: "pair";
  readonly layers: readonly [forward: BoundLayer, backward: BoundLayer];
  readonly merge: MergeMode | null;
}

const MOST_LEVELS = 8;

/**
 * A recurrent layer and its mirror image. One ONNX node for both directions where its semantics allow, with the outputs
 * joined by their axes alone; else a pass for each. TF.js: wrappers.ts.
 */
export const bidirectional: LayerConverter = defineConverter({
  className: "Bidirectional",
  ops: ["LSTM", "GRU", "RNN", "Scan"],
  stateful: (config) => config.kind === "recurrent" && config.forward.stateful,
  parse: readBidirectional,
  mask: (_, config, inputs) =>
    config.kind === "recurrent" && config.forward.returnSequences ? (inputs[0]?.mask ?? null) : null,
  emit: (context, config, inputs) =>
    config.kind === "recurrent" ? emitBidirectional(context, config, inputs) : emitPair(context, config, inputs),
});

/** Each level doubles what is computed. */
function expectFewDirections(layer: ReturnType<ConfigReader["layer"]>): void {
  let levels = 1;
  for (let each = layer; each.config.has("layer"); each = each.config.layer("layer")) {
    if (each.className === "Bidirectional") levels++;
    if (levels > MOST_LEVELS) throw new ExportError(`it holds more than ${MOST_LEVELS} levels of Bidirectional`);
  }
}

function readBidirectional(config: ConfigReader, context: BindContext): BidirectionalConfig | PairConfig {
  const layer = config.layer("layer");
  const other = config.has("backward_layer") ? config.layer("backward_layer") : null;
  const merge = config.isNull("merge_mode")
    ? null
    : config.oneOf("merge_mode", ["concat", "sum", "mul", "ave"], "concat");
  if (!isRecurrent(layer.className)) {
    expectFewDirections(layer);
    const forward = context.bind(layer.className, layer.config);
    const backward = other === null ? forward : context.bind(other.className, other.config);
    return { kind: "pair", layers: [forward, backward], merge };
  }
  const own = readRecurrent(layer.className, layer.config, context);
  // Keras forces zeros for masked steps within Bidirectional, whatever the layer says.
  const zeroMasked = context.rules.masks === true && own.returnSequences;
  const forward = { ...own, zeroMasked };
  const backward =
    other === null
      ? { ...forward, goBackwards: !forward.goBackwards }
      : { ...readRecurrent(other.className, other.config, context), zeroMasked };
  return { kind: "recurrent", forward, backward, merge };
}

function emitPair(
  context: EmitContext,
  { layers, merge }: PairConfig,
  inputs: readonly MaskedValue[],
): readonly Value[] {
  const outputs = layers.flatMap((layer, index) => {
    const scope = index === 0 ? "forward" : "backward";
    const own = { ...context, weights: context.weights.within(scope), keywords: {} };
    return context.graph.within(scope, () => layer.emit(own, inputs).slice(0, 1)).map(({ value }) => value);
  });
  return merge === null ? outputs : [mergeOutputs(context.graph, outputs, merge)];
}

function emitBidirectional(
  context: EmitContext,
  config: BidirectionalConfig,
  inputs: readonly MaskedValue[],
): readonly Value[] {
  const given = readInputs(context, config.forward.cell, inputs);
  const masks = [config.forward, config.backward].map(({ cell, goBackwards }) =>
    passMask(context.graph, given.mask, given.ownMask, given.input, cell, goBackwards),
  );
  if (masks.some((mask) => mask !== null)) noteMask(context, config, given.ownMask);
  const single = masks.every((mask) => mask === null) ? emitSingleNode(context, config, given) : null;
  if (single !== null) return [single];
  const half = given.initial === null ? 0 : given.initial.length / 2;
  const passes = [config.forward, config.backward].map((direction, index) => {
    const scope = index === 0 ? "forward" : "backward";
    const outputs = context.graph.within(scope, () =>
      runPass(
        context.graph,
        {
          cell: direction.cell,
          weights: context.weights.within(scope),
          reverse: direction.goBackwards,
          initial: given.initial?.slice(index * half, (index + 1) * half) ?? recall(context, direction, scope),
          mask: masks[index] ?? null,
          form: direction.form,
          everyStep: direction.returnSequences,
          zeroMasked: direction.zeroMasked,
        },
        given.input,
      ),
    );
    if (direction.stateful) context.memory?.set(scope, outputs.states);
    return outputs;
  });
  const { returnSequences, returnState, goBackwards } = config.forward;
  const outputs = passes.map(({ sequence, states }) => {
    const output = returnSequences ? sequence : states[0];
    if (output === null || output === undefined) throw new RangeError("the pass gave no output");
    return output;
  });
  const merged = config.merge === null ? outputs : [mergeOutputs(context.graph, outputs, config.merge)];
  const ordered = returnSequences && goBackwards ? merged.map((each) => reverseTime(context.graph, each)) : merged;
  return returnState ? [...ordered, ...passes.flatMap(({ states }) => states)] : ordered;
}

function noteMask(context: EmitContext, { forward }: BidirectionalConfig, ownMask: boolean): void {
  if (!ownMask) noteLingering(context);
  else if (forward.returnSequences) {
    context.noteKeras("at masked steps Keras gives zeros inside Bidirectional, and TF.js repeats the step before");
  }
}

/** Both directions in one node, or null where that cannot be. */
function emitSingleNode(
  { graph, weights }: EmitContext,
  { forward, backward, merge }: BidirectionalConfig,
  { input, initial }: RecurrentInputs,
): Value | null {
  const { cell, goBackwards, returnSequences, returnState, form } = forward;
  if (forward.stateful || initial !== null || goBackwards || !backward.goBackwards || returnState) return null;
  if (merge === null || merge === "mul" || cell.kind === "stacked" || cell.kind === "ConvLSTM") return null;
  if (JSON.stringify(cell) !== JSON.stringify(backward.cell) || !isNative(cell, form === "portable")) return null;
  const sides = [weights.within("forward"), weights.within("backward")];
  const run = { cell, direction: "bidirectional", weights: sides, initial: null, lengths: null } as const;
  const { sequence, states } = emitNative(graph, run, input);
  const output = returnSequences ? sequence : states[0];
  if (output === undefined) throw new RangeError("the node gave no states");
  const direction = output.axes.length - 2;
  if (merge === "sum") return reduce(graph, "ReduceSum", output, [direction]);
  if (merge === "ave") return reduce(graph, "ReduceMean", output, [direction]);
  const joined = [...axisOf(output, direction), ...axisOf(output, direction + 1)];
  return output.seenAs([...output.axes.slice(0, direction), joined]);
}

function mergeOutputs(graph: GraphBuilder, outputs: readonly Value[], merge: MergeMode): Value {
  const [forward, backward] = outputs;
  if (forward === undefined || backward === undefined) throw new ExportError("it needs both directions");
  if (merge === "concat") {
    return viewOf(concat(graph, [graph.plain(forward), graph.plain(backward)], forward.rank - 1));
  }
  const merged = graph.binary(merge === "mul" ? "Mul" : "Add", forward, backward);
  if (merge !== "ave") return merged;
  return graph.withConstant("Mul", merged, "half", { dtype: "float32", dims: [1], data: Float32Array.of(0.5) });
}
