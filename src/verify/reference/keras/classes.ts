import type * as tfjs from "@tensorflow/tfjs";

import { isTfjsActivation, readActivation, type Activation } from "../../../export/activation.ts";
import { KERAS3_RULES, TFJS_RULES } from "../../../export/rules.ts";
import { ConfigReader } from "../../../export/source/config.ts";
import { isObject } from "../../../export/source/json.ts";
import { innerLayer, type InnerLayer } from "../../../export/source/weight-names.ts";
import type { Tfjs } from "../../../infer/tfjs-backend.ts";

import { activate } from "./activations.ts";

/** A serialized layer. */
export interface Entry {
  readonly class_name: string;
  readonly config: Readonly<Record<string, unknown>>;
}

const KERAS_ACTIVATION = "KerasActivation";
const GRU_CELL = "KerasGRUCell";

/** Keys that only training or the making of weights needs, or that TF.js reads otherwise. */
const NEEDLESS =
  /(_initializer|_regularizer|_constraint|^registered_name|^module|^build_config|^dtype|^stateful|^unroll)$/;

/**
 * A layer's configuration as TF.js takes it: without what only training needs, with Keras 3's defaults and functions written
 * out, and a GRU that resets after its recurrent kernel as an RNN over a cell that does.
 */
export function inTfjsDialect({ className, config }: InnerLayer, keras3: boolean): Entry {
  const own = cleaned(config, keras3);
  if (keras3 && className === "Softmax") own["axis"] ??= -1;
  if (keras3 && /^(GRU|LSTM)(Cell)?$/.test(className)) own["recurrent_activation"] ??= "sigmoid";
  const axes: unknown = own["axis"];
  if (className === "BatchNormalization" && Array.isArray(axes)) own["axis"] = axes.at(0);
  const resetAfter = own["reset_after"] ?? keras3;
  if (className === "GRUCell" && resetAfter === true) return { class_name: GRU_CELL, config: own };
  if (className === "GRU" && resetAfter === true) return { class_name: "RNN", config: overCell(own) };
  return { class_name: className, config: own };
}

function overCell(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return {
    cell: { class_name: GRU_CELL, config: { ...config, name: "gru_cell" } },
    return_sequences: config["return_sequences"] ?? false,
    return_state: config["return_state"] ?? false,
    go_backwards: config["go_backwards"] ?? false,
  };
}

function cleaned(config: Readonly<Record<string, unknown>>, keras3: boolean): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(config)) {
    if (NEEDLESS.test(key)) continue;
    result[key] = cleanedValue(key, value, keras3);
  }
  return result;
}

function cleanedValue(key: string, value: unknown, keras3: boolean): unknown {
  if (key.endsWith("activation")) return activation(value, keras3);
  if (Array.isArray(value)) return value.map((item: unknown) => cleanedValue(key, item, keras3));
  const inner = innerLayer(value);
  return inner === null ? value : { ...inTfjsDialect(inner, keras3) };
}

/** Activations of models that were read, by the name under which they are written for TF.js. */
const ACTIVATIONS = new Map<string, Activation>();

/** TF.js's own name, or an object that {@link registerKerasClasses} makes known. */
function activation(value: unknown, keras3: boolean): unknown {
  if (value === null || value === undefined) return value;
  const read = readActivation(
    new ConfigReader({ activation: value }),
    "activation",
    keras3 ? KERAS3_RULES : TFJS_RULES,
  );
  // TF.js turns the names it loads into camel case, and registers this one in snake case.
  if (isTfjsActivation(read) && read !== "gelu_new") {
    return read.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  }
  const name = JSON.stringify(read);
  ACTIVATIONS.set(name, read);
  return { class_name: KERAS_ACTIVATION, config: { name } };
}

/** The activation that {@link activation} wrote, as TF.js hands its configuration on. */
function writtenActivation(value: unknown): Activation {
  const config = isObject(value) ? (value["config"] ?? value) : undefined;
  const name = isObject(config) ? config["name"] : undefined;
  const known = typeof name === "string" ? ACTIVATIONS.get(name) : undefined;
  return known ?? readActivation(new ConfigReader({ activation: value ?? "linear" }), "activation", TFJS_RULES);
}

const registered = new WeakSet<object>();

/** Make the functions and cells known to TF.js that Keras has and it lacks. */
export function registerKerasClasses(tf: Tfjs): void {
  if (registered.has(tf.serialization)) return;
  registered.add(tf.serialization);

  /** Any activation that TF.js lacks. */
  class KerasActivationClass extends tf.serialization.Serializable {
    static readonly className: string = KERAS_ACTIVATION;
    readonly #config: tfjs.serialization.ConfigDict;

    constructor(config: tfjs.serialization.ConfigDict) {
      super();
      this.#config = config;
    }

    apply(x: tfjs.Tensor): tfjs.Tensor {
      return activate(tf, writtenActivation(this.#config), x);
    }
    override getConfig(): tfjs.serialization.ConfigDict {
      return this.#config;
    }
  }
  tf.serialization.registerClass(KerasActivationClass);

  /** GRU with its reset gate after the recurrent kernel: keras/src/layers/rnn/gru.py, `reset_after`. */
  class KerasGRUCell extends tf.layers.RNNCell {
    static readonly className = GRU_CELL;
    readonly stateSize: number;
    readonly #config: tfjs.serialization.ConfigDict;
    readonly #useBias: boolean;
    #kernels: tfjs.LayerVariable[] = [];

    constructor(config: tfjs.serialization.ConfigDict) {
      super({ name: "gru_cell" });
      this.#config = config;
      this.stateSize = Number(config["units"]);
      this.#useBias = config["useBias"] !== false;
    }

    override build(inputShape: tfjs.Shape | tfjs.Shape[]): void {
      const features = Number(inputShape.at(-1));
      const columns = 3 * this.stateSize;
      const zeros = tf.initializers.zeros();
      this.#kernels = [
        this.addWeight("kernel", [features, columns], "float32", zeros),
        this.addWeight("recurrent_kernel", [this.stateSize, columns], "float32", zeros),
        ...(this.#useBias ? [this.addWeight("bias", [2, columns], "float32", zeros)] : []),
      ];
      this.built = true;
    }

    override call(inputs: tfjs.Tensor | tfjs.Tensor[]): tfjs.Tensor[] {
      const [x, state] = Array.isArray(inputs) ? inputs : [inputs];
      const [kernel, recurrent, bias] = this.#kernels.map((weight) => weight.read());
      if (x === undefined || state === undefined || kernel === undefined || recurrent === undefined) {
        throw new TypeError("the cell has no input or is not built");
      }
      const [inputBias, recurrentBias] = bias === undefined ? [0, 0] : tf.unstack(bias);
      const [xz = x, xr = x, xh = x] = tf.split(
        tf.matMul(x.as2D(x.shape[0] ?? 1, -1), kernel.as2D(-1, 3 * this.stateSize)).add(inputBias ?? 0),
        3,
        -1,
      );
      const [hz = x, hr = x, hh = x] = tf.split(
        tf.matMul(state.as2D(state.shape[0] ?? 1, -1), recurrent.as2D(-1, 3 * this.stateSize)).add(recurrentBias ?? 0),
        3,
        -1,
      );
      const gate = (value: tfjs.Tensor): tfjs.Tensor =>
        activate(tf, writtenActivation(this.#config["recurrentActivation"] ?? "sigmoid"), value);
      const z = gate(xz.add(hz));
      const r = gate(xr.add(hr));
      const candidate = activate(tf, writtenActivation(this.#config["activation"] ?? "tanh"), xh.add(r.mul(hh)));
      const next = z.mul(state).add(tf.sub(1, z).mul(candidate));
      return [next, next];
    }

    override getConfig(): tfjs.serialization.ConfigDict {
      return { ...this.#config };
    }
  }
  tf.serialization.registerClass(KerasGRUCell);
}
