import { ExportError } from "../errors.ts";
import type { DType } from "../tensor.ts";

import type { GraphBuilder } from "./build/builder.ts";
import type { Value } from "./ir/value.ts";
import type { Rules } from "./rules.ts";
import type { ConfigReader } from "./source/config.ts";
import { maskRuleOf } from "./source/layer-classes.ts";
import type { LayerWeights } from "./source/model.ts";

/** A tensor between two layers, with the mask TF.js carries beside it, mostly bool [N, T], or none. */
export interface MaskedValue {
  readonly value: Value;
  readonly mask: Value | null;
  /**
   * The element type in TF.js, where the file stores another one: TF.js computes a layer's output in any type, and passes
   * it to the next layer as float32.
   */
  readonly type?: DType;
}

/** The type of elements that TF.js has. */
export function typeOf({ type, value }: MaskedValue): DType {
  return type ?? value.dtype;
}

/** How recurrent layers are written. */
export type RecurrentForm =
  /** One ONNX LSTM, GRU or RNN node wherever its semantics allow. */
  | "native"
  /** Only operators that every execution provider runs, WebGPU's included. */
  | "portable";

/** What a converter knows before it adds nodes. */
export interface BindContext {
  /** What TF.js and Keras do differently, as the model has it. */
  readonly rules: Rules;
  readonly recurrentForm: RecurrentForm;
  /** The converter of a wrapped layer, e.g. that of TimeDistributed. @throws {ExportError} when it is not supported */
  bind(className: string, config: ConfigReader): BoundLayer;
}

/** What a converter works with. */
export interface EmitContext {
  readonly graph: GraphBuilder;
  readonly weights: LayerWeights;
  /** Tensors given by keyword: `initial_state`, `constants`. */
  readonly keywords: Readonly<Record<string, readonly MaskedValue[]>>;
  /**
   * The mask the layer is called with, which is what a layer that supports masks uses. TF.js passes a mask it has met on to
   * all layers it runs later, so this need not be that of the layer's inputs.
   */
  readonly mask: Value | null;
  /** Final states of the layer's earlier calls, from which a stateful layer continues; null where it cannot. */
  readonly memory: LayerMemory | null;
  /** Tells the user where Keras gives other numbers than TF.js and the file. Ignored for models that TF.js wrote. */
  readonly noteKeras: (difference: string) => void;
  /** Runs the model that the layer, or a layer in it, wraps; null when none does. */
  readonly wrapped: ((inputs: readonly MaskedValue[], mask: Value | null) => readonly MaskedValue[]) | null;
}

/** States of a stateful layer by direction, kept from one call to the next within a run. */
export type LayerMemory = Map<string, readonly Value[]>;

/** What {@link defineConverter} needs to know of a layer class. */
export interface ConverterDefinition<Config> {
  /** `class_name` in the serialized model. */
  readonly className: string;
  /** ONNX operators this converter may emit, for the support table. */
  readonly ops: readonly string[];
  /** The element types it accepts; without it inputs come as float32. */
  readonly takes?: "any";
  /** `kept`: in TF.js the output of integers is integers. Without it, as the output is stored. */
  readonly integers?: "kept" | ((config: Config) => boolean);
  /** Whether a call changes what the next one gives. */
  readonly stateful?: (config: Config) => boolean;
  /** Read the config keys that change the numbers. @throws {ExportError} on values that are not supported. */
  parse(config: ConfigReader, context: BindContext): Config;
  /** Append nodes that compute the layer. @returns its output, or outputs */
  emit(context: EmitContext, config: Config, inputs: readonly MaskedValue[]): Value | readonly Value[];
  /**
   * The mask of the first output: `pass` passes the first input's mask on (TF.js's `supportsMasking` with the default
   * `computeMask`); without it the mask ends here, or at a built-in class is what LAYER_CLASSES says.
   */
  readonly mask?: "pass" | ((context: EmitContext, config: Config, inputs: readonly MaskedValue[]) => Value | null);
}

/** A layer whose configuration has been read. */
export interface BoundLayer {
  readonly className: string;
  /** Whether a call changes what the next one gives. */
  readonly stateful?: boolean;
  emit(context: EmitContext, inputs: readonly MaskedValue[]): readonly MaskedValue[];
}

/** A definition that hides its config type, so that one registry holds all layers. */
export interface LayerConverter {
  readonly className: string;
  readonly ops: readonly string[];
  bind(config: ConfigReader, context: BindContext): BoundLayer;
}

/**
 * A converter for a custom layer class, for `registerLayer` or the option `converters`. See docs/custom-layers.md.
 *
 * @param definition How its config is read, and which ONNX nodes compute it.
 */
export function defineConverter<Config>(definition: ConverterDefinition<Config>): LayerConverter {
  const { className, ops } = definition;
  return {
    className,
    ops,
    bind(reader, bindContext) {
      const config = definition.parse(reader, bindContext);
      return {
        className,
        stateful: definition.stateful?.(config) ?? false,
        emit(context, inputs) {
          const given =
            definition.takes === "any" ? inputs : inputs.map((maskedValue) => asFloat(context, maskedValue));
          const output = definition.emit(context, config, given);
          const [first, ...others] = isList(output) ? output : [output];
          if (first === undefined) return [];
          const isPassed = maskRuleOf(className, bindContext.rules.masks === true) === "passes";
          const rule = definition.mask ?? (isPassed ? "pass" : undefined);
          const mask = outputMask(rule, context, config, given);
          const typed = (value: Value): Pick<MaskedValue, "value" | "type"> =>
            withType(definition, config, inputs, value);
          return [{ ...typed(first), mask }, ...others.map((value) => ({ ...typed(value), mask: null }))];
        },
      };
    },
  };
}

function asFloat({ graph }: EmitContext, maskedValue: MaskedValue): MaskedValue {
  return { value: graph.cast(maskedValue.value, "float32"), mask: maskedValue.mask };
}

/** Integers that were only moved keep their type in TF.js. */
function withType<Config>(
  { takes, integers }: ConverterDefinition<Config>,
  config: Config,
  inputs: readonly MaskedValue[],
  value: Value,
): Pick<MaskedValue, "value" | "type"> {
  const [first] = inputs;
  if (first === undefined) return { value };
  const areIntegers = inputs.every((input) => typeOf(input) === "int32");
  const kept = typeof integers === "function" ? integers(config) : integers === "kept";
  if (kept && areIntegers) return { value, type: "int32" };
  const isMoved = takes === "any" && value.dtype === first.value.dtype;
  return isMoved && first.type !== undefined ? { value, type: first.type } : { value };
}

function outputMask<Config>(
  mask: ConverterDefinition<Config>["mask"],
  context: EmitContext,
  config: Config,
  inputs: readonly MaskedValue[],
): Value | null {
  if (mask === undefined) return null;
  return mask === "pass" ? (inputs[0]?.mask ?? null) : mask(context, config, inputs);
}

function isList(output: Value | readonly Value[]): output is readonly Value[] {
  return Array.isArray(output);
}

/** The single input of a layer that takes one. @throws {ExportError} when there are none, or several */
export function only(inputs: readonly MaskedValue[]): Value {
  const [first] = inputs;
  if (first === undefined || inputs.length > 1) throw new ExportError(`it takes one input; it has ${inputs.length}`);
  return first.value;
}
