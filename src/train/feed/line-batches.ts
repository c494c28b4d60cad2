import { augmentLine, type LineAugment } from "../../data/lines/augment.ts";
import { bucketOf } from "../../data/lines/buckets.ts";
import { labelIn, labelOf, type LinePicture, type LineStore, pictureIn } from "../../data/lines/line-set.ts";
import { Random } from "../../data/random.ts";
import { DataError, InternalError, TrainError } from "../../errors.ts";
import type { Plane } from "../../infer/preprocess/image.ts";
import { fitLine } from "../../infer/preprocess/line.ts";
import { resize } from "../../infer/preprocess/resize.ts";
import { floatAt } from "../../require.ts";

import type { BatchPlace, BatchShape, BatchSource } from "./batch-maker.ts";
import { shuffled } from "./order.ts";

/** Batches of one width. */
export interface Bucket {
  /** Of its pictures, in pixels; a multiple of the pixels for a step. */
  readonly width: number;
  /** How many lines one batch has. */
  readonly rows: number;
}

/** Where a run's lines come from: a store of pictures, or a module that makes them. */
export type LineSource =
  | { readonly kind: "store"; readonly store: LineStore; readonly bucketOfLine: Uint8Array }
  | {
      readonly kind: "maker";
      /** URL of a module that exports `openLines`, a {@link OpenLines}. */
      readonly module: string;
      /** Of an epoch, for each bucket. */
      readonly batchesOfBucket: readonly number[];
    };

/** What decides every batch of a run that reads lines. */
export interface LineFeedPlan {
  readonly kind: "lines";
  readonly source: LineSource;
  readonly characters: readonly string[];
  readonly height: number;
  /** How many times wider lines are made than their proportions. */
  readonly widen: number;
  /** Pixels for one step of the network. */
  readonly columns: number;
  /** What pixels beyond the end of a line hold. */
  readonly padding: number;
  /** Ascending by width. */
  readonly buckets: readonly Bucket[];
  readonly seed: number;
  readonly epochs: number;
  readonly augment: LineAugment | undefined;
  readonly cooldownEpochs: number;
  readonly cooldownStrength: number;
}

/** A line that was made. */
export interface MadeLine extends LinePicture {
  readonly text: string;
}

/** What is asked of a maker of lines. */
export interface LineWish {
  /** Decides the line, together with the seed that the maker was opened with. */
  readonly keys: readonly number[];
  /** Steps of training done before. Makers may begin with simpler lines. */
  readonly step: number;
  /** How wide the line should be when it is scaled to a height of `height` pixels. */
  readonly least: number;
  readonly most: number;
  readonly height: number;
}

export interface LineMaker {
  readonly characters: readonly string[];
  /** Widths of lines to ask for, ascending, and their shares of an epoch. */
  readonly widths?: readonly (readonly [width: number, share: number])[];
  make(wish: LineWish): MadeLine | Promise<MadeLine>;
}

export type OpenLines = (options: { readonly seed: number }) => LineMaker | Promise<LineMaker>;

/** What a maker is asked for at most, when its lines come out too wide. */
const TRIES = 6;
const AUGMENT_STREAM = 0x11e5;
const MAKER_STREAM = 0x3a4e;
/** A batch of an epoch: its bucket, and the lines in it. */
interface Planned {
  readonly bucket: number;
  readonly indices: readonly number[];
}

/**
 * Pictures [N, H, W], ink from 0 (paper) to 1 with padding at the right, and labels [N, K], padded with -1. All batches of
 * a bucket have one shape, so that a step is compiled once for each bucket; the last one of a store is filled up with
 * lines that were there already.
 */
export class LineBatches implements BatchSource {
  readonly batches: number;
  readonly room: BatchShape;
  readonly #plan: LineFeedPlan;
  readonly #random = new Random(0);
  #epoch = -1;
  #planned: readonly Planned[] = [];
  #maker: Promise<LineMaker> | undefined;

  constructor(plan: LineFeedPlan) {
    this.#plan = plan;
    this.batches = this.#plannedFor(0).length;
    const shapes = plan.buckets.map((_, bucket) => this.#shapeOfBucket(bucket));
    this.room = {
      count: 1,
      imageSize: Math.max(...shapes.map(({ count, imageSize }) => count * imageSize)),
      labelSize: Math.max(...shapes.map(({ count, labelSize }) => count * labelSize)),
    };
  }

  shapeOf({ epoch, batch }: BatchPlace): BatchShape {
    return this.#shapeOfBucket(this.#batchAt(epoch, batch).bucket);
  }

  #shapeOfBucket(index: number): BatchShape {
    const { height, columns } = this.#plan;
    const { width, rows } = this.#bucket(index);
    return { count: rows, imageSize: height * width, labelSize: width / columns };
  }

  #bucket(index: number): Bucket {
    const bucket = this.#plan.buckets[index];
    if (bucket === undefined) throw new InternalError(`no bucket ${index} among ${this.#plan.buckets.length}`);
    return bucket;
  }

  async make(place: BatchPlace, images: Float32Array, labels: Float32Array): Promise<void> {
    const planned = this.#batchAt(place.epoch, place.batch);
    const { count, imageSize, labelSize } = this.shapeOf(place);
    labels.fill(-1, 0, count * labelSize);
    for (let row = 0; row < count; row++) {
      const index = planned.indices[row];
      if (index === undefined) throw new InternalError(`batch ${place.batch} has no line ${row}`);
      const { plane, label } = await this.#line(place, planned.bucket, index);
      writeLine(plane, this.#plan, images.subarray(row * imageSize, (row + 1) * imageSize));
      labels.set(label.slice(0, labelSize), row * labelSize);
    }
  }

  async #line(
    { epoch, batch }: BatchPlace,
    bucket: number,
    index: number,
  ): Promise<{
    readonly plane: Plane;
    readonly label: ArrayLike<number> & { slice(from: number, to: number): ArrayLike<number> };
  }> {
    const { source, seed, height, widen, characters } = this.#plan;
    const { width } = this.#bucket(bucket);
    const strength = this.#strengthIn(epoch);
    if (source.kind === "store") {
      this.#random.restart(AUGMENT_STREAM, seed, epoch, index);
      const plane = this.#fitted(pictureIn(source.store, index), strength);
      return { plane: narrowed(plane, width), label: labelIn(source.store, index) };
    }
    const maker = await this.#openMaker(source.module);
    const least = bucket === 0 ? 0 : this.#bucket(bucket - 1).width;
    const step = epoch * this.batches + batch;
    for (let attempt = 0; ; attempt++) {
      const keys = [MAKER_STREAM, epoch, index, attempt];
      const line = await maker.make({ keys, step, least: least / widen, most: width / widen, height });
      this.#random.restart(AUGMENT_STREAM, seed, ...keys);
      const label = labelOf(line.text, characters, "a line that was made");
      const plane = this.#tryToFit(line, strength);
      if (plane === undefined) continue;
      const steps = Math.floor(Math.min(plane.width, width) / this.#plan.columns);
      if (plane.width > width * 1.1 && attempt < TRIES) continue;
      if (neededSteps(label) > steps && attempt < 10 * TRIES) continue;
      return { plane: narrowed(plane, width), label };
    }
  }

  /** Undefined for a picture in which degradation left nothing to be seen. */
  #tryToFit(picture: LinePicture, strength: number): Plane | undefined {
    try {
      return this.#fitted(picture, strength);
    } catch (error) {
      if (error instanceof DataError) return undefined;
      throw error;
    }
  }

  #fitted(picture: LinePicture, strength: number): Plane {
    const { augment, height, widen } = this.#plan;
    const sheet = augmentLine(picture, augment ?? {}, augment === undefined ? 0 : strength, this.#random);
    try {
      return fitLine({ ...sheet, channels: 1 }, height, widen);
    } catch (error) {
      // Augmentation may wipe a faint line out; the picture itself was checked when it was read.
      if (!(error instanceof DataError) || strength === 0) throw error;
      const plain = augmentLine(picture, {}, 0, this.#random);
      return fitLine({ ...plain, channels: 1 }, height, widen);
    }
  }

  #openMaker(module: string): Promise<LineMaker> {
    this.#maker ??= openMaker(module, this.#plan.seed);
    return this.#maker;
  }

  #strengthIn(epoch: number): number {
    const { augment, epochs, cooldownEpochs, cooldownStrength } = this.#plan;
    if (augment === undefined) return 0;
    return epoch >= epochs - cooldownEpochs ? cooldownStrength : 1;
  }

  #batchAt(epoch: number, batch: number): Planned {
    const planned = this.#plannedFor(epoch)[batch];
    if (planned === undefined) throw new InternalError(`no batch ${batch} in epoch ${epoch}`);
    return planned;
  }

  #plannedFor(epoch: number): readonly Planned[] {
    if (epoch === this.#epoch) return this.#planned;
    const { source, seed } = this.#plan;
    const planned = source.kind === "store" ? this.#batchesOfStore(source, epoch) : this.#batchesOfMaker(source, epoch);
    const order = shuffled(planned.length, seed ^ 0x5eed, epoch);
    this.#planned = Array.from(order, (index) => planned[index]).filter((batch) => batch !== undefined);
    this.#epoch = epoch;
    return this.#planned;
  }

  #batchesOfStore({ store, bucketOfLine }: Extract<LineSource, { kind: "store" }>, epoch: number): Planned[] {
    const order = [...shuffled(store.lines, this.#plan.seed, epoch)];
    return this.#plan.buckets.flatMap(({ rows }, bucket) => {
      const own = order.filter((index) => bucketOfLine[index] === bucket);
      const batches = Math.ceil(own.length / rows);
      return Array.from({ length: batches }, (_, batch) => ({
        bucket,
        indices: Array.from({ length: rows }, (__, row) => own[(batch * rows + row) % own.length] ?? -1),
      }));
    });
  }

  #batchesOfMaker({ batchesOfBucket }: Extract<LineSource, { kind: "maker" }>, epoch: number): Planned[] {
    let next = 0;
    void epoch;
    return batchesOfBucket.flatMap((count, bucket) =>
      Array.from({ length: count }, () => ({
        bucket,
        indices: Array.from({ length: this.#bucket(bucket).rows }, () => next++),
      })),
    );
  }
}

/** A module that makes lines. @throws {TrainError} when it exports no `openLines` */
export async function openMaker(module: string, seed: number): Promise<LineMaker> {
  const loaded: unknown = await import(module);
  if (!hasOpenLines(loaded)) {
    throw new TrainError(`${module} exports no function openLines`, {
      hint: "see docs/lines.md for modules that make lines",
    });
  }
  return loaded.openLines({ seed });
}

function hasOpenLines(module: unknown): module is { readonly openLines: OpenLines } {
  return (
    typeof module === "object" && module !== null && "openLines" in module && typeof module.openLines === "function"
  );
}

function neededSteps(label: readonly number[]): number {
  return label.reduce((steps, value, index) => steps + (index > 0 && value === label[index - 1] ? 2 : 1), 0);
}

function narrowed(plane: Plane, most: number): Plane {
  if (plane.width <= most) return plane;
  return { ...plane, ...resize({ ...plane, channels: 1 }, most, plane.height) };
}

/** Ink, then paper up to a whole step, then padding. */
export function writeLine(
  { width, height, data }: Plane,
  { columns, padding }: Pick<LineFeedPlan, "columns" | "padding">,
  out: Float32Array,
): void {
  const wide = out.length / height;
  const end = Math.ceil(width / columns) * columns;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < wide; x++) out[y * wide + x] = x < width ? floatAt(data, y * width + x) : x < end ? 0 : padding;
  }
}

/** The bucket of every line of a store, by the width it has at a height. */
export function bucketsOfLines(widths: ArrayLike<number>, buckets: readonly Bucket[]): Uint8Array {
  const ends = buckets.map(({ width }) => width);
  return Uint8Array.from(widths, (width) => bucketOf(width, ends));
}
