import { at } from "../../require.ts";

/** A grey picture of one line of text, [H, W] row-major, 0 (black) to 255 (white), of any size and polarity. */
export interface LinePicture {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

/** A picture and what it says. */
export interface LineSample extends LinePicture {
  /** For messages: the path of its file. */
  readonly name: string;
  readonly text: string;
}

/** Labelled pictures of lines. */
export interface LineSet {
  /** The folder it was read from. */
  readonly source: string;
  readonly samples: readonly LineSample[];
}

/** Pictures in memory that worker threads share; `labels` are classes, the characters by their place in the charset. */
export interface LineStore {
  readonly lines: number;
  readonly widths: Uint32Array<SharedArrayBuffer>;
  readonly heights: Uint32Array<SharedArrayBuffer>;
  /** Where the pixels of each picture begin. */
  readonly starts: Float64Array<SharedArrayBuffer>;
  readonly pixels: Uint8Array<SharedArrayBuffer>;
  /** Where the label of each line begins; one more than there are lines. */
  readonly labelStarts: Uint32Array<SharedArrayBuffer>;
  readonly labels: Uint32Array<SharedArrayBuffer>;
}

/** @throws {RangeError} when a text has a character that is not in the charset */
export function storeLines(samples: readonly LineSample[], characters: readonly string[]): LineStore {
  const labels = samples.map(({ text, name }) => labelOf(text, characters, name));
  const sizes = samples.map(({ pixels }) => pixels.length);
  const store: LineStore = {
    lines: samples.length,
    widths: new Uint32Array(new SharedArrayBuffer(samples.length * 4)),
    heights: new Uint32Array(new SharedArrayBuffer(samples.length * 4)),
    starts: new Float64Array(new SharedArrayBuffer(samples.length * 8)),
    pixels: new Uint8Array(new SharedArrayBuffer(sizes.reduce((sum, size) => sum + size, 0))),
    labelStarts: new Uint32Array(new SharedArrayBuffer((samples.length + 1) * 4)),
    labels: new Uint32Array(new SharedArrayBuffer(labels.reduce((sum, { length }) => sum + length, 0) * 4)),
  };
  let start = 0;
  let labelStart = 0;
  samples.forEach(({ width, height, pixels }, index) => {
    const label = at(labels, index);
    store.widths[index] = width;
    store.heights[index] = height;
    store.starts[index] = start;
    store.pixels.set(pixels, start);
    store.labelStarts[index] = labelStart;
    store.labels.set(label, labelStart);
    start += pixels.length;
    labelStart += label.length;
  });
  store.labelStarts[samples.length] = labelStart;
  return store;
}

/** @throws {RangeError} when there is no such line */
export function pictureIn(store: LineStore, index: number): LinePicture {
  const [width, height, start] = [store.widths[index], store.heights[index], store.starts[index]];
  if (width === undefined || height === undefined || start === undefined) {
    throw new RangeError(`no line ${index} among ${store.lines}`);
  }
  return { width, height, pixels: store.pixels.subarray(start, start + width * height) };
}

/** @throws {RangeError} when there is no such line */
export function labelIn(store: LineStore, index: number): Uint32Array {
  const [start, end] = [store.labelStarts[index], store.labelStarts[index + 1]];
  if (start === undefined || end === undefined) throw new RangeError(`no line ${index} among ${store.lines}`);
  return store.labels.subarray(start, end);
}

/**
 * The classes of a text's characters.
 *
 * @throws {RangeError} naming a character that is not in the charset
 */
export function labelOf(text: string, characters: readonly string[], name: string): number[] {
  return Array.from(text, (character) => {
    const index = characters.indexOf(character);
    if (index < 0) throw new RangeError(`${name}: "${character}" is not in the charset`);
    return index;
  });
}
