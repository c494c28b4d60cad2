import { onnx } from "../export/onnx/proto.js";
import type { Session } from "../infer/runtime.ts";
import { ELEMENT_TYPE } from "../onnx/element-type.ts";
import type { Tensor } from "../tensor.ts";

import { compareTensors, type Tolerance } from "./compare.ts";
import { elementTypes } from "./element-types.ts";

const FLOAT = ELEMENT_TYPE.float32;

/** The first tensor, in the order of the file's nodes, that differs between two ONNX files. */
export interface TensorDifference {
  readonly tensor: string;
  /** Name of the node that makes it: the layer's path, then the operator. */
  readonly node: string;
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
  const types = elementTypes(mine.graph ?? {});
  const shared = tensorsOf(mine).filter(({ tensor }) => known.has(tensor) && types.get(tensor) === FLOAT);
  const names = shared.map(({ tensor }) => tensor);
  const actual = await runWith(mine, names, feeds, open);
  const expected = await runWith(theirs, names, feeds, open);
  for (const { tensor, node, opType } of shared) {
    const got = actual[tensor];
    const want = expected[tensor];
    if (got === undefined || want === undefined) continue;
    const { passed, maxAbsDiff } = compareTensors(got, want, tolerance);
    if (!passed) return { tensor, node, opType, maxAbsDiff };
  }
  return null;
}

function tensorsOf(model: onnx.ModelProto): Omit<TensorDifference, "maxAbsDiff">[] {
  const nodes = model.graph?.node ?? [];
  return nodes.flatMap(({ name, opType, output }) =>
    (output ?? [])
      .filter((tensor) => tensor !== "")
      .map((tensor) => ({ tensor, node: name ?? "", opType: opType ?? "" })),
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
  const added = tensors
    .filter((tensor) => !names.has(tensor))
    .map((name) => ({ name, type: { tensorType: { elemType: FLOAT } } }));
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
