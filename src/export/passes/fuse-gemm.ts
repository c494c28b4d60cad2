import { asNumber } from "../../onnx/dim.ts";

import type { Pass } from "./pass.ts";
import type { PassTensor } from "./pass-graph.ts";

/** A product of two matrices and a constant row that is added to each of its rows: Gemm. */
export const fuseGemm: Pass = {
  name: "fuseGemm",
  startsAt: ["Add"],
  apply(node, graph) {
    for (const place of [0, 1]) {
      const product = graph.soleProducer(node, place);
      const row = node.inputs[1 - place] ?? null;
      if (product?.opType !== "MatMul" || row === null || row.constant === null) continue;
      const [a, b] = product.inputs;
      const columns = b?.shape?.[1];
      if (a?.shape?.length !== 2 || b?.shape?.length !== 2 || columns === undefined) continue;
      if (a.dtype !== "float32" || !isRow(row, asNumber(columns))) continue;
      graph.redefine(node, { opType: "Gemm", inputs: [a, b, row] });
      return true;
    }
    return false;
  },
};

/** [n], or [1, n]. */
function isRow({ shape }: PassTensor, columns: number | null): boolean {
  if (shape === null || columns === null || shape.length === 0 || shape.length > 2) return false;
  const [last, before] = [shape.at(-1), shape.at(-2)];
  return last !== undefined && asNumber(last) === columns && (before === undefined || asNumber(before) === 1);
}
