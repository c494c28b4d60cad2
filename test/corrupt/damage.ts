import * as fc from "fast-check";

import type { RawModel } from "../../src/export/source/model.ts";

/** One way to damage a model's files, as numbers only, so that it shrinks and can be kept as a seed. */
export interface Damage {
  readonly kind: number;
  /** Which of the places in the description, counted through it. */
  readonly at: number;
  readonly other: number;
  readonly value: number;
}

const anyNumber = fc.nat({ max: 2 ** 30 });

export const damage: fc.Arbitrary<Damage> = fc.record({
  kind: anyNumber,
  at: anyNumber,
  other: anyNumber,
  value: anyNumber,
});

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Where a value is: its container and the key or index it has there. */
interface Slot {
  readonly holder: Json[] | { [key: string]: Json };
  readonly key: string;
  readonly path: string;
}

/** A model whose files have been damaged, and what was done to them. */
export interface Damaged {
  readonly text: string;
  readonly weights: Uint8Array | null;
  readonly deeds: readonly string[];
}

/** Damage a model in the given ways, one after the other. */
export function damaged(raw: RawModel, damages: readonly Damage[]): Damaged {
  const manifest = parsed(JSON.stringify(raw.manifest));
  const root: Json[] = [manifest];
  let { weights } = raw;
  const deeds: string[] = [];
  for (const each of damages) {
    const [name, deed] = pick(DEEDS, each.kind);
    if (deed === "bytes") {
      weights = damagedBytes(weights ?? new Uint8Array(), each);
      deeds.push(`${name} ${weights.byteLength}`);
      continue;
    }
    const slots = slotsOf(root);
    if (slots.length === 0) break;
    const wanted = each.kind % 3 === 0 ? slots.filter(({ path }) => !path.includes("nitializer")) : slots;
    const slot = pick(wanted.length === 0 ? slots : wanted, each.at);
    const before = shown(valueAt(slot));
    const changed = deed(slot, each, slots) ?? slot;
    deeds.push(`${name} ${changed.path}: ${changed === slot ? before : ""} -> ${shown(valueAt(changed))}`);
  }
  return { text: JSON.stringify(root[0] ?? null), weights, deeds };
}

type Deed = (slot: Slot, damage: Damage, slots: readonly Slot[]) => Slot | void;

const DEEDS: readonly (readonly [string, Deed | "bytes"])[] = [
  ["delete", (slot) => remove(slot)],
  ["replace", (slot, { value }) => set(slot, pick(STRANGE, value)())],
  ["replace", (slot, { value }) => set(slot, pick(STRANGE, value)())],
  ["perturb", perturb],
  ["perturb", perturb],
  ["swap", swap],
  ["copy over", copyOver],
  ["same key", sameKey],
  ["same key", sameKey],
  ["double", double],
  ["rename", rename],
  ["insert", insert],
  ["word", (slot, { value }) => set(slot, pick(WORDS, value))],
  ["class", reclass],
  ["bytes", "bytes"],
];

const STRANGE: readonly (() => Json)[] = [
  () => null,
  () => true,
  () => false,
  () => 0,
  () => 1,
  () => 2,
  () => 3,
  () => 7,
  () => -1,
  () => -2,
  () => 0.5,
  () => 1.5,
  () => 1e9,
  () => 2 ** 31,
  () => 2 ** 53,
  () => 1e12,
  () => 1e308,
  () => -1e308,
  () => 5e-324,
  () => "",
  () => "x",
  () => "1",
  () => "NaN",
  () => [],
  () => ({}),
  () => [null],
  () => [1, 2],
  () => [2, 1, 3],
  () => [[1, 2]],
  () => [[[]]],
  () => [null, null, null],
  () => ({ class_name: "Dense", config: {} }),
  () => ({ class_name: "__tuple__", items: [1, 1] }),
  () => nested(50),
  () => nested(300),
];

const WORDS = [
  "valid",
  "same",
  "causal",
  "channels_first",
  "channels_last",
  "relu",
  "softmax",
  "hard_sigmoid",
  "hardSigmoid",
  "tanh",
  "linear",
  "mish",
  "constructor",
  "__proto__",
  "toString",
  "sum",
  "mul",
  "ave",
  "concat",
  "float32",
  "int32",
  "bool",
  "string",
  "complex64",
  "float16",
  "uint8",
  "nearest",
  "bilinear",
  "keras_version",
  "2.4.0",
  "3.0.0",
  "tfjs-layers 4.22.0",
  "optimizer",
];

const KEYS = [
  "__proto__",
  "constructor",
  "hasOwnProperty",
  "trainable",
  "dtype",
  "batch_input_shape",
  "batch_shape",
  "input_length",
  "mask_zero",
  "axis",
  "strides",
  "dilation_rate",
  "groups",
  "go_backwards",
  "return_sequences",
  "return_state",
  "stateful",
  "unroll",
  "keepdims",
  "data_format",
  "use_bias",
  "quantization",
  "group",
  "model_config",
  "layers",
  "build_config",
  "name",
  "activation",
];

const CLASSES = [
  "Dense",
  "Conv1D",
  "Conv2D",
  "DepthwiseConv2D",
  "Flatten",
  "Reshape",
  "Permute",
  "RepeatVector",
  "Activation",
  "Softmax",
  "LSTM",
  "GRU",
  "SimpleRNN",
  "RNN",
  "Bidirectional",
  "TimeDistributed",
  "Embedding",
  "BatchNormalization",
  "LayerNormalization",
  "Add",
  "Multiply",
  "Concatenate",
  "Dot",
  "Average",
  "MaxPooling1D",
  "MaxPooling2D",
  "AveragePooling2D",
  "GlobalAveragePooling1D",
  "GlobalMaxPooling2D",
  "ZeroPadding2D",
  "Cropping2D",
  "UpSampling2D",
  "Dropout",
  "InputLayer",
  "Sequential",
  "Model",
  "Functional",
  "PReLU",
  "ReLU",
  "LeakyReLU",
  "ELU",
  "ThresholdedReLU",
  "Masking",
  "Lambda",
  "UnifiedLSTM",
  "StackedRNNCells",
  "ConvLSTM2D",
  "SeparableConv2D",
  "Conv2DTranspose",
  "Conv3D",
  "Rescaling",
];

function damagedBytes(weights: Uint8Array, { at, other, value }: Damage): Uint8Array {
  const place = weights.byteLength === 0 ? 0 : at % weights.byteLength;
  switch (other % 5) {
    case 0:
      return weights.slice(0, place);
    case 1:
      return Uint8Array.from([...weights, ...Array.from({ length: 1 + (value % 64) }, () => value % 256)]);
    case 2:
      return weights.slice(Math.min(place, 4 * (value % 8)));
    case 3:
      return weights.slice(0, Math.max(0, weights.byteLength - 1 - (value % 8)));
    default: {
      const flipped = weights.slice();
      // A sign or a digit, not an exponent: the numbers stay of the size they were.
      const aligned = place - (place % 4);
      if (aligned + 3 < flipped.byteLength) flipped[aligned + 2] = value % 128;
      return flipped;
    }
  }
}

function perturb(slot: Slot, { value, other }: Damage): void {
  const before = valueAt(slot);
  if (typeof before === "number") {
    const changes = [1, -1, 2, -2, 100, 0.5, 1e10];
    const by = pick(changes, value);
    set(slot, pick([before + by, before * by, -before, by, 0, before / 2], other));
  } else if (typeof before === "boolean") set(slot, !before);
  else if (typeof before === "string") {
    const cut = before.length === 0 ? 0 : value % before.length;
    set(
      slot,
      pick([before.slice(0, cut), `${before}_1`, before.toUpperCase(), `${before}/${before}`, before + "\0"], other),
    );
  } else if (Array.isArray(before)) {
    const changes: (() => Json)[] = [
      () => [...before, null],
      () => [...before, 1],
      () => before.slice(1),
      () => before.toReversed(),
      () => [1, ...before],
      () => before.slice(0, -1),
    ];
    set(slot, pick(changes, other)());
  } else set(slot, null);
}

function swap(slot: Slot, { other }: Damage, slots: readonly Slot[]): void {
  const partner = pick(slots, other);
  if (isWithin(partner, slot) || isWithin(slot, partner)) return;
  const [a, b] = [copyOf(valueAt(slot)), copyOf(valueAt(partner))];
  set(slot, b);
  set(partner, a);
}

function copyOver(slot: Slot, { other }: Damage, slots: readonly Slot[]): void {
  set(slot, copyOf(valueAt(pick(slots, other))));
}

/** Another layer's value for the same key: damage that nearly fits. */
function sameKey(slot: Slot, { other }: Damage, slots: readonly Slot[]): void {
  const named = slots.filter(({ key, path }) => key === slot.key && path !== slot.path);
  if (named.length > 0) set(slot, copyOf(valueAt(pick(named, other))));
}

function double(slot: Slot, { other }: Damage): void {
  if (Array.isArray(slot.holder)) slot.holder.splice(other % (slot.holder.length + 1), 0, copyOf(valueAt(slot)));
  else own(slot.holder, `${slot.key}_1`, copyOf(valueAt(slot)));
}

function rename(slot: Slot, { other }: Damage): void {
  if (Array.isArray(slot.holder)) return;
  const before = valueAt(slot);
  remove(slot);
  own(slot.holder, pick(KEYS, other), before);
}

function insert(slot: Slot, { other, value }: Damage): void {
  const before = valueAt(slot);
  const holder = typeof before === "object" && before !== null && !Array.isArray(before) ? before : slot.holder;
  if (Array.isArray(holder)) holder.push(pick(STRANGE, value)());
  else own(holder, pick(KEYS, other), value % 2 === 0 ? pick(STRANGE, value)() : pick(WORDS, value));
}

function reclass(slot: Slot, { other, at }: Damage, slots: readonly Slot[]): Slot {
  const classes = slots.filter(({ key, path }) => key === "class_name" && /layers\.\d+\.class_name$/.test(path));
  const target = classes.length === 0 ? slot : pick(classes, at);
  set(target, pick(CLASSES, other));
  return target;
}

function nested(depth: number): Json {
  let value: Json = 1;
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { layer: value };
  return value;
}

function slotsOf(root: Json[]): readonly Slot[] {
  const slots: Slot[] = [];
  const stack: { readonly value: Json; readonly path: string }[] = [{ value: root, path: "" }];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { value, path } = top;
    if (typeof value !== "object" || value === null) continue;
    for (const [key, item] of Object.entries(value)) {
      const here = path === "" ? "model" : `${path}.${key}`;
      slots.push({ holder: value, key, path: here });
      stack.push({ value: item, path: here });
    }
  }
  return slots;
}

function isWithin(inner: Slot, outer: Slot): boolean {
  return inner.path === outer.path || inner.path.startsWith(`${outer.path}.`);
}

function valueAt({ holder, key }: Slot): Json {
  const descriptor = Object.getOwnPropertyDescriptor(holder, key);
  const value: unknown = descriptor?.value;
  return isJson(value) ? value : null;
}

function set({ holder, key }: Slot, value: Json): void {
  if (Array.isArray(holder)) holder[Number(key)] = value;
  else own(holder, key, value);
}

function remove({ holder, key }: Slot): void {
  if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else Reflect.deleteProperty(holder, key);
}

/** Set a key as JSON.parse does, `__proto__` included. */
function own(holder: { [key: string]: Json }, key: string, value: Json): void {
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
}

function copyOf(value: Json): Json {
  return parsed(JSON.stringify(value));
}

function parsed(text: string): Json {
  const value: unknown = JSON.parse(text);
  return isJson(value) ? value : null;
}

function isJson(value: unknown): value is Json {
  return value !== undefined && typeof value !== "function";
}

function pick<Item>(items: readonly Item[], index: number): Item {
  const item = items[index % items.length];
  if (item === undefined) throw new RangeError("nothing to pick from");
  return item;
}

function shown(value: Json): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
