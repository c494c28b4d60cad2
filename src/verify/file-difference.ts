import { onnx } from "../export/onnx/proto.js";
import type { Session } from "../infer/runtime.ts";
import type { Tensor } from "../tensor.ts";

import { compareTensors, type Tolerance } from "./compare.ts";

/** The first tensor, in the order of the file's nodes, that differs between two ONNX files. */
export interface TensorDifference {
  /** Name of the tensor: the layer's path, then the operator. */
  readonly tensor: string;
  readonly opType: string;
  readonly maxAbsDiff: number;
}

/**
 * Compare two ONNX files tensor by tensor, for the tensors that both name alike.
 *
 * @returns null when none of the tensors they share differs
 */
export async function fileDifference(
  file: Uint8Array,
  other: Uint8Array,
  feeds: Readonly<Record<string, Tensor>>,
  open: (bytes: Uint8Array) => Promise<Session>,
  tolerance: Tolerance,
): Promise<TensorDifference | null> {
  const mine = onnx.ModelProto.decode(file);
  const theirs = onnx.ModelProto.decode(other);
  const known = new Set(tensorsOf(theirs).map(({ tensor }) => tensor));
  const shared = tensorsOf(mine).filter(({ tensor }) => known.has(tensor));
  const names = shared.map(({ tensor }) => tensor);
  const actual = await runWith(mine, names, feeds, open);
  const expected = await runWith(theirs, names, feeds, open);
  for (const { tensor, opType } of shared) {
    const got = actual[tensor];
    const want = expected[tensor];
    if (got === undefined || want === undefined) continue;
    const { passed, maxAbsDiff } = compareTensors(got, want, tolerance);
    if (!passed) return { tensor, opType, maxAbsDiff };
  }
  return null;
}

function tensorsOf(model: onnx.ModelProto): { readonly tensor: string; readonly opType: string }[] {
  const nodes = model.graph?.node ?? [];
  return nodes.flatMap((node) =>
    (node.output ?? []).filter((tensor) => tensor !== "").map((tensor) => ({ tensor, opType: node.opType ?? "" })),
  );
}

/** Run a model with some of its inner tensors as outputs too. */
async function runWith(
  model: onnx.ModelProto,
  tensors: readonly string[],
  feeds: Readonly<Record<string, Tensor>>,
  open: (bytes: Uint8Array) => Promise<Session>,
): Promise<Readonly<Record<string, Tensor>>> {
  const own = model.graph?.output ?? [];
  const names = new Set(own.map(({ name }) => name));
  const added = tensors.filter((tensor) => !names.has(tensor)).map((name) => ({ name }));
  const changed = onnx.ModelProto.decode(onnx.ModelProto.encode(model).finish());
  if (changed.graph) changed.graph.output = [...own, ...added];
  const bytes = onnx.ModelProto.encode(changed).finish();
  const session = await open(bytes);
  try {
    return await session.run(feeds);
  } finally {
    await session.dispose();
  }
}
