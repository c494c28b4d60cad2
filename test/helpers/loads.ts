import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import type { Session, Tensors } from "../../src/infer/runtime.ts";
import { float32 } from "../../src/tensor.ts";

import { tinyOnnx } from "./tiny-onnx.ts";

const WEIGHTS = 2 ** 20;
/** What {@link weighty} takes. */
export const index: Tensors = { x: { dtype: "int32", dims: [1], data: Int32Array.of(WEIGHTS - 1) } };

/** `y = W[x]`, W of 4 MiB: a session of it that is not freed shows. */
export const weighty: Uint8Array = tinyOnnx({
  inputs: [{ name: "x", dtype: "int32", dims: [1] }],
  outputs: [{ name: "y", dtype: "float32", dims: [1] }],
  nodes: [{ op: "Gather", inputs: ["W", "x"], outputs: ["y"] }],
  weights: { W: float32(new Float32Array(WEIGHTS), [WEIGHTS]) },
});
/** MiB by which a process may grow as its allocators settle in; 15 sessions of {@link weighty} are as much. */
export const SETTLING = 60;

/** Load, run and dispose, one after the other. */
export async function cycle(load: () => Promise<Session>, feeds: Tensors, times: number): Promise<void> {
  for (let turn = 0; turn < times; turn++) {
    const session = await load();
    await session.run(feeds);
    await session.dispose();
  }
}

const LOOKS = 10;

/**
 * MiB by which memory grows over as many loads: the least seen in a second half of them over the least in a first, since
 * what a collector has yet to take comes and goes. A fifth as many loads come before.
 *
 * @param resident bytes; of this process without it
 */
export async function growthOver(
  loads: number,
  load: () => Promise<Session>,
  feeds: Tensors,
  resident: () => number = residentHere,
): Promise<number> {
  await cycle(load, feeds, loads / 5);
  const half = async (): Promise<number> => {
    let least = Infinity;
    for (let look = 0; look < LOOKS; look++) {
      await cycle(load, feeds, loads / 2 / LOOKS);
      least = Math.min(least, resident());
    }
    return least;
  };
  const first = await half();
  return ((await half()) - first) / 2 ** 20;
}

function residentHere(): number {
  collect();
  return process.memoryUsage.rss();
}

/** Run the garbage collector of this process. */
function collect(): void {
  setFlagsFromString("--expose-gc");
  const gc: unknown = runInNewContext("gc");
  if (typeof gc !== "function") throw new Error("there is no garbage collector to call");
  Reflect.apply(gc, undefined, []);
}
