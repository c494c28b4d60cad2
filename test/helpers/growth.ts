import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import type { Session, Tensors } from "../../src/infer/runtime.ts";

import { cycle } from "./loads.ts";

/** MiB by which a process may grow as its allocators settle in; 15 sessions of `weighty` are as much. */
export const SETTLING = 60;

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
