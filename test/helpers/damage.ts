import { Random } from "../../src/data/random.ts";
import { InferenceError } from "../../src/errors.ts";
import type { Runtime, Session } from "../../src/infer/runtime.ts";
import { readOnnx } from "../../src/onnx/read.ts";
import { float32 } from "../../src/tensor.ts";

/** What came of damaged files, and what else than an InferenceError was thrown. */
export interface Damage {
  readonly ran: number;
  readonly refused: number;
  readonly untyped: readonly string[];
  /** Elements of the sound file's answer, at the end. */
  readonly answer: number;
}

/** Load and run each file, then the sound one. */
export async function tryDamaged(runtime: Runtime, sound: Uint8Array, files: Iterable<Uint8Array>): Promise<Damage> {
  let [ran, refused, index] = [0, 0, 0];
  const untyped: string[] = [];
  for (const file of files) {
    try {
      await runOnce(runtime, file);
      ran++;
    } catch (error) {
      if (error instanceof InferenceError) refused++;
      else untyped.push(`file ${index}: ${String(error)}`);
    }
    index++;
  }
  return { ran, refused, untyped, answer: await runOnce(runtime, sound) };
}

/** Copies of an ONNX file, each with one to three bytes changed at random, anywhere but in weights, which may be anything. */
export function* changedFiles(file: Uint8Array, count: number): Generator<Uint8Array> {
  const places = structure(file);
  for (let seed = 0; seed < count; seed++) yield changed(file, places, seed);
}

/** An ONNX file cut short at `count` places at random. */
export function* cutFiles(file: Uint8Array, count: number): Generator<Uint8Array> {
  const random = new Random(count);
  for (let index = 0; index < count; index++) yield file.slice(0, random.integer(file.length));
}

function structure(file: Uint8Array): number[] {
  const isWeight = new Uint8Array(file.length);
  for (const { data } of readOnnx(file).graph.initializers) {
    if (data.kind !== "raw") continue;
    const start = data.bytes.byteOffset - file.byteOffset;
    isWeight.fill(1, start, start + data.bytes.length);
  }
  return [...isWeight.keys()].filter((place) => isWeight[place] === 0);
}

function changed(file: Uint8Array, places: readonly number[], seed: number): Uint8Array {
  const random = new Random(seed);
  const copy = Uint8Array.from(file);
  for (let change = random.integer(3); change >= 0; change--) {
    const place = places[random.integer(places.length)] ?? 0;
    copy[place] = random.unit() < 0.5 ? (copy[place] ?? 0) ^ (1 << random.integer(8)) : random.integer(256);
  }
  return copy;
}

const MOST_ELEMENTS = 1e6;

/** The number of elements of all answers to zeros, each free dimension 2. */
async function answerOf(session: Session): Promise<number> {
  const feeds = session.inputs.map(({ name, dims }) => {
    const sizes = dims.map((dim) => (typeof dim === "number" ? dim : 2));
    const elements = sizes.reduce((all, size) => all * size, 1);
    return [name, float32(new Float32Array(elements > MOST_ELEMENTS ? 0 : elements), sizes)] as const;
  });
  const answers = await session.run(Object.fromEntries(feeds));
  return Object.values(answers).reduce((sum, { data }) => sum + data.length, 0);
}

async function runOnce(runtime: Runtime, bytes: Uint8Array): Promise<number> {
  const session = await runtime.load(bytes, { threads: 1 });
  try {
    return await answerOf(session);
  } finally {
    await session.dispose();
  }
}
