import type { Session, Tensors } from "../../src/infer/runtime.ts";
import { float32 } from "../../src/tensor.ts";

import { tinyOnnx } from "./tiny-onnx.ts";

const WEIGHTS = 2 ** 20;
/** What {@link weighty} takes. */
export const index: Tensors = { x: { dtype: "int32", dims: [1], data: Int32Array.of(WEIGHTS - 1) } };

/** `y = W[x]`, W of 4 MiB: a session of it that is not freed shows. */
export const weighty: Uint8Array = lookUp(WEIGHTS);

/** {@link weighty} of 8 MiB, for a runtime whose loads are slow: half as many show as much. */
export const weightier: Uint8Array = lookUp(2 * WEIGHTS);

function lookUp(weights: number): Uint8Array {
  return tinyOnnx({
    inputs: [{ name: "x", dtype: "int32", dims: [1] }],
    outputs: [{ name: "y", dtype: "float32", dims: [1] }],
    nodes: [{ op: "Gather", inputs: ["W", "x"], outputs: ["y"] }],
    weights: { W: float32(new Float32Array(weights), [weights]) },
  });
}

/** Load, run and dispose, one after the other. */
export async function cycle(load: () => Promise<Session>, feeds: Tensors, times: number): Promise<void> {
  for (let turn = 0; turn < times; turn++) {
    const session = await load();
    await session.run(feeds);
    await session.dispose();
  }
}
