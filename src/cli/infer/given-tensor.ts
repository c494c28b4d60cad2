import { Random } from "../../data/random.ts";
import { DataError, InternalError, UsageError } from "../../errors.ts";
import type { ValueInfo } from "../../infer/runtime.ts";
import { fileFault } from "../../node/file-fault.ts";
import { readNpy } from "../../node/npy.ts";
import { readWhole } from "../../node/read-whole.ts";
import { fromJson } from "../../serve/tensor-json.ts";
import { toTensor } from "../../serve/tensor-bytes.ts";
import { sizeOf, type Tensor } from "../../tensor.ts";
import { randomFeeds } from "../../verify/feeds.ts";
import { note } from "../output.ts";

import type { GivenTensor } from "./tensor-arguments.ts";

/** NPY_MAXDIMS of NumPy 2. */
const MOST_AXES = 64;
/** Random values are for a try; an array of this size is 1 GiB. */
const MOST_RANDOM = 2 ** 28;
const SEED = 1;

/**
 * The value of an input that `--tensor` gives.
 *
 * @param input The model's input of that name.
 * @throws {DataError} when a file cannot be read or does not hold one tensor of the input's type
 * @throws {UsageError} when random values need a shape
 */
export async function readGiven({ name, source }: GivenTensor, input: ValueInfo): Promise<Tensor> {
  switch (source.kind) {
    case "npy":
      return readNpy(source.file);
    case "json":
      return readJsonTensor(source.file, name, input);
    case "random":
      return randomTensor(name, source.dims, input);
    default:
      return source satisfies never;
  }
}

/** Nested lists, as `JSON.stringify(await tensor.array())` writes them in TF.js. */
async function readJsonTensor(file: string, name: string, input: ValueInfo): Promise<Tensor> {
  const bytes = await readWhole(file).catch((cause: unknown) => {
    throw new DataError(`${file} ${fileFault(cause)}`, { cause });
  });
  const data = parsed(bytes.toString("utf8"), file);
  const dims = dimsOf(data, file);
  const { dtype } = input;
  try {
    return toTensor(fromJson(name, dtype, dims, dims.length === 0 ? [data] : data));
  } catch (cause) {
    throw new DataError(`${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

function parsed(text: string, file: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new DataError(`${file} is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`, {
      hint: "write nested lists of numbers, e.g. JSON.stringify(await tensor.array()) in TF.js",
      cause,
    });
  }
}

/** The shape of nested lists, which must all be of one length at each depth. */
function dimsOf(data: unknown, file: string): readonly number[] {
  if (typeof data === "object" && data !== null && !Array.isArray(data)) {
    throw new DataError(`${file} holds an object; expected nested lists of numbers`, {
      hint: "write the values alone, e.g. JSON.stringify(await tensor.array()) in TF.js",
    });
  }
  const dims: number[] = [];
  let level: readonly unknown[] = [data];
  for (;;) {
    const lists = level.filter((item): item is readonly unknown[] => Array.isArray(item));
    if (lists.length === 0) return dims;
    const [first] = lists;
    const isEven = lists.length === level.length && lists.every((list) => list.length === first?.length);
    if (first === undefined || !isEven) {
      throw new DataError(`${file}: the lists at depth ${dims.length} are not all of one length`);
    }
    if (dims.length === MOST_AXES) throw new DataError(`${file} is nested deeper than ${MOST_AXES} lists`);
    dims.push(first.length);
    level = lists.flat(1);
  }
}

function randomTensor(name: string, given: readonly number[] | null, input: ValueInfo): Tensor {
  if (given === null && input.anyRank === true) {
    throw new UsageError(`the model does not say the shape of "${name}"; give one: --tensor ${name}=random:1,28,28,1`);
  }
  const dims = given ?? input.dims.map((dim) => (typeof dim === "number" ? dim : 1));
  if (sizeOf(dims) > MOST_RANDOM) throw new UsageError(`random values of shape [${dims.join(", ")}] are too many`);
  const { dtype } = input;
  const spec = { name, dtype, dims, domain: { kind: "normal" } } as const;
  const { [name]: tensor } = randomFeeds([spec], new Map(), new Random(SEED));
  if (tensor === undefined) throw new InternalError(`no random values were made for "${name}"`);
  note(`${name}: random values, ${dtype} [${dims.join(", ")}]`);
  return tensor;
}
