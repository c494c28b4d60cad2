import type { GraphOpConverter, OpContext, OpValue } from "../converter.ts";
import type { GraphNode } from "../source/node.ts";

/** A converter of `tfOps` that may emit the ONNX operators `ops`. */
export function defineOp(
  tfOps: readonly string[],
  ops: readonly string[],
  convert: (context: OpContext, node: GraphNode) => OpValue | readonly OpValue[],
): GraphOpConverter {
  return { tfOps, ops, convert };
}
