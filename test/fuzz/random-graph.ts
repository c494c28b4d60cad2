import * as tf from "@tensorflow/tfjs";
import * as fc from "fast-check";

/**
 * Random graphs of layers over sequences, with masks: several inputs and outputs, layers and models called many times, models
 * within models, layers with several outputs, free numbers of steps. A recipe is a list of moves over a pool of tensors; a
 * move that fits nowhere is left out, so that a list stays a model when moves are dropped (shrinking).
 */
export interface Move {
  readonly kind: number;
  /** Which tensors of the pool, counted from the one made last. */
  readonly on: number;
  readonly with: number;
  readonly units: number;
  readonly p: boolean;
  readonly q: boolean;
  readonly inner: readonly Move[];
}

export interface GraphRecipe {
  readonly steps: number;
  readonly free: boolean;
  readonly inputs: readonly ("sequence" | "ids" | "vector")[];
  readonly moves: readonly Move[];
  readonly outputs: readonly number[];
  readonly seed: number;
}

function moves(depth: number): fc.Arbitrary<readonly Move[]> {
  const inner = depth === 0 ? fc.constant([]) : moves(depth - 1);
  const move = fc.record({
    kind: fc.nat({ max: 9_999 }),
    on: fc.nat({ max: 5 }),
    with: fc.nat({ max: 5 }),
    units: fc.integer({ min: 1, max: 4 }),
    p: fc.boolean(),
    q: fc.boolean(),
    inner,
  });
  return fc.array(move, { minLength: depth === 0 ? 1 : 4, maxLength: depth === 0 ? 4 : 14, size: "max" });
}

export const graphRecipe: fc.Arbitrary<GraphRecipe> = fc.record({
  steps: fc.integer({ min: 3, max: 5 }),
  free: fc.boolean(),
  inputs: fc.array(fc.constantFrom("sequence" as const, "ids" as const, "vector" as const), {
    minLength: 1,
    maxLength: 3,
  }),
  moves: moves(1),
  outputs: fc.array(fc.nat({ max: 6 }), { minLength: 1, maxLength: 3 }),
  seed: fc.nat({ max: 1_000_000 }),
});

type Tensor = tf.SymbolicTensor;

/** A built model, inputs to feed it with, and a name for messages. */
export interface GraphSample {
  readonly model: tf.LayersModel;
  readonly inputs: readonly tf.Tensor[];
  readonly description: string;
}

const TOKENS = 6;
/** Other than any number of steps or units: TF.js aligns some masks with whatever axis has their size. */
const BATCH = 7;
const FREE_STEPS = 5;

export function buildGraph({ steps, free, inputs, moves: program, outputs, seed }: GraphRecipe): GraphSample {
  const length = free ? null : steps;
  const starts = inputs.map((kind) => startOf(kind, length));
  const pool = new Pool(starts, seed);
  pool.play(program);
  const made = pool.tensors.slice(starts.length);
  const last =
    made.at(-1) ?? pool.add(tf.layers.activation({ activation: "linear" }), [starts[0] ?? startOf("vector", 1)]);
  const picked = outputs.map((index) => made.at(-1 - (index % Math.max(1, made.length))) ?? last);
  const given = [...new Set(picked.filter((each) => each !== null))];
  const used = starts.filter((start) => given.some((output) => reaches(output, start)));
  const model = tf.model({ inputs: used, outputs: given });
  const fed = used.map((start, index) => feedFor(start, free ? FREE_STEPS : steps, seed + index));
  const shown = `${inputs.join("+")} of ${String(length)} steps: ${pool.names.join(", ")} -> ${outputs.join()}`;
  return { model, inputs: fed, description: shown };
}

function startOf(kind: GraphRecipe["inputs"][number], length: number | null): Tensor {
  if (kind === "ids") return tf.input({ shape: [length], dtype: "int32" });
  return tf.input({ shape: kind === "sequence" ? [length, 2] : [3] });
}

/** Ids with many zeros; sequences with steps that are all zero. */
function feedFor({ dtype, shape }: Tensor, steps: number, seed: number): tf.Tensor {
  const dims = [BATCH, ...shape.slice(1).map((dim) => dim ?? steps)];
  if (dtype === "int32") {
    return tf.relu(tf.randomUniform(dims, -2, TOKENS, "int32", seed)).cast("int32");
  }
  const values = tf.randomUniform(dims, -1, 1, "float32", seed);
  if (dims.length < 3) return values;
  return values.mul(
    tf
      .randomUniform([BATCH, dims[1] ?? 1, 1], 0, 1, "float32", seed + 1)
      .greater(0.4)
      .cast("float32"),
  );
}

function reaches(from: Tensor, to: Tensor): boolean {
  const seen = new Set<Tensor>();
  const stack = [from];
  for (let each = stack.pop(); each !== undefined; each = stack.pop()) {
    if (each === to) return true;
    if (seen.has(each)) continue;
    seen.add(each);
    stack.push(...each.inputs);
  }
  return false;
}

class Pool {
  readonly tensors: Tensor[];
  readonly names: string[] = [];
  /** Layers and models made so far, to be called again. */
  readonly #shared: { readonly name: string; readonly layer: tf.layers.Layer; readonly shapes: string }[] = [];
  readonly #seed: number;

  constructor(starts: readonly Tensor[], seed: number) {
    this.tensors = [...starts];
    this.#seed = seed;
  }

  play(program: readonly Move[]): void {
    for (const move of program) {
      const x = this.#at(move.on);
      const other = this.#at(move.with);
      const fitting = this.#fitting(x, other, move);
      const [name, make] = fitting[move.kind % fitting.length] ?? ["", (): null => null];
      const made = ifAccepted(make);
      if (made === null) continue;
      if (this.add(made.layer, made.inputs) !== null) this.names.push(name);
    }
  }

  /** Apply a layer and keep what it gives; null when TF.js refuses. */
  add(layer: tf.layers.Layer, inputs: readonly Tensor[]): Tensor | null {
    const [only] = inputs;
    const output = ifAccepted(() => layer.apply(inputs.length === 1 && only !== undefined ? only : [...inputs]));
    const list = (Array.isArray(output) ? output : [output]).flatMap((each) =>
      each instanceof tf.SymbolicTensor ? [each] : [],
    );
    if (list.length === 0 || list.some(({ shape }) => shape.slice(1).some((dim) => dim !== null && dim < 1)))
      return null;
    this.tensors.push(...list);
    this.#shared.push({ name: layer.name, layer, shapes: shapesOf(inputs) });
    return list[0] ?? null;
  }

  #at(back: number): Tensor {
    const tensor = this.tensors.at(-1 - (back % this.tensors.length));
    if (tensor === undefined) throw new TypeError("the pool is empty");
    return tensor;
  }

  #fitting(x: Tensor, other: Tensor, move: Move): readonly (readonly [string, Maker])[] {
    if (x.dtype === "int32") {
      const { units, p } = move;
      return [["embedding", () => one(tf.layers.embedding({ inputDim: TOKENS, outputDim: units, maskZero: p }), x)]];
    }
    const makers = [...anywhere(x, move), ...(x.shape.length === 3 ? onSequences(x, move) : onVectors(x, move))];
    if (other.dtype !== "int32") makers.push(...merges(x, other, move));
    const known = this.#shared.filter(({ shapes }) => shapes === shapesOf([x]));
    const again = known.at(-1 - (move.with % Math.max(1, known.length)));
    if (again !== undefined) makers.push([`again ${again.name}`, () => one(again.layer, x)]);
    if (move.inner.length > 0) makers.push(["nested", () => one(nestedModel(x, move, this.#seed), x)]);
    return makers;
  }
}

interface Made {
  readonly layer: tf.layers.Layer;
  readonly inputs: readonly Tensor[];
}

type Maker = () => Made | null;

function one(layer: tf.layers.Layer, ...inputs: readonly Tensor[]): Made {
  return { layer, inputs };
}

function shapesOf(tensors: readonly Tensor[]): string {
  return tensors.map(({ shape }) => shape.join()).join(";");
}

/** A model with one or two outputs over tensors like `x`. */
function nestedModel(x: Tensor, { inner, p }: Move, seed: number): tf.LayersModel {
  const start = tf.input({ shape: x.shape.slice(1) });
  const pool = new Pool([start], seed);
  pool.play(inner);
  if (pool.tensors.length === 1) pool.add(tf.layers.activation({ activation: "tanh" }), [start]);
  const given = [...new Set([pool.tensors.at(-1), ...(p ? [pool.tensors.at(1)] : [])])].flatMap((each) => each ?? []);
  return tf.model({ inputs: start, outputs: given });
}

function anywhere(x: Tensor, { units, p, q }: Move): (readonly [string, Maker])[] {
  return [
    ["dense", () => one(tf.layers.dense({ units, activation: p ? "tanh" : "linear", useBias: q }), x)],
    ["dropout", () => one(tf.layers.dropout({ rate: 0.5 }), x)],
    ["leakyReLU", () => one(tf.layers.leakyReLU({ alpha: 0.3 }), x)],
    ["layerNormalization", () => one(tf.layers.layerNormalization({ axis: -1, epsilon: 0.01 }), x)],
    ["softmax", () => one(tf.layers.softmax({ axis: -1 }), x)],
  ];
}

function onVectors(x: Tensor, { units, q }: Move): (readonly [string, Maker])[] {
  return [
    ["repeatVector", () => one(tf.layers.repeatVector({ n: units + 2 }), x)],
    ["reshape", () => (q ? one(tf.layers.reshape({ targetShape: [-1, 1] }), x) : null)],
  ];
}

function onSequences(x: Tensor, { units, p, q, kind, with: other }: Move): (readonly [string, Maker])[] {
  const options = { units, returnSequences: p, goBackwards: q };
  const recurrent = [tf.layers.simpleRNN, tf.layers.gru, tf.layers.lstm][other % 3] ?? tf.layers.gru;
  const mode = (["concat", "sum", "mul", "ave"] as const)[kind % 4] ?? "concat";
  return [
    ["recurrent", () => one(recurrent(options), x)],
    ["recurrent", () => one(recurrent({ ...options, returnSequences: true }), x)],
    ["recurrent with states", () => one(recurrent({ ...options, returnState: true }), x)],
    [
      "bidirectional",
      () => one(tf.layers.bidirectional({ layer: recurrent({ units, returnSequences: p }), mergeMode: mode }), x),
    ],
    [
      "stacked cells",
      () => {
        const cell = [tf.layers.lstmCell({ units }), tf.layers.gruCell({ units: 2 })];
        return one(tf.layers.rnn({ cell, returnSequences: p, goBackwards: q }), x);
      },
    ],
    // Not over vectors: a mask of one truth a sample, TF.js's Softmax spreads over the samples of the others.
    ["masking", () => one(tf.layers.masking({ maskValue: 0 }), x)],
    ["timeDistributed dense", () => one(tf.layers.timeDistributed({ layer: tf.layers.dense({ units }) }), x)],
    ["conv1d", () => one(tf.layers.conv1d({ filters: units, kernelSize: 2, padding: p ? "same" : "valid" }), x)],
    ["maxPooling1d", () => one(tf.layers.maxPooling1d({ poolSize: 2, strides: p ? 1 : 2, padding: "same" }), x)],
    ["globalAveragePooling1d", () => one(tf.layers.globalAveragePooling1d({}), x)],
    ["flatten", () => (x.shape[1] === null ? null : one(tf.layers.flatten(), x))],
    ["permute", () => (x.shape[1] === null ? null : one(tf.layers.permute({ dims: [2, 1] }), x))],
  ];
}

function merges(x: Tensor, other: Tensor, { units, p, q }: Move): (readonly [string, Maker])[] {
  const same = shapesOf([x]) === shapesOf([other]);
  const merge = [tf.layers.add(), tf.layers.multiply(), tf.layers.maximum(), tf.layers.average()][units - 1];
  const axis = q ? 1 : -1;
  const joins = x.shape.length === other.shape.length;
  const makers: (readonly [string, Maker])[] = [];
  if (same && merge !== undefined) makers.push(["merge", () => one(merge, x, other)]);
  if (same && merge !== undefined && p) makers.push(["merge of three", () => one(merge, x, other, x)]);
  if (joins) makers.push(["concatenate", () => one(tf.layers.concatenate({ axis }), x, other)]);
  if (same && x.shape.length === 3) makers.push(["dot", () => one(tf.layers.dot({ axes: 2 }), x, other)]);
  return makers;
}

/** Null for what TF.js itself refuses. */
function ifAccepted<T>(make: () => T): T | null {
  try {
    return make();
  } catch (error) {
    if (error instanceof Error) return null;
    throw error;
  }
}
