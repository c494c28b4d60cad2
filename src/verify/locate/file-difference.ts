import type { Session, Tensors } from "../../infer/runtime.ts";
import { compareTensors, type Tolerance } from "../compare.ts";
import { describeFile, floatTensors, withOutputs } from "../file/onnx-file.ts";

/** The first tensor, in the order of the file's nodes, that differs between two ONNX files. */
export interface TensorDifference {
  readonly tensor: string;
  /** Name of the node that makes it: the layer's path, then the operator. */
  readonly node: string;
  readonly opType: string;
  readonly maxAbsDiff: number;
}

/**
 * Compares two ONNX files tensor by tensor, for the float32 tensors that have the same name in both.
 *
 * @returns null when none of the tensors they share differs
 */
export async function fileDifference(
  file: Uint8Array,
  other: Uint8Array,
  feeds: Tensors,
  open: (bytes: Uint8Array) => Promise<Session>,
  tolerance: Tolerance,
): Promise<TensorDifference | null> {
  const [mine, theirs] = [describeFile(file), describeFile(other)];
  const floats = floatTensors(file);
  const known = new Set(theirs.nodes.flatMap(({ outputs }) => outputs));
  const shared = mine.nodes.flatMap(({ name, opType, outputs }) =>
    outputs
      .filter((tensor) => known.has(tensor) && floats.has(tensor))
      .map((tensor) => ({ tensor, node: name, opType })),
  );
  const names = shared.map(({ tensor }) => tensor);
  const actual = await runWith(file, names, feeds, open);
  const expected = await runWith(other, names, feeds, open);
  for (const { tensor, node, opType } of shared) {
    const [got, want] = [actual[tensor], expected[tensor]];
    if (got === undefined || want === undefined) continue;
    const { passed, maxAbsDiff } = compareTensors(got, want, tolerance);
    if (!passed) return { tensor, node, opType, maxAbsDiff };
  }
  return null;
}

async function runWith(
  bytes: Uint8Array,
  tensors: readonly string[],
  feeds: Tensors,
  open: (bytes: Uint8Array) => Promise<Session>,
): Promise<Tensors> {
  const session = await open(withOutputs(bytes, tensors));
  try {
    return await session.run(feeds);
  } finally {
    await session.dispose();
  }
}
