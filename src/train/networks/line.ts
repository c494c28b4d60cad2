import type * as tfjs from "@tensorflow/tfjs";

import { UsageError } from "../../errors.ts";

import { applyAll, only, recurrent, type Tf } from "./build.ts";

/** What a network that reads lines is made of. */
export interface LineNetworkConfig {
  /** Of the picture, in pixels. */
  readonly height: number;
  /** Without the blank. */
  readonly characters: number;
  /** As {@link parseBody} takes it. */
  readonly body: string;
  /** Width of the layer between the picture's rows and the recurrent layers. */
  readonly features: number;
  readonly cell: "lstm" | "gru";
  /** Of each direction of each recurrent layer. */
  readonly units: readonly number[];
  /** Before each recurrent layer and before the output. */
  readonly dropout: number;
}

/**
 * A measured good body of 0.2 million parameters: a 5 x 5 convolution, then separable ones; one column of features for
 * each 4 columns of pixels, one row for each 16 rows.
 */
export const LINE_BODY =
  "conv5:24/2x2 separable:48 pool2x2 separable:96 separable:96 pool2x1 separable:160 separable:160 pool2x1";

export const LINE_DEFAULTS: Omit<LineNetworkConfig, "characters"> = {
  height: 32,
  body: LINE_BODY,
  features: 160,
  cell: "lstm",
  units: [128, 128],
  dropout: 0.1,
};

/** What padding columns hold, beside ink from 0 (paper) to 1. */
export const PADDING = -1;

/** The padding's own feature beyond the line; 0 within. It is large so that its weights are as large as others and are rounded as finely to int8. */
const OUTSIDE = 64;
/** What the padding adds: closes a recurrent layer's input gate, and rules all characters out. */
const CLOSED = -50;
/** The weight of the padding's feature. */
const CLOSING = CLOSED / OUTSIDE;

export type BodyPart =
  | {
      readonly kind: "conv" | "separable" | "residual";
      readonly kernel: number;
      readonly filters: number;
      readonly strides: readonly [number, number];
    }
  | { readonly kind: "pool"; readonly size: readonly [number, number] };

/**
 * Parts of a body, separated by blanks: `conv5:24/2x2` is a 5 x 5 convolution to 24 channels with strides 2 x 2,
 * `separable:48` a depthwise 3 x 3 and a pointwise one, `residual:96` a 3 x 3 convolution added to its input,
 * `pool2x1` the maximum over 2 rows. Rows come first.
 *
 * @throws {UsageError} naming the part that is none
 */
export function parseBody(text: string): BodyPart[] {
  return text
    .split(/\s+/)
    .filter((part) => part !== "")
    .map(parsePart);
}

function parsePart(text: string): BodyPart {
  const pool = /^pool([1-9])x([1-9])$/.exec(text);
  if (pool !== null) return { kind: "pool", size: [Number(pool[1]), Number(pool[2])] };
  const found = /^(conv|separable|residual)([1-9]?):([1-9]\d{0,3})(?:\/([1-9])x([1-9]))?$/.exec(text);
  if (found === null) {
    throw new UsageError(`"${text}" is no part of a network's body`, {
      hint: `parts are conv, separable, residual and pool, e.g. "${LINE_BODY}"`,
    });
  }
  const [, kind, kernel, filters, down, across] = found;
  return {
    kind: kind === "conv" ? "conv" : kind === "separable" ? "separable" : "residual",
    kernel: kernel === "" ? 3 : Number(kernel),
    filters: Number(filters),
    strides: [Number(down ?? 1), Number(across ?? 1)],
  };
}

/** Pixels for one column of features, and for one row. */
export function reductionOf(body: readonly BodyPart[]): { readonly rows: number; readonly columns: number } {
  let [rows, columns] = [1, 1];
  for (const part of body) {
    const [down, across] = part.kind === "pool" ? part.size : part.strides;
    rows *= down;
    columns *= across;
  }
  return { rows, columns };
}

/**
 * A convolutional recurrent network after Shi, Bai and Yao (arXiv:1507.05717): pictures [N, height, W, 1] of any width
 * to logits [N, W / 4, characters + 1], the blank last (with a body that has one column of features for 4 of pixels).
 *
 * Ink is 0 (paper) to 1. A line narrower than its batch is padded at the right with {@link PADDING}: then its features
 * are the same as without the padding, which is masked before every convolution, closes the input gates of the
 * recurrent layers, and comes out as blanks.
 *
 * @throws {UsageError} when the height does not fit the body
 */
export function buildLine(tf: Tf, config: LineNetworkConfig): tfjs.LayersModel {
  const { layers } = tf;
  const { height, dropout, features, units, characters, cell } = config;
  const body = parseBody(config.body);
  const { rows, columns } = reductionOf(body);
  if (height % rows !== 0) {
    throw new UsageError(`the body makes one row of ${rows}; a height of ${height} is no multiple of that`);
  }
  const image = tf.input({ shape: [height, null, 1], name: "image" });
  const ink = only(tf, layers.reLU({ name: "ink" }).apply(image));
  const masks = new Masks(tf, image, height);
  const seen = new BodyBuilder(tf, masks).build(body, ink);
  const rowsLeft = height / rows;
  const channels = seen.shape.at(-1) ?? 1;
  const inside = only(tf, layers.reshape({ name: "inside", targetShape: [-1, 1] }).apply(masks.at(columns)));
  const outside = applyAll(tf, [layers.rescaling({ name: "outside", scale: -OUTSIDE, offset: OUTSIDE })], inside);
  let steps = applyAll(
    tf,
    [
      layers.permute({ name: "columns", dims: [2, 1, 3] }),
      layers.reshape({ name: "steps", targetShape: [-1, rowsLeft * channels] }),
      layers.dense({ name: "features", units: features, activation: "relu" }),
    ],
    seen,
  );
  const withPadding = (name: string, value: tfjs.SymbolicTensor): tfjs.SymbolicTensor =>
    only(
      tf,
      layers
        .concatenate({ name: `${name}_padded`, axis: 2 })
        .apply([
          dropout > 0 ? only(tf, layers.dropout({ name: `${name}_drop`, rate: dropout }).apply(value)) : value,
          outside,
        ]),
    );
  units.forEach((count, index) => {
    const name = `both${index + 1}`;
    const options = { ...recurrent, units: count, returnSequences: true };
    const layer = cell === "lstm" ? layers.lstm(options) : layers.gru(options);
    steps = only(tf, layers.bidirectional({ name, layer, mergeMode: "concat" }).apply(withPadding(name, steps)));
  });
  const logits = applyAll(tf, [layers.dense({ name: "logits", units: characters + 1 })], withPadding("logits", steps));
  return tf.model({ inputs: image, outputs: logits, name: "line" });
}

/** 1 where there is a line and 0 in its padding, [N, 1, columns, 1], at the resolutions that layers ask for. */
class Masks {
  readonly #tf: Tf;
  readonly #image: tfjs.SymbolicTensor;
  readonly #height: number;
  readonly #made = new Map<number, tfjs.SymbolicTensor>();

  constructor(tf: Tf, image: tfjs.SymbolicTensor, height: number) {
    this.#tf = tf;
    this.#image = image;
    this.#height = height;
  }

  at(columns: number): tfjs.SymbolicTensor {
    const known = this.#made.get(columns);
    if (known !== undefined) return known;
    const { layers } = this.#tf;
    const size: [number, number] = [this.#height, columns];
    const mask = applyAll(
      this.#tf,
      [
        layers.maxPooling2d({ name: `line${columns}`, poolSize: size, strides: size }),
        layers.rescaling({ name: `shift${columns}`, scale: 1, offset: -PADDING }),
        layers.reLU({ name: `mask${columns}`, maxValue: 1 }),
      ],
      this.#image,
    );
    this.#made.set(columns, mask);
    return mask;
  }
}

class BodyBuilder {
  readonly #tf: Tf;
  readonly #masks: Masks;
  #columns = 1;
  /** Whether padding is known to be 0. */
  #isMasked = true;

  constructor(tf: Tf, masks: Masks) {
    this.#tf = tf;
    this.#masks = masks;
  }

  build(parts: readonly BodyPart[], ink: tfjs.SymbolicTensor): tfjs.SymbolicTensor {
    let value = ink;
    let index = 0;
    while (index < parts.length) {
      const part = parts[index];
      if (part === undefined) break;
      const next = parts[index + 1];
      const name = `part${index + 1}`;
      if (part.kind === "pool") value = this.#pool(name, part.size, value);
      // Pooling before normalisation leaves a fraction of the numbers to normalise.
      else value = this.#block(name, part, next?.kind === "pool" && part.kind !== "residual" ? next.size : null, value);
      index += part.kind !== "pool" && part.kind !== "residual" && next?.kind === "pool" ? 2 : 1;
    }
    return value;
  }

  #pool(name: string, size: readonly [number, number], value: tfjs.SymbolicTensor): tfjs.SymbolicTensor {
    const [down, across] = size;
    this.#columns *= across;
    const { layers } = this.#tf;
    const layer = layers.maxPooling2d({ name: `${name}_pool`, poolSize: [down, across], strides: [down, across] });
    return only(this.#tf, layer.apply(value));
  }

  #block(
    name: string,
    part: Exclude<BodyPart, { kind: "pool" }>,
    pool: readonly [number, number] | null,
    input: tfjs.SymbolicTensor,
  ): tfjs.SymbolicTensor {
    const tf = this.#tf;
    const { layers } = tf;
    const masked = this.#isMasked ? input : this.#mask(`${name}_masked`, input);
    const [down, across] = part.strides;
    const shared = { kernelSize: part.kernel, padding: "same", useBias: false } as const;
    const strides: [number, number] = [down, across];
    const chain =
      part.kind === "separable"
        ? [
            layers.depthwiseConv2d({ name: `${name}_depth`, ...shared, strides }),
            layers.conv2d({ name: `${name}_point`, filters: part.filters, kernelSize: 1, useBias: false }),
          ]
        : [layers.conv2d({ name: `${name}_conv`, filters: part.filters, ...shared, strides })];
    this.#columns *= across;
    let value = applyAll(tf, chain, masked);
    if (pool !== null) value = this.#pool(name, pool, value);
    value = applyAll(
      tf,
      [layers.batchNormalization({ name: `${name}_norm`, momentum: 0.95 }), layers.reLU({ name: `${name}_relu` })],
      value,
    );
    this.#isMasked = false;
    if (part.kind !== "residual") return value;
    return only(tf, layers.add({ name: `${name}_add` }).apply([value, input]));
  }

  #mask(name: string, value: tfjs.SymbolicTensor): tfjs.SymbolicTensor {
    this.#isMasked = true;
    return only(this.#tf, this.#tf.layers.multiply({ name }).apply([value, this.#masks.at(this.#columns)]));
  }
}

/**
 * Set the weights of the padding's own feature, the last row of each kernel that has one. They stay as they are in
 * training, because their gradient is 0. To be called after weights were drawn.
 */
export function closePadding(tf: Tf, model: tfjs.LayersModel): void {
  for (const weight of model.weights) {
    const row = paddingRow(weight.originalName, weight.shape.at(-1) ?? 0);
    if (row === undefined) continue;
    const value = weight.read();
    const [rows = 0, columns = 0] = value.shape;
    const values = value.dataSync<"float32">().slice();
    values.set(row, (rows - 1) * columns);
    const tensor = tf.tensor2d(values, [rows, columns]);
    weight.write(tensor);
    tensor.dispose();
  }
}

/** The last row of a kernel by the name of the weight; undefined where there is none for padding. */
function paddingRow(name: string, columns: number): Float32Array | undefined {
  const row = new Float32Array(columns);
  // Gates i f c o: nothing comes in, so a state of zeros stays as it is.
  if (/^both\d+\/\w*lstm\w*\/kernel$/.test(name)) return row.fill(CLOSING, 0, columns / 4);
  // Gates z r h: the state is kept.
  if (/^both\d+\/\w*gru\w*\/kernel$/.test(name)) return row.fill(-CLOSING, 0, columns / 3);
  return name === "logits/kernel" ? row.fill(CLOSING, 0, columns - 1) : undefined;
}
