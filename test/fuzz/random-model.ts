import * as tf from "@tensorflow/tfjs";
import * as fc from "fast-check";

import { activationOf, apply, bounded, type Maker, type Step, type Tensor } from "./step.ts";
import { rareAnywhere, rareOnImages, rareOnSequences, rareOnTokens, rareOnVolumes } from "./rare-makers.ts";
import { onVolumes, wideAnywhere, wideOnImages, wideOnSequences } from "./wide-makers.ts";

export interface Recipe {
  readonly input: "image" | "sequence" | "tokens" | "vector" | "volume" | "integers";
  /** Whether the model leaves the sizes between samples and features open. */
  readonly free: boolean;
  readonly sizes: readonly [number, number, number];
  readonly steps: readonly Step[];
  readonly outputs: number;
  readonly seed: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  choice: fc.nat({ max: 10_000 }),
  a: fc.integer({ min: 1, max: 4 }),
  b: fc.integer({ min: 1, max: 3 }),
  c: fc.integer({ min: 1, max: 3 }),
  p: fc.boolean(),
  q: fc.boolean(),
  r: fc.boolean(),
  activation: fc.nat({ max: 1000 }),
});

export const recipe: fc.Arbitrary<Recipe> = fc.record({
  input: fc.constantFrom(
    "image" as const,
    "sequence" as const,
    "tokens" as const,
    "vector" as const,
    "volume" as const,
    "integers" as const,
  ),
  free: fc.boolean(),
  sizes: fc.tuple(fc.integer({ min: 4, max: 9 }), fc.integer({ min: 4, max: 9 }), fc.integer({ min: 1, max: 4 })),
  steps: fc.array(step, { minLength: 1, maxLength: 7 }),
  outputs: fc.integer({ min: 1, max: 2 }),
  seed: fc.nat({ max: 1_000_000 }),
});

/** A built model, inputs to feed it with, and a name for messages. */
export interface Sample {
  readonly model: tf.LayersModel;
  readonly inputs: readonly tf.Tensor[];
  readonly description: string;
}

const TOKENS = 11;
const BATCH = 3;

const KINDS = {
  image: (height: number, width: number, channels: number) => [height, width, channels],
  sequence: (height: number, _: number, channels: number) => [height, channels + 1],
  tokens: (height: number) => [height],
  vector: (_: number, width: number) => [width],
  volume: (height: number, width: number, channels: number) => [4, height, width, channels],
  integers: (height: number, _: number, channels: number) => [height, channels + 1],
} as const;

export function buildSample({ input, free, sizes, steps, outputs, seed }: Recipe): Sample {
  const [height, width, channels] = sizes;
  const shape = KINDS[input](height, width, channels);
  const declared = shape.map((size, axis) => (free && axis < shape.length - 1 ? null : size));
  const dtype = input === "tokens" || input === "integers" ? "int32" : "float32";
  const start = tf.input({ shape: declared, dtype });
  const inputs: Tensor[] = [start];
  const fed = [randomFeed(shape, dtype, input === "tokens", seed)];
  const made: Tensor[] = [start];
  const names: string[] = [];
  for (const each of steps) {
    const current = made.at(-1) ?? start;
    const fitting = makersFor(current, input === "tokens");
    const [name, make] = fitting[each.choice % fitting.length] ?? ["", (): null => null];
    const added: Tensor[] = [];
    const another = (own: readonly (number | null)[]): Tensor => {
      const symbol = tf.input({ shape: [...own] });
      added.push(symbol);
      return symbol;
    };
    const next = ifAccepted(() => make(current, each, { made, input: another }));
    if (next === null || next.shape.slice(1).some((dim) => dim !== null && dim < 1)) continue;
    names.push(name);
    made.push(next);
    for (const symbol of added) {
      inputs.push(symbol);
      fed.push(randomFeed(symbol.shape.slice(1).map(sizeOrSmall), "float32", false, seed + inputs.length));
    }
  }
  if (made.length === 1) made.push(apply(tf.layers.activation({ activation: "linear" }), start));
  const given = made.slice(1).slice(-outputs);
  const model = tf.model({ inputs, outputs: given });
  return { model, inputs: fed, description: `${input} [${declared.map(String).join()}]: ${names.join(", ")}` };
}

function sizeOrSmall(size: number | null): number {
  return size ?? 5;
}

function randomFeed(shape: readonly number[], dtype: "int32" | "float32", ids: boolean, seed: number): tf.Tensor {
  const dims = [BATCH, ...shape];
  if (dtype === "float32") return tf.randomNormal(dims, 0, 1, "float32", seed);
  return tf.randomUniform(dims, ids ? 0 : -4, ids ? TOKENS : 5, "int32", seed);
}

/** Null for a layer that TF.js itself refuses there. */
function ifAccepted(make: () => Tensor | null): Tensor | null {
  try {
    return make();
  } catch (error) {
    if (error instanceof Error) return null;
    throw error;
  }
}

const anywhere: Readonly<Record<string, Maker>> = {
  activation: (x, s) => apply(tf.layers.activation({ activation: activationOf(s) }), x),
  dense: (x, s) => apply(tf.layers.dense({ units: s.a, activation: activationOf(s), useBias: s.p }), x),
  // Other axes than the last: TF.js's own cpu kernel, which judges here, computes something else than its other backends.
  batchNormalization: (x, s) => apply(tf.layers.batchNormalization({ center: s.q, scale: s.r, epsilon: 0.01 }), x),
  layerNormalization: (x, s) =>
    apply(tf.layers.layerNormalization({ axis: -1, center: s.p, scale: s.q, epsilon: 0.01 }), x),
  reLU: (x, s) => apply(tf.layers.reLU(s.p ? { maxValue: s.a } : {}), x),
  leakyReLU: (x, s) => apply(tf.layers.leakyReLU({ alpha: s.a / 8 }), x),
  prelu: (x, s) => apply(tf.layers.prelu(s.p ? { sharedAxes: [1] } : {}), x),
  thresholdedReLU: (x, s) => apply(tf.layers.thresholdedReLU({ theta: s.a / 4 }), x),
  softmax: (x) => apply(tf.layers.softmax({ axis: -1 }), x),
  dropout: (x) => apply(tf.layers.dropout({ rate: 0.5 }), x),
  gaussianNoise: (x) => apply(tf.layers.gaussianNoise({ stddev: 1 }), x),
  flatten: (x) => apply(tf.layers.flatten(), x),
  reshapeToSteps: (x, s) => {
    const size = x.shape.slice(1).reduce<number>((product, dim) => product * (dim ?? 1), 1);
    const divisor = [2, 3, 4, 1].find((each) => size % (each + s.a) === 0) ?? 0;
    return apply(
      tf.layers.reshape({ targetShape: [divisor + s.a > 0 && size % (divisor + s.a) === 0 ? divisor + s.a : 1, -1] }),
      x,
    );
  },
  permute: (x, s) => {
    const axes = x.shape.slice(1).map((_, index) => index + 1);
    if (axes.length < 2) return null;
    const turned = s.p ? axes.toReversed() : [...axes.slice(1), axes[0] ?? 1];
    return apply(tf.layers.permute({ dims: turned }), x);
  },
  merge: (x, s, { made }) => {
    const other = made
      .toReversed()
      .find((each) => each !== x && each.dtype === x.dtype && each.shape.join() === x.shape.join());
    if (other === undefined) return null;
    const layers = [
      tf.layers.add(),
      tf.layers.multiply(),
      tf.layers.average(),
      tf.layers.maximum(),
      tf.layers.minimum(),
    ];
    return apply(layers[s.activation % layers.length] ?? tf.layers.add(), [x, other]);
  },
  concatenate: (x, s, { made }) => {
    const rank = x.shape.length;
    const axis = 1 + (s.a % (rank - 1));
    const other = made
      .toReversed()
      .find(
        (each) =>
          each !== x && each.shape.length === rank && each.shape.every((dim, at) => at === axis || dim === x.shape[at]),
      );
    return other === undefined ? null : apply(tf.layers.concatenate({ axis }), [x, other]);
  },
  branch: (x, s) => {
    const left = apply(tf.layers.dense({ units: s.a, activation: "tanh" }), x);
    const right = apply(tf.layers.dense({ units: s.a, activation: activationOf(s) }), x);
    return apply(s.p ? tf.layers.add() : tf.layers.concatenate(), [left, right]);
  },
  shared: (x, s) => {
    const width = x.shape.at(-1) ?? null;
    if (width === null) return null;
    const layer = tf.layers.dense({ units: width, activation: "tanh", useBias: s.p });
    return apply(layer, apply(layer, x));
  },
  nested: (x, s) => {
    const inner = tf.sequential({
      layers: [
        tf.layers.dense({ units: s.a + 1, inputShape: x.shape.slice(1), activation: activationOf(s) }),
        tf.layers.dense({ units: s.b, useBias: s.p }),
      ],
    });
    return apply(inner, x);
  },
};

const onVectors: Readonly<Record<string, Maker>> = {
  repeatVector: (x, s) => apply(tf.layers.repeatVector({ n: s.a + 1 }), x),
};

const onSequences: Readonly<Record<string, Maker>> = {
  conv1d: (x, s) =>
    apply(
      tf.layers.conv1d({
        filters: s.a,
        kernelSize: s.b,
        strides: s.p ? 1 : s.c,
        padding: s.q ? "same" : "valid",
        dilationRate: s.p && s.r ? 2 : 1,
        activation: activationOf(s),
      }),
      x,
    ),
  maxPooling1d: (x, s) =>
    apply(tf.layers.maxPooling1d({ poolSize: s.a, strides: s.b, padding: s.p ? "same" : "valid" }), x),
  averagePooling1d: (x, s) =>
    apply(tf.layers.averagePooling1d({ poolSize: s.a, strides: s.b, padding: s.p ? "same" : "valid" }), x),
  globalAveragePooling1d: (x) => apply(tf.layers.globalAveragePooling1d({}), x),
  globalMaxPooling1d: (x) => apply(tf.layers.globalMaxPooling1d({}), x),
  simpleRNN: (x, s) =>
    apply(
      tf.layers.simpleRNN({ units: s.a, returnSequences: s.p, goBackwards: s.q, activation: bounded(s), useBias: s.r }),
      x,
    ),
  lstm: (x, s) =>
    apply(
      tf.layers.lstm({
        units: s.a,
        returnSequences: s.p,
        goBackwards: s.q,
        recurrentActivation: s.r ? "sigmoid" : "hardSigmoid",
        activation: bounded(s),
      }),
      x,
    ),
  gru: (x, s) =>
    apply(
      tf.layers.gru({
        units: s.a,
        returnSequences: s.p,
        goBackwards: s.q,
        recurrentActivation: s.r ? "sigmoid" : "hardSigmoid",
        activation: bounded(s),
      }),
      x,
    ),
  bidirectional: (x, s) => {
    const options = { units: s.a, returnSequences: s.p, activation: bounded(s) };
    const layer = s.q ? tf.layers.lstm(options) : tf.layers.gru(options);
    const mode = (["concat", "sum", "mul", "ave"] as const)[s.b] ?? "concat";
    return apply(tf.layers.bidirectional({ layer, mergeMode: mode }), x);
  },
  stackedCells: (x, s) =>
    apply(
      tf.layers.rnn({
        cell: [tf.layers.lstmCell({ units: s.a }), tf.layers.gruCell({ units: s.b, activation: bounded(s) })],
        returnSequences: s.p,
      }),
      x,
    ),
  timeDistributed: (x, s) =>
    apply(tf.layers.timeDistributed({ layer: tf.layers.dense({ units: s.a, activation: activationOf(s) }) }), x),
};

const onImages: Readonly<Record<string, Maker>> = {
  conv2d: (x, s) =>
    apply(
      tf.layers.conv2d({
        filters: s.a,
        kernelSize: [s.b, s.c],
        strides: s.p ? 1 : [s.c, s.b],
        padding: s.q ? "same" : "valid",
        dilationRate: s.p && s.r ? 2 : 1,
        activation: activationOf(s),
        useBias: s.r,
      }),
      x,
    ),
  depthwiseConv2d: (x, s) =>
    apply(
      tf.layers.depthwiseConv2d({
        kernelSize: s.b,
        depthMultiplier: s.c,
        padding: s.q ? "same" : "valid",
        useBias: s.r,
      }),
      x,
    ),
  separableConv2d: (x, s) =>
    apply(
      tf.layers.separableConv2d({
        filters: s.a,
        kernelSize: s.b,
        depthMultiplier: s.c,
        padding: s.q ? "same" : "valid",
      }),
      x,
    ),
  conv2dTranspose: (x, s) =>
    apply(
      tf.layers.conv2dTranspose({ filters: s.a, kernelSize: s.b + 1, strides: s.c, padding: s.q ? "same" : "valid" }),
      x,
    ),
  maxPooling2d: (x, s) =>
    apply(tf.layers.maxPooling2d({ poolSize: [s.b, s.c], strides: [s.c, s.b], padding: s.p ? "same" : "valid" }), x),
  averagePooling2d: (x, s) =>
    apply(
      tf.layers.averagePooling2d({ poolSize: [s.b, s.c], strides: [s.c, s.b], padding: s.p ? "same" : "valid" }),
      x,
    ),
  globalAveragePooling2d: (x) => apply(tf.layers.globalAveragePooling2d({}), x),
  globalMaxPooling2d: (x) => apply(tf.layers.globalMaxPooling2d({}), x),
  zeroPadding2d: (x, s) =>
    apply(
      tf.layers.zeroPadding2d({
        padding: [
          [s.a, s.b],
          [s.c, 0],
        ],
      }),
      x,
    ),
  paddedConv: (x, s) =>
    apply(
      tf.layers.conv2d({ filters: s.a, kernelSize: 3, strides: s.b }),
      apply(tf.layers.zeroPadding2d({ padding: s.c }), x),
    ),
  cropping2D: (x, s) =>
    (x.shape[1] ?? 0) > 3 && (x.shape[2] ?? 0) > 3
      ? apply(
          tf.layers.cropping2D({
            cropping: [
              [1, s.p ? 1 : 0],
              [0, 1],
            ],
          }),
          x,
        )
      : null,
  upSampling2d: (x, s) =>
    apply(tf.layers.upSampling2d({ size: [s.b, s.c], interpolation: s.p ? "bilinear" : "nearest" }), x),
  timeDistributedConv: (x, s) =>
    apply(tf.layers.timeDistributed({ layer: tf.layers.conv1d({ filters: s.a, kernelSize: 2, padding: "same" }) }), x),
};

const onTokens: Readonly<Record<string, Maker>> = {
  embedding: (x, s) => apply(tf.layers.embedding({ inputDim: TOKENS, outputDim: s.a }), x),
};

/** What TF.js's cpu kernels do not make nonsense of: some give integers for what is none. */
function onIntegers(x: Tensor): readonly (readonly [string, Maker])[] {
  const special = { 2: onVectors, 3: { ...onSequences, ...wideOnSequences, ...rareOnSequences } }[x.shape.length] ?? {};
  const unsound = /normalization|activation|reLU|softmax|elu$/i;
  return Object.entries({ ...anywhere, ...wideAnywhere, ...special }).filter(([name]) => !unsound.test(name));
}

function makersFor(x: Tensor, tokens: boolean): readonly (readonly [string, Maker])[] {
  if (x.dtype === "int32" && tokens) return Object.entries({ ...onTokens, ...rareOnTokens });
  if (x.dtype === "int32") return onIntegers(x);
  const size = x.shape.slice(1).reduce<number>((product, dim) => product * (dim ?? 6), 1);
  const special: Readonly<Record<string, Maker>> =
    {
      2: onVectors,
      3: { ...onSequences, ...wideOnSequences, ...rareOnSequences },
      4: { ...onImages, ...wideOnImages, ...rareOnImages },
      5: { ...onVolumes, ...rareOnVolumes },
    }[x.shape.length] ?? {};
  const fitting = Object.entries({ ...anywhere, ...wideAnywhere, ...rareAnywhere, ...special });
  return size > 5000
    ? fitting.filter(([name]) => /pooling|flatten|dense/i.test(name))
    : [...fitting, ...Object.entries(special)];
}
