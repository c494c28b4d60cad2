// Load and run an ONNX file with bytes changed at random, many times over, then the file as it was. Arguments: the runtime, the
// file, how often.
import { readFileSync } from "node:fs";

import { Random } from "../../../src/data/random.ts";
import { InferenceError } from "../../../src/errors.ts";
import { readFields } from "../../../src/infer/protobuf-fields.ts";
import type { Runtime, Session } from "../../../src/infer/runtime.ts";
import { getRuntime } from "../../../src/infer/runtimes.ts";
import { float32 } from "../../../src/tensor.ts";

/** What came of each seed, and what else than an InferenceError was thrown. */
export interface Damage {
  readonly ran: number;
  readonly refused: number;
  readonly untyped: readonly string[];
  /** Elements of the sound file's answer, at the end. */
  readonly answer: number;
}

const GRAPH = 7;
const INITIALIZER = 5;
const RAW_DATA = 9;

/** Places of all bytes but those of weights, which may be anything. */
function structure(file: Uint8Array): number[] {
  const isWeight = new Uint8Array(file.length);
  const mark = (data: Uint8Array): unknown =>
    isWeight.fill(1, data.byteOffset - file.byteOffset, data.byteOffset - file.byteOffset + data.length);
  readFields(file, {
    [GRAPH]: (model) =>
      readFields(model.bytes(), {
        [INITIALIZER]: (graph) => readFields(graph.bytes(), { [RAW_DATA]: (tensor) => mark(tensor.bytes()) }),
      }),
  });
  return [...isWeight.keys()].filter((place) => isWeight[place] === 0);
}

function damaged(file: Uint8Array, places: readonly number[], seed: number): Uint8Array {
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

const [name, path = "", times] = process.argv.slice(2);
const runtime = await getRuntime(name === "web" ? "web" : "node");
const file = new Uint8Array(readFileSync(path));
const places = structure(file);
let [ran, refused] = [0, 0];
const untyped: string[] = [];
for (let seed = 0; seed < Number(times); seed++) {
  try {
    await runOnce(runtime, damaged(file, places, seed));
    ran++;
  } catch (error) {
    if (error instanceof InferenceError) refused++;
    else untyped.push(`seed ${seed}: ${String(error)}`);
  }
}
const damage: Damage = { ran, refused, untyped, answer: await runOnce(runtime, file) };
process.stdout.write(JSON.stringify(damage), () => process.exit(0));
